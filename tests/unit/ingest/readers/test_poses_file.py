"""Poses of other programs: read as written, refused by name, and in the lake as every other recording."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from neurostore import skeleton
from neurostore.api import open as open_lake
from neurostore.errors import InputError
from neurostore.file_hash import sha256_of_all
from neurostore.ingest.readers import read, stem_of
from neurostore.ingest.recording import ReadOptions
from tests import ROOT
from tests.builders import neuropose_files
from tests.builders.poses_files import HEADER, columns, write
from tests.cli.cli_run import run

JOINTS = skeleton.load("berkeley_mhad_43").joints
MADE = neuropose_files.persons(40)  # (n, 2, J, 3) mm, camera frame


def one(**changes: object) -> dict:
    """A header with changes; None takes a key out."""
    return {k: v for k, v in {**HEADER, **changes}.items() if v is not None}


@pytest.mark.parametrize("ending", ["json", "parquet"])
def test_positions_are_those_written_and_those_of_the_neuropose_reader(tmp_path: Path, ending: str) -> None:
    path = write(tmp_path / f"walk.poses.{ending}", HEADER, columns(MADE[:, :1] / 1000, JOINTS))
    recording = read(path)
    poses = recording.poses[0]
    other = read(neuropose_files.write(tmp_path, {"walk.mp4": neuropose_files.video(neuropose_files.walk(40))}))
    np.testing.assert_allclose(poses.positions, other.poses[0].positions, atol=1e-3)
    np.testing.assert_allclose(poses.time_s, other.poses[0].time_s)
    assert poses.skeleton == other.poses[0].skeleton
    assert (recording.kind, recording.up_source, recording.position_basis) == ("video", "camera_level", "camera_metric")
    assert np.unique(poses.confidence) == 0.75
    assert recording.estimator["name"] == "my estimator"
    assert stem_of(path) == "walk"


@pytest.mark.parametrize(("unit", "per_mm"), [("mm", 1.0), ("cm", 0.1), ("m", 0.001)])
def test_units(tmp_path: Path, unit: str, per_mm: float) -> None:
    path = write(tmp_path / "w.poses.json", one(units=unit), columns(MADE[:, :1] * per_mm, JOINTS))
    np.testing.assert_allclose(read(path).poses[0].positions, MADE[:, 0] * [1, -1, -1], rtol=1e-5, atol=1e-2)


def test_a_lab_with_z_up_is_turned(tmp_path: Path) -> None:
    header = one(units="mm", axes="z", position_basis="lab")
    recording = read(write(tmp_path / "w.poses.parquet", header, columns(MADE[:, :1], JOINTS)))
    np.testing.assert_allclose(recording.poses[0].positions[..., 1], MADE[:, 0, :, 2], rtol=1e-5)
    assert recording.up_source == "lab"


def test_several_persons_and_frames_without_the_subject(tmp_path: Path) -> None:
    made = MADE.copy()
    made[5:8, 1] = np.nan  # the subject, person 4 of the file, is not seen
    made[:20, 0] = np.nan  # the other one, person 3, comes later
    rows = columns(made, JOINTS, first_person=3)
    with pytest.raises(InputError, match=r"holds 2 persons \(3, 4\).*give 'subject'"):
        read(write(tmp_path / "a.poses.json", one(units="mm"), rows))
    recording = read(write(tmp_path / "b.poses.json", one(units="mm", subject=4, frames=45), rows))
    poses = recording.poses[0]
    assert poses.frame[poses.person == 0].tolist() == list(range(45))
    assert poses.frame[poses.person == 1].tolist() == list(range(20, 40))
    assert np.isnan(poses.positions[5:8]).all()
    np.testing.assert_allclose(poses.positions[poses.person == 1], MADE[20:, 0] * [1, -1, -1], rtol=1e-5, atol=1e-2)
    assert any("no position in 8 of 45 frames" in note for note in recording.notes)
    cut = read(tmp_path / "b.poses.json", ReadOptions(frames=(10, 29)))
    assert cut.poses[0].frame.tolist() == [*range(20), *range(10, 20)]
    assert cut.poses[0].time_s[0] == pytest.approx(10 / 30)


def test_a_list_of_joints_instead_of_a_skeleton(tmp_path: Path) -> None:
    names = tuple(f"my_{j}" for j in JOINTS)
    header = one(units="mm", skeleton=None, joints=list(names))
    poses = read(write(tmp_path / "w.poses.json", header, columns(MADE[:, :1], names))).poses[0]
    order = [poses.skeleton.source_names.index(n) for n in names]
    np.testing.assert_allclose(poses.positions[:, order], MADE[:, 0] * [1, -1, -1], rtol=1e-5, atol=1e-2)


def _without(rows: dict, name: str) -> dict:
    return {k: v for k, v in rows.items() if k != name}


ROWS = columns(MADE[:, :1] / 1000, JOINTS)
WRONG = {
    "no z": (HEADER, _without(ROWS, "z"), "no z: 2D key points"),
    "z empty": (HEADER, {**ROWS, "z": [None] * len(ROWS["z"])}, "no number in z: 2D"),
    "pixels": (one(units="px"), ROWS, "places in an image are not lengths"),
    "unit": (one(units="inch"), ROWS, "units is 'inch', expected one of mm, cm, m"),
    "wrong unit": (one(units="mm"), ROWS, "makes the markers .* mm across"),
    "joint": (HEADER, {**ROWS, "joint": ["lknee", *ROWS["joint"][1:]]}, "does not have: 'lknee'"),
    "twice": (HEADER, {**ROWS, "frame": [0] * len(ROWS["frame"])}, "given twice, first .* of person 0 in frame 0"),
    "fraction": (HEADER, {**ROWS, "frame": [0.5, *ROWS["frame"][1:]]}, "frame is 0.5 in row 0"),
    "confidence": (HEADER, {**ROWS, "confidence": [87.0] * len(ROWS["z"])}, "outside 0 to 1"),
    "fps": (one(fps=0), ROWS, "fps is 0, expected 1 to 2000"),
    "frames": (one(frames=12), ROWS, "frames is 12, but a row has frame 39"),
    "estimator": (one(estimator={"name": "x"}), ROWS, "estimator.version is None"),
    "both": (one(joints=["a"]), ROWS, "either 'skeleton' .* or 'joints'"),
    "short": (HEADER, {k: v[: 43 * 4] for k, v in ROWS.items()}, "in 4 of 4 frames; expected at least 10"),
    "column": (HEADER, _without(ROWS, "person"), "lacks the columns person"),
    "empty": (HEADER, {k: [] for k in ROWS}, "has no rows"),
    "text": (HEADER, {**ROWS, "x": ["1"] * len(ROWS["x"])}, "column x is string, expected numbers"),
    "subject": (one(subject=9), ROWS, "subject is 9, the rows have 0"),
    "contract": (one(contract=2), ROWS, "contract is 2, expected 1"),
}


@pytest.mark.parametrize("ending", ["json", "parquet"])
@pytest.mark.parametrize("name", sorted(WRONG))
def test_wrong_files_are_refused_by_what_is_wrong(tmp_path: Path, name: str, ending: str) -> None:
    header, rows, said = WRONG[name]
    with pytest.raises(InputError, match=said):
        read(write(tmp_path / f"w.poses.{ending}", header, rows))


def test_names_that_are_not_utf8_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "walk.poses.parquet", HEADER, columns(MADE[:4, :1] / 1000, JOINTS))
    table, content = pq.read_table(path), path.read_bytes()
    path.write_bytes(content.replace(b"confidence", b"\xe4onfidence"))
    with pytest.raises(InputError, match="is not Parquet, or breaks off"):
        read(path)
    joints = pa.array([b"\xe4" + name.encode() for name in table["joint"].to_pylist()], pa.binary())
    joints = pa.Array.from_buffers(pa.string(), len(table), joints.buffers())
    pq.write_table(table.set_column(table.column_names.index("joint"), "joint", joints), path)
    with pytest.raises(InputError, match=r"is not Parquet, or breaks off: .*Invalid UTF8"):
        read(path)


def test_a_video_takes_the_poses_beside_it_and_is_named_without_them(tmp_path: Path) -> None:
    made = tmp_path / "cohort" / "S01"
    path = write(made / "walk.poses.parquet", HEADER, ROWS)
    (made / "walk.mp4").write_bytes(b"never opened")
    (made / "run.mp4").write_bytes(b"never opened")
    shown = run("ingest", tmp_path / "cohort", "--lake", tmp_path / "lake", "--estimator", "file", "--workers", "1")
    assert shown.returncode == 1, shown.stderr
    assert "run.poses.parquet or run.poses.json" in shown.stderr
    (trial,) = open_lake(tmp_path / "lake").trials_table().to_pylist()
    assert trial["trial"] == "walk"
    assert trial["estimator"] == "my estimator 2.1"
    assert trial["model_sha256"] == "cd" * 32
    assert trial["source_sha256"] == sha256_of_all([path])


def test_the_example_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "docs" / "estimator-file.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (tmp_path / "cohort" / "S01").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "estimator-file.md", "exec"), {})
    recording = read(tmp_path / "cohort" / "S01" / "walk.poses.parquet")
    assert np.isfinite(recording.poses[0].positions).all()
    (text,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    assert json.loads(text)["contract"] == 1
