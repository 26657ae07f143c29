"""spatiotemporal against the walker's own numbers."""

from __future__ import annotations

import numpy as np
import pytest

from neurostore.walker import gait as gaits
from neurostore.walker import walk as walker
from tests.builders import view_builder

COLUMNS = (
    "walking_speed_m_s, cadence_steps_min, stride_length_m, step_length_m, step_width_m, stance_pct, swing_pct, "
    "single_support_pct, initial_double_support_pct, terminal_double_support_pct, foot_clearance_mm"
)


def _parameters(walk, trial=None, **tables):
    connection = view_builder.connect(only=["spatiotemporal"], **view_builder.of_walk(walk, row=trial), **tables)
    rows = connection.execute(
        f"SELECT side, is_steady, {COLUMNS}, belt_speed_m_s, walking_speed_norm, cadence_norm, missing_reason "
        "FROM spatiotemporal ORDER BY side, cycle"
    )
    names = [d[0] for d in rows.description]
    return [dict(zip(names, row, strict=True)) for row in rows.fetchall()]


@pytest.mark.parametrize("pattern", sorted(gaits.PATTERNS))
@pytest.mark.parametrize("is_treadmill", [False, True])
def test_the_walkers_own_figures_come_back(pattern, is_treadmill):
    gait = gaits.PATTERNS[pattern]()
    rows = _parameters(walker.walk(gait, n_strides=4, heading_deg=30.0, is_treadmill=is_treadmill))
    assert rows
    # a simulated crouching foot is lifted slowly: an off may be 27 ms late, a strike as early (gait-event-ensemble.md)
    stance_tolerance_pct = 100 * 2 * 0.027 * gait.cadence_steps_min / 120 if pattern == "crouch" else 3.5
    for row in rows:
        share = gait.step_share if row["side"] == "right" else 1 - gait.step_share
        assert row["is_steady"]
        assert row["stride_length_m"] == pytest.approx(gait.stride_length_m, rel=0.01)
        assert row["walking_speed_m_s"] == pytest.approx(gait.speed_m_s, rel=0.01)
        assert row["cadence_steps_min"] == pytest.approx(gait.cadence_steps_min, rel=0.01)
        assert row["step_length_m"] == pytest.approx(share * gait.stride_length_m, abs=0.015)
        assert row["stance_pct"] == pytest.approx(100 * getattr(gait, row["side"]).stance, abs=stance_tolerance_pct)
        assert row["stance_pct"] + row["swing_pct"] == pytest.approx(100)
        double = row["initial_double_support_pct"] + row["terminal_double_support_pct"]
        assert double + row["single_support_pct"] == pytest.approx(row["stance_pct"])
        assert (row["belt_speed_m_s"] is not None) is is_treadmill
        if is_treadmill:
            assert row["belt_speed_m_s"] == pytest.approx(gait.speed_m_s, rel=0.01)
    steps = [np.mean([r["step_length_m"] for r in rows if r["side"] == side]) for side in ("left", "right")]
    assert sum(steps) == pytest.approx(gait.stride_length_m, rel=0.005)  # footprints: two steps are a stride


def test_step_width_is_across_the_line_of_the_stride():
    gait = gaits.normal(toe_out=0.0, step_width_m=0.15)
    rows = _parameters(walker.walk(gait, n_strides=3, heading_deg=-70.0))
    assert [r["step_width_m"] for r in rows] == pytest.approx([0.15] * len(rows), abs=0.002)


def test_root_relative_poses_have_no_lengths_and_say_why():
    walk = walker.walk(gaits.normal(), n_strides=3)
    points = {k: v - walk.joints["pelvis"] for k, v in view_builder.walk_points(walk).items()}
    trial = view_builder.trial_row(position_basis="root_relative", length_basis="nominal")
    connection = view_builder.connect(
        only=["spatiotemporal"],
        landmarks=view_builder.landmarks(walk.time_s, points),
        trials=view_builder.table("trials", [trial]),
    )
    rows = connection.execute(
        "SELECT walking_speed_m_s, stride_length_m, step_length_m, step_width_m, missing_reason, stride_time_s, is_steady "
        "FROM spatiotemporal"
    ).fetchall()
    assert rows
    for row in rows:
        assert row[:4] == (None,) * 4
        assert "relative to the pelvis" in row[4]
        assert row[5] == pytest.approx(walk.gait.stride_time_s, rel=0.01)
        assert row[6]


def test_scaling_by_leg_length_follows_hof():
    legs = [
        {"parameter": "leg_length", "side": side, "value": 900.0, "unit": "mm", "source": "file"}
        for side in ("left", "right")
    ]
    legs.append({"parameter": "leg_length", "side": None, "value": 500.0, "unit": "mm", "source": "estimated"})
    walk = walker.walk(gaits.normal(), n_strides=3)
    rows = _parameters(walk, calibrations=view_builder.table("calibrations", legs))
    for row in rows:
        assert row["walking_speed_norm"] == pytest.approx(row["walking_speed_m_s"] / np.sqrt(9.81 * 0.9))
        assert row["cadence_norm"] == pytest.approx(row["cadence_steps_min"] / 60 * np.sqrt(0.9 / 9.81))
        assert row["missing_reason"] is None


def test_clearance_is_that_of_the_toe_above_its_stance():
    walk = walker.walk(gaits.normal(), n_strides=3)
    share = (walk.time_s / walk.gait.stride_time_s + 0.8) % 1.0
    toe = walk.joints["left_toe"][:, 1]
    swing = (share > 0.61 + 0.3 * 0.39) & (share < 0.61 + 0.7 * 0.39)
    expected = toe[swing].min() - toe[share < 0.6].min()
    left = [r["foot_clearance_mm"] for r in _parameters(walk) if r["side"] == "left"]
    assert left == pytest.approx([expected] * len(left), abs=2.0)
