"""The views agree with their plain twins, whatever walks in."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurostore.walker import gait
from neurostore.walker import walk as walker
from tests.builders import view_builder
from tests.twins import gait as twin


@st.composite
def walks(draw):
    """(time, points, is_treadmill): a walker with noise, gaps, a drifting clock, standing, or without some landmark."""
    pattern = draw(st.sampled_from(sorted(gait.PATTERNS)))
    treadmill = draw(st.booleans())
    walk = walker.walk(
        gait.PATTERNS[pattern](),
        n_strides=draw(st.floats(1.5, 3.0)),
        rate_hz=draw(st.sampled_from([25.0, 50.0, 100.0, 120.0])),
        start_phase=draw(st.floats(0.0, 1.0)),
        heading_deg=draw(st.floats(-180.0, 180.0)),
        is_treadmill=treadmill,
    )
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    time = walk.time_s + rng.uniform(-0.2, 0.2, len(walk.time_s)) / walk.rate_hz * draw(st.sampled_from([0.0, 1.0]))
    points = view_builder.walk_points(walk, without=draw(st.sampled_from([(), ("left_heel",), ("right_toe",)])))
    if draw(st.booleans()):
        points["sacrum"] = points["pelvis"] - [0.0, 0.0, 80.0]
    noise = draw(st.sampled_from([0.0, 0.5, 3.0]))
    points = {k: p + rng.normal(0.0, noise, p.shape) if noise else p for k, p in points.items()}
    for _ in range(draw(st.integers(0, 2))):
        name, start = draw(st.sampled_from(["left_toe", "right_heel", "pelvis", "sacrum"])), draw(st.floats(0.0, 0.9))
        if name in points:
            k, length = int(start * len(time)), draw(st.sampled_from([5, 20, 60]))
            points[name] = points[name].copy()
            points[name][k : k + length] = np.nan
    said = draw(st.sampled_from([treadmill, None]))
    return time, points, said


@pytest.fixture(scope="module")
def lake():
    """One connection for all examples; its tables are filled afresh for each."""
    return view_builder.connect(
        only=["gait_events", "gait_cycles", "cycle_curves"], joint_angles=view_builder.joint_angles(np.zeros(0), {})
    )


@given(walk=walks())
@settings(max_examples=30)
def test_events_agree_with_their_twins(lake, walk):
    time, points, is_treadmill = walk
    trial = view_builder.table("trials", [view_builder.trial_row(is_treadmill=is_treadmill)])
    view_builder.refill(lake, landmarks=view_builder.landmarks(time, points), trials=trial)
    motion = twin.motion(time, points, is_treadmill)
    for rule in ("zeni", "vertical", "speed"):
        ours = lake.execute(f"SELECT side, event, time_s FROM _events_{rule}('_foot_motion')").fetchall()
        theirs = [(side, e[0], e[1]) for side in twin.SIDES for e in getattr(twin, rule)(motion, side)]
        _same(ours, theirs)
    ours = lake.execute("SELECT side, event, time_s FROM _events_impact('_foot_motion')").fetchall()
    _same(ours, [(side, "foot_strike", time) for side in twin.SIDES for time, _ in twin.impact(motion, side)])
    _same(lake.execute("SELECT side, event, time_s FROM gait_events").fetchall(), twin.events(motion))


def _same(ours, theirs):
    ours, theirs = sorted(ours), sorted(theirs)
    assert [e[:2] for e in ours] == [e[:2] for e in theirs]
    np.testing.assert_allclose([e[2] for e in ours], [e[2] for e in theirs], atol=1e-6)


@given(
    seed=st.integers(0, 999),
    rate_hz=st.sampled_from([25.0, 60.0, 120.0]),
    pattern=st.sampled_from(sorted(gait.PATTERNS)),
)
@settings(max_examples=10)
def test_curves_agree_with_numpy_interpolation(lake, seed, rate_hz, pattern):
    walk = walker.walk(gait.PATTERNS[pattern](), n_strides=2.5, rate_hz=rate_hz)
    knee = np.random.default_rng(seed).normal(30.0, 20.0, len(walk.time_s))
    view_builder.refill(
        lake,
        **view_builder.of_walk(walk),
        joint_angles=view_builder.joint_angles(walk.time_s, {"left_knee_flexion_deg": knee}),
    )
    cycles = lake.execute("SELECT cycle, start_s, end_s FROM gait_cycles WHERE side = 'left'").fetchall()
    assert cycles
    for cycle, start, end in cycles:
        rows = lake.execute(
            "SELECT percent, left_knee_flexion_deg, right_knee_flexion_deg FROM cycle_curves "
            "WHERE side = 'left' AND cycle = ? ORDER BY percent",
            [cycle],
        ).fetchall()
        assert [r[0] for r in rows] == list(range(101))
        assert all(r[2] is None for r in rows)
        np.testing.assert_allclose([r[1] for r in rows], twin.interpolate(walk.time_s, knee, start, end), atol=1e-9)
