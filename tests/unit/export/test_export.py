"""neurostore export: files taken back by our own readers, by ezc3d, and by plain parsers of OpenSim's rules."""

from __future__ import annotations

import csv
import json
import re
import uuid
from dataclasses import replace
from pathlib import Path

import ezc3d
import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from scipy.spatial.transform import Rotation

from neurostore import opensim
from neurostore.api import Lake
from neurostore.errors import UsageError
from neurostore.export import export, mot, trc
from neurostore.export.trial import Points
from neurostore.ingest import trial_tables
from neurostore.ingest.landmarks import compute_landmarks
from neurostore.ingest.readers import read
from neurostore.ingest.recording import Calibration, Recording, SourceEvent
from neurostore.lake.commit import TrialTables
from neurostore.walker import gait
from neurostore.walker import walk as walker
from neurostore.walker.bvh import write_bvh
from tests.builders.lake_builder import build_lake, trial
from tests.cli.cli_run import run
from tests.shared_data import SHARED, needs_shared

WALK = walker.walk(gait.stiff_knee(), n_strides=4.0, heading_deg=30.0)
GAP = slice(50, 55)
FIRST = 695  # number of the first frame of the trial "late", from 1
SOURCE_EVENTS = [
    SourceEvent("foot_strike", "left", (FIRST - 1) / 120 + 0.5, "Foot Strike", "by hand"),
    SourceEvent("foot_off", "right", (FIRST - 1) / 120 + 0.75, "Foot Off", ""),
    SourceEvent("clap", None, (FIRST - 1) / 120 + 1.0, "Clap", ""),
]


def ingested(recording: Recording, subject: str, session: str, name: str) -> TrialTables:
    """A recording as the ingest would store it."""
    key, ingest_id = (subject, session, name), uuid.uuid4().hex
    landmarks = compute_landmarks(recording) if recording.poses else None
    row = trial_tables.row_of(key, ingest_id, recording, landmarks, [])
    row |= {"source_path": f"{name}.bvh", "source_sha256": "0" * 64, "settings_sha256": "0" * 64}
    return TrialTables(key, ingest_id, row, trial_tables.tables_of(recording, landmarks, recording.calibrations))


def clocked(recording: Recording, time_s: np.ndarray) -> Recording:
    return replace(recording, poses=[replace(recording.poses[0], time_s=time_s)])


def with_bystander(recording: Recording) -> Recording:
    """The subject, and as person 1 the same walk 1 m aside, from frame 100 on, unseen in frames 110 to 114."""
    poses = recording.poses[0]
    rows = np.r_[100:110, 115:200]
    aside = poses.positions[rows] + np.float32([1000, 0, 0])
    both = replace(
        poses,
        person=np.r_[poses.person, np.ones(len(rows), np.int32)].astype(np.int32),
        frame=np.r_[poses.frame, poses.frame[rows]],
        time_s=np.r_[poses.time_s, poses.time_s[rows]],
        positions=np.concatenate([poses.positions, aside]),
        rotations=None,
    )
    return replace(recording, poses=[both])


@pytest.fixture(scope="module")
def walk(tmp_path_factory) -> Recording:
    """The walker as read from its BVH, the left foot missing for five frames."""
    path = tmp_path_factory.mktemp("bvh") / "walk.bvh"
    write_bvh(WALK, path)
    recording = read(path)
    recording.poses[0].positions[GAP, recording.poses[0].skeleton.index("LeftFoot")] = np.nan
    return recording


@pytest.fixture(scope="module")
def lake(tmp_path_factory, walk: Recording) -> Lake:
    times = walk.poses[0].time_s
    late = clocked(walk, (FIRST - 1 + np.arange(len(times))) / 120)
    late.events = SOURCE_EVENTS
    late.calibrations = [Calibration("leg_length", "left", 871.0, "mm", "file"), *walk.calibrations]
    uneven = clocked(walk, times + np.where(np.arange(len(times)) > 200, 0.05, 0.0))
    return build_lake(
        tmp_path_factory.mktemp("lake"),
        [
            ingested(walk, "S01", "ses1", "walk_01"),
            ingested(walk, "S01", "ses2", "walk_01"),
            ingested(late, "S02", "", "late"),
            ingested(uneven, "S02", "", "uneven"),
            ingested(with_bystander(walk), "S02", "", "two"),
            true_walk("S03"),
        ],
        subjects=[
            {"subject": "S01", "group": "control", "sex": "F", "age": 31.0},
            {"subject": "S02"},
            {"subject": "S03"},
        ],
    )


