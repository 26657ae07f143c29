"""Distances to a group: who counts how often is worked out by hand, the distances themselves are those of `distances`."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from neurostore.distances import reference
from neurostore.distances.matrix import DistanceMatrix
from neurostore.errors import UsageError

CYCLES = [  # subject, session, trial
    ("C1", "pre", "a"),
    ("C1", "pre", "a"),
    ("C2", "pre", "a"),
    ("P1", "pre", "a"),
    ("P1", "post", "a"),
    ("P1", "post", "b"),
]
GROUPS = {"C1": "control", "C2": "control", "P1": "stroke"}


class Lake:
    """Who is in a group."""

    def sql(self, query, params=None):
        people = [subject for subject, group in GROUPS.items() if group == params["name"]]
        return pl.DataFrame({"subject": people}, schema={"subject": str})


@pytest.fixture
def values(monkeypatch):
    """A matrix of both sides; the right one is 10 degrees further apart."""
    half = np.random.default_rng(2).uniform(1, 9, (6, 6))
    values = np.triu(half, 1) + np.triu(half, 1).T
    labels = pl.DataFrame(CYCLES, schema=["subject", "session", "trial"], orient="row")

    def distances(lake, **options):
        assert options == {"unit": "cycle", "normalize": "path_length", "mixed": False}
        return {
            side: DistanceMatrix(values + more * (1 - np.eye(6)), labels.with_columns(side=pl.lit(side)))
            for side, more in (("left", 0), ("right", 10))
        }

    monkeypatch.setattr(reference, "distances", distances)
    return values


def test_people_of_the_group_count_alike_and_nobody_is_compared_with_themselves(values):
    found = reference.reference_distances(Lake(), "control", set(CYCLES))
    rows = {(r["subject"], r["session"], r["side"]): (r["value"], r["n_cycles"]) for r in found.to_dicts()}
    assert rows.keys() == {(s, e, side) for s, e, _ in CYCLES for side in ("left", "right")}
    to_c1 = (values[3, 0] + values[3, 1]) / 2  # two cycles of C1 weigh as much as the one of C2
    assert rows["P1", "pre", "left"] == (pytest.approx((to_c1 + values[3, 2]) / 2), 1)
    assert rows["P1", "pre", "right"][0] == pytest.approx(rows["P1", "pre", "left"][0] + 10)
    post = [(values[i, 0] + values[i, 1]) / 4 + values[i, 2] / 2 for i in (4, 5)]
    assert rows["P1", "post", "left"] == (pytest.approx(np.mean(post)), 2)
    assert rows["C1", "pre", "left"] == (pytest.approx((values[0, 2] + values[1, 2]) / 2), 2)


def test_only_chosen_trials_are_shown_and_the_group_may_be_outside(values):
    found = reference.reference_distances(Lake(), "control", {("P1", "post", "b")})
    assert found.select("subject", "session", "n_cycles").unique().rows() == [("P1", "post", 1)]
    assert found.filter(side="left")["value"][0] == pytest.approx((values[5, 0] + values[5, 1]) / 4 + values[5, 2] / 2)


def test_a_group_without_cycles_is_an_error(values):
    with pytest.raises(UsageError, match="nobody else of this group has a steady cycle"):
        reference.reference_distances(Lake(), "athletes", set(CYCLES))
