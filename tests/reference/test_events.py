"""Events against what is known without us: the walker's own times, and feet that stand still in real captures."""

from __future__ import annotations

import numpy as np
import pytest

import neurostore
from neurostore.sql import views
from neurostore.walker import gait
from neurostore.walker import walk as walker
from tests.builders import view_builder
from tests.shared_data import SHARED, needs_shared


@pytest.fixture(scope="module")
def connection():
    return view_builder.connect(only=["gait_events"])


@pytest.mark.parametrize("pattern", sorted(gait.PATTERNS))
@pytest.mark.parametrize("rate_hz", [25.0, 50.0, 120.0, 250.0])
@pytest.mark.parametrize("is_treadmill", [False, True])
def test_no_event_is_missed_or_invented_and_times_are_near(connection, pattern, rate_hz, is_treadmill):
    """The bounds are those asked of lab files: 20 ms for strikes, 15 ms for offs."""
    walk = walker.walk(
        gait.PATTERNS[pattern](), n_strides=4, rate_hz=rate_hz, heading_deg=40.0, is_treadmill=is_treadmill
    )
    view_builder.refill(connection, **view_builder.of_walk(walk))
    found = connection.execute("SELECT side, event, time_s FROM gait_events").fetchall()
    inner = [e for e in walk.events if 0.15 <= e[2] <= walk.time_s[-1] - 0.15]
    errors = {"foot_strike": [], "foot_off": []}
    for side, event, time in inner:
        near = [t for s, e, t in found if (s, e) == (side, event) and abs(t - time) < 0.1]
        assert len(near) == 1, (side, event, time)
        errors[event].append(1000 * (near[0] - time))
    for side, event, time in found:
        if inner[0][2] < time < inner[-1][2]:
            assert any((s, e) == (side, event) and abs(t - time) < 0.1 for s, e, t in walk.events)
    assert np.median(np.abs(errors["foot_strike"])) <= 20
    # The rules are fitted to feet of six laboratories (test_laboratories.py); the simulated feet here lift off more slowly.
    assert np.median(np.abs(errors["foot_off"])) <= 30
    assert np.ptp(errors["foot_strike"]) <= max(5, 300 / rate_hz)  # a constant offset, no scatter


@pytest.mark.parametrize("scale", [0.5, 0.75])
def test_children_walk_at_half_the_size(connection, scale):
    walk = walker.walk(
        gait.normal(height_m=1.72 * scale, stride_length_m=1.38 * scale, cadence_steps_min=112 / scale**0.5,
                      step_width_m=0.08, pelvis_bob_mm=21.9 * scale, pelvis_sway_mm=18 * scale),
        n_strides=5,
    )  # fmt: skip
    view_builder.refill(connection, **view_builder.of_walk(walk))
    found = connection.execute("SELECT side, event, time_s FROM gait_events ORDER BY time_s").fetchall()
    inner = [e for e in walk.events if 0.15 <= e[2] <= walk.time_s[-1] - 0.15]
    for side, event, time in inner:
        assert sum((s, e) == (side, event) and abs(t - time) < 0.05 for s, e, t in found) == 1


@pytest.fixture(scope="module")
def cmu(tmp_path_factory):
    """A lake of the walks and the non-walks of CMU subjects, and a connection with the views."""
    from neurostore.ingest import pipeline

    folder = tmp_path_factory.mktemp("cohort")
    for subject in ("S02", "S07", "S39", "GENJUMP", "GENSIGNAL"):
        (folder / subject).symlink_to(SHARED / "cmu" / subject)
    lake_path = folder.parent / "lake"
    pipeline.ingest(folder, lake_path, n_workers=1)
    connection = neurostore.open(lake_path).connect_tables()
    views.register(connection)
    return connection


@needs_shared
def test_between_strike_and_off_the_foot_of_a_real_walker_rests(cmu):
    """In mid-stance the toe stays put, in mid-swing it flies: a truth that no event rule takes part in."""
    rows = cmu.execute(
        """
        SELECT
            cycles.subject,
            median(motion.toe_speed_m_s) FILTER (
                motion.time_s BETWEEN start_s + 0.3 * (foot_off_s - start_s) AND start_s + 0.7 * (foot_off_s - start_s)
            ) AS stance_m_s,
            median(motion.toe_speed_m_s) FILTER (
                motion.time_s BETWEEN foot_off_s + 0.3 * (end_s - foot_off_s) AND foot_off_s + 0.7 * (end_s - foot_off_s)
            ) AS swing_m_s
        FROM gait_cycles AS cycles
        INNER JOIN _foot_motion AS motion USING (subject, session, trial, person, side)
        WHERE cycles.is_steady AND motion.time_s BETWEEN cycles.start_s AND cycles.end_s
        GROUP BY ALL
        """
    ).fetchall()
    assert {r[0] for r in rows} == {"S02", "S07", "S39"}
    for _, stance, swing in rows:
        assert stance < 0.15
        assert swing > 2.0


@needs_shared
def test_adult_walks_have_adult_figures_and_others_a_reason(cmu):
    rows = cmu.execute(
        "SELECT walking_speed_m_s, cadence_steps_min, stance_pct, initial_double_support_pct FROM subject_summary"
    ).fetchall()
    assert len(rows) == 6
    for speed, cadence, stance, double in rows:
        assert 0.6 < speed < 2.0
        assert 70 < cadence < 140
        assert 55 < stance < 66
        assert 5 < double < 16
    others = cmu.execute(
        "SELECT is_steady, reason FROM gait_cycles WHERE subject IN ('GENJUMP', 'GENSIGNAL')"
    ).fetchall()
    assert all(not steady and reason for steady, reason in others)
    verdicts = cmu.execute("SELECT verdict FROM trial_quality").fetchall()
    assert all(v[0] for v in verdicts)
