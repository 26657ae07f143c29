"""Group by session: people's changes compared, against scipy and the interaction of a two-way table."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from neurostore import statistics
from neurostore.errors import UsageError
from tests.builders import view_builder
from tests.builders.fake_lake import FakeLake, summary_table

RNG = np.random.default_rng(8)
#: group -> (person, session): post sorts before pre
SPEED = {"control": RNG.normal(1.3, 0.1, (5, 2)), "stroke": RNG.normal(0.7, 0.1, (6, 2)) + np.array([0.0, 0.15])}
SESSIONS = ("pre", "post")


def lake_of(sessions=SESSIONS, seen_once=(), dated=True):
    rows, subjects, trials = [], [], []
    for group, values in SPEED.items():
        for i, own in enumerate(values):
            name = f"{group[0].upper()}{i}"
            subjects.append({"subject": name, "group": group})
            for k, session in enumerate(sessions):
                if k and name in seen_once:
                    continue
                value = own[min(k, 1)]
                at = f"2024-0{k + 1}-05T10:00:00" if dated else None
                trials.append({"subject": name, "session": session, "trial": "walk", "kind": "mocap", "skeleton": "x",
                               "cutoff_hz": 6.0, "acq_time": at})  # fmt: skip
                rows += [
                    {"subject": name, "session": session, "side": side, "walking_speed_m_s": value + d, "n_strides": 4}
                    for side, d in (("left", 0.01), ("right", -0.01))
                ]
    tables = {"subject_summary": summary_table(rows), "subjects": view_builder.table("subjects", subjects)}
    tables["trials"] = view_builder.table("trials", trials)
    return FakeLake(view_builder.connect(**tables, only=["_session_order", "_excluded_trials"]))


def test_it_is_the_t_test_of_change_scores_and_the_interaction_of_the_means():
    row = statistics.compare(lake_of(), "walking_speed_m_s", change=True).to_dicts()[0]
    control, stroke = (SPEED[g][:, 1] - SPEED[g][:, 0] for g in ("control", "stroke"))
    peer = stats.ttest_ind(stroke, control, equal_var=False)
    assert row["p"] == pytest.approx(peer.pvalue)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(tuple(peer.confidence_interval(0.95)))
    cells = {g: v.mean(axis=0) for g, v in SPEED.items()}
    interaction = (cells["stroke"][1] - cells["stroke"][0]) - (cells["control"][1] - cells["control"][0])
    assert row["difference"] == pytest.approx(interaction)
    assert (row["n_a"], row["n_b"], row["contrast"]) == (5, 6, "(post − pre) stroke − (post − pre) control")
    assert row["pooled"].startswith("session post − pre; mean of both sides")


def test_people_seen_once_are_left_out_by_name():
    row = statistics.compare(lake_of(seen_once=("C1", "S0")), "walking_speed_m_s", change=True).to_dicts()[0]
    assert (row["n_a"], row["n_b"], row["left_out"]) == (4, 5, ["C1", "S0"])


@pytest.mark.parametrize(
    ("lake", "how", "said"),
    [
        ({"sessions": ("pre",)}, {}, "a change is between two sessions; found: pre"),
        ({"sessions": ("pre", "post", "later")}, {}, "found: later, post, pre; choose two with session="),
        ({"dated": False}, {}, "which session came first is not known"),
        ({}, {"by": "session"}, "is compared by a column of subjects"),
        ({}, {"test": "mixed"}, "choose welch or permutation"),
    ],
)
def test_what_has_no_change_is_an_error_that_says_why(lake, how, said):
    with pytest.raises(UsageError, match=said):
        statistics.compare(lake_of(**lake), "walking_speed_m_s", change=True, **how)