def true_walk(subject: str) -> TrialTables:
    """The walker's own segment axes, with an anatomical pelvis."""
    axes = {n: Rotation.from_matrix(r).as_quat(scalar_first=True) for n, r in WALK.rotations.items()}
    known = ("pelvis", *(f"{side}_{part}" for side in ("left", "right") for part in ("thigh", "shank", "foot")))
    points = {n: WALK.joints[n] for n in ("pelvis", "left_hip", "right_hip", "left_knee", "right_knee")}
    made = trial(subject, "axes", rate_hz=120.0, points=points, rotations={n: axes[n] for n in known}, poses=points)
    table = made.tables["landmarks"]
    facing = pl.Series(np.full(table.num_rows, 30.0, np.float32)).to_arrow()
    made.tables["landmarks"] = table.append_column("facing_deg", facing)
    return made


# ---------------------------------------------------------------------------------------------- plain parsers


def parse_trc(path: Path) -> tuple[dict[str, str], list[str], np.ndarray, np.ndarray]:
    """By the rules of OpenSim's TRCFileAdapter: a tab ends a cell, blanks are NaN, counts must agree."""

    def cells(line: str) -> list[str]:
        found = line.split("\t")
        return found if found[-1] else found[:-1]

    lines = path.read_text().split("\n")
    assert lines[0].split()[0] == "PathFileType"
    keys, values = ([c for c in cells(line) if c] for line in lines[1:3])
    assert keys == ["DataRate", "CameraRate", "NumFrames", "NumMarkers", "Units", "OrigDataRate", "OrigDataStartFrame",
                    "OrigNumFrames"]  # fmt: skip
    words = dict(zip(keys, values, strict=True))
    labels = [c for c in cells(lines[3]) if c]
    assert labels[:2] == ["Frame#", "Time"]
    n = int(words["NumMarkers"])
    assert len(labels) == n + 2
    assert [c for c in cells(lines[4]) if c] == [f"{a}{i}" for i in range(1, n + 1) for a in "XYZ"]
    rows = [cells(line) for line in lines[5:] if line.strip("\t\r")]
    assert all(len(row) == 3 * n + 2 for row in rows)
    assert len(rows) == int(words["NumFrames"])
    numbers = np.array([[float(c) if c else np.nan for c in row] for row in rows])
    return words, labels[2:], numbers[:, 1], numbers[:, 2:].reshape(len(rows), n, 3)


def parse_mot(path: Path) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """By the rules of OpenSim's Storage: key=value until endheader, then names, then rows."""
    lines = path.read_text().split("\n")
    end = lines.index("endheader")
    words = dict(line.split("=", 1) for line in lines[:end] if "=" in line)
    names = lines[end + 1].split()
    rows = np.array([[float(c) for c in line.split()] for line in lines[end + 2 :] if line])
    assert rows.shape == (int(words["nRows"]), int(words["nColumns"]))
    return words, dict(zip(names, rows.T, strict=True))


def positions_of(recording: Recording, names: list[str]) -> np.ndarray:
    poses = recording.poses[0]
    column = dict(zip(poses.skeleton.source_names, range(len(poses.skeleton.joints)), strict=True))
    return poses.positions[:, [column[n] for n in names]]


# ---------------------------------------------------------------------------------------------- TRC


def test_trc_gives_the_same_numbers_back(lake: Lake, walk: Recording, tmp_path: Path) -> None:
    made = walk.poses[0]
    export(lake, "S01", "walk_01", tmp_path / "walk.trc", session="ses1")
    words, labels, time_s, positions = parse_trc(tmp_path / "walk.trc")
    assert (words["DataRate"], words["Units"], labels) == ("120", "mm", list(made.skeleton.source_names))
    np.testing.assert_array_equal(time_s, made.time_s)
    np.testing.assert_array_equal(positions.astype(np.float32), made.positions)  # the gap too
    again = read(tmp_path / "walk.trc").poses[0]
    assert again.skeleton.name == "cmu_31"
    np.testing.assert_array_equal(again.positions, made.positions)
    np.testing.assert_array_equal(again.time_s, made.time_s)


