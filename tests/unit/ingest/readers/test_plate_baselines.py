"""An unloaded platform that does not read zero is noted with the level; nothing is taken away that the file does not ask for."""

from __future__ import annotations

import numpy as np
import pytest

from neurostore.ingest.readers.wrenches import Wrench, plate_from_wrench
from neurostore.ingest.recording import ForcePlate

RATE_HZ, N = 1000.0, 2000
AS_RECORDED = "FORCE_PLATFORM:ZERO names no frames: as recorded"


def plate(
    vertical: float, horizontal: float = 0.0, moment: float = 0.0, noise: float = 0.5
) -> tuple[ForcePlate, list[str]]:
    """A step of 700 N over 0.6 s on a platform that reads so much more all the time."""
    rng = np.random.default_rng(0)
    force = rng.normal(0, noise, (N, 3)) + np.array([horizontal, vertical, 0.0])
    force[700:1300, 1] += 700
    moments = rng.normal(0, 100 * noise, (N, 3)) + np.array([1000.0 * moment, 0, 0])
    notes: list[str] = []
    wrench = Wrench(1, 2, RATE_HZ, 0.0, force, moments, np.array([0, 1.0, 0]), AS_RECORDED, ("N",), centre=np.zeros(3))
    return plate_from_wrench(wrench, notes), notes


@pytest.mark.parametrize(
    ("level", "says"),
    [
        ({"vertical": 15.0}, "unloaded it reads 15.0 N vertically"),
        ({"vertical": -12.0}, "unloaded it reads -12.0 N vertically"),
        ({"vertical": 0.0, "horizontal": 8.0}, "8.0 N horizontally"),
        ({"vertical": 0.0, "moment": -9.0}, "up to 9.0 Nm"),
        ({"vertical": 3.0}, None),
        ({"vertical": 0.0, "noise": 15.0}, None),  # a treadmill: its unloaded level is not known
    ],
)
def test_what_an_unloaded_platform_reads_is_noted(level, says):
    found, notes = plate(**level)
    told = [note for note in notes if "unloaded" in note]
    assert [says in note for note in told] == [True] if says else told == []
    assert found.zero == AS_RECORDED
    if "noise" not in level:
        assert found.baseline_n == pytest.approx(level["vertical"], abs=0.1)
        assert found.force[1000, 1] == pytest.approx(700 + level["vertical"], abs=3)
