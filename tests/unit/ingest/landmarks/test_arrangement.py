"""Names exchanged for a whole trial and markers that moved are reported, in the names of two makers; a good trial has no such note."""

from __future__ import annotations

import numpy as np
import pytest

from neurostore.ingest.landmarks import compute_landmarks
from neurostore.ingest.readers import read
from tests.builders.skin_walker import walker, write_trc

PLUG_IN_GAIT = ["ASI", "PSI", "THI", "KNE", "TIB", "ANK", "HEE", "TOE", "SHO", "ELB", "WRA", "WRB"]
HELEN_HAYES = [
    "L.ASIS",
    "L.PSIS",
    "L.Thigh",
    "L.Knee",
    "L.Shank",
    "L.Ankle",
    "L.Heel",
    "L.Toe",
    "L.Shoulder",
    "L.Elbow",
    "L.Wrist.Radius",
    "L.Wrist.Ulna",
]
TRUNK = ["C7", "CLAV", "STRN", "T10"]


def person() -> dict[str, np.ndarray]:
    """The walker with arms that hang and the four markers of the trunk."""
    points = walker(120)
    for side, z in (("L", -1), ("R", 1)):
        for name, at in {"ELB": (-10, -290, 40), "WRA": (40, -530, 20), "WRB": (-10, -530, 40)}.items():
            points[side + name] = points[side + "SHO"] + np.array(at) * [1, 1, z]
    points |= {"STRN": points["CLAV"] + [40, -150, 0], "T10": points["C7"] + [-30, -260, 0]}
    wanted = {side + name for side in "LR" for name in PLUG_IN_GAIT} | {*TRUNK}
    return {name: values for name, values in points.items() if name in wanted}


def helen_hayes(points: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    names = dict(zip(PLUG_IN_GAIT, HELEN_HAYES, strict=True))
    return {
        name if name in TRUNK else names[name[1:]].replace("L.", f"{name[0]}.", 1): values
        for name, values in points.items()
    }


def told(tmp_path, points):
    """(figures, notes on names and on moved markers) of a TRC of these points."""
    found = compute_landmarks(read(write_trc(tmp_path / "walk.trc", points)))
    return found.quality, [note for note in found.notes if "contradict" in note or "on one segment" in note]


@pytest.mark.parametrize("names", [dict, helen_hayes])
def test_a_body_in_order_has_no_note(tmp_path, names):
    quality, notes = told(tmp_path, names(person()))
    assert notes == []
    assert not {"contradicted_names", "marker_shift_mm"} & set(quality)


@pytest.mark.parametrize("names", [dict, helen_hayes])
@pytest.mark.parametrize(
    ("a", "b", "said"),
    [("LANK", "LHEE", "left toe/"), ("RANK", "RTOE", "right heel/"), ("LKNE", "LTHI", "left thigh"), ("RTIB", "RANK", "right shank"),
     ("LKNE", "LTIB", "left shank"), ("LTHI", "RTHI", "right knee lateral"), ("LELB", "RELB", "left shoulder/"),
     ("LELB", "LWRA", "left elbow"), ("C7", "CLAV", "c7"), ("CLAV", "STRN", "c7"), ("C7", "STRN", "c7"), ("CLAV", "T10", "c7")],
)  # fmt: skip
def test_names_exchanged_for_the_whole_trial(tmp_path, names, a, b, said):
    points = person()
    points[a], points[b] = points[b], points[a]
    quality, notes = told(tmp_path, names(points))
    assert quality["contradicted_names"] >= 1
    assert said in " ".join(notes)


def test_a_trunk_the_wrong_way_round(tmp_path):
    points = person()
    for a, b in (("C7", "CLAV"), ("T10", "STRN")):
        points[a], points[b] = points[b], points[a]
    assert told(tmp_path, points)[0]["contradicted_names"] == 1


def test_a_head_that_looks_backwards(tmp_path):
    points = person()
    for side, z in (("L", -1), ("R", 1)):
        for end, x in (("FHD", 90), ("BHD", -90)):
            points[side + end] = points["C7"] + [80 + x, 180, 70 * z]
    assert told(tmp_path, points)[1] == []
    for pairs in ({"LFHD": "LBHD", "RFHD": "RBHD"}, {"LFHD": "RFHD", "LBHD": "RBHD"}):
        exchange = pairs | {b: a for a, b in pairs.items()}
        quality, notes = told(tmp_path, {exchange.get(name, name): values for name, values in points.items()})
        assert quality["contradicted_names"] == 1
        assert "left head front/right head front/left head back/right head back" in notes[0]


@pytest.mark.parametrize("change", ["slips", "is left behind", "changes places"])
def test_a_marker_that_moves_on_its_segment(tmp_path, change):
    points = {name: values.copy() for name, values in person().items()}
    later = slice(60, None)
    if change == "slips":
        points["LTHI"][later] += [0, 80, 0]
    elif change == "is left behind":
        points["LTHI"][later] = points["LTHI"][60] + 0.1 * np.random.default_rng(1).normal(size=(60, 3))
    else:
        points["LTHI"][later], points["LTIB"][later] = points["LTIB"][later].copy(), points["LTHI"][later].copy()
    quality, notes = told(tmp_path, points)
    assert quality["marker_shift_mm"] > 50
    assert "left thigh to left knee lateral" in " ".join(notes)