def test_trc_of_landmarks(lake: Lake, tmp_path: Path) -> None:
    export(lake, "S01", "walk_01", tmp_path / "clean.trc", session="ses1", points="landmarks")
    _, labels, _, positions = parse_trc(tmp_path / "clean.trc")
    rows = lake.sql("SELECT left_ankle FROM landmarks WHERE subject = 'S01' AND session = 'ses1' ORDER BY frame")
    stored = rows["left_ankle"].struct.unnest().to_numpy()
    np.testing.assert_array_equal(positions[:, labels.index("left_ankle")].astype(np.float32), stored)
    assert np.isfinite(stored[GAP]).all()  # the gap is filled there


def test_a_bystander_on_an_even_grid_of_frames(lake: Lake, walk: Recording, tmp_path: Path) -> None:
    _, notes = export(lake, "S02", "two", tmp_path / "other.trc", person=1)
    _, labels, time_s, positions = parse_trc(tmp_path / "other.trc")
    poses = walk.poses[0]
    np.testing.assert_allclose(time_s, poses.time_s[100:200], atol=1e-12)
    made = poses.positions[100:200] + np.float32([1000, 0, 0])
    made[10:15] = np.nan
    np.testing.assert_array_equal(positions.astype(np.float32), made)
    assert any("5 frames" in n for n in notes)
    assert labels[0] == "Hips"


# ---------------------------------------------------------------------------------------------- C3D


def test_c3d_as_ezc3d_and_as_we_read_it(lake: Lake, walk: Recording, tmp_path: Path) -> None:
    path = tmp_path / "late.c3d"
    export(lake, "S02", "late", path, source="file")
    file = ezc3d.c3d(str(path))
    made = walk.poses[0].positions
    x, y, z = np.moveaxis(made, -1, 0)
    stored = np.moveaxis(file["data"]["points"][:3], 0, -1).swapaxes(0, 1)  # (n, J, 3), Z up
    np.testing.assert_array_equal(stored.astype(np.float32), np.stack([x, -z, y], axis=-1))
    residuals = file["data"]["meta_points"]["residuals"][0].T
    np.testing.assert_array_equal(residuals, np.where(np.isnan(made[..., 0]), -1, 0))
    parameters = file["parameters"]
    assert file["header"]["points"]["first_frame"] == FIRST - 1  # ezc3d counts from 0
    assert file["header"]["points"]["last_frame"] == FIRST - 2 + len(made)
    assert parameters["POINT"]["RATE"]["value"][0] == 120
    assert [parameters["POINT"][k]["value"] for k in ("UNITS", "X_SCREEN", "Y_SCREEN")] == [["mm"], ["+X"], ["+Z"]]
    assert parameters["SUBJECTS"]["NAMES"]["value"] == ["S02"]
    assert parameters["ANALOG"]["USED"]["value"][0] == 0
    assert parameters["EVENT"]["CONTEXTS"]["value"] == ["Left", "Right", "General"]
    assert parameters["EVENT"]["LABELS"]["value"] == ["Foot Strike", "Foot Off", "Clap"]
    times = parameters["EVENT"]["TIMES"]["value"]
    np.testing.assert_allclose(60 * times[0] + times[1], [e.time_s for e in SOURCE_EVENTS], atol=4e-6)
    assert parameters["NEUROSTORE"]["LAKE_VERSION"]["value"][0] == lake.version

    again = read(path)
    assert (again.subject, again.rate_hz, again.poses[0].skeleton.name) == ("S02", 120.0, "cmu_31")
    np.testing.assert_array_equal(again.poses[0].positions, made)
    np.testing.assert_allclose(again.poses[0].time_s, (FIRST - 1 + np.arange(len(made))) / 120, atol=1e-12)
    said = [(e.event, e.side, e.label, e.description) for e in again.events]
    assert said == [(e.event, e.side, e.label, e.description) for e in SOURCE_EVENTS]
    np.testing.assert_allclose([e.time_s for e in again.events], [e.time_s for e in SOURCE_EVENTS], atol=4e-6)
    assert ("leg_length", "left", 871.0) in [(c.parameter, c.side, c.value) for c in again.calibrations]


