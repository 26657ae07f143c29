"""Somebody who stands still on the platforms weighs what the file says, or a note says what is carried."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from neurostore.ingest.readers.c3d.forces import standing_weight
from neurostore.ingest.recording import Calibration


def carrying(*newtons: float) -> list[SimpleNamespace]:
    return [SimpleNamespace(force=np.tile([0.0, n, 0.0], (10, 1))) for n in newtons]


@pytest.mark.parametrize(
    ("newtons", "mass_kg", "said"),
    [
        ((400.0, 390.0), 80.0, None),
        ((0.0, 708.5), 70.23, "2.8 % more than"),
        ((245.0, 438.4), 81.0, "14.0 % less than"),
        ((400.0, 0.0), 80.0, None),  # one foot on the floor
        ((0.0, 7848.0), 80.0, "900.0 % more than"),
    ],
)
def test_weight_in_standing(newtons, mass_kg, said):
    notes = standing_weight(carrying(*newtons), [Calibration("body_mass", None, mass_kg, "kg", "file")])
    assert [said in n for n in notes] == ([True] if said else [])


def test_without_a_body_mass_nothing_is_reported():
    assert standing_weight(carrying(700.0), []) == []
