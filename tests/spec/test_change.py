"""change: differences between sessions, and the size of difference that chance does not explain."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from neurostore.sql import views
from tests.builders import view_builder


def _summary(rows):
    """subject_summary with walking speed and stance alone; other parameters NULL."""
    columns = {c.name for c in views.declared()["subject_summary"].columns}
    numeric = columns - {"subject", "session", "condition", "side"}
    full = [
        {"subject": s, "session": e, "condition": None, "side": "left", **dict.fromkeys(sorted(numeric)),
         "walking_speed_m_s": v, "stance_pct": p}
        for s, e, v, p in rows
    ]  # fmt: skip
    fields = [(n, pa.string()) for n in ("subject", "session", "condition", "side")]
    return pa.Table.from_pylist(full, schema=pa.schema(fields + [(n, pa.float64()) for n in sorted(numeric)]))


def _dated(summary, order="abc"):
    """Trials of the sessions of a summary, a day apart in the order given."""
    keys = summary.select(["subject", "session"]).to_pylist()
    return [{**k, "trial": "walk", "acq_time": f"2024-05-{1 + order.index(k['session']):02d}"} for k in keys]


def _profile(rows):
    """gait_profile with GPS alone: subject, session, side, GPS."""
    names = ("subject", "session", "side")
    full = [dict(zip((*names, "gps_deg"), r, strict=True)) for r in rows]
    return pa.Table.from_pylist(full, schema=pa.schema([*((n, pa.string()) for n in names), ("gps_deg", pa.float64())]))


def _change(summary, groups=None, trials=None, profile=(), **variables):
    subjects = [{"subject": s, "group": g} for s, g in (groups or {}).items()]
    connection = view_builder.connect(
        subject_summary=summary,
        gait_profile=_profile(profile),
        subjects=view_builder.table("subjects", subjects),
        trials=view_builder.table("trials", _dated(summary) if trials is None else trials),
        only=["change"],
    )
    views.set_variables(connection, **variables)
    rows = connection.execute("SELECT * FROM change ORDER BY subject, session_b, parameter")
    names = [d[0] for d in rows.description]
    return [dict(zip(names, r, strict=True)) for r in rows.fetchall()]


def test_published_values_stand_with_their_citation_and_the_rest_is_null():
    rows = _change(_summary([("P1", "a", 0.70, 60.0), ("P1", "b", 0.90, 63.0)]))
    stance, speed = rows
    assert (stance["parameter"], stance["difference"], stance["mdc95"], stance["is_beyond_mdc"]) == (
        "stance_pct", 3.0, None, None)  # fmt: skip
    assert speed["difference"] == pytest.approx(0.20)
    assert speed["mdc95"] == 0.15  # Lewek & Sykes 2019: 0.4 to 0.8 m/s at the start
    assert speed["sem"] == pytest.approx(0.15 / (1.96 * np.sqrt(2)))
    assert speed["is_beyond_mdc"]
    assert "Lewek" in speed["mdc_source"]


@pytest.mark.parametrize(("first", "mdc95"), [(0.39, 0.10), (0.4, 0.15), (0.79, 0.15), (0.8, 0.18), (1.4, 0.18)])
def test_published_value_of_speed_is_that_of_the_first_session(first, mdc95):
    rows = _change(_summary([("P1", "a", first, None), ("P1", "b", first + 0.2, None)]))
    assert [r["mdc95"] for r in rows] == [mdc95]


def test_retest_sessions_of_a_named_group_give_the_sem():
    rng = np.random.default_rng(1)
    first, second = rng.normal(60, 2, 12), rng.normal(60, 2, 12)
    rows = [(f"C{i:02d}", e, None, v) for i in range(12) for e, v in (("a", first[i]), ("b", second[i]))]
    rows += [("P1", "a", None, 60.0), ("P1", "b", None, 63.0)]
    groups = {f"C{i:02d}": "control" for i in range(12)} | {"P1": "patient"}
    patient = [r for r in _change(_summary(rows), groups, retest_group="control") if r["subject"] == "P1"]
    sem = np.std(second - first, ddof=1) / np.sqrt(2)
    assert patient[0]["sem"] == pytest.approx(sem)
    assert patient[0]["mdc95"] == pytest.approx(1.96 * np.sqrt(2) * sem)
    assert patient[0]["n_retest"] == 12
    assert patient[0]["mdc_source"] == "test-retest in this lake"


def test_the_sem_of_gps_comes_from_retests_of_the_same_kind_of_side():
    rng = np.random.default_rng(2)
    sides = ("left", "right", "both")
    people = [f"C{i:02d}" for i in range(11)]
    values = {(p, e, s): rng.normal(6, 0.5) for p in people for e in "ab" for s in sides}
    values |= {("P1", e, s): gps for e, gps in (("a", 12.0), ("b", 9.0)) for s in sides}
    groups = dict.fromkeys(people, "control") | {"P1": "patient"}
    summary = _summary([(subject, e, None, None) for subject in groups for e in "ab"])
    rows = _change(summary, groups, profile=[(*k, v) for k, v in values.items()], retest_group="control")
    found = {r["side"]: r for r in rows if r["subject"] == "P1"}
    variance = {s: np.var([values[p, "b", s] - values[p, "a", s] for p in people], ddof=1) for s in sides}
    assert [(r["parameter"], r["difference"]) for r in found.values()] == [("gps_deg", -3.0)] * 3
    one_side = np.sqrt((variance["left"] + variance["right"]) / 2 / 2)
    assert found["left"]["sem"] == found["right"]["sem"] == pytest.approx(one_side)
    assert found["both"]["sem"] == pytest.approx(np.sqrt(variance["both"] / 2))
    assert found["both"]["mdc95"] == pytest.approx(1.96 * np.sqrt(2) * found["both"]["sem"])


@pytest.mark.parametrize(("word", "near"), [("contrl", "similar: control"), ("norm", "there are: control, patient")])
def test_a_retest_group_that_is_not_there_is_an_error_with_the_near_names(word, near):
    summary = _summary([("P1", "a", 0.7, None), ("P1", "b", 0.9, None)])
    with pytest.raises(duckdb.Error, match=f"retest_group is '{word}'; {near}"):
        _change(summary, {"P1": "patient", "C1": "control"}, retest_group=word)


def test_every_parameter_with_statistics_is_compared():
    columns = {c.name for c in views.declared()["subject_summary"].columns}
    compared = ("_cv_pct", "_symmetry_index_abs_pct")
    parameters = {c for c in columns if f"{c}_sd" in columns or c.endswith(compared)}
    summary = _summary([("P1", "a", 1.0, 60.0), ("P1", "b", 1.2, 62.0)])
    for name in sorted(parameters):
        values = pa.array([1.0, 2.0], pa.float64())
        summary = summary.set_column(summary.schema.get_field_index(name), name, values)
    rows = _change(summary)
    assert {r["parameter"] for r in rows} == parameters
    assert {r["difference"] for r in rows} == {1.0}
    assert {"hip_h3_w_kg", "walking_speed_norm", "stride_time_cv_pct"} <= parameters


def test_nine_retest_persons_are_too_few():
    rows = [(f"C{i}", e, None, 60.0 + i * (e == "b")) for i in range(9) for e in "ab"]
    found = _change(_summary(rows), {f"C{i}": "control" for i in range(9)}, retest_group="control")
    assert {r["mdc95"] for r in found} == {None}


def test_three_sessions_give_every_pair_and_one_none():
    rows = _change(_summary([("P1", e, None, 60.0) for e in "abc"] + [("P2", "a", 1.0, 60.0)]))
    assert [(r["session_a"], r["session_b"]) for r in rows] == [("a", "b"), ("a", "c"), ("b", "c")]


def _two(first, second):
    """post at 70 % and pre at 60 % of stance, in alphabetical order of their names."""
    summary = _summary([("P1", "post", None, 70.0), ("P1", "pre", None, 60.0)])
    trials = [{"subject": "P1", "trial": "walk", "session": s, **x} for s, x in (("post", second), ("pre", first))]
    return _change(summary, trials=trials)[0]


def test_the_earlier_session_is_the_one_recorded_earlier_and_not_the_one_first_in_the_alphabet():
    row = _two({"acq_time": "2024-05-01T10:00:00"}, {"acq_time": "2024-08-01"})
    assert (row["session_a"], row["session_b"], row["difference"]) == ("pre", "post", 10.0)
    assert (row["order_source"], row["note"]) == ("acq_time", None)


def test_session_order_of_cohort_toml_serves_where_a_time_is_missing_and_times_win():
    row = _two({"session_order": 1}, {"session_order": 2, "acq_time": "2024-08-01"})
    assert (row["session_a"], row["difference"], row["order_source"]) == ("pre", 10.0, "session_order")
    row = _two({"session_order": 1, "acq_time": "2024-09-01"}, {"session_order": 2, "acq_time": "2024-08-01"})
    assert (row["session_a"], row["difference"], row["order_source"]) == ("post", -10.0, "acq_time")


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ({}, {}, "2 of 2 sessions without acq_time"),
        ({"acq_time": "2024-05-01"}, {}, "1 of 2 sessions without acq_time"),
        ({"acq_time": "2024-05-01"}, {"acq_time": "2024-05-01"}, "two sessions have the same acq_time"),
        ({"session_order": 1}, {}, "does not name each of them"),
    ],
)
def test_without_an_order_nothing_is_signed_and_the_note_says_what_is_missing(first, second, said):
    row = _two(first, second)
    assert row["difference"] is None
    assert row["order_source"] is None
    assert said in row["note"]
