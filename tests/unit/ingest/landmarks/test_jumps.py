"""Frames that are missing, recordings that were joined and markers that were knocked are seen; movement, noise and glitches are not."""

from __future__ import annotations

import numpy as np
import pytest

from neurostore.ingest.landmarks.jumps import find
from tests.builders.skin_walker import walker

LABELS = [s + n for s in "LR" for n in ("ASI", "PSI", "THI", "KNE", "TIB", "ANK", "HEE", "TOE", "SHO")]


def body(n: int = 200, rate_hz: float = 100.0, noise_mm: float = 0.3) -> np.ndarray:
    points = walker(n, rate_hz)
    rng = np.random.default_rng(0)
    return np.stack([points[name] for name in LABELS], axis=1) + rng.normal(0, noise_mm, (n, len(LABELS), 3))


def found(
    values: np.ndarray, rate_hz: float = 100.0, frame: np.ndarray | None = None, **options: bool
) -> dict[str, float]:
    frame = np.arange(len(values)) if frame is None else frame
    return find(values, frame, rate_hz, LABELS, **{"are_markers": True} | options)[0]


@pytest.mark.parametrize(
    ("rate_hz", "noise_mm"),
    [(100.0, 0.3), (25.0, 0.3), (15.0, 1.0), (10.0, 1.0), (6.0, 1.0), (100.0, 5.0), (500.0, 0.5)],
)
def test_a_walk_has_no_jumps(rate_hz, noise_mm):
    assert found(body(200, rate_hz, noise_mm), rate_hz) == {}


def test_missing_frames_and_joined_recordings():
    values = body()
    assert found(np.delete(values, slice(90, 110), axis=0)) == {"body_jumps": 1.0}
    assert found(np.concatenate([values, values])) == {"body_jumps": 1.0}
    assert found(np.concatenate([values, values]), are_markers=False) == {"body_jumps": 1.0}
    told = np.delete(np.arange(200), slice(90, 110))
    assert found(np.delete(values, slice(90, 110), axis=0), frame=told) == {}  # the file says that they are missing
    gap = values.copy()
    gap[90:110] = np.nan
    assert found(gap) == {}


def test_a_marker_that_was_knocked_and_a_glitch():
    values = body()
    knocked = values.copy()
    knocked[100:, 2] += [0.0, 0.0, 30.0]
    assert found(knocked) == {"marker_jump_mm": pytest.approx(30, abs=2)}
    assert found(knocked, are_markers=False) == {}
    glitch = values.copy()
    glitch[100, 2] += 80.0
    glitch[150:152] += 500.0
    assert found(glitch) == {}
