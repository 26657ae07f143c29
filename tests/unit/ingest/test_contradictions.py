"""Files that contradict themselves or the body: what was found wrong and called usable, each with its kind."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from neurostore.api import open as open_lake
from neurostore.errors import InputError
from neurostore.ingest.landmarks import Landmarks, compute_landmarks
from neurostore.ingest.landmarks.clusters import Cluster, lead
from neurostore.ingest.landmarks.frozen import repeated, repeated_frames_pct, straight
from neurostore.ingest.pipeline import ingest
from neurostore.ingest.pipeline.settings import Settings
from neurostore.ingest.readers import read
from neurostore.ingest.readers.c3d.event_names import event_name
from neurostore.ingest.readers.c3d.measures import calibrations
from neurostore.ingest.readers.c3d.outputs import source_events
from neurostore.ingest.readers.c3d.parameters import Parameters
from neurostore.ingest.readers.markers.up import judge_up
from neurostore.ingest.recording import Calibration, ReadOptions
from tests.builders import c3d_files
from tests.builders.landmark_rows import angles_of
from tests.builders.skin_walker import walker, write_trc

LEG = ("KNE", "ANK", "HEE", "TOE", "THI", "TIB")
PLUG_IN_GAIT = [f"{s}{m}" for s in "LR" for m in ("ASI", "PSI", "THI", "KNE", "TIB", "ANK", "HEE", "TOE", "SHO")] + [
    "C7",
    "CLAV",
]


def plug_in_gait(n: int = 200) -> dict[str, np.ndarray]:
    points = walker(n)
    return {name: points[name] for name in PLUG_IN_GAIT}


def renamed(points: dict[str, np.ndarray], names: dict[str, str]) -> dict[str, np.ndarray]:
    """The same points under other names; the places in the file stay."""
    return {names.get(name, name): values for name, values in points.items()}


def verdicts(tmp_path: Path, files: dict[str, dict[str, np.ndarray]]) -> dict[str, str]:
    """Trial to verdict of one session of TRC files."""
    folder = tmp_path / "cohort" / "S01"
    folder.mkdir(parents=True)
    for name, points in files.items():
        write_trc(folder / f"{name}.trc", points)
    ingest(tmp_path / "cohort", tmp_path / "lake", Settings(), n_workers=1)
    rows = open_lake(tmp_path / "lake").sql("SELECT trial, verdict FROM trial_quality").to_dicts()
    return {row["trial"]: row["verdict"] for row in rows}


# ------------------------------------------------------------------------------------------------------------------ up


@pytest.mark.parametrize(
    "names",
    [("KNE", "ANK", "HEE", "TOE"), ("SHO", "ASI", "PSI"), ("KNE", "ASI", "PSI")],
    ids=["legs", "trunk", "thighs"],
)
@pytest.mark.parametrize("axis", ["x", "-z", "y"])
def test_parts_of_a_body_say_what_is_up_too(names: tuple[str, ...], axis: str) -> None:
    points = walker()
    labels = [side + name for name in names for side in "LR"] + (["C7"] if "SHO" in names else [])
    body = np.stack([points[label] for label in labels], axis=1)
    rows = {"x": [(1, 1), (-1, 0), (1, 2)], "-z": [(1, 0), (1, 2), (-1, 1)], "y": [(1, 0), (1, 1), (1, 2)]}[axis]
    turned = np.stack([sign * body[..., k] for sign, k in rows], axis=-1)
    assert judge_up(labels, turned, "z", "y").axis == axis


def test_a_static_trial_in_other_axes_does_not_lay_a_walk_on_its_side(tmp_path: Path) -> None:
    """It did: pelvis tilt -90 degrees, step width 0, and the verdict was Usable."""
    walk = plug_in_gait()
    still = {
        name: np.tile(values[:1], (100, 1)) + 0.1 * np.sin(np.arange(100.0))[:, None] for name, values in walk.items()
    }
    z_up = {name: np.stack([v[:, 0], -v[:, 2], v[:, 1]], -1) for name, v in walk.items()}
    found = verdicts(tmp_path, {"static": still, "walk": z_up})
    rows = (
        open_lake(tmp_path / "lake")
        .sql("SELECT median(pelvis_tilt_deg) AS tilt FROM joint_angles WHERE trial = 'walk'")
        .to_dicts()
    )
    assert abs(rows[0]["tilt"]) < 20
    assert "do not agree on which axis of their files is up" in found["walk"]
    assert not found["walk"].startswith("Usable")


# ---------------------------------------------------------------------------------------------------------------- names


EXCHANGES = {
    "legs": (
        {m + n: ("R" if m == "L" else "L") + n for m in "LR" for n in LEG},
        "The right leg is to the left of the left one",
    ),
    "pelvis": (
        {f"{s}{a}": f"{s}{b}" for s in "LR" for a, b in (("ASI", "PSI"), ("PSI", "ASI"))},
        "ASIS and PSIS may be exchanged",
    ),
    "one_side_of_the_pelvis": ({"LASI": "LPSI", "LPSI": "LASI"}, "A hip is beyond"),
}


def test_names_that_the_body_contradicts_are_never_usable(tmp_path: Path) -> None:
    points = plug_in_gait()
    files = {name: renamed(points, exchange) for name, (exchange, _) in EXCHANGES.items()}
    found = verdicts(tmp_path, files | {"right": points})
    for name, (_, says) in EXCHANGES.items():
        assert says in found[name]
        assert not found[name].startswith("Usable")
        assert says not in found["right"]


@pytest.mark.parametrize("sides", ["L", "R", "LR"])
def test_a_medial_marker_that_lies_outside_is_the_lateral_one(tmp_path: Path, sides: str) -> None:
    points = plug_in_gait() | {k.replace("KNE_MED", "KNM"): v for k, v in walker().items() if k.endswith("KNE_MED")}
    right = angles(write_trc(tmp_path / "right.trc", points))
    exchange = {f"{s}{a}": f"{s}{b}" for s in sides for a, b in (("KNE", "KNM"), ("KNM", "KNE"))}
    recording = read(write_trc(tmp_path / "wrong.trc", renamed(points, exchange)), ReadOptions())
    landmarks = compute_landmarks(recording)
    wrong = angles_of(landmarks)
    for side in ("left", "right"):
        for name in (f"{side}_knee_flexion_deg", f"{side}_hip_rotation_deg"):
            assert np.allclose(wrong[name], right[name], atol=1e-3, equal_nan=True), name
    assert any("were read the other way round" in note for note in landmarks.notes)


def angles(path: Path) -> dict[str, np.ndarray]:
    return angles_of(compute_landmarks(read(path, ReadOptions())))


def test_an_ending_that_all_labels_share_says_nothing(tmp_path: Path) -> None:
    points = plug_in_gait()
    plain = angles(write_trc(tmp_path / "plain.trc", points))
    for ending in ("_1", ".pos"):
        found = angles(write_trc(tmp_path / "ending.trc", {f"{name}{ending}": v for name, v in points.items()}))
        assert np.allclose(found["left_knee_flexion_deg"], plain["left_knee_flexion_deg"], atol=1e-3)


WORDS = {
    "words": {"ASI": "{Side}AnteriorSuperiorIliacSpine", "PSI": "{Side}PosteriorSuperiorIliacSpine", "KNE": "{Side}LateralFemoralEpicondyle",
              "KNE_MED": "{Side}MedialFemoralEpicondyle", "ANK": "{Side}LateralMalleolus", "ANK_MED": "{Side}MedialMalleolus", "HEE": "{Side}Heel", "TOE": "{Side}Toe"},
    "latin": {"ASI": "{S}_SIAS", "PSI": "{S}_SIPS", "KNE": "{S}_Knee_lat", "KNE_MED": "{S}_Knee_med", "ANK": "{S}_Mall_lat", "ANK_MED": "{S}_Mall_med", "HEE": "{S}_Heel", "TOE": "{S}_Toe"},
    "short": {"ASI": "{S}ASIS", "PSI": "{S}PSIS", "KNE": "{S}LKN", "KNE_MED": "{S}MKN", "ANK": "{S}LAN", "ANK_MED": "{S}MAN", "HEE": "{S}HEEL", "TOE": "{S}TOE"},
}  # fmt: skip


@pytest.mark.parametrize("lab", WORDS)
def test_names_in_whole_words_and_in_latin(tmp_path: Path, lab: str) -> None:
    points = walker()
    named = {
        pattern.format(S=side, Side={"L": "Left", "R": "Right"}[side]): points[side + name]
        for side in "LR"
        for name, pattern in WORDS[lab].items()
    }
    found = angles(write_trc(tmp_path / "walk.trc", named))
    for name in ("hip_flexion", "knee_flexion", "ankle_dorsiflexion"):
        for side in ("left", "right"):
            assert np.isfinite(found[f"{side}_{name}_deg"]).mean() > 0.9, (lab, side, name)


# ---------------------------------------------------------------------------------------------------------- static trials


def test_a_static_trial_of_another_person_is_not_used(tmp_path: Path) -> None:
    recording = read(write_trc(tmp_path / "walk.trc", plug_in_gait()), ReadOptions())
    alone = compute_landmarks(recording)
    given = [
        Calibration("inter_asis", None, 180.0, "mm", "static"),  # 250 in the walk
        Calibration("thigh_rotation", "left", 30.0, "deg", "static"),
        Calibration("knee_width", "left", 70.0, "mm", "static"),
    ]
    other = compute_landmarks(recording, calibrations=given)
    assert any("of another person or in another scale" in note for note in other.notes)
    assert np.array_equal(other.points["left_knee"], alone.points["left_knee"], equal_nan=True)
    own = compute_landmarks(
        recording, calibrations=[Calibration("inter_asis", None, 245.0, "mm", "static"), *given[1:]]
    )
    assert not np.allclose(own.points["left_knee"], alone.points["left_knee"], atol=1.0, equal_nan=True)


def test_measures_of_a_file_in_another_unit_are_read_in_it_or_left_out() -> None:
    stated = {"LLEGLENGTH": 85.1, "RLEGLENGTH": 851.0, "LKNEEWIDTH": 11.1, "RKNEEWIDTH": 0.111, "LANKLEWIDTH": 6500.0}
    found, notes = calibrations(Parameters({"PROCESSING": {name: [value] for name, value in stated.items()}}), None)
    lengths = {(c.parameter, c.side): c.value for c in found}
    assert lengths == {
        ("leg_length", "left"): pytest.approx(851), ("leg_length", "right"): 851,
        ("knee_width", "left"): pytest.approx(111), ("knee_width", "right"): pytest.approx(111),
    }  # fmt: skip
    assert [("in cm" in n, "in m," in n, "no person's" in n) for n in notes] == [
        (True, False, False), (True, False, False), (False, True, False), (False, False, True),
    ]  # fmt: skip


@pytest.mark.parametrize(("software", "degrees"), [("Vicon Nexus", 40.1), ("Workstation", 0.7)])
def test_small_angles_of_workstation_are_degrees(software: str, degrees: float) -> None:
    groups = {"PROCESSING": {"LSTATICPLANTFLEX": [0.7]}, "MANUFACTURER": {"SOFTWARE": [software]}}
    ((offset,), _) = calibrations(Parameters(groups), None)
    assert offset.value == pytest.approx(degrees, abs=0.01)


def test_measures_of_another_person_or_in_inches_are_not_used(tmp_path: Path) -> None:
    recording = read(write_trc(tmp_path / "walk.trc", plug_in_gait()), ReadOptions())
    alone = compute_landmarks(recording)

    def with_legs(length: float) -> tuple[Landmarks, list[str]]:
        given = [Calibration("leg_length", s, length, "mm", "file") for s in ("left", "right")]
        given += [Calibration("knee_width", s, 44.0, "mm", "file") for s in ("left", "right")]
        found = compute_landmarks(recording, calibrations=given)
        return found, [note for note in found.notes if "not this person's or in another unit" in note]

    wrong, notes = with_legs(335.0)
    assert np.array_equal(wrong.points["left_knee"], alone.points["left_knee"], equal_nan=True)
    assert len(notes) == 1
    own, notes = with_legs(900.0)
    assert not np.allclose(own.points["left_knee"], alone.points["left_knee"], atol=1.0, equal_nan=True)
    assert notes == []


def test_a_static_trial_with_exchanged_sides_is_not_used(tmp_path: Path) -> None:
    still = {name: np.tile(values[:1], (100, 1)) for name, values in plug_in_gait().items()}
    good = compute_landmarks(read(write_trc(tmp_path / "static.trc", still), ReadOptions()))
    assert {c.source for c in good.calibrations} >= {"static"}
    exchange = {name: ("R" if name[0] == "L" else "L") + name[1:] for name in still if name[0] in "LR"}
    bad = compute_landmarks(read(write_trc(tmp_path / "static.trc", renamed(still, exchange)), ReadOptions()))
    assert "static" not in {c.source for c in bad.calibrations}
    assert any("is not used for its session" in note for note in bad.notes)


@pytest.mark.parametrize("fault", ["labels exchanged", "another person"])
def test_a_cluster_of_another_shape_leads_nothing(fault: str) -> None:
    n = 50
    shape = {"LTH1": (0, 0, 60), "LTH2": (70, 20, 50), "LTH3": (10, 120, 55), "LTH4": (-50, 70, 60)}
    given = [
        Calibration(f"static_{what}_{axis}", None, float(value), "lab_mm", "static")
        for what, at in [*((f"marker_{k}", v) for k, v in shape.items()), ("landmark_left_knee_lateral", (0, -200, 50))]
        for axis, value in zip("xyz", at, strict=True)
    ]
    way = np.stack([12.0 * np.arange(n), np.full(n, 500.0), np.zeros(n)], -1)
    scale = 1.5 if fault == "another person" else 1.0
    points = {name: scale * np.array(at, float) + way for name, at in shape.items()}
    if fault == "labels exchanged":
        points["LTH1"], points["LTH3"] = points["LTH3"], points["LTH1"]
    measured = np.stack(list(points.values()), axis=1)
    marks: dict[str, np.ndarray] = {}
    quality, notes = lead(marks, {"left_thigh": Cluster(tuple(points), measured, measured)}, given)
    assert (marks, quality) == ({}, {})
    assert "do not have the shape" in notes[0]


# ------------------------------------------------------------------------------------------------- samples that are no measurement


def test_a_gap_filled_by_a_straight_line_is_missing() -> None:
    points = plug_in_gait(300)
    values = np.stack(list(points.values()), axis=1)
    values[..., 1] += 20 * np.sin(np.arange(300) / 9 + np.arange(values.shape[1])[:, None]).T
    assert not straight(values, 100.0).any()
    joint, (start, stop) = 5, (100, 160)
    for axis in range(3):
        values[start : stop + 1, joint, axis] = np.linspace(
            values[start, joint, axis], values[stop, joint, axis], stop - start + 1
        )
    for given in (values, values.astype(np.float32), np.round(values, 3)):
        found = straight(given, 100.0)
        assert found[start + 2 : stop - 1, joint].all()
        assert found.sum() == found[start : stop + 1, joint].sum()


def test_the_first_sample_of_a_code_for_missing_is_missing_too() -> None:
    values = np.stack(list(plug_in_gait().values()), axis=1)
    for code in (9999.999, 0.001):
        marked = values.copy()
        marked[50:90, 3] = code
        found = repeated(marked, 100.0, np.zeros(values.shape[1], bool))
        assert found[50:90, 3].all()
        assert found.sum() == 40


def test_frames_written_twice_are_counted() -> None:
    values = np.stack(list(plug_in_gait().values()), axis=1)
    assert repeated_frames_pct(values) == 0
    assert repeated_frames_pct(np.repeat(values, 2, axis=0)) == pytest.approx(100 * 200 / 399)
    held = np.repeat(values, 2, axis=0)
    held[:, 0] = np.nan
    assert repeated_frames_pct(held) == pytest.approx(100 * 200 / 399)


def test_a_value_held_from_the_start_is_missing_up_to_the_first_measured_sample() -> None:
    values = np.stack(list(plug_in_gait().values()), axis=1)
    values[:60, 3] = values[60, 3]
    found = repeated(values, 100.0, np.zeros(values.shape[1], bool))
    assert found[:60, 3].all()
    assert found.sum() == 60


# --------------------------------------------------------------------------------------------------------------- clocks


def c3d_of(path: Path, header_hz: float, rate_hz: float) -> Path:
    """A C3D whose header states another rate than POINT:RATE."""
    c3d_files.write(path, c3d_files.walker(100), c3d_files.LEGS, rate=rate_hz)
    raw = bytearray(path.read_bytes())
    struct.pack_into("<f", raw, 20, header_hz)
    path.write_bytes(bytes(raw))
    return path


def test_two_frame_rates_are_reported_until_cohort_toml_decides(tmp_path: Path) -> None:
    path = c3d_of(tmp_path / "walk.c3d", 50.0, 100.0)
    found = read(path, ReadOptions())
    assert found.rate_hz == 50.0
    assert found.quality["rate_claims_ratio"] == 2.0
    assert any("nothing decides between them" in note for note in found.notes)
    told = read(path, ReadOptions(rate_hz=100.0))
    assert (told.rate_hz, told.quality) == (100.0, {})
    assert told.poses[0].time_s[10] == pytest.approx(0.1)
    agreed = read(c3d_of(tmp_path / "same.c3d", 100.0, 100.0), ReadOptions())
    assert agreed.quality == {}


def trc_with_times(path: Path, times: list[str], data_rate: str = "100") -> Path:
    write_trc(path, {k: v[: len(times)] for k, v in plug_in_gait().items()})
    lines = path.read_text().splitlines()
    lines[2] = data_rate + lines[2][3:]
    for k, time in enumerate(times):
        frame, _, *rest = lines[6 + k].split("\t")
        lines[6 + k] = "\t".join([frame, time, *rest])
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(
    ("times", "says"),
    [
        ([f"{10 * k}" for k in range(100)], "milliseconds"),
        ([f"{k}" for k in range(100)], "frames"),
        (["0.0"] * 100, "no times that increase"),
    ],
    ids=["milliseconds", "frames", "all zero"],
)
def test_times_in_another_unit_are_read_and_noted(tmp_path: Path, times: list[str], says: str) -> None:
    found = read(trc_with_times(tmp_path / "walk.trc", times), ReadOptions())
    assert found.rate_hz == 100.0
    assert np.allclose(np.diff(found.poses[0].time_s), 0.01)
    assert any(says in note for note in found.notes)
    assert found.quality == {}


def test_times_against_data_rate_are_doubtful(tmp_path: Path) -> None:
    path = trc_with_times(tmp_path / "walk.trc", [f"{k / 60:.5f}" for k in range(100)])
    found = read(path, ReadOptions())
    assert found.rate_hz == pytest.approx(60.0, abs=0.01)
    assert found.quality["rate_claims_ratio"] == pytest.approx(100 / 60, rel=1e-3)
    told = read(path, ReadOptions(rate_hz=100.0))
    assert (told.rate_hz, told.quality) == (100.0, {})
    assert np.allclose(np.diff(told.poses[0].time_s), 0.01)


# --------------------------------------------------------------------------------------------------------------- events


@pytest.mark.parametrize(
    ("label", "event"), [("Foot Strike 2", "foot_strike"), ("RHS1", "foot_strike"), ("Toe Off 12", "foot_off")]
)
def test_numbered_events(label: str, event: str) -> None:
    assert event_name(label, "Right") == (event, "right")


@pytest.mark.parametrize(
    ("label", "context", "event"),
    [
        ("HS_L", "", ("foot_strike", "left")),
        ("FootStrike_R", "", ("foot_strike", "right")),
        ("Heel-strike left", "General", ("foot_strike", "left")),
        ("Fersenkontakt", "Links", ("foot_strike", "left")),
        ("Zehenablösung", "rechts", ("foot_off", "right")),
        ("Fußabhub", "L", ("foot_off", "left")),
        ("Contact initial", "Gauche", ("foot_strike", "left")),
        ("Décollement orteils", "D", ("foot_off", "right")),
        ("Contatto iniziale", "Dx", ("foot_strike", "right")),
        ("Stacco piede", "Sinistra", ("foot_off", "left")),
        ("Hielcontact", "Rechts", ("foot_strike", "right")),
        ("Contacto inicial", "Izquierdo", ("foot_strike", "left")),
        ("", "Rechts Fersenkontakt", ("event", None)),
        ("Heel Off", "Left", ("heel_off", "left")),
    ],
)
def test_events_in_the_languages_of_laboratories(label: str, context: str, event: tuple[str, str | None]) -> None:
    assert event_name(label, context) == event


def test_events_in_frames_are_read_as_frames() -> None:
    said = {
        "USED": [2.0],
        "LABELS": ["Foot Strike", "Foot Off"],
        "CONTEXTS": ["Left", "Left"],
        "TIMES": [0.0, 101.0, 0.0, 161.0],
    }
    parameters = Parameters({"EVENT": said})
    events, notes = source_events(parameters, 1, 300, 100.0, None)
    assert [e.time_s for e in events] == pytest.approx([1.0, 1.6])
    assert "numbers of frames" in notes[0]
    events, _ = source_events(parameters, 1, 300, 1.0, None)  # of a file of 300 s the same times are seconds
    assert [e.time_s for e in events] == [101.0, 161.0]


def test_events_in_milliseconds_are_read_as_such() -> None:
    said = {"USED": [2.0], "LABELS": ["LHS", "LTO"], "TIMES": [0.0, 1250.5, 0.0, 1900.0]}
    events, notes = source_events(Parameters({"EVENT": said}), 1, 300, 100.0, None)
    assert [e.time_s for e in events] == pytest.approx([1.2505, 1.9])
    assert "milliseconds" in notes[0]


#: what TIMES holds for events at 4.0, 4.6, 5.1 and 5.7 s of a file whose first frame is 391 at 100 Hz, and how a note names it
CLOCKS = {
    "seconds since the first frame": lambda t: t - 3.9,
    "milliseconds since the first frame": lambda t: 1000 * (t - 3.9) + 0.25,
    "numbers of frames counted": lambda t: 100 * t + 1 - 390,
    "numbers of frames,": lambda t: 100 * t + 1,
    "milliseconds,": lambda t: 1000 * t + 0.25,
}


@pytest.mark.parametrize("clock", CLOCKS)
def test_events_in_another_clock_than_that_of_the_frames(clock: str) -> None:
    times = np.array([4.0, 4.6, 5.1, 5.7])
    given = np.stack([np.zeros(4), CLOCKS[clock](times)], 1).ravel().round(3).tolist()
    said = {"USED": [4.0], "LABELS": ["LHS", "RTO", "RHS", "LTO"], "TIMES": given}
    events, notes = source_events(Parameters({"EVENT": said}), 391, 200, 100.0, None)
    assert [e.time_s for e in events] == pytest.approx(times, abs=1e-3)
    assert len(notes) == 1
    assert clock in notes[0]


@pytest.mark.parametrize("start", [391.0, None])
def test_events_of_a_recording_whose_first_frame_became_number_one(start: float | None) -> None:
    said = {"USED": [3.0], "LABELS": ["LHS", "RTO", "RHS"], "TIMES": [0.0, 4.0, 0.0, 4.1, 0.0, 4.5]}
    trial = {"ACTUAL_START_FIELD": [start, 0.0], "ACTUAL_END_FIELD": [590.0, 0.0]} if start else {}
    events, notes = source_events(Parameters({"EVENT": said, "TRIAL": trial}), 1, 200, 100.0, None)
    assert [e.time_s for e in events] == pytest.approx([0.1, 0.2, 0.6] if start else [4.0, 4.1, 4.5])
    assert ("ACTUAL_START_FIELD" if start else "3 events are outside") in notes[0]


def test_marks_of_a_whole_recording_in_a_file_that_was_cropped_stay_where_they_are() -> None:
    said = {"USED": [4.0], "LABELS": ["LHS", "RTO", "RHS", "LTO"], "TIMES": [0.0, 0.5, 0.0, 2.1, 0.0, 2.5, 0.0, 3.1]}
    events, notes = source_events(Parameters({"EVENT": said}), 201, 350, 100.0, None)
    assert [e.time_s for e in events] == [0.5, 2.1, 2.5, 3.1]
    assert "1 events are outside" in notes[0]


def test_events_that_two_clocks_fit_are_left_and_named() -> None:
    said = {"USED": [2.0], "LABELS": ["LHS", "LTO"], "TIMES": [0.0, 120.0, 0.0, 180.0]}
    events, notes = source_events(Parameters({"EVENT": said}), 100, 300, 100.0, None)
    assert [e.time_s for e in events] == [120.0, 180.0]
    assert "nothing decides" in notes[0]


# ------------------------------------------------------------------------------------------------------------------ MOT


def mot(path: Path, columns: dict[str, np.ndarray], degrees: str = "yes") -> Path:
    n = len(next(iter(columns.values())))
    rows = [f"{k / 100:.3f}\t" + "\t".join(f"{v[k]:.6f}" for v in columns.values()) for k in range(n)]
    head = f"Coordinates\nversion=1\nnRows={n}\nnColumns={len(columns) + 1}\ninDegrees={degrees}\nendheader\n"
    path.write_text(head + "time\t" + "\t".join(columns) + "\n" + "\n".join(rows) + "\n")
    return path


def walking_angles() -> dict[str, np.ndarray]:
    t = np.arange(200) / 100
    bend = 30 - 25 * np.cos(2 * np.pi * t / 1.1)
    return {
        "pelvis_tilt": 0 * t - 5, "pelvis_tx": 1.2 * t, "pelvis_ty": 0.95 + 0.02 * np.sin(4 * np.pi * t / 1.1),
        "hip_flexion_r": 20 * np.cos(2 * np.pi * t / 1.1), "knee_angle_r": bend, "knee_angle_l": bend[::-1],
    }  # fmt: skip


def test_radians_called_degrees_are_refused(tmp_path: Path) -> None:
    angles = walking_angles()
    radians = {k: v if k in ("pelvis_tx", "pelvis_ty") else np.radians(v) for k, v in angles.items()}
    for left_out in ((), ("pelvis_tx",)):  # on a treadmill the pelvis still rises and falls
        with pytest.raises(InputError, match="these are radians"):
            read(mot(tmp_path / "walk.mot", {k: v for k, v in radians.items() if k not in left_out}), ReadOptions())
    assert read(mot(tmp_path / "walk.mot", angles), ReadOptions()).angles
    assert read(mot(tmp_path / "walk.mot", radians, "no"), ReadOptions()).angles
    still = {k: 0 * v + (0.95 if k == "pelvis_ty" else 1.5) for k, v in angles.items()}
    assert read(mot(tmp_path / "static.mot", still), ReadOptions()).angles


def test_knees_of_opposite_signs_are_not_knee_flexion(tmp_path: Path) -> None:
    angles = walking_angles()
    found = read(mot(tmp_path / "walk.mot", angles | {"knee_angle_l": -angles["knee_angle_l"]}), ReadOptions())
    assert {a.source_name: a.angle for a in found.angles if "knee" in a.source_name} == {
        "knee_angle_r": None,
        "knee_angle_l": None,
    }
    assert any("opposite signs" in note for note in found.notes)
    same = read(mot(tmp_path / "walk.mot", angles), ReadOptions())
    assert all(a.angle for a in same.angles if "knee" in a.source_name)
