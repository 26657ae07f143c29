"""subject_summary against medians, SDs and symmetry figures worked out from the rows of spatiotemporal."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from neurostore.walker import gait
from neurostore.walker import walk as walker
from tests.builders import view_builder


@pytest.fixture(scope="module")
def connection():
    """Two trials of one session and condition, one of another; the right leg is stiff."""
    gaits = [
        ("t1", "free", {}),
        ("t2", "free", {"cadence_steps_min": 88.0}),
        ("t3", "fast", {"cadence_steps_min": 95.0}),
    ]
    parts, angles = [], []
    for name, condition, changes in gaits:
        walk = walker.walk(gait.stiff_knee(**changes), n_strides=4)
        parts.append(view_builder.of_walk(walk, row={"condition": condition}, trial=name))
        angles.append(view_builder.joint_angles(walk.time_s, walk.angles, trial=name))
    tables = view_builder.together(*parts)
    return view_builder.connect(
        only=["subject_summary", "affected_summary", "cycle_curves", "catalogue"],
        joint_angles=pa.concat_tables(angles),
        **tables,
    )


def _summary(connection, side, condition="free"):
    rows = connection.execute("SELECT * FROM subject_summary WHERE side = ? AND condition = ?", [side, condition])
    names = [d[0] for d in rows.description]
    (row,) = rows.fetchall()
    return dict(zip(names, row, strict=True))


@pytest.mark.parametrize("side", gait.SIDES)
def test_median_sd_and_n_are_over_the_steady_cycles_of_all_trials(connection, side):
    row = _summary(connection, side)
    cycles = connection.execute(
        "SELECT stride_time_s, step_length_m FROM spatiotemporal WHERE is_steady AND side = ? AND trial IN ('t1', 't2')",
        [side],
    ).fetchall()
    times, steps = np.array(cycles).T
    assert row["n_strides"] == len(cycles) > 3
    assert row["n_trials"] == 2
    assert row["stride_time_s"] == pytest.approx(np.median(times))
    assert row["stride_time_s_sd"] == pytest.approx(np.std(times, ddof=1))
    assert row["stride_time_s_n"] == len(times)
    assert row["stride_time_cv_pct"] == pytest.approx(100 * np.std(times, ddof=1) / np.mean(times))
    assert row["step_length_m"] == pytest.approx(np.median(steps))


def test_symmetry_follows_its_definitions(connection):
    left, right = _summary(connection, "left"), _summary(connection, "right")
    x, y = left["step_length_m"], right["step_length_m"]
    for row in (left, right):
        assert row["step_length_symmetry_index_pct"] == pytest.approx((y - x) / (0.5 * (x + y)) * 100)
        assert row["step_length_ratio"] == pytest.approx(y / x)
        assert row["step_length_symmetry_angle_pct"] == pytest.approx((45 - np.degrees(np.arctan(x / y))) / 90 * 100)


def _say_affected(connection, side):
    connection.execute("DELETE FROM subjects")
    people = "SELECT DISTINCT subject, $side::VARCHAR AS affected_side FROM trials"
    connection.execute(f"INSERT INTO subjects BY NAME {people}", {"side": side})


def test_the_affected_side_is_the_persons_own(connection):
    for affected, other in (("right", "left"), ("left", "right")):
        _say_affected(connection, affected)
        columns = "side, body_side, step_length_m, step_length_affected_index_pct, step_length_affected_ratio"
        rows = connection.execute(
            f"SELECT {columns} FROM affected_summary WHERE condition = 'free' ORDER BY side"
        ).fetchall()
        assert [r[:2] for r in rows] == [("affected", affected), ("unaffected", other)]
        a, u = (_summary(connection, side)["step_length_m"] for side in (affected, other))
        assert [r[2] for r in rows] == [a, u]
        assert [r[3] for r in rows] == pytest.approx([200 * (a - u) / (a + u)] * 2)
        assert [r[4] for r in rows] == pytest.approx([a / u] * 2)
    for side in ("both", "none", None):
        _say_affected(connection, side)
        assert connection.execute("SELECT count(*) FROM affected_summary").fetchone() == (0,)


@pytest.mark.parametrize(
    ("left", "right", "index", "ratio", "note"),
    [
        (0.4, 0.5, 200 * 0.1 / 0.9, 1.25, None),
        (0.5, 0.4, -200 * 0.1 / 0.9, 0.8, None),
        (-0.3, 0.31, None, 0.31 / -0.3, "step length: the mean of both sides is below 0.05 m"),
        (0.01, 0.5, 200 * 0.49 / 0.51, None, "step length: no ratio, one side is below 0.05 m"),
        (0.01, 0.02, None, None, "step length: the mean of both sides is below 0.05 m"),
        (None, 0.4, None, None, None),
    ],
)
def test_symmetry_near_zero_is_null_with_a_reason(connection, left, right, index, ratio, note):
    least = "_least_symmetric_m()"
    row = connection.execute(
        f"SELECT _symmetry_index_pct(x, {least}), _symmetry_ratio(x, {least}), _symmetry_angle_pct(x, {least}), "
        f"_symmetry_reason(x, {least}, 'step length', ' m') FROM (SELECT {{'l': $l::DOUBLE, 'r': $r::DOUBLE}} AS x)",
        {"l": left, "r": right},
    ).fetchone()
    assert row[0] == (None if index is None else pytest.approx(index))
    assert row[1] == (None if ratio is None else pytest.approx(ratio))
    assert (row[2] is None) == (index is None)
    assert row[3] == note


def test_the_size_of_an_index_has_no_sign(connection):
    row = _summary(connection, "left")
    for name in ("step_length", "stance", "knee_flexion_range"):
        assert row[f"{name}_symmetry_index_abs_pct"] == abs(row[f"{name}_symmetry_index_pct"]) > 0
    assert row["knee_flexion_range_symmetry_index_pct"] < 0  # the right knee is stiff
    clearances = [_summary(connection, side)["foot_clearance_mm"] for side in gait.SIDES]
    assert np.mean(clearances) < 5  # the walker's toes pass close to the floor
    assert row["foot_clearance_symmetry_index_pct"] is None
    assert row["symmetry_note"] == "foot clearance: the mean of both sides is below 5 mm"


def test_peaks_are_those_of_the_curves_of_the_side(connection):
    for side in gait.SIDES:
        peaks = connection.execute(
            f"""
            SELECT max({side}_knee_flexion_deg) FROM cycle_curves INNER JOIN spatiotemporal
            USING (subject, session, trial, person, cycle, side)
            WHERE side = '{side}' AND percent > stance_pct AND spatiotemporal.is_steady AND trial IN ('t1', 't2')
            GROUP BY trial, cycle
            """
        ).fetchall()
        assert _summary(connection, side)["peak_swing_knee_flexion_deg"] == pytest.approx(np.median(peaks))
    left, right = (_summary(connection, side)["peak_swing_knee_flexion_deg"] for side in gait.SIDES)
    assert right < left - 8  # the walker's right knee is the stiff one


def test_conditions_are_kept_apart(connection):
    assert _summary(connection, "left", "fast")["n_trials"] == 1


def test_catalogue_describes_each_column_of_tables_and_views(connection):
    rows = connection.execute(
        "SELECT unit, sign, meaning FROM catalogue WHERE table_name = 'spatiotemporal' AND column_name = 'step_width_m'"
    ).fetchall()
    assert len(rows) == 1
    assert rows[0][0] == "m"
    assert "cross" in rows[0][1]
    assert all(r[0] for r in connection.execute("SELECT meaning FROM catalogue").fetchall())
