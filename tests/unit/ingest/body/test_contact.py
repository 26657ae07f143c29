"""Feet that stand, found where they stand and not by a floor."""

from __future__ import annotations

import numpy as np
import pytest

from neurostore.ingest.body.contact import stances

RATE_HZ = 100.0
STEP_M, TREAD_M = 0.17, 0.29


def climbing(n_steps: int, stand: int = 60, swing: int = 40) -> np.ndarray:
    """(T, 3) m: a toe that stands 0.6 s on every step of a stair and swings 0.4 s to the next, over its edge."""
    s = np.linspace(0, 1, swing, endpoint=False)
    smooth = s - np.sin(2 * np.pi * s) / (2 * np.pi)  # at rest at both ends
    parts = []
    for step in range(n_steps):
        low = np.array([TREAD_M, STEP_M, 0.0]) * step
        parts.append(np.tile(low, (stand, 1)))
        over = np.column_stack([TREAD_M * smooth, STEP_M * smooth + 0.06 * np.sin(np.pi * s) ** 2, 0 * s])
        parts.append(low + over)
    return np.concatenate(parts)


@pytest.mark.parametrize("direction", [1, -1])  # up, and down
def test_a_foot_stands_on_every_step_of_a_stair(direction):
    toe = climbing(4)[::direction]
    found = stances(toe, RATE_HZ)
    assert len(found) == 4
    heights = sorted(float(toe[a:b, 1].mean()) for a, b in found)
    assert heights == pytest.approx(STEP_M * np.arange(4), abs=0.003)
    assert all(60 <= b - a <= 80 for a, b in found)


def test_a_foot_that_slides_does_not_stand():
    sliding = np.column_stack([0.25 * np.arange(200) / RATE_HZ, np.zeros(200), np.zeros(200)])
    assert stances(sliding, RATE_HZ) == []
