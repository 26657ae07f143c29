"""Which bench a request gets: making one takes seconds."""

from __future__ import annotations

import threading

import pytest

from neurostore.window import cohort
from neurostore.window import shelf as shelves
from tests.builders.lake_builder import build_lake, trial

HEEL = [[0.0, 0.0, 0.0]] * 3


class Counted:
    """A bench that holds nothing, and counts how many were made."""

    made = 0

    def __init__(self, lake):
        type(self).made += 1
        self.session = None
        self.layout = shelves.layout(lake)

    def load(self, lake, subject, session):
        self.session = (subject, session)

    def sql(self, query, params):
        return query


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    monkeypatch.setattr(Counted, "made", 0)
    monkeypatch.setattr(shelves, "Bench", Counted)
    build_lake(tmp_path, [trial(who, "walk", left_heel=HEEL) for who in ("A", "B")])
    return shelves.Shelf(tmp_path / "lake")


def test_one_bench_serves_one_session_after_another(shelf):
    for who in ("A", "B", "A"):
        with shelf.bench(who, "") as bench:
            assert bench.session == (who, "")
    assert Counted.made == 1


def test_another_session_does_not_wait_and_the_same_one_does(shelf):
    order = []

    def ask():
        with shelf.bench("A", ""):
            order.append("asked again")

    with shelf.bench("A", "") as first:
        with shelf.bench("B", "") as second:
            assert second is not first
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join(0.3)
        order.append("first at work")
    thread.join(10)
    assert order == ["first at work", "asked again"]
    assert Counted.made == 2


def test_the_bench_is_free_between_the_questions_of_the_cohort(shelf, monkeypatch):
    """After a decision, whoever looks at the trial does not wait for all of its new figures."""
    free = []

    def read(sql, where, params):
        for query in ("quality", "curves"):
            assert sql(query, params) == query
            free.append(not shelf._busy)
        return {}

    monkeypatch.setattr(cohort, "read_figures", read)
    marks = shelf.cohort._marks()
    shelf.cohort._add({("B", "", "walk"): cohort.Figures({})}, marks)
    shelf.cohort.update()
    assert free == [True, True]
