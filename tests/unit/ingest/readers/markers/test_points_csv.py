"""CSV of Motive, Nexus and FreeMoCap: the same walk as in a TRC file, to the digits that the text has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from neurostore import skeleton
from neurostore.errors import InputError
from neurostore.ingest.cohort.scan import scan
from neurostore.ingest.readers import read
from neurostore.ingest.recording import ReadOptions
from tests.builders import c3d_files
from tests.builders.points_files import body, freemocap, motive, nexus, y_up

LEGS = c3d_files.LEGS
N = 60


@pytest.fixture(scope="module")
def walk() -> np.ndarray:
    """(60, J, 3) mm, Z up as C3D has it."""
    return c3d_files.walker(N)


def positions_of(recording, names: Sequence[str]) -> np.ndarray:
    poses = recording.poses[0]
    return poses.positions[:, [poses.skeleton.index(n) for n in names]]


@pytest.mark.parametrize(
    ("text_of", "digits_mm"),
    [
        (lambda p: motive(y_up(p), LEGS), 0.01),
        (lambda p: motive(y_up(p), LEGS, unit="Millimeters", per_mm=1.0), 0.01),
        (lambda p: motive(y_up(p), LEGS).replace(",", ";"), 0.01),
        (lambda p: motive(y_up(p), LEGS).replace(",", ";").replace(".", ","), 0.01),
        (lambda p: motive(y_up(p), LEGS).split("\n\n")[1], 0.01),  # without its header
        (lambda p: "\ufeff" + motive(y_up(p), LEGS), 0.01),
        (lambda p: nexus(p, LEGS).replace(",", "\t"), 0.01),
        (lambda p: nexus(p, LEGS), 0.01),
        (lambda p: nexus(p, LEGS, separator=";"), 0.01),
    ],
    ids=[
        "motive in metres",
        "motive in millimetres",
        "motive with semicolons",
        "motive with decimal commas",
        "motive without its header",
        "motive with a mark",
        "nexus with tabs",
        "nexus",
        "nexus with decimal commas",
    ],
)
def test_markers_are_where_they_were(tmp_path: Path, walk: np.ndarray, text_of: Callable, digits_mm: float) -> None:
    points = walk.copy()
    points[3, 2] = np.nan
    path = tmp_path / "walk.csv"
    path.write_text(text_of(points))
    recording = read(path)
    found = positions_of(recording, LEGS)
    assert recording.rate_hz == 100
    assert np.nanmax(np.abs(found - y_up(points))) < digits_mm
    assert np.isnan(found[3, 2]).all()
    assert np.isfinite(found).all(axis=-1).sum() == N * len(LEGS) - 1


def test_angles_of_nexus_are_the_files_and_moments_are_left_to_c3d(tmp_path: Path, walk: np.ndarray) -> None:
    path = tmp_path / "walk.csv"
    path.write_text(nexus(walk, LEGS, first=101))
    recording = read(path)
    knee = next(a for a in recording.angles if a.angle == "left_knee_flexion_deg")
    assert np.allclose(knee.values, 10 + np.arange(N) / 10)
    assert any("not angles were left out" in note for note in recording.notes)
    assert any("first frame is 101" in note for note in recording.notes)
    lines = nexus(walk, LEGS).split("\n")
    path.write_text("\n".join(lines[lines.index("Model Outputs") :]))
    alone = read(path)
    assert alone.kind == "angles"
    assert alone.poses == []
    assert len(alone.angles) == 3


def test_freemocap_as_csv_and_as_array(tmp_path: Path, walk: np.ndarray) -> None:
    points, joints = body(walk), skeleton.load("blazepose_33").source_names
    (tmp_path / "body.csv").write_text(freemocap(points, joints))
    recording = read(tmp_path / "body.csv")
    assert recording.poses[0].skeleton.name == "blazepose_33"
    assert recording.rate_hz == pytest.approx(30, abs=0.01)
    assert np.abs(positions_of(recording, joints) - y_up(points)).max() < 0.01
    np.save(tmp_path / "mediapipe_body_3d_xyz.npy", points)
    with pytest.raises(InputError, match="rate_hz"):
        read(tmp_path / "mediapipe_body_3d_xyz.npy")
    array = read(tmp_path / "mediapipe_body_3d_xyz.npy", ReadOptions(rate_hz=30.0))
    assert np.abs(positions_of(array, joints) - y_up(points)).max() < 0.01
    assert any("MediaPipe's order" in note for note in array.notes)


def test_expected_markers_alone_are_named_and_bones_are_refused(tmp_path: Path, walk: np.ndarray) -> None:
    path = tmp_path / "walk.csv"
    path.write_text(motive(y_up(walk), LEGS, kind="Bone Marker"))
    assert any("model expects" in note for note in read(path).notes)
    path.write_text(motive(y_up(walk), LEGS, kind="Bone"))
    with pytest.raises(InputError, match="holds no marker positions but Bone"):
        read(path)
    path.write_text(motive(y_up(walk), LEGS, **{"Coordinate Space": "Local"}))
    with pytest.raises(InputError, match="global"):
        read(path)


def test_a_table_of_people_is_not_a_capture(tmp_path: Path, walk: np.ndarray) -> None:
    folder = tmp_path / "S01"
    folder.mkdir()
    (folder / "walk.csv").write_text(motive(y_up(walk), LEGS))
    (folder / "remarks.csv").write_text("frame,nose,left_hip\n1,2,3\n")
    (tmp_path / "participants.csv").write_text("participant_id,sex\nS01,F\n")
    np.save(folder / "weights.npy", np.zeros((3, 33, 3)))
    cohort = scan(tmp_path)
    assert [t.trial for t in cohort.trials] == ["walk"]
    assert sorted(p.name for p in cohort.unknown) == ["remarks.csv", "weights.npy"]


@pytest.mark.parametrize("maker", [motive, nexus])
def test_a_capture_in_utf_16_is_found_and_read(tmp_path: Path, walk: np.ndarray, maker: Callable) -> None:
    folder = tmp_path / "S01"
    folder.mkdir()
    text = motive(y_up(walk), LEGS) if maker is motive else nexus(walk, LEGS)
    (folder / "walk.csv").write_text(text, encoding="utf-16")
    assert len(scan(tmp_path).trials) == 1
    assert np.abs(positions_of(read(folder / "walk.csv"), LEGS) - y_up(walk)).max() < 0.01


def any_table(points: np.ndarray, separator: str, axes: str, clock: str, per_mm: float) -> str:
    """A table with x, y and z of each marker, as people's own scripts write it; decimal commas between semicolons."""
    cells = [clock, *(axes.format(name=name, axis=axis) for name in LEGS for axis in "xyz")]
    per_s = 1000.0 if "ms" in clock else 1.0
    rows = [[per_s * i / 100, *frame] for i, frame in enumerate((points * per_mm).reshape(len(points), -1))]
    lines = [separator.join(cells), *(separator.join(f"{value:.6f}" for value in row) for row in rows)]
    return "\n".join(line.replace(".", ",") if separator == ";" and i else line for i, line in enumerate(lines)) + "\n"


