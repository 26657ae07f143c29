"""_cycles on tiny tables of events; gait_cycles and its reasons on walkers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neurostore.sql import views
from neurostore.walker import gait
from neurostore.walker import walk as walker
from tests.builders import view_builder

# Left and right walk with strides of 1.0 s, stance 60 %, right half a stride later; marks of the file on the left only.
EVENTS = """
side  | event       | time_s | source   | near_end | vertical_s | speed_s
left  | foot_strike | 0.10   | computed | true     | -          | 0.10
right | foot_off    | 0.20   | computed | false    | 0.20       | 0.20
right | foot_strike | 0.60   | computed | false    | 0.60       | 0.60
left  | foot_off    | 0.70   | computed | false    | 0.70       | 0.70
left  | foot_strike | 1.10   | computed | false    | 1.10       | 1.10
right | foot_off    | 1.20   | computed | false    | 1.20       | 1.20
right | foot_strike | 1.60   | computed | false    | 1.60       | 1.60
left  | foot_off    | 1.70   | computed | false    | 1.70       | 1.70
left  | foot_strike | 2.10   | computed | true     | 2.10       | 2.10
left  | foot_strike | 1.08   | file     | false    | -          | -
left  | foot_off    | 1.69   | file     | false    | -          | -
left  | foot_strike | 2.07   | file     | true     | -          | -
"""


@pytest.fixture
def events():
    connection = view_builder.connect(only=["_cycles"])
    connection.register("given", view_builder.text_table(EVENTS))
    connection.execute(
        "CREATE TEMP TABLE events AS SELECT 'S01' AS subject, '' AS session, 'walk' AS trial, 0 AS person, * FROM given"
    )
    return connection


CYCLES = """
SELECT side, cycle, source, start_s, end_s, opposite_off_s, opposite_strike_s, foot_off_s, n_between
FROM _cycles('events') ORDER BY side, cycle
"""


def test_a_cycle_runs_from_strike_to_next_strike_of_one_foot(events):
    # The left strike at 0.10 lies at the end of the data and one rule alone found it: it opens no cycle.
    assert view_builder.rows_of(events, CYCLES) == [
        ("left", 0, "computed", 1.1, 2.1, 1.2, 1.6, 1.7, 3),
        ("right", 0, "computed", 0.6, 1.6, 0.7, 1.1, 1.2, 3),
    ]


def test_event_source_file_takes_the_marks_of_the_foot_that_has_them(events):
    views.set_variables(events, event_source="file")
    assert view_builder.rows_of(events, CYCLES) == [
        ("left", 0, "file", 1.08, 2.07, 1.2, 1.6, 1.69, 3),
        ("right", 0, "computed", 0.6, 1.6, None, 1.08, 1.2, 2),  # the marked left off is after its end
    ]


def _cycles(walk, points=None, **trial):
    tables = view_builder.of_walk(walk, row=trial)
    if points is not None:
        tables["landmarks"] = view_builder.landmarks(walk.time_s, points)
    connection = view_builder.connect(only=["gait_cycles"], **tables)
    return connection.execute(
        "SELECT side, is_steady, reason, heading_deg FROM gait_cycles ORDER BY start_s"
    ).fetchall()


@pytest.mark.parametrize("heading", [0.0, 90.0, -135.0])
def test_straight_walking_is_steady_and_has_its_heading(heading):
    cycles = _cycles(walker.walk(gait.normal(), n_strides=3, heading_deg=heading))
    assert len(cycles) == 4
    assert all(steady and reason is None for _, steady, reason, _ in cycles)
    assert [c[3] for c in cycles] == pytest.approx([heading] * 4, abs=1.0)


def test_standing_gives_no_cycle():
    walk = walker.walk(gait.normal(), n_strides=3)
    still = {k: np.repeat(v[:1], len(v), axis=0) for k, v in view_builder.walk_points(walk).items()}
    assert _cycles(walk, still) == []


def test_a_squat_over_still_feet_gives_no_cycle():
    walk = walker.walk(gait.normal(), n_strides=4)
    points = {k: np.repeat(v[:1], len(v), axis=0) for k, v in view_builder.walk_points(walk).items()}
    sway = 250.0 * np.sin(2 * np.pi * walk.time_s / 1.5)
    for name in ("pelvis", "left_hip", "right_hip"):
        points[name] = points[name] + np.stack([0 * sway, -np.abs(sway), sway], -1)
    assert _cycles(walk, points) == []


def test_backwards_walking_is_named():
    walk = walker.walk(gait.normal(), n_strides=4)
    points = {k: v[::-1].copy() for k, v in view_builder.walk_points(walk).items()}
    cycles = _cycles(walk, points)
    assert cycles
    assert all("walking backwards" in reason for _, _, reason, _ in cycles)


def test_turning_is_named():
    walk = walker.walk(gait.normal(), n_strides=4)
    turn = np.radians(25.0) * walk.time_s  # 27 degrees a stride, about the start
    c, s = np.cos(turn), np.sin(turn)
    points = {}
    for k, v in view_builder.walk_points(walk).items():
        points[k] = np.stack([c * v[:, 0] + s * v[:, 2], v[:, 1], -s * v[:, 0] + c * v[:, 2]], -1)
    cycles = _cycles(walk, points)
    assert cycles
    assert all("a turn of" in reason for _, _, reason, _ in cycles)


def test_running_is_named():
    # Marks of a run (each foot 38 % on the ground, the other half a stride later) over the points of a walk.
    walk = walker.walk(gait.normal(), n_strides=3)
    marks = [
        {"event": event, "side": side, "time_s": 0.2 + k + lag + share}
        for k in range(3)
        for side, lag in (("left", 0.0), ("right", 0.5))
        for event, share in (("foot_strike", 0.0), ("foot_off", 0.38))
        if 0.2 + k + lag + share < walk.time_s[-1]
    ]
    connection = view_builder.connect(
        only=["gait_cycles"], **view_builder.of_walk(walk), source_events=view_builder.table("source_events", marks)
    )
    views.set_variables(connection, event_source="file")
    reasons = connection.execute("SELECT is_steady, reason FROM gait_cycles").fetchall()
    assert len(reasons) == 4
    assert all(not steady and "running: no double support" in reason for steady, reason in reasons)


def test_a_skeleton_without_toe_says_so():
    walk = walker.walk(gait.normal(), n_strides=3)
    points = view_builder.walk_points(walk, without=["left_toe", "right_toe"])
    cycles = _cycles(walk, points)
    assert cycles
    assert {reason for _, _, reason, _ in cycles} == {"no toe, so no foot off"}


def test_a_long_gap_is_named_and_a_short_one_harmless():
    walk = walker.walk(gait.normal(), n_strides=4)
    for n_frames, harmless in ((5, True), (30, False)):
        points = view_builder.walk_points(walk)
        points["left_heel"] = points["left_heel"].copy()
        middle = int(1.85 * walk.rate_hz)  # mid-stance of the left foot
        points["left_heel"][middle : middle + n_frames] = np.nan
        reasons = {c[2] for c in _cycles(walk, points) if c[0] == "left"}
        assert (reasons == {None}) is harmless
        assert any("a gap of" in (r or "") for r in reasons) is not harmless


def test_a_slow_stride_among_others_is_not_steady():
    walk = walker.walk(gait.normal(), n_strides=6)
    time = walk.time_s.copy()
    time[time > 3.0] = 3.0 + 1.5 * (time[time > 3.0] - 3.0)
    slowed = replace(walk, time_s=time)
    cycles = _cycles(slowed)
    assert {c[1] for c in cycles} == {True, False}
    assert all("stride time" in c[2] for c in cycles if not c[1])


@pytest.mark.parametrize(("rise", "says"), [(0.15, "up by 0.1"), (-0.4, "down by 0.")])
def test_stairs_and_slopes_are_not_level_walking(rise, says):
    """rise : metres a stride. A camera that is only held level may tilt by as much, so there it is no reason."""
    walk = walker.walk(gait.normal(), n_strides=4)
    up = 1000 * rise * walk.time_s / walk.gait.stride_time_s
    points = {k: p + np.stack([0 * up, up, 0 * up], -1) for k, p in view_builder.walk_points(walk).items()}
    tables = view_builder.of_walk(walk)
    tables["landmarks"] = view_builder.landmarks(walk.time_s, points)
    reasons = (
        view_builder.connect(only=["gait_cycles"], **tables)
        .execute("SELECT DISTINCT reason FROM gait_cycles")
        .fetchall()
    )
    assert reasons
    assert all(reason.startswith(says) and reason.endswith(" m: stairs or a slope") for (reason,) in reasons)
    tables["trials"] = view_builder.table("trials", [view_builder.trial_row(up_source="camera_level")])
    reasons = (
        view_builder.connect(only=["gait_cycles"], **tables)
        .execute("SELECT DISTINCT reason FROM gait_cycles")
        .fetchall()
    )
    assert reasons == [(None,)]


@pytest.mark.parametrize(("marked", "shift_s"), [(False, 0.0), (True, 0.0), (True, 0.4)])
def test_no_cycle_is_lost_where_a_file_is_cropped_to_its_marks(marked: bool, shift_s: float) -> None:
    """Data from 0.02 s before the first left strike to 0.02 s after the last; marks 0.4 s off vouch for nothing."""
    walk = walker.walk(gait.normal(), n_strides=5)
    strikes = [t for s, e, t in walk.events if (s, e) == ("left", "foot_strike")]
    start, end = strikes[0] - 0.02, strikes[-1] + 0.02
    keep = (walk.time_s >= start) & (walk.time_s <= end)
    points = {name: values[keep] for name, values in view_builder.walk_points(walk).items()}
    marks = [
        {"event": event, "side": side, "time_s": time + shift_s, "label": ""}
        for side, event, time in walk.events
        if start <= time <= end
    ]
    tables = {
        "landmarks": view_builder.landmarks(walk.time_s[keep], points),
        "trials": view_builder.table("trials", [view_builder.trial_row(rate_hz=walk.rate_hz)]),
    }
    if marked:
        tables["source_events"] = view_builder.table("source_events", marks)
    connection = view_builder.connect(only=["gait_cycles"], **tables)
    found = connection.execute("SELECT count(*) FROM gait_cycles WHERE side = 'left'").fetchall()[0][0]
    if marked and not shift_s:
        assert found == len(strikes) - 1
    else:
        assert found <= len(strikes) - 2
