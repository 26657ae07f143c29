"""gait_events: columns, ends of the data, the file's marks, landmarks that are missing."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from scipy.signal import butter, filtfilt

from neurostore.sql import views
from neurostore.walker import gait
from neurostore.walker import walk as walker
from tests.builders import view_builder


def test_every_event_of_the_walker_is_found_once_and_none_invented():
    walk = walker.walk(gait.normal(), n_strides=4)
    connection = view_builder.connect(only=["gait_events"], **view_builder.of_walk(walk))
    found = connection.execute("SELECT side, event, time_s FROM gait_events ORDER BY time_s").fetchall()
    inner = [e for e in walk.events if 0.15 <= e[2] <= walk.time_s[-1] - 0.15]
    assert [e[:2] for e in found if 0.1 <= e[2] <= walk.time_s[-1] - 0.1] == [e[:2] for e in inner]


@pytest.mark.parametrize("start_s", [1.0, 1.2, 1.5, 1.8, 2.1, 2.4, 2.6])
def test_sides_that_change_places_for_a_moment_make_no_events(start_s):
    walk = walker.walk(gait.normal(), n_strides=4, rate_hz=30.0)
    points = view_builder.walk_points(walk)
    swapped = (walk.time_s >= start_s) & (walk.time_s < start_s + 0.2)
    mixed = {name: values.copy() for name, values in points.items()}
    for name in points:
        if name.startswith("left_"):
            other = name.replace("left_", "right_")
            mixed[name][swapped], mixed[other][swapped] = points[other][swapped], points[name][swapped]
    lowpass = butter(2, 6, fs=30.0)  # as ingest does
    tables = view_builder.of_walk(walk)
    tables["landmarks"] = view_builder.landmarks(
        walk.time_s, {name: filtfilt(*lowpass, values, axis=0) for name, values in mixed.items()}
    )
    connection = view_builder.connect(only=["gait_events"], **tables)
    found = connection.execute("SELECT side, event FROM gait_events").fetchall()
    before = view_builder.connect(only=["gait_events"], **view_builder.of_walk(walk)).execute(
        "SELECT side, event FROM gait_events"
    )
    assert sorted(found) == sorted(before.fetchall())


def test_marks_of_the_file_stand_beside_ours_and_know_the_ends():
    walk = walker.walk(gait.normal(), n_strides=2)
    marks = [
        {"event": "foot_strike", "side": "left", "time_s": 0.05, "label": "Foot Strike"},
        {"event": "foot_off", "side": "right", "time_s": 0.40, "label": "Foot Off"},
        {"event": "event", "side": None, "time_s": 0.50, "label": "Event"},
        {
            "event": "foot_strike",
            "side": "left",
            "time_s": 60.0,
            "label": "Foot Strike",
        },  # of the part that was cropped
        {"event": "foot_strike", "side": "right", "time_s": -0.8, "label": "Foot Strike"},
    ]
    connection = view_builder.connect(
        only=["gait_events"], **view_builder.of_walk(walk), source_events=view_builder.table("source_events", marks)
    )
    rows = connection.execute(
        "SELECT side, event, time_s, method, near_end FROM gait_events WHERE source = 'file' ORDER BY time_s"
    ).fetchall()
    assert rows == [("left", "foot_strike", 0.05, "file", True), ("right", "foot_off", 0.40, "file", False)]


def test_without_a_heel_the_ankle_serves_and_the_method_says_so():
    walk = walker.walk(gait.normal(), n_strides=3)
    connection = view_builder.connect(
        only=["gait_events"], **view_builder.of_walk(walk, without=["left_heel", "right_heel"])
    )
    rows = connection.execute(
        "SELECT event, method, count(*), count(impact_s) FROM gait_events WHERE NOT near_end GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    assert rows == [("foot_off", "ensemble", 6, 0), ("foot_strike", "zeni_ankle", 6, 0)]


def test_spread_and_confidence_follow_from_the_times():
    walk = walker.walk(gait.normal(), n_strides=3)
    connection = view_builder.connect(only=["gait_events"], **view_builder.of_walk(walk))
    limits = views.thresholds()
    delay = limits["impact_delay_s"][0]
    for event, zeni, vertical, speed, impact, spread, confidence, time in connection.execute(
        "SELECT event, zeni_s, vertical_s, speed_s, impact_s, spread_ms, confidence, time_s FROM gait_events "
        "WHERE NOT near_end"
    ).fetchall():
        near = zeni - limits["off_before_s"][0], zeni + limits["off_after_s"][0]
        times = [vertical, speed] if event == "foot_strike" else [zeni, vertical]
        strike = np.mean([np.mean(times), impact - delay]) if event == "foot_strike" else None
        assert time == pytest.approx(np.clip(vertical, *near) if strike is None else strike)
        assert spread == pytest.approx(1000 * (max(times) - min(times)))
        assert confidence == pytest.approx(1 - spread / 100)


def test_a_foot_off_is_where_the_forefoot_rises_at_0_8_of_its_next_peak_velocity():
    """0.8 of the second peak, 1 m/s, is half-way between the frames at 0.3 and 0.4 s; that of the first, 0.5, at 0.1 s."""
    walk = walker.walk(gait.normal(), n_strides=1)
    connection = view_builder.connect(only=["gait_events"], **view_builder.of_walk(walk))
    up, peaks = [0.0, 0.4, 0.5, 0.7, 0.9, 1.0, 0.9], [None, None, 0.5, None, None, 1.0, None]
    found = connection.execute(
        """
        WITH motion AS (
            SELECT
                'S' AS subject, '' AS session, 'T' AS trial, 0 AS person, 'left' AS side, frame / 10 AS time_s,
                -0.1 AS before_s, 0.1 AS after_s, 0.0 AS middle_up_m_s, 0.0 AS middle_up_before, 0.0 AS middle_up_after,
                up AS forefoot_up_m_s, lag(up) OVER (ORDER BY frame) - up AS forefoot_up_before, peak AS peak_m_s
            FROM (SELECT unnest(?) AS up, unnest(?) AS peak, unnest(range(7)) AS frame)
        )

        SELECT event, time_s, value FROM _events_vertical('motion') ORDER BY time_s
        """,
        [up, peaks],
    ).fetchall()
    assert [(event, value) for event, _, value in found] == [("foot_off", 0.5), ("foot_off", 1.0)]
    assert [time for _, time, _ in found] == pytest.approx([0.1, 0.35])


def test_two_trials_of_one_name_in_two_sessions_are_two():
    walk = walker.walk(gait.normal(), n_strides=2)
    tables = view_builder.together(view_builder.of_walk(walk, session="a"), view_builder.of_walk(walk, session="b"))
    connection = view_builder.connect(only=["gait_events"], **tables)
    counts = connection.execute("SELECT session, count(*) FROM gait_events GROUP BY ALL ORDER BY ALL").fetchall()
    assert [c[0] for c in counts] == ["a", "b"]
    assert counts[0][1] == counts[1][1] > 0


def test_bystanders_have_events_of_their_own():
    walk = walker.walk(gait.normal(), n_strides=2)
    tables = view_builder.of_walk(walk)
    points = {k: v + np.array([3000.0, 0.0, 0.0]) for k, v in view_builder.walk_points(walk).items()}
    tables["landmarks"] = pa.concat_tables([tables["landmarks"], view_builder.landmarks(walk.time_s, points, person=1)])
    connection = view_builder.connect(only=["gait_events"], **tables)
    counts = dict(connection.execute("SELECT person, count(*) FROM gait_events GROUP BY ALL").fetchall())
    assert counts[0] == counts[1] > 0