def test_c3d_holds_our_events(lake: Lake, tmp_path: Path) -> None:
    export(lake, "S01", "walk_01", tmp_path / "walk.c3d", session="ses2")
    found = {(e.event, e.side, round(e.time_s, 4)) for e in read(tmp_path / "walk.c3d").events}
    rows = lake.sql(
        "SELECT event, side, time_s FROM gait_events WHERE session = 'ses2' AND source = 'computed' AND person = 0"
    )
    assert found == {(event, side, round(t, 4)) for event, side, t in rows.iter_rows()}
    for side, event, time_s in WALK.events:  # and they are those of the walker
        near = [t for e, s, t in found if (e, s) == (event, side) and abs(t - time_s) < 0.06]
        assert near or not 0.2 < time_s < WALK.time_s[-1] - 0.2


def test_c3d_of_many_points_and_events(tmp_path: Path) -> None:
    """Lists of more than 255 go on in LABELS2, TIMES2."""
    n_points, n_events = 300, 600
    rng = np.random.default_rng(3)
    points = {f"M{i}": rng.uniform(100, 1000, (40, 3)).astype(np.float32) for i in range(n_points)}
    events = [
        {"event": "foot_strike", "side": "left", "time_s": i * 0.11, "label": "Foot Strike", "description": ""}
        for i in range(n_events)
    ]
    lake = build_lake(tmp_path, [trial(points={"left_heel": points["M0"]}, poses=points, events=events)])
    export(lake, "S01", "walk", tmp_path / "many.c3d", source="file")
    again = read(tmp_path / "many.c3d")
    np.testing.assert_array_equal(positions_of(again, list(points)), np.stack(list(points.values()), axis=1))
    np.testing.assert_allclose([e.time_s for e in again.events], [e["time_s"] for e in events], atol=4e-6)


def test_c3d_refuses_what_it_cannot_hold(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"not evenly spaced.*\.trc"):
        export(lake, "S02", "uneven", tmp_path / "x.c3d")
    long = build_lake(tmp_path, [trial(poses={"a": np.ones((65_536, 3))}, points={"left_heel": np.ones((65_536, 3))})])
    with pytest.raises(UsageError, match="65,536 frames; a C3D file can count up to 65,535"):
        export(long, "S01", "walk", tmp_path / "x.c3d")
    assert not list(tmp_path.glob("*x.c3d"))


# ---------------------------------------------------------------------------------------------- MOT


def test_mot_moves_an_opensim_model_as_the_walker_moved(lake: Lake, tmp_path: Path) -> None:
    """Pelvis, thigh and shank put together from the coordinates by OpenSim's joint definitions are the walker's own."""
    export(lake, "S03", "axes", tmp_path / "r.mot")
    words, got = parse_mot(tmp_path / "r.mot")
    assert words["inDegrees"] == "yes"
    n = len(got["time"])

    def turn(order: str, *angles: np.ndarray) -> Rotation:
        return Rotation.from_euler(order, np.stack(angles, axis=-1), degrees=True)

    yaw = Rotation.from_euler("Y", -(30.0 - 90.0), degrees=True)  # heading (+Z towards +X) to +X, where models face
    pelvis = turn("ZXY", got["pelvis_tilt"], got["pelvis_list"], got["pelvis_rotation"])
    for side, letter, sign in (("right", "r", 1), ("left", "l", -1)):
        hip = [got[f"hip_{what}_{letter}"] for what in ("flexion", "adduction", "rotation")]
        thigh = pelvis * turn("ZXY", hip[0], sign * hip[1], sign * hip[2])
        for made, name in ((pelvis, "pelvis"), (thigh, f"{side}_thigh")):
            true = yaw * Rotation.from_matrix(WALK.rotations[name])
            assert np.degrees((made.inv() * true).magnitude()).max() < 0.01, name
        # a knee that bends turns the shank about -z, whatever else it does
        shank = (thigh.inv() * yaw * Rotation.from_matrix(WALK.rotations[f"{side}_shank"])).as_euler(
            "ZXY", degrees=True
        )
        np.testing.assert_allclose(got[f"knee_angle_{letter}"], -shank[:, 0], atol=0.01)
    assert n == len(WALK.time_s)