@pytest.mark.parametrize(
    ("separator", "axes", "clock", "per_mm"),
    [
        (",", "{name}_{axis}", "time", 1.0),
        (";", "{name} {axis}", "Time (s)", 0.001),
        ("\t", "{name}.{axis}", "time_ms".replace("_", " "), 1.0),
        (",", "Anna:{name}_{axis}", "t", 1.0),
        (",", '"{name}:{axis} (mm)"', '"Zeit"', 1.0),
        ("\t", "{name}.Pos{axis}", "TimeStamp", 0.001),  # D-Flow
        (",", "{name} Position {axis}", "Time", 1.0),
        (",", "{axis}_{name}", "time", 1.0),
    ],
)
def test_a_column_for_each_coordinate_of_any_program(
    tmp_path: Path, walk: np.ndarray, separator: str, axes: str, clock: str, per_mm: float
) -> None:
    folder = tmp_path / "S01"
    folder.mkdir()
    (folder / "walk.csv").write_text(any_table(walk, separator, axes, clock, per_mm))
    (folder / "sensor.csv").write_text("time,acc_x,acc_y,acc_z,gyro_x,gyro_y,gyro_z\n0,1,2,3,4,5,6\n")
    cohort = scan(tmp_path)
    assert ([t.trial for t in cohort.trials], [p.name for p in cohort.unknown]) == (["walk"], ["sensor.csv"])
    recording = read(folder / "walk.csv")
    assert np.abs(positions_of(recording, LEGS) - y_up(walk)).max() < 0.01
    assert recording.rate_hz == 100


