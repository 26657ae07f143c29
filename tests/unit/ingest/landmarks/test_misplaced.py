"""A skin marker on the wrong place of the body is reported: pelvis, knee, wand of the shank, and what slipped since the static trial."""

from __future__ import annotations

import numpy as np
import pytest

from neurostore.ingest.landmarks import Landmarks, compute_landmarks
from neurostore.ingest.readers import read
from neurostore.ingest.recording import Calibration
from tests.builders.skin_walker import walker, write_trc

PLUG_IN_GAIT = ["ASI", "PSI", "THI", "KNE", "TIB", "ANK", "HEE", "TOE", "SHO"]
MEDIAL = ["KNE_MED", "ANK_MED"]
UP, FORWARD, RIGHT = np.eye(3)[[1, 0, 2]]


def person(names: list[str], *, standing: bool = False) -> dict[str, np.ndarray]:
    points = walker(80)
    if standing:
        points = {name: np.tile(values[:1], (80, 1)) for name, values in walker(2).items()}
    return {side + name: points[side + name] for side in "LR" for name in names} | {"C7": points["C7"]}


def found(tmp_path, points: dict[str, np.ndarray], given: list[Calibration] = (), name: str = "walk") -> Landmarks:
    return compute_landmarks(read(write_trc(tmp_path / f"{name}.trc", points)), calibrations=given)


def said(found: Landmarks) -> list[str]:
    return [note for note in found.notes if "may be misplaced" in note]


MOVED = [  # markers, by how many mm, what is said
    (["LPSI", "RPSI"], 150 * UP, "the pelvis is tilted forwards by"),
    (["LPSI", "RPSI"], -150 * UP, "the pelvis is tilted forwards by -"),
    (["RASI"], 40 * UP, "the right ASIS is higher throughout: the pelvis is oblique by"),
    (["LASI"], 40 * UP, "the left ASIS is higher throughout: the pelvis is oblique by"),
    (["RASI"], 40 * FORWARD, "the middle of the PSIS (or the sacrum) is"),
    (["LASI"], -40 * FORWARD, "the middle of the PSIS (or the sacrum) is"),
    (["LPSI", "RPSI"], -200 * FORWARD, "mm deep and 250 mm wide"),
]


@pytest.mark.parametrize("standing", [False, True])
def test_markers_of_the_pelvis(tmp_path, standing):
    points = person(PLUG_IN_GAIT, standing=standing)
    good = found(tmp_path, points, name="static" if standing else "walk")
    assert said(good) == []
    assert not {"misplaced_markers", "knee_offset_deg"} & set(good.quality)
    for markers, by, says in MOVED:
        bad = found(tmp_path, points | {m: points[m] + by for m in markers}, name="static" if standing else "walk")
        assert any(says in note for note in said(bad)), (markers, by, bad.notes)
        assert bad.quality["misplaced_markers"] >= 1


def test_a_person_who_bends_forward_has_a_pelvis_that_tilts(tmp_path):
    """The trunk and the pelvis lean by 60 degrees about the hips while the legs stand."""
    points = person(PLUG_IN_GAIT, standing=True)
    hips = (points["LASI"] + points["RASI"]) / 2 - [70, 110, 0]
    c, s = np.cos(np.radians(60)), np.sin(np.radians(60))
    turn = np.array([[c, s, 0], [-s, c, 0], [0, 0, 1.0]])
    above = {name: hips + (points[name] - hips) @ turn.T for name in points if name[1:] in ("ASI", "PSI", "SHO", "7")}
    assert not any("tilted" in note for note in said(found(tmp_path, points | above)))


def test_a_knee_marker_in_front_of_the_joint_or_behind_it(tmp_path):
    for by in (40 * FORWARD, -40 * FORWARD):
        walk, static = person(PLUG_IN_GAIT), person(PLUG_IN_GAIT, standing=True)
        assert found(tmp_path, walk | {"RKNE": walk["RKNE"] + by}).quality["knee_offset_deg"] > 8
        bad = found(tmp_path, static | {"RKNE": static["RKNE"] + by}, name="static")
        assert any("in standing the left knee is flexed by" in note for note in said(bad))
        medial = person([*PLUG_IN_GAIT, *MEDIAL], standing=True)
        assert said(found(tmp_path, medial, name="static")) == []
        bad = found(tmp_path, medial | {"RKNE": medial["RKNE"] + by}, name="static")
        assert any("the axis of one knee is turned" in note for note in said(bad))


def test_a_wand_of_the_shank_that_is_turned_against_the_foot(tmp_path):
    points = person(PLUG_IN_GAIT)
    points["RTIB"] = points["RTIB"] + 40 * FORWARD - 12 * RIGHT  # it was 44 mm to the right of the leg
    assert any("the ankle axis from the wand of the right shank" in note for note in said(found(tmp_path, points)))


