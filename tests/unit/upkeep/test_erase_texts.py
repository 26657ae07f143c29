"""A decision on somebody else that names an erased person loses the name, in the lake and in its releases."""

from __future__ import annotations

from pathlib import Path

import pytest

from neurostore import reviews
from neurostore.api import open as open_lake
from neurostore.lake import delta
from neurostore.upkeep import erase, release, verify
from tests.builders.lake_builder import build_lake, trial

WHO = "P0107"


class Cut(BaseException):
    """A kill."""


@pytest.fixture
def lake(tmp_path):
    people = [{"subject": key, "name": f"Jane {key[-2:]} Doe"} for key in (WHO, "P0101", "P0102")]
    lake = Path(build_lake(tmp_path, [trial(key, "walk") for key in (WHO, "P0101", "P0102")], people).path)
    reasons = {"P0101": f"limps as {WHO} does, not as {WHO}1", "P0102": "a crutch", WHO: "limps"}
    who = {"action": "exclude", "trial": "walk", "reviewer": "R1"}
    reviews.decide(lake, [{**who, "subject": key, "reason": reason} for key, reason in reasons.items()])
    reviews.decide(lake, [{**who, "action": "note", "subject": "P0102", "reason": "walks with Jane 07 Doe"}])
    release.make(lake, "v1")
    return lake


def reasons_in(lake, of_release: str | None = None) -> list[str]:
    return sorted(open_lake(lake, release=of_release).scan("reviews").collect()["reason"].to_list())


@pytest.mark.parametrize("is_cut_off", [False, True])
def test_the_name_goes_and_the_decision_stays(lake, monkeypatch, is_cut_off):
    if is_cut_off:
        with monkeypatch.context() as killed:
            killed.setattr(delta, "replace_rows", _cut_after_reviews(delta.replace_rows))
            with pytest.raises(Cut):
                erase.erase(lake, WHO)
        assert f"limps as {WHO} does, not as {WHO}1" in reasons_in(lake), "nothing changes until all of it does"
    receipt = erase.erase(lake, WHO)
    kept = ["a crutch", f"limps as (erased) does, not as {WHO}1", "walks with (erased)"]
    assert reasons_in(lake) == kept
    assert reasons_in(lake, "v1") == kept
    assert (receipt.remaining, receipt.n_texts) == ([], 2)
    assert verify.verify(lake).is_clean


def _cut_after_reviews(replace_rows):
    """The first change of ``reviews`` is the last thing that the erasure does."""

    def cut(root, table, *rest, **options):
        version = replace_rows(root, table, *rest, **options)
        if table == "reviews":
            raise Cut
        return version

    return cut


def test_a_key_that_is_a_number_is_replaced_where_it_is_a_key_alone(tmp_path):
    lake = Path(build_lake(tmp_path, [trial(key, "walk") for key in ("10", "11")]).path)
    decision = {"action": "exclude", "subject": "11", "trial": "walk", "reviewer": "R1"}
    reviews.decide(lake, [{**decision, "reason": "10 cm shorter; see subject 10"}])
    receipt = erase.erase(lake, "10")
    assert reasons_in(lake) == ["10 cm shorter; see (erased)"]
    assert [line for line in receipt.remaining if "may hold" not in line] == []
