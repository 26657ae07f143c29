"""analysis.py and group_tests.py against scipy, statsmodels' definitions and numpy."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from scipy import stats

from neurostore import statistics
from neurostore.errors import UsageError
from neurostore.sql import views
from neurostore.statistics import two_groups
from neurostore.statistics.order import shared_pairs
from neurostore.statistics.table1 import table1
from tests.builders import view_builder
from tests.builders.fake_lake import FakeLake, summary_table

RNG = np.random.default_rng(5)
A, B = RNG.normal(1.2, 0.15, 9), RNG.normal(1.0, 0.25, 7)


def test_welch_is_scipys_with_its_interval():
    found = two_groups.compare_groups(A, B)
    peer = stats.ttest_ind(B, A, equal_var=False)
    interval = peer.confidence_interval(0.95)
    assert found.p == pytest.approx(peer.pvalue)
    assert (found.ci_low, found.ci_high) == pytest.approx((interval.low, interval.high))
    assert found.difference == pytest.approx(B.mean() - A.mean())


def test_hedges_g_is_cohens_d_times_the_small_sample_correction():
    pooled = np.sqrt((8 * A.var(ddof=1) + 6 * B.var(ddof=1)) / 14)
    expected = (B.mean() - A.mean()) / pooled * (1 - 3 / (4 * 14 - 1))
    assert two_groups.compare_groups(A, B).hedges_g == pytest.approx(expected)


def test_paired_is_scipys():
    a, b = A[:7], B
    found = two_groups.compare_pairs(a, b)
    peer = stats.ttest_rel(b, a)
    assert found.p == pytest.approx(peer.pvalue)
    assert (found.ci_low, found.ci_high) == pytest.approx(tuple(peer.confidence_interval(0.95)))


def test_permutation_p_values_are_scipys_exact_ones():
    found = two_groups.compare_groups(A, B, test="permutation")
    peer = stats.permutation_test(
        (A, B), lambda x, y: abs(y.mean() - x.mean()), n_resamples=np.inf, alternative="greater"
    )
    assert found.p == pytest.approx(peer.pvalue)
    paired = two_groups.compare_pairs(A[:7], B, test="permutation")
    peer = stats.permutation_test(
        (A[:7], B), lambda x, y: abs((y - x).mean()), permutation_type="samples", n_resamples=np.inf,
        alternative="greater",
    )  # fmt: skip
    assert paired.p == pytest.approx(peer.pvalue)


def test_drawn_permutations_are_near_the_exact_value(monkeypatch):
    exact = two_groups.compare_groups(A, B, test="permutation").p
    monkeypatch.setattr(two_groups, "DRAWS", 9_000)  # fewer than the 11,440 there are
    assert two_groups.compare_groups(A, B, test="permutation").p == pytest.approx(exact, abs=0.02)


def test_holm_by_its_definition():
    # Sorted 0.01, 0.02, 0.03, 0.04 times 4, 3, 2, 1 with a running maximum.
    adjusted = two_groups.holm(np.array([0.04, 0.01, np.nan, 0.03, 0.02]))
    np.testing.assert_allclose(adjusted, [0.06, 0.04, np.nan, 0.06, 0.06])


@pytest.mark.parametrize("compare", [two_groups.compare_groups, two_groups.compare_pairs])
def test_one_person_is_not_a_group(compare):
    found = compare(A[:1], B[:1])
    assert (found.n_a, found.n_b, found.difference, found.test) == (1, 1, B[0] - A[0], "fewer than 2 people")
    assert np.isnan([found.sd_a, found.ci_low, found.ci_high, found.hedges_g, found.p]).all()
    with pytest.raises(UsageError, match="no test 'anova'"):
        compare(A, A, test="anova")


def test_paired_g_is_lakens_g_av():
    a, b = A[:7], B
    expected = (b - a).mean() / ((a.std(ddof=1) + b.std(ddof=1)) / 2) * (1 - 3 / (4 * 6 - 1))
    assert two_groups.compare_pairs(a, b).hedges_g == pytest.approx(expected)


def test_two_pairs_have_no_hedges_g():
    found = two_groups.compare_pairs(np.array([1.0, 1.1]), np.array([3.0, 3.4]))
    assert np.isnan(found.hedges_g)
    assert np.isfinite([found.difference, found.ci_low]).all()


def test_hedges_correction_is_near_the_exact_gamma_ratio():
    from scipy.special import gammaln

    a, b = np.arange(6.0), np.arange(6.0) + 2
    exact = np.exp(gammaln(5) - gammaln(4.5)) / np.sqrt(5)  # of 10 degrees of freedom
    assert two_groups.compare_groups(a, b).hedges_g == pytest.approx(2 / a.std(ddof=1) * exact, rel=1e-3)


def test_a_group_of_one_leaves_the_other_comparisons_alone():
    values = {"C1": 1.0, "C2": 1.2, "C3": 1.1, "P1": 0.7, "P2": 0.9, "P3": 0.6, "X1": 0.5}
    rows = [{"subject": s, "session": "", "side": "left", "walking_speed_m_s": v} for s, v in values.items()]
    found = statistics.compare(_lake(rows, {s: s[0] for s in values}), "walking_speed_m_s")
    assert found["test"].to_list() == ["welch", "fewer than 3 people", "fewer than 3 people"]
    p = stats.ttest_ind([0.7, 0.9, 0.6], [1.0, 1.2, 1.1], equal_var=False).pvalue
    assert found["p"].to_list() == [pytest.approx(p), None, None]
    assert found["p_holm"][0] == pytest.approx(p)  # what was not tested does not count


def test_two_people_get_an_interval_and_no_p():
    values = {"C1": 1.0, "C2": 1.2, "C3": 1.1, "P1": 0.7, "P2": 0.9}
    rows = [{"subject": s, "session": "", "side": "left", "walking_speed_m_s": v} for s, v in values.items()]
    for test in ("welch", "permutation"):
        found = statistics.compare(_lake(rows, {s: s[0] for s in values}), "walking_speed_m_s", test=test)
        assert found["ci_low"][0] < found["difference"][0] < found["ci_high"][0]
        assert (found["p"][0], found["p_holm"][0], found["test"][0]) == (None, None, "fewer than 3 people")


def _lake(rows, groups=None, curves=None):
    tables = {"subject_summary": summary_table(rows)}
    place = {"before": 1, "after": 2}
    keys = {(r["subject"], r["session"]) for r in rows if r.get("session")}
    keys |= (
        {(s, e) for s, e in zip(*(curves[c].to_pylist() for c in ("subject", "session")), strict=True) if e}
        if curves
        else set()
    )
    trials = [{"subject": s, "session": e, "trial": "walk", "session_order": place.get(e)} for s, e in sorted(keys)]
    tables["trials"] = view_builder.table("trials", trials)
    if groups:
        subjects = [{"subject": s, "group": g} for s, g in groups.items()]
        tables["subjects"] = view_builder.table("subjects", subjects)
    empty = pa.table({c.name: pa.array([], pa.float64()) for c in views.declared()["cycle_curves"].columns})
    tables["cycle_curves"] = curves if curves is not None else empty
    return FakeLake(view_builder.connect(**tables, only=["_session_order", "_excluded_trials"]))


def test_compare_takes_one_value_a_subject_and_corrects_over_all_rows():
    rows, groups = [], {}
    for group, values in (("control", A), ("patient", B)):
        for i, v in enumerate(values):
            groups[f"{group[0].upper()}{i}"] = group
            for side, add in (("left", 0.05), ("right", -0.05)):  # the mean of both sides is v
                rows.append(
                    {"subject": f"{group[0].upper()}{i}", "session": "", "side": side,
                     "walking_speed_m_s": v + add, "stance_pct": 60 + v + add}
                )  # fmt: skip
    found = statistics.compare(_lake(rows, groups), ["walking_speed_m_s", "stance_pct"])
    expected = stats.ttest_ind(B, A, equal_var=False).pvalue
    assert found["a"].to_list() == ["control"] * 2
    assert found["n_a"].to_list() == [9, 9]
    assert found["p"].to_list() == pytest.approx([expected] * 2)
    assert found["p_holm"].to_list() == pytest.approx([min(2 * expected, 1)] * 2)


def test_subjects_that_repeat_are_paired_and_the_others_named():
    rows = [
        {"subject": f"P{i}", "session": s, "side": "left", "walking_speed_m_s": v[i]}
        for s, v in (("before", A[:7]), ("after", B)) for i in range(7)
    ]  # fmt: skip
    rows.append({"subject": "P9", "session": "before", "side": "left", "walking_speed_m_s": 9.0})
    found = statistics.compare(_lake(rows), "walking_speed_m_s", by="session").to_dicts()[0]
    assert (found["a"], found["b"], found["test"], found["left_out"]) == ("before", "after", "paired t", ["P9"])
    assert found["contrast"] == "after − before"
    assert found["difference"] == pytest.approx(B.mean() - A[:7].mean())
    assert found["p"] == pytest.approx(stats.ttest_rel(A[:7], B).pvalue)


def test_unknown_names_are_refused_with_what_there_is():
    lake = _lake([{"subject": "P1", "session": "", "side": "left"}], {"P1": "x"})
    with pytest.raises(UsageError, match=r"no parameter 'speed'.*similar: .*walking_speed_m_s"):
        statistics.compare(lake, "speed")
    with pytest.raises(UsageError, match="no parameter 'length_basis'"):
        statistics.compare(lake, "length_basis")
    with pytest.raises(UsageError, match=r"no column 'sort' in subjects"):
        statistics.compare(lake, "walking_speed_m_s", by="sort")
    with pytest.raises(UsageError, match="none of the chosen people has a value"):
        statistics.compare(lake, "walking_speed_m_s")
    walked = {"subject": "P1", "session": "pre", "side": "left", "walking_speed_m_s": 1.0}
    nobody = _lake([walked], {"P1": None})
    for ask in (lambda: statistics.compare(nobody, "walking_speed_m_s"), lambda: table1(nobody, ["walking_speed_m_s"])):
        with pytest.raises(UsageError, match=r"group is empty in subjects: fill the column in participants\.tsv"):
            ask()
    with pytest.raises(UsageError, match=r"all values are of one session \(pre\); two are needed"):
        statistics.compare(nobody, "walking_speed_m_s", by="session")


def _curves(people):
    """people: (subject, side, cycle, is_steady) -> (101,) left and right knee flexion of that side."""
    names = [c.name for c in views.declared()["cycle_curves"].columns]
    rows = [
        {**dict.fromkeys(names), "subject": s, "session": "", "trial": "t", "person": 0, "cycle": c, "side": side,
         "percent": p, "is_steady": steady, f"{side}_knee_flexion_deg": float(v)}
        for (s, side, c, steady), curve in people.items() for p, v in enumerate(curve)
    ]  # fmt: skip
    text = {"subject", "session", "trial", "side"}
    whole = {"person": pa.int32(), "cycle": pa.int32(), "percent": pa.int32(), "is_steady": pa.bool_()}
    schema = pa.schema([(n, pa.string() if n in text else whole.get(n, pa.float64())) for n in names])
    return pa.Table.from_pylist(rows, schema=schema)


KNEE = 30 + 25 * np.sin(np.linspace(0, 2 * np.pi, 101))


def test_mean_curves_are_means_of_subject_means():
    # C1 has three cycles and C2 one: each counts once.
    people = {("C1", "left", i, True): KNEE + i for i in range(3)}
    people |= {("C2", "left", 0, True): KNEE + 10, ("C2", "left", 1, False): KNEE + 500, ("P1", "right", 0, True): KNEE}
    lake = _lake([], {"C1": "control", "C2": "control", "P1": "patient"}, _curves(people))
    found = statistics.mean_curves(lake, "left_knee_flexion_deg")
    assert found["group"].unique().to_list() == ["control"]
    np.testing.assert_allclose(found["mean_deg"], KNEE + 5.5)
    np.testing.assert_allclose(found["sd_deg"], np.std([1, 10], ddof=1))
    assert found["n_subjects"].unique().to_list() == [2]
    assert found["n_cycles"].unique().to_list() == [4]
    both = statistics.mean_curves(lake, "knee_flexion_deg", by="subject")
    assert set(both["subject"]) == {"C1", "C2", "P1"}


def test_cycles_array_has_the_own_side_of_each_cycle_and_names_what_it_leaves_out():
    people = {("C1", "left", 0, True): KNEE, ("C1", "right", 0, True): KNEE + 1, ("C2", "left", 0, False): KNEE}
    people["P1", "left", 0, True] = np.full(101, np.nan)
    curves = _curves(people)
    lake = _lake([], None, curves)
    with pytest.warns(UserWarning, match=r"1 of 3 cycles lack an angle and are left out; they are of P1//t"):
        array, labels = statistics.cycles_array(lake, ["knee_flexion_deg"])
    assert array.shape == (2, 101, 1)
    assert labels["side"].to_list() == ["left", "right"]
    np.testing.assert_allclose(array[1, :, 0], KNEE + 1)
    with pytest.raises(UsageError, match="left and right are never mixed"):
        statistics.cycles_array(lake, ["left_knee_flexion_deg", "right_hip_flexion_deg"])
    with pytest.raises(UsageError, match="no angle 'knee'"):
        statistics.cycles_array(lake, ["knee"])


def test_curves_are_compared_by_spm1d_where_they_differ():
    spm1d = pytest.importorskip("spm1d")
    rng = np.random.default_rng(8)
    bump = 25 * np.exp(-(((np.arange(101) - 70) / 6) ** 2))
    people, groups = {}, {}
    for group, add in (("control", 0 * bump), ("patient", -bump)):
        for i in range(8):
            smooth = sum(rng.normal(0, 3) * np.cos(k * np.linspace(0.2, 3, 101)) for k in (1, 2, 3))
            people[f"{group}{i}", "left", 0, True] = KNEE + add + smooth
            groups[f"{group}{i}"] = group
    found = statistics.compare(_lake([], groups, _curves(people)), "left_knee_flexion_deg")
    y = {g: np.stack([c for (s, *_), c in people.items() if groups[s] == g]) for g in ("control", "patient")}
    peer = spm1d.stats.ttest2(y["patient"], y["control"], equal_var=False).inference(0.05, two_tailed=True)
    assert found["t_threshold"][0] == pytest.approx(peer.zstar)
    assert found.height == len(peer.clusters) >= 1
    cluster = found.filter((pl.col("from_pct") < 70) & (pl.col("to_pct") > 70))
    assert cluster.height == 1
    assert found["alpha"].to_list() == [0.05] * found.height


def test_three_groups_of_curves_share_the_error_and_small_ones_are_named():
    spm1d = pytest.importorskip("spm1d")
    rng = np.random.default_rng(9)
    people, groups = {}, {}
    for group, n in (("a", 5), ("b", 5), ("c", 4), ("d", 2)):
        for i in range(n):
            smooth = sum(rng.normal(0, 3) * np.cos(k * np.linspace(0.2, 3, 101)) for k in (1, 2, 3))
            people[f"{group}{i}", "left", 0, True] = KNEE + smooth
            groups[f"{group}{i}"] = group
    found = statistics.compare(_lake([], groups, _curves(people)), "left_knee_flexion_deg")
    tested = found.filter(pl.col("alpha").is_not_null())
    assert tested["alpha"].unique().to_list() == [0.05 / 3]
    assert found.filter(pl.col("b") == "d")["test"].to_list() == ["fewer than 3 people"] * 3
    y = {g: np.stack([c for (s, *_), c in people.items() if groups[s] == g]) for g in "ab"}
    peer = spm1d.stats.ttest2(y["b"], y["a"], equal_var=False).inference(0.05 / 3, two_tailed=True)
    assert tested.filter(a="a", b="b")["t_threshold"][0] == pytest.approx(peer.zstar)


def test_curves_of_people_who_repeat_are_paired_and_the_others_named():
    pytest.importorskip("spm1d")
    rng = np.random.default_rng(10)
    parts = []
    for session in ("after", "before"):
        people = {(f"P{i}", "left", 0, True): KNEE + rng.normal(0, 3) for i in range(5)}
        if session == "before":
            people["P9", "left", 0, True] = KNEE
        part = _curves(people)
        parts.append(
            part.set_column(part.column_names.index("session"), "session", pa.array([session] * part.num_rows))
        )
    found = statistics.compare(_lake([], None, pa.concat_tables(parts)), "left_knee_flexion_deg", by="session")
    assert found["test"].unique().to_list() == ["spm1d paired t"]
    assert (found["a"][0], found["b"][0]) == ("before", "after")
    assert found["n_a"].unique().to_list() == [5]
    assert found["left_out"][0].to_list() == ["P9"]


def test_a_mixed_model_leaves_nobody_out():
    pytest.importorskip("statsmodels")
    rng = np.random.default_rng(12)
    rows = [
        {"subject": f"P{i}", "session": s, "side": side, "walking_speed_m_s": 1 + i / 20 + gain + rng.normal(0, 0.02)}
        for i in range(6) for s, gain in (("before", 0.0), ("after", 0.1)) for side in ("left", "right")
        if (i, s) != (5, "after")
    ]  # fmt: skip
    lake = _lake(rows)
    paired = statistics.compare(lake, "walking_speed_m_s", by="session").to_dicts()[0]
    model = statistics.compare(lake, "walking_speed_m_s", by="session", test="mixed").to_dicts()[0]
    assert (paired["n_a"], paired["left_out"]) == (5, ["P5"])
    assert (model["n_a"], model["n_b"], model["left_out"], model["test"]) == (6, 5, [], "mixed model")
    assert model["contrast"] == "after − before"
    assert model["difference"] == pytest.approx(paired["difference"], abs=0.01)
    assert model["hedges_g"] is None


def test_pairs_of_sessions_that_nobody_has_both_of_are_counted_and_not_compared():
    values = pl.DataFrame({"subject": ["A", "A", "B", "B"], "level": ["1 May", "8 May", "2 May", "9 May"]})
    pairs = list(combinations(sorted(values["level"]), 2))
    shared, said = shared_pairs(values, pairs)
    assert shared == [("1 May", "8 May"), ("2 May", "9 May")]
    assert said == "not compared: 4 pairs of sessions, because nobody has both sessions of these pairs"
    assert shared_pairs(values.filter(pl.col("level") < "3"), [("1 May", "2 May")]) == ([("1 May", "2 May")], "")


def test_sessions_without_an_order_are_not_compared_and_the_error_says_what_is_missing():
    rows = [
        {"subject": f"P{i}", "session": s, "side": "left", "walking_speed_m_s": 1.0 + i / 10}
        for s in ("post", "pre") for i in range(3)
    ]  # fmt: skip
    with pytest.raises(UsageError, match=r"2 of 2 sessions without acq_time.*session_order = "):
        statistics.compare(_lake(rows), "walking_speed_m_s", by="session")


def test_the_affected_side_is_the_patients_own_and_healthy_people_give_both():
    rows = [
        {"subject": s, "session": "", "side": side, "walking_speed_m_s": v}
        for s, values in {"P1": (0.8, 1.0), "P2": (1.2, 0.6), "C1": (1.4, 1.6), "C2": (1.3, 1.5)}.items()
        for side, v in zip(("left", "right"), values, strict=True)
    ]
    lake = _lake(rows, {s: "patient" if s[0] == "P" else "control" for s in ("P1", "P2", "C1", "C2")})
    for subject, side in (("P1", "left"), ("P2", "right")):
        lake.connection.execute("UPDATE subjects SET affected_side = ? WHERE subject = ?", [side, subject])
    affected, unaffected = (
        statistics.compare(lake, "walking_speed_m_s", side=side).to_dicts()[0] for side in ("affected", "unaffected")
    )
    assert affected["mean_b"] == pytest.approx((0.8 + 0.6) / 2)
    assert unaffected["mean_b"] == pytest.approx((1.0 + 1.2) / 2)
    assert affected["mean_a"] == unaffected["mean_a"] == pytest.approx((1.5 + 1.4) / 2)
    assert "both sides for people without affected_side: C1, C2" in affected["pooled"]


def test_what_was_pooled_is_reported():
    rows = [
        {"subject": f"{g}{i}", "session": s, "condition": "free", "side": side, "walking_speed_m_s": 1 + i / 10, "n_strides": 5}
        for g in "ab" for i in range(3) for s in ("pre", "post") for side in ("left", "right")
    ]  # fmt: skip
    found = statistics.compare(
        _lake(rows, {f"{g}{i}": g for g in "ab" for i in range(3)}), "walking_speed_m_s"
    ).to_dicts()[0]
    assert found["pooled"] == "2 sessions pooled: post, pre; condition free; mean of both sides"
    assert (found["n_cycles_a"], found["n_cycles_b"]) == (60, 60)


def test_a_parameter_counts_the_cycles_that_have_it():
    rows = [
        {"subject": f"{g}{i}", "session": "", "condition": "free", "side": side, "walking_speed_m_s": 1 + i / 10,
         "ankle_a2_w_kg": 3 + i / 5, "n_strides": 12, "walking_speed_m_s_n": 12, "ankle_a2_w_kg_n": 2}
        for g in "ab" for i in range(3) for side in ("left", "right")
    ]  # fmt: skip
    profiles = [
        {"subject": f"{g}{i}", "session": "", "side": side, "gvs_ankle_power_w_kg": 0.5 + i / 10, "n_cycles": 2}
        for g in "ab" for i in range(3) for side in ("left", "right")
    ]  # fmt: skip
    subjects = [{"subject": f"{g}{i}", "group": g} for g in "ab" for i in range(3)]
    tables = {"subject_summary": summary_table(rows), "kinetic_profile": pa.Table.from_pylist(profiles)}
    with view_builder.connect(
        **tables, subjects=view_builder.table("subjects", subjects), only=[*tables, "_excluded_trials"]
    ) as connection:
        names = ["walking_speed_m_s", "ankle_a2_w_kg", "gvs_ankle_power_w_kg"]
        found = statistics.compare(FakeLake(connection), names, by="group")
    counts = dict(found.select("parameter", "n_cycles_a").iter_rows())
    assert counts == {"walking_speed_m_s": 72, "ankle_a2_w_kg": 12, "gvs_ankle_power_w_kg": 12}
    assert found["mean_a"].to_list() == pytest.approx([1.1, 3.2, 0.6])