@pytest.mark.parametrize("model", opensim.MODELS)
def test_mot_comes_back_under_every_model(lake: Lake, tmp_path: Path, model: str) -> None:
    export(lake, "S03", "axes", tmp_path / "a.mot", osim_model=model)
    stored = lake.joint_angles("S03")
    again = read(tmp_path / "a.mot")
    assert {a.source_name for a in again.angles} <= {name for name, _, _ in opensim.coordinates(model)}
    assert {"knee_angle_r", "pelvis_tilt"} <= {a.source_name for a in again.angles}
    for angle in again.angles:
        np.testing.assert_array_equal(
            angle.sign * angle.values, stored[angle.angle].to_numpy(), err_msg=angle.source_name
        )
        np.testing.assert_array_equal(angle.time_s, stored["time_s"].to_numpy())
    bent = next(a.values for a in again.angles if a.source_name == "knee_angle_l")
    assert (bent.max() > 40) if model in ("rajagopal", "opencap") else (bent.min() < -40)


def test_mot_from_the_neutral_pose_only_when_asked(lake: Lake, tmp_path: Path) -> None:
    _, notes = export(lake, "S01", "walk_01", tmp_path / "plain.mot", session="ses1")
    assert "pelvis_tilt" not in parse_mot(tmp_path / "plain.mot")[1]
    assert any("pelvis_tilt" in n and "--relative" in n for n in notes)
    export(lake, "S01", "walk_01", tmp_path / "rel.mot", session="ses1", relative=True)
    got = parse_mot(tmp_path / "rel.mot")[1]
    stored = lake.joint_angles("S01", "ses1")
    np.testing.assert_array_equal(got["pelvis_tilt"], -stored["pelvis_tilt_rel_deg"].to_numpy())
    assert "change from the neutral pose: pelvis_tilt" in (tmp_path / "rel.mot").read_text()


@needs_shared
def test_real_files_come_back(tmp_path: Path) -> None:
    """A C3D with model points and a gap, a TRC with empty markers, a MOT alone."""
    sources = {
        "pig": "c3d/Movement_trial.c3d",
        "run": "trc/bmc/motion_capture_run.trc",
        "ik": "trc/bmc/ik_output_run.mot",
    }
    recordings = {name: read(SHARED / path) for name, path in sources.items()}
    lake = build_lake(tmp_path, [ingested(r, "P1", "", name) for name, r in recordings.items()])
    for name in ("pig", "run"):
        made = recordings[name].poses[0]
        seen = np.isfinite(made.positions).all(axis=-1).any(axis=0)
        names = [n for n, is_seen in zip(made.skeleton.source_names, seen, strict=True) if is_seen]
        for suffix in (".trc", ".c3d", "_motion.tsv"):
            path = tmp_path / f"sub-P1_task-{name}{suffix}"
            export(lake, "P1", name, path)
            again = read(path)
            np.testing.assert_array_equal(positions_of(again, names), positions_of(recordings[name], names))
            assert again.rate_hz == pytest.approx(recordings[name].rate_hz, rel=1e-6)
            if suffix != "_motion.tsv":
                np.testing.assert_allclose(again.poses[0].time_s, made.time_s, atol=1e-6)
            if name == "pig":
                assert again.poses[0].skeleton.name == "plug_in_gait"
            if (name, suffix) == ("pig", ".c3d"):
                measures = {(c.parameter, c.side): c.value for c in again.calibrations}
                said = {(c.parameter, c.side): c.value for c in recordings[name].calibrations}
                assert {"leg_length", "knee_width", "static_foot_offset"} <= {n for n, _ in measures}
                assert measures == pytest.approx({key: said[key] for key in measures}, rel=1e-6)
    with pytest.raises(UsageError, match=r"no positions, only angles .*\.mot"):
        export(lake, "P1", "ik", tmp_path / "ik.trc")
    export(lake, "P1", "ik", tmp_path / "ik.mot")
    before = {a.angle: a.sign * a.values for a in recordings["ik"].angles if a.angle}
    after = {a.angle: a.sign * a.values for a in read(tmp_path / "ik.mot").angles}
    assert before.keys() - after.keys() == {n for n in before if "trunk_pelvis" in n}  # read, not written
    for angle, values in after.items():
        np.testing.assert_array_equal(values, before[angle], err_msg=angle)


