"""The simulated study: what the product says of it is what is true, and would not be without its tables."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from neurostore import study
from neurostore.api import open as open_lake
from neurostore.errors import UsageError
from neurostore.ingest.pipeline import ingest
from neurostore.upkeep.refresh import refresh
from neurostore.walker import walk

N = 3  # people of each group


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    study.make_cohort(folder / "cohort", n_per_group=N, n_trials=1)
    report = ingest(folder / "cohort", folder / "lake", n_workers=1)
    assert not report.failed
    refresh(folder / "lake")
    return folder


@pytest.fixture(scope="module")
def lake(folder):
    return open_lake(folder / "lake")


@pytest.fixture(scope="module")
def asked(lake):
    return study.questions(lake, study.truth(study.make_people(N)))


def off(frame):
    """Rows further from the truth than their parameter may be."""
    allowed = pl.col("parameter").replace_strict(study.TOLERANCES, return_dtype=pl.Float64)
    return frame.filter(((pl.col("found") - pl.col("true")).abs() > allowed) | pl.col("found").is_null()).rows()


@pytest.mark.parametrize("name", ["baseline", "baseline, affected", "baseline, unaffected"])
def test_group_means_at_baseline(asked, name):
    found = asked[name].answer
    assert found.height == 2 * (len(study.BASELINE) if name == "baseline" else len(study.OF_A_SIDE))
    assert set(found["n"]) == {N}
    assert off(found) == []


def test_the_affected_side_is_the_patients_own(asked):
    affected, other = (
        {r["parameter"]: r["found"] for r in asked[f"baseline, {side}"].answer.to_dicts() if r["group"] == "stroke"}
        for side in ("affected", "unaffected")
    )
    for parameter in ("stance_pct", "peak_swing_knee_flexion_deg"):  # left and right are affected by turns
        assert other[parameter] - affected[parameter] > 2 * study.TOLERANCES[parameter]


@pytest.mark.parametrize("side", ["affected", "unaffected"])
def test_changes_are_post_minus_pre_and_have_the_signs_of_the_truth(asked, side):
    found = asked[f"change, {side}"].answer
    assert set(found["contrast"]) == {"post − pre"}  # by name, post would come first
    assert set(found["n"]) == {N}
    assert off(found) == []
    by = {row["parameter"]: row["found"] for row in found.to_dicts()}
    assert by["walking_speed_m_s"] > 0.1
    assert by["peak_swing_knee_flexion_deg"] > 2 or side == "unaffected"
    assert abs(by["stance_pct"]) < 1  # it does not change, but the affected foot rises otherwise in the second session


def test_the_excluded_trial_is_left_out_and_listed(lake, asked):
    assert asked["excluded"].answer.rows() == [(*study.EXCLUDED, "trials.tsv", study.REASON)]
    query = (
        "SELECT trial, median(speed_m_s) AS speed FROM _measured_cycles WHERE is_steady AND subject = 'P02' "
        "AND session = 'post' GROUP BY trial ORDER BY trial"
    )
    assert lake.sql(query)["trial"].to_list() == ["walk_01"]
    untouched = lake.select().choose(reviews="off").sql(query)
    assert untouched["trial"].to_list() == ["walk_01", "walk_03"]
    kept, held = untouched["speed"]
    assert kept - held > 10 * study.TOLERANCES["walking_speed_m_s"]  # left in, it would be seen in the results


def test_table_1_names_trials_without_a_steady_cycle_and_those_left_out(lake):
    notes = " ".join(lake.table1(("walking_speed_m_s",), session="pre").notes)
    assert f"without a steady cycle, so not counted: {'/'.join(study.EXCHANGED)} (trial_quality says why)" in notes
    assert "left out by review" not in notes  # the excluded trial is of the other session
    notes = " ".join(lake.table1(("walking_speed_m_s",), session="post").notes)
    assert "without a steady cycle" not in notes
    assert f"{'/'.join(study.EXCLUDED)} by trials.tsv: {study.REASON}" in notes


def test_exchanged_sides_are_found_and_give_no_cycle(asked, lake):
    found = asked["exchanged"].answer
    assert [row[:3] for row in found.rows()] == [study.EXCHANGED]
    assert found["verdict"][0].startswith("Do not use: toes and pelvis show that left and right are exchanged.")
    trials = lake.sql("SELECT trial, n_steady_cycles, verdict FROM trial_quality ORDER BY subject, session, trial")
    assert trials.filter(pl.col("n_steady_cycles") == 0)["trial"].to_list() == ["walk_03", "walk_03"]
    assert set(trials.filter(pl.col("n_steady_cycles") > 0)["verdict"]) == {"Usable."}


def test_the_distance_to_the_controls_follows_the_true_curves(lake):
    """Their true distance, percent by percent: warping can only make it smaller. The ankle of P01 goes further away."""
    people = {p.subject: p for p in study.make_people(N)}
    controls = [_curves(p.gaits["pre"], "left") for p in people.values() if p.group == "control"]
    true = {
        session: np.mean([np.sqrt(((_curves(gait, "left") - c) ** 2).sum(axis=1).mean()) for c in controls])
        for session, gait in people["P01"].gaits.items()
    }
    found = lake.compare(
        "dtw_distance_deg", "session", side="affected", reference="control", where="s.subject = 'P01'"
    ).to_dicts()[0]
    assert (found["contrast"], found["n_a"], found["p"]) == ("post − pre", 1, None)
    for level in "ab":
        assert 0.6 * true[found[level]] < found[f"mean_{level}"] <= true[found[level]]
    assert found["difference"] == pytest.approx(true["post"] - true["pre"], abs=2.0)
    assert found["difference"] > 1 < true["post"] - true["pre"]


def _curves(gait, side):
    """(101, 3) true sagittal angles of a left cycle, degrees."""
    walked = walk.walk(gait, n_strides=2, rate_hz=120.0, start_phase=0.0)
    time = np.linspace(0, 1, 101) * gait.stride_time_s
    names = ("hip_flexion_deg", "knee_flexion_deg", "ankle_dorsiflexion_deg")
    return np.stack([np.interp(time, walked.time_s, walked.angles[f"{side}_{name}"]) for name in names], axis=1)


def test_an_unknown_group_is_an_error_with_the_near_names(lake):
    with pytest.raises(UsageError, match="no group 'contol'; similar: control"):
        lake.compare("dtw_distance_deg", reference="contol")
    with pytest.raises(UsageError, match="needs the group to measure from"):
        lake.compare("dtw_distance_deg")


def test_the_demonstration_prints_the_truth_beside_the_results(asked, folder, capsys):
    study.print_results(asked, folder / "lake")
    printed = capsys.readouterr().out
    assert f"true: {'/'.join(study.EXCLUDED)}, {study.REASON}" in printed
    assert f"true: {'/'.join(study.EXCHANGED)} has left and right exchanged" in printed
    assert printed.count("  found  ") == 5
