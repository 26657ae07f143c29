"""TSV of Qualisys Track Manager: every option of its export is read as the same positions; tables of a cohort are not taken for one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from neurostore.errors import InputError
from neurostore.ingest.cohort.scan import scan
from neurostore.ingest.readers import read
from tests.builders.c3d_files import LEGS, walker, write

POINTS = walker(30)
POINTS[3:6, 4] = np.nan


def qtm(
    path: Path,
    *,
    places: str = "Frame Time",
    has_names: bool = True,
    version: bool = False,
    first: int = 1,
    hz: float = 100.0,
    end: str = "\n",
    **changes: str,
) -> Path:
    """The walker of c3d_files as QTM writes it, z up; a missing sample is 0, 0, 0. changes : values of the header."""
    head = {
        "NO_OF_FRAMES": str(len(POINTS)), "NO_OF_CAMERAS": "8", "NO_OF_MARKERS": str(len(LEGS)), "FREQUENCY": "100",
        "NO_OF_ANALOG": "0", "ANALOG_FREQUENCY": "0", "DESCRIPTION": "--", "TIME_STAMP": "2024-03-04, 12:32:01\t1.5",
        "DATA_INCLUDED": "3D", "EVENT": "RHS\t11\t0.10000", "MARKER_NAMES": "\t".join(LEGS),
    } | changes  # fmt: skip
    lines = ["FILE_VERSION\t2.0.0"] if version else []
    lines += [f"{key}\t{value}" for key, value in head.items() if value]
    if version:
        lines.append("TRAJECTORY_TYPES\t" + "\t".join(["Measured"] * len(LEGS)))
    if has_names:
        lines.append("\t".join([*places.split(), *(f"{name} {axis}" for name in LEGS for axis in "XYZ")]))
    for i, frame in enumerate(np.nan_to_num(POINTS)):
        at = {"Frame": str(first + i), "Time": f"{(first - 1 + i) / hz:.5f}"}
        lines.append("\t".join([*(at[p] for p in places.split()), *(f"{v:.3f}" for v in frame.ravel())]))
    path.write_bytes((end.join(lines) + end).encode())
    return path


def expected() -> np.ndarray:
    return np.stack([POINTS[..., 0], POINTS[..., 2], -POINTS[..., 1]], axis=-1)


@pytest.mark.parametrize("version", [False, True])
@pytest.mark.parametrize("has_names", [False, True])
@pytest.mark.parametrize("places", ["", "Frame", "Time", "Frame Time"])
def test_every_option_of_the_export(tmp_path, places, has_names, version):
    path = qtm(
        tmp_path / "walk.tsv", places=places, has_names=has_names, version=version, end="\r\n" if version else "\n"
    )
    recording = read(path)
    poses = recording.poses[0]
    columns = [poses.skeleton.index(name) for name in LEGS]
    np.testing.assert_allclose(poses.positions[:, columns], expected(), atol=1e-3, equal_nan=True)
    np.testing.assert_allclose(poses.time_s, np.arange(30) / 100, atol=1e-9)
    assert recording.rate_hz == 100
    assert [(e.event, e.side, e.time_s) for e in recording.events] == [("foot_strike", "right", 0.1)]
    assert recording.length_basis == "measured"
    assert recording.quality == {}


def test_a_part_of_a_measurement_keeps_its_clock(tmp_path):
    for places in ("Frame", "Frame Time"):
        assert read(qtm(tmp_path / "walk.tsv", places=places, first=51)).poses[0].time_s[0] == pytest.approx(0.5)


def test_what_contradicts_itself_is_said_or_refused(tmp_path):
    path = tmp_path / "walk.tsv"
    twice = read(qtm(path, hz=200.0))
    assert (twice.rate_hz, twice.quality) == (200.0, {"rate_claims_ratio": 0.5})
    assert any("FREQUENCY says 100" in note for note in twice.notes)
    short = read(qtm(path, NO_OF_FRAMES="40"))
    assert short.quality == {"missing_frames_pct": 25.0}
    assert any("of 40 frames 10 are missing" in note for note in short.notes)
    path.write_bytes(qtm(path).read_bytes()[:-40])
    assert len(read(path).poses[0].time_s) == 29
    for changes, says in (
        ({"MARKER_NAMES": "\t".join(LEGS[:-1])}, "expected 3 for each of the 11 MARKER_NAMES"),
        ({"DATA_INCLUDED": "6D"}, "with 6D data: export 3D data"),
        ({"FREQUENCY": "", "places": ""}, "states no frame rate"),
    ):
        with pytest.raises(InputError, match=says):
            read(qtm(path, **changes))


def test_tables_of_a_cohort_and_exports_beside_a_c3d_are_not_captures(tmp_path):
    folder = tmp_path / "cohort" / "S01"
    folder.mkdir(parents=True)
    (tmp_path / "cohort" / "participants.tsv").write_text("subject\tsex\nS01\tF\n")
    (tmp_path / "cohort" / "trials.tsv").write_text("subject\ttrial\tcondition\nS01\twalk\tfree\n")
    qtm(folder / "walk.tsv")
    qtm(folder / "run.tsv")
    write(folder / "run.c3d", POINTS, LEGS)
    cohort = scan(tmp_path / "cohort")
    assert not cohort.refused
    assert {t.trial: t.paths[0].suffix for t in cohort.trials} == {"walk": ".tsv", "run": ".c3d"}
    assert any("S01/run.tsv: not read, because the C3D of that name" in warning for warning in cohort.warnings)
    assert [t.metadata.get("condition") for t in cohort.trials if t.trial == "walk"] == ["free"]