# ---------------------------------------------------------------------------------------------- Motion-BIDS


def test_motion_bids_data_set(lake: Lake, walk: Recording, tmp_path: Path) -> None:
    root = tmp_path / "bids"
    files, _ = export(lake, "S02", "late", root, source="file")
    export(lake, "S01", "walk_01", root, session="ses1")
    motion = root / "sub-S02" / "motion" / "sub-S02_task-late_tracksys-mocap_motion.tsv"
    assert motion in files
    about = json.loads(motion.with_name(motion.name.replace(".tsv", ".json")).read_text())
    assert (about["SamplingFrequency"], about["TrackedPointsCount"], about["TaskName"]) == (120.0, 31, "late")
    assert about["Neurostore"]["lake_version"] == lake.version
    with (root / "participants.tsv").open() as file:
        people = list(csv.DictReader(file, delimiter="\t"))
    assert [p["participant_id"] for p in people] == ["sub-S02", "sub-S01"]
    assert people[1] == {"participant_id": "sub-S01", "group": "control", "sex": "F", "age": "31"}
    assert json.loads((root / "dataset_description.json").read_text())["BIDSVersion"]

    again = read(motion)
    made = walk.poses[0]
    np.testing.assert_array_equal(positions_of(again, list(made.skeleton.source_names)), made.positions)
    np.testing.assert_allclose(
        again.poses[0].time_s + about["FirstSampleTime"], (FIRST - 1) / 120 + made.time_s, atol=1e-9
    )
    assert [(e.event, e.side) for e in again.events] == [(e.event, e.side) for e in SOURCE_EVENTS]
    onsets = [e.time_s + about["FirstSampleTime"] for e in again.events]
    np.testing.assert_allclose(onsets, [e.time_s for e in SOURCE_EVENTS], atol=1e-9)


def test_motion_bids_keeps_the_rules_of_the_specification(lake: Lake, tmp_path: Path) -> None:
    """BIDS 1.10: names, required keys, columns in order, allowed words, counts that agree with the files."""
    for session in ("ses1", "ses2"):
        export(lake, "S01", "walk_01", tmp_path, session=session)
    name = r"sub-[A-Za-z0-9]+(_ses-[A-Za-z0-9]+)?_task-[A-Za-z0-9]+_tracksys-[A-Za-z0-9]+_(motion|channels|events)\.(tsv|json)"
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.name for path in files if path.parent == tmp_path} == {
        "README", "dataset_description.json", "participants.json", "participants.tsv"}  # fmt: skip
    assert all(re.fullmatch(name, path.name) for path in files if path.parent != tmp_path)
    assert {path.relative_to(tmp_path).parts[:-1] for path in files if path.parent != tmp_path} == {
        ("sub-S01", "ses-ses1", "motion"), ("sub-S01", "ses-ses2", "motion")}  # fmt: skip
    motion = next(tmp_path.rglob("*ses1*_motion.tsv"))

    def table(suffix: str) -> list[list[str]]:
        text = motion.with_name(motion.name.replace("motion.tsv", suffix)).read_text()
        return [line.split("\t") for line in text.removesuffix("\n").split("\n")]

    about = json.loads(motion.with_suffix(".json").read_text())
    assert {"TaskName", "SamplingFrequency"} <= about.keys()
    head, *channels = table("channels.tsv")
    assert head == ["name", "component", "type", "tracked_point", "units", "reference_frame"]
    assert len({c[0] for c in channels}) == len(channels) == about["MotionChannelCount"]
    assert {tuple(c[1:3]) for c in channels} == {("x", "POS"), ("y", "POS"), ("z", "POS"), ("n/a", "LATENCY")}
    assert {(c[2], c[4]) for c in channels} == {("POS", "mm"), ("LATENCY", "s")}
    counts = {k.removesuffix("ChannelCount"): v for k, v in about.items() if k.endswith("ChannelCount")}
    assert {k: v for k, v in counts.items() if v and k != "Motion"} == {"POS": 93, "LATENCY": 1}
    rows = table("motion.tsv")
    assert {len(row) for row in rows} == {len(channels)}
    assert {cell for row in rows for cell in row if not re.fullmatch(r"-?\d+(\.\d+)?(e-?\d+)?", cell)} == {"n/a"}
    assert float(rows[0][-1]) == 0
    frames = json.loads(motion.with_name(motion.name.replace("motion.tsv", "channels.json")).read_text())
    assert frames["reference_frame"]["Levels"].keys() == {c[5] for c in channels} - {"n/a"}
    events = table("events.tsv")
    assert events[0][:2] == ["onset", "duration"]
    onsets = [float(row[0]) for row in events[1:]]
    assert onsets == sorted(onsets)
    described = json.loads(motion.with_name(motion.name.replace("motion.tsv", "events.json")).read_text())
    assert described.keys() == set(events[0][2:])