def test_lengths_that_are_not_those_of_the_static_trial(tmp_path):
    static = found(tmp_path, person([*PLUG_IN_GAIT, *MEDIAL], standing=True), name="static").calibrations
    points = person(PLUG_IN_GAIT)
    assert said(found(tmp_path, points, static)) == []
    low = points | {m: points[m] - 25 * UP for m in ("RANK", "RHEE", "RTOE")}
    assert any("the right shank length is" in note for note in said(found(tmp_path, low, static)))
    wide = points | {"RASI": points["RASI"] + 26 * RIGHT}
    assert any("the right ASIS sacrum distance is" in note for note in said(found(tmp_path, wide, static)))
    wider = found(tmp_path, points | {"RASI": points["RASI"] + 40 * RIGHT}, static)
    assert any("another person" in note for note in wider.notes)
    assert wider.quality["misplaced_markers"] >= 1


CLUSTER = {"TH1": ("THI", 0, 0), "TH2": ("THI", 40, 60), "TH3": ("THI", -40, 60), "TH4": ("THI", 0, 120)}
CLUSTER |= {"SK1": ("TIB", 0, 0), "SK2": ("TIB", 35, 50), "SK3": ("TIB", -35, 50), "SK4": ("TIB", 0, 100)}


def clustered(points: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Four markers on each thigh and shank that turn with the leg."""
    markers = {}
    for side in "LR":
        up = points[side + "KNE"] - points[side + "ANK"]
        up = up / np.linalg.norm(up, axis=1, keepdims=True)
        for name, (wand, x, y) in CLUSTER.items():
            markers[side + name] = points[side + wand] + x * np.cross(up, RIGHT) + y * up
    return markers


@pytest.mark.parametrize("slipped", ["RSK", "LTH"])
def test_a_cluster_that_slipped_since_the_static_trial(tmp_path, slipped):
    standing, walk = person([*PLUG_IN_GAIT, *MEDIAL], standing=True), person([*PLUG_IN_GAIT, *MEDIAL])
    there = {**standing, **clustered(standing)}
    there = {name: values for name, values in there.items() if name[1:] not in ("THI", "TIB")}
    static = found(tmp_path, there, name="static").calibrations
    here = {name: walk[name] for name in walk if name[1:] in ("ASI", "PSI", "HEE", "TOE", "7")} | clustered(walk)
    assert said(found(tmp_path, here, static)) == []
    for by in (25 * UP, 25 * FORWARD):
        moved = {name: values + by if name.startswith(slipped) else values for name, values in here.items()}
        bad = found(tmp_path, moved, static)
        assert bad.quality["misplaced_markers"] >= 1
        assert any("knee is in two places" in note for note in bad.notes)


def test_a_marker_of_the_pelvis_that_is_missing(tmp_path):
    points = person(PLUG_IN_GAIT)
    whole = found(tmp_path, points)
    for marker in ("LPSI", "RPSI"):  # of the whole trial: by symmetry
        one = found(tmp_path, {name: values for name, values in points.items() if name != marker})
        np.testing.assert_allclose(one.points["sacrum"], whole.points["sacrum"], atol=0.01)
        assert any("one PSIS is missing" in note for note in one.notes)
        assert said(one) == []
    assert "sacrum" not in found(tmp_path, {k: v for k, v in points.items() if k[1:] != "PSI"}).points
    without = found(tmp_path, {name: values for name, values in points.items() if name != "LASI"})
    assert "left_hip" not in without.points
    for marker in ("LPSI", "RASI"):  # of half the trial: where it is relative to the others in the rest
        points["RPSI"] = points["RPSI"] + [12.0, 7, 0]
        points |= {m: points[m] + np.random.default_rng(0).normal(0, 0.2, (80, 3)) for m in ("LPSI", "RASI")}
        whole = found(tmp_path, points)
        values = points[marker].copy()
        values[:50] = 0.0
        half = found(tmp_path, points | {marker: values})
        np.testing.assert_allclose(half.points["left_hip"], whole.points["left_hip"], atol=1.0)
        assert any("is missing in" in note and "other three markers" in note for note in half.notes)


def test_one_bowed_leg_and_one_heel_that_is_too_high(tmp_path):
    points = person([*PLUG_IN_GAIT, *MEDIAL])
    assert said(found(tmp_path, points)) == []
    for side, out in (("R", 45 * RIGHT), ("L", -45 * RIGHT)):
        moved = {side + name: points[side + name] + out for name in ("KNE", "KNE_MED")}
        assert any("while nearly straight: one bowed leg" in note for note in said(found(tmp_path, points | moved)))
        high = {f"{side}HEE": points[f"{side}HEE"] + 40 * UP}
        assert any("a marker of one foot is too high or too low" in n for n in said(found(tmp_path, points | high)))
