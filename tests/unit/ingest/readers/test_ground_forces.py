"""Ground reaction of OpenSim's tables: points of application that are missing while nothing is loaded, and missing forces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from neurostore.ingest.readers.ground_forces import read_ground_forces

LABELS = ["time", *(f"ground_force_{kind}{axis}" for kind in "vp" for axis in "xyz")]
LOADED = slice(20, 80)


@pytest.fixture
def table() -> np.ndarray:
    """A foot stands at x = 0.2, z = -0.1 m with 700 N from frame 20 to 79; the point is missing otherwise."""
    rows = np.zeros((100, 7))
    rows[:, 0] = np.arange(100) / 100
    rows[:, 4:] = np.nan
    rows[LOADED, 2] = 700
    rows[LOADED, 4:] = (0.2, 0.0, -0.1)
    return rows


def test_points_missing_in_the_air_do_not_matter(table):
    notes: list[str] = []
    (plate,) = read_ground_forces(Path("walk_grf.mot"), LABELS, table, 100.0, notes)
    assert np.isfinite(plate.force).all()
    assert np.isfinite(plate.moment).all()
    np.testing.assert_allclose(plate.cop[LOADED], np.tile([200.0, 0, -100.0], (60, 1)))
    assert not any("missing" in note for note in notes)


@pytest.mark.parametrize("stem", ["1_ground_force_", "FP1_", "R_ground_force_", "grf_r_", "f1_"])
@pytest.mark.parametrize("torque", ["{stem}m{axis}", "{stem}t{axis}", "{stem}torque_{axis}"])
def test_other_names_of_the_columns(table, stem, torque):
    labels = ["time", *(f"{stem}{kind}{axis}" for kind in "vp" for axis in "xyz")]
    labels += [torque.format(stem=stem, axis=axis) for axis in "xyz"]
    rows = np.hstack([table, np.tile([0.0, 3.0, 0.0], (len(table), 1))])
    (plate,) = read_ground_forces(Path("walk_grf.mot"), labels, rows, 100.0, [])
    np.testing.assert_allclose(plate.cop[LOADED], np.tile([200.0, 0, -100.0], (60, 1)))
    np.testing.assert_allclose(plate.free_moment[LOADED], 3.0)
    assert plate.side == ("right" if "r_" in stem.lower() else None)


def test_missing_forces_leave_the_column_out_by_name(table):
    table[40:60, 2] = np.nan
    notes: list[str] = []
    assert read_ground_forces(Path("walk_grf.mot"), LABELS, table, 100.0, notes) == []
    assert any("is left out: 20 of its 100 samples are missing" in note for note in notes), notes