def test_motion_bids_keeps_an_uneven_clock(lake: Lake, tmp_path: Path) -> None:
    path = tmp_path / "sub-S02_task-uneven_motion.tsv"
    export(lake, "S02", "uneven", path)
    rows = lake.sql("SELECT time_s FROM landmarks WHERE trial = 'uneven' ORDER BY frame")["time_s"].to_numpy()
    np.testing.assert_allclose(read(path).poses[0].time_s, rows, atol=1e-9)
    assert not (tmp_path / "participants.tsv").exists()


def test_motion_bids_labels_are_never_shared_by_two_people(tmp_path: Path) -> None:
    heel = {"poses": {"Heel": np.ones((5, 3))}, "left_heel": np.ones((5, 3))}
    lake = build_lake(tmp_path, [trial("S_1", **heel), trial("S1", **heel)])
    with pytest.raises(UsageError, match="would share a BIDS label"):
        export(lake, "S1", "walk", tmp_path / "bids")
    with pytest.raises(UsageError, match="expected one such as sub-S1_task-walk"):
        export(lake, "S1", "walk", tmp_path / "walk_motion.tsv")


# ---------------------------------------------------------------------------------------------- tidy tables


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_tidy_tables(lake: Lake, tmp_path: Path, suffix: str) -> None:
    def got(table: str) -> pl.DataFrame:
        path = tmp_path / f"{table}{suffix}"
        export(lake, "S01", "walk_01", path, session="ses1", table=table)
        return pl.read_csv(path) if suffix == ".csv" else pl.read_parquet(path)

    stored = lake.joint_angles("S01", "ses1")
    angles = got("angles")
    knee = angles.filter(pl.col("angle") == "left_knee_flexion_deg").sort("frame")
    np.testing.assert_array_equal(knee["value_deg"].to_numpy(), stored["left_knee_flexion_deg"].to_numpy())
    assert not {a for a in angles["angle"].unique() if stored[a].null_count() == stored.height}
    assert angles["session"].unique().to_list() == ["ses1"]
    of_trial = "WHERE subject = 'S01' AND session = 'ses1' AND person = 0"
    n_events = lake.sql(f"SELECT count(*) FROM gait_events {of_trial}").item()
    assert got("events").height == n_events > 8
    parameters = got("parameters")
    cycles = lake.sql(f"SELECT cycle, side, cadence_steps_min FROM spatiotemporal {of_trial} ORDER BY ALL")
    cadence = parameters.filter(pl.col("parameter") == "cadence_steps_min").sort("cycle", "side")
    np.testing.assert_array_equal(cadence["value"].to_numpy(), cycles["cadence_steps_min"].to_numpy())
    assert cadence["unit"].unique().to_list() == ["steps/min"]
    points = got("points").filter(pl.col("point") == "LeftFoot")
    assert points["x_mm"].null_count() == GAP.stop - GAP.start
    if suffix == ".csv":
        said = json.loads((tmp_path / "angles.csv.json").read_text())
    else:
        said = json.loads(pq.read_schema(tmp_path / "angles.parquet").metadata[b"neurostore"])
    assert said["lake_version"] == lake.version
    assert said["columns"]["angle"]["values"]["left_knee_flexion_deg"]["sign"] == "flexion +"


# ---------------------------------------------------------------------------------------------- errors, the command


