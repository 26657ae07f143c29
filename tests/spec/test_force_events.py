"""Foot strikes and foot offs of a platform: to the sample where the signal is clean, and not from noise where it is not."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from scipy import signal

from neurostore.ingest.readers.plate_doubts import is_smoothed
from tests.builders import view_builder

RATE_HZ, SECONDS = 300.0, 2.0
STRIKE_S, OFF_S = 0.5, 1.2
TIME_S = np.arange(round(SECONDS * RATE_HZ)) / RATE_HZ


def _stance() -> np.ndarray:
    """Up within 30 ms as at a heel strike, down over 120 ms as at a push-off; at both times it passes 20 N."""
    rise = 20 + (TIME_S - STRIKE_S) / 0.03 * 700
    fall = 20 + (OFF_S - TIME_S) / 0.12 * 500
    return np.clip(np.minimum(rise, fall), 0, 720)


def _events(up_n: np.ndarray, second_from_s: float = np.inf) -> dict[str, float]:
    """second_from_s : when the platform counts as loaded anew, 20 ms after it counted as left."""
    key = view_builder.KEY
    forces = [
        {**key, "plate": 1, "sample": i, "time_s": float(t), "force": {"x": 0.0, "y": float(up), "z": 0.0}}
        for i, (t, up) in enumerate(zip(TIME_S, up_n, strict=True))
    ]
    frames = np.arange(STRIKE_S, OFF_S, 0.01)
    frames = frames[(frames < second_from_s - 0.02) | (frames >= second_from_s)]
    runs = (frames >= second_from_s).astype(int).tolist()
    reaction = pa.table(
        {**{k: [v] * len(frames) for k, v in key.items()}, "side": ["left"] * len(frames), "time_s": frames,
         "plate_run": runs, "plates": [[1]] * len(frames), "is_on_plate": [True] * len(frames),
         "reason": pa.nulls(len(frames), pa.string())}
    )  # fmt: skip
    with view_builder.connect(
        only=["_force_events"], forces=view_builder.table("forces", forces), reaction=reaction
    ) as connection:
        found = connection.execute("SELECT event, time_s FROM _force_events('reaction')").fetchall()
    assert len(found) == len(dict(found))
    return dict(found)


def test_a_clean_signal_gives_the_first_and_the_last_sample_of_20_newtons():
    up = _stance()
    found = _events(up)
    touched = TIME_S[up >= 20]
    assert found == {"foot_strike": touched[0], "foot_off": touched[-1]}


def test_a_load_that_flickers_as_the_foot_leaves_is_no_step():
    up = _stance()
    up[(TIME_S > OFF_S - 0.05) & (TIME_S < OFF_S - 0.03)] = 5
    up[(TIME_S >= OFF_S - 0.03) & (TIME_S < OFF_S)] = 60
    touched = TIME_S[up >= 20]
    assert _events(up, second_from_s=OFF_S - 0.03) == {"foot_strike": touched[0], "foot_off": touched[-1]}


@pytest.mark.parametrize(("cutoff_hz", "n_events"), [(6.0, 0), (8.0, 0), (50.0, 2)])
def test_a_low_passed_force_gives_no_events(cutoff_hz, n_events):
    """At 6 Hz it passes 20 N more than 10 ms before the foot touches the platform; 50 Hz leaves the contact sharp."""
    low_pass = signal.butter(2, cutoff_hz, fs=RATE_HZ, output="sos")
    smooth = signal.sosfiltfilt(low_pass, _stance())
    if cutoff_hz == 6:
        assert TIME_S[smooth >= 20][0] < STRIKE_S - 0.01
    assert is_smoothed(smooth, RATE_HZ) == (n_events == 0)
    assert len(_events(smooth)) == n_events


@pytest.mark.parametrize("seed", range(3))
def test_noise_of_a_treadmill_is_not_a_foot(seed):
    """Belts shake their platforms by tens of newtons, and samples alternate: the plain rule would be 10 to 25 ms off."""
    noise = np.random.default_rng(seed).normal(0, 5, len(TIME_S)) + 35 * (-1.0) ** np.arange(len(TIME_S))
    noisy = _stance() + noise
    plain = TIME_S[(noisy >= 20) & (TIME_S < OFF_S + 0.02)]
    assert plain[-1] - OFF_S > 0.01
    found = _events(noisy)
    assert found["foot_strike"] == pytest.approx(STRIKE_S, abs=0.008)
    assert found["foot_off"] == pytest.approx(OFF_S, abs=0.008)