@pytest.mark.parametrize("names_every", ["once", "thrice"])
@pytest.mark.parametrize(
    ("above", "axes", "below"), [([], "XYZ", ["", "mm"]), (["Walk of 3 May"], "xyz", []), ([], "X1", [])]
)
def test_names_in_a_row_above_the_axes(
    tmp_path: Path, walk: np.ndarray, names_every: str, above: list[str], axes: str, below: list[str]
) -> None:
    times = 3 if names_every == "thrice" else 1
    names = [name if k < times else "" for name in LEGS for k in range(3)]
    letters = [f"{a}{i + 1}" if "1" in axes else axes["XYZ".index(a)] for i in range(len(LEGS)) for a in "XYZ"]
    lines = [
        *above,
        ",".join(["Frame", "Time", *names]),
        ",".join(["", "", *letters]),
        *([",".join(["", "s", *["mm"] * len(names)])] if below else []),
    ]
    rows = walk.reshape(len(walk), -1)
    lines += [",".join([str(i + 1), f"{i / 100:.3f}", *(f"{v:.4f}" for v in row)]) for i, row in enumerate(rows)]
    folder = tmp_path / "S01"
    folder.mkdir()
    (folder / "walk.csv").write_text("\n".join(lines) + "\n")
    assert [t.trial for t in scan(tmp_path).trials] == ["walk"]
    recording = read(folder / "walk.csv")
    assert np.abs(positions_of(recording, LEGS) - y_up(walk)).max() < 0.01
    assert recording.rate_hz == 100
    assert any("unit and vertical" in note for note in recording.notes) == (not below)


def test_a_table_of_markers_called_txt_is_named_and_a_trc_beside_its_c3d_is_not_a_second_capture(
    tmp_path: Path, walk: np.ndarray
) -> None:
    folder = tmp_path / "S01"
    folder.mkdir()
    (folder / "mocap.txt").write_text(any_table(walk, "\t", "{name}.Pos{axis}", "TimeStamp", 0.001))
    (folder / "notes.txt").write_text("time\tremark\n0\tnone\n")
    for name in ("walk.c3d", "walk.trc", "walk.csv"):
        (folder / name).write_text(any_table(walk, ",", "{name}_{axis}", "time", 1.0))
    cohort = scan(tmp_path)
    assert [[p.name for p in t.paths] for t in cohort.trials] == [["walk.c3d"]]
    assert any("walk.csv, S01/walk.trc: not read" in warning for warning in cohort.warnings)
    assert ["let its name end in .csv" in str(error) for error in cohort.refused] == [True]


def test_another_csv_is_named_by_its_first_words(tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_bytes(b"a" * 59 + "é,1\n".encode())  # the cut at 60 bytes is inside a letter
    with pytest.raises(InputError, match="it begins 'aaa"):
        read(path)


def test_an_array_with_a_header_that_is_not_python_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mediapipe_body_3d_xyz.npy"
    header = b"{'descr': '<f8', ("
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    with pytest.raises(InputError, match="is not an array of numbers"):
        read(path, ReadOptions(rate_hz=30.0))