def test_unknown_names_tell_the_near_ones(lake: Lake, tmp_path: Path) -> None:
    out = tmp_path / "x.trc"
    with pytest.raises(UsageError, match=r"no subject 's01'.*similar: S01"):
        export(lake, "s01", "walk_01", out)
    with pytest.raises(UsageError, match=r"no trial 'walk01'.*similar: walk_01"):
        export(lake, "S01", "walk01", out)
    with pytest.raises(UsageError, match=r"several sessions; .*: ses1, ses2"):
        export(lake, "S01", "walk_01", out)
    with pytest.raises(UsageError, match="in session 'ses3'; it is in: ses1, ses2"):
        export(lake, "S01", "walk_01", out, session="ses3")
    with pytest.raises(UsageError, match="no person 4 in poses/cmu_31; there are 0, 1"):
        export(lake, "S02", "two", out, person=4)
    with pytest.raises(UsageError, match=r"x\.xlsx: no format .* expected \.trc"):
        export(lake, "S02", "two", tmp_path / "x.xlsx")
    with pytest.raises(UsageError, match="a skeleton of this trial: cmu_31"):
        export(lake, "S02", "two", out, points="smpl_24")
    assert not list(tmp_path.iterdir())


def test_files_are_whole_and_never_replaced_unasked(lake: Lake, tmp_path: Path, monkeypatch) -> None:
    out = tmp_path / "walk.trc"
    out.write_text("mine")
    with pytest.raises(UsageError, match=r"walk\.trc: exists already.*--force"):
        export(lake, "S02", "late", out)
    assert out.read_text() == "mine"

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(UsageError, match="the disk is full"):
        export(lake, "S02", "late", out, force=True)
    assert [p.name for p in tmp_path.iterdir()] == ["walk.trc"]
    assert out.read_text() == "mine"
    monkeypatch.undo()
    export(lake, "S02", "late", out, force=True)
    assert parse_trc(out)[0]["NumMarkers"] == "31"


def test_same_lake_version_same_bytes(lake: Lake, tmp_path: Path) -> None:
    for name in ("a.mot", "a.parquet", "a.c3d"):
        export(lake, "S02", "late", tmp_path / name)
        first = (tmp_path / name).read_bytes()
        export(lake, "S02", "late", tmp_path / name, force=True)
        assert (tmp_path / name).read_bytes() == first


def test_the_command(lake: Lake, tmp_path: Path) -> None:
    done = run("export", "S01", "walk_01", "knees.mot", "--session", "ses1", "--osim-model", "gait2392",
               "--lake", lake.path, cwd=tmp_path)  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "")
    assert "written: knees.mot" in done.stderr
    assert parse_mot(tmp_path / "knees.mot")[1]["knee_angle_l"].min() < -40
    again = run("export", "S01", "walk_01", "knees.mot", "--session", "ses1", "--lake", lake.path, cwd=tmp_path)
    assert again.returncode == 2
    assert "--force" in again.stderr


def test_a_mot_has_no_nan_since_opensim_stops_reading_there() -> None:
    """0.1 s are filled by a line, 1 s splits the file, missing ends are cut."""
    time = np.arange(300) / 100
    values = np.stack([time, 10 * time, 20 * time], axis=1)
    values[100:108, 1] = np.nan
    values[150:250, 2] = np.nan
    values[:5, 1] = np.nan
    stretches, notes = mot.whole_stretches(values)
    assert [len(s) for s in stretches] == [145, 50]
    assert all(np.isfinite(s).all() for s in stretches)
    np.testing.assert_allclose(np.concatenate(stretches)[:, 1], 10 * np.concatenate(stretches)[:, 0], atol=1e-12)
    assert "8 missing values" in notes[0]
    assert "105 of 300 rows" in notes[1]
    assert "2 files" in notes[1]
    whole, nothing = mot.whole_stretches(np.nan_to_num(values))
    assert len(whole) == 1
    assert nothing == []


def test_empty_frames_of_a_trc_are_reported_and_cut_on_request() -> None:
    positions = np.ones((20, 3, 3), np.float32)
    positions[:4], positions[10:12], positions[18:] = np.nan, np.nan, np.nan
    points = Points("poses", ["a", "b", "c"], np.arange(20), np.arange(20) / 100, positions)
    same, notes = trc._seen(points, trim=False)
    assert len(same.frame) == 20
    assert "6 frames at the ends" in notes[0]
    assert "--trim" in notes[0]
    cut, notes = trc._seen(points, trim=True)
    assert cut.frame.tolist() == list(range(4, 18))
    assert "2 frames in the middle" in notes[1]
