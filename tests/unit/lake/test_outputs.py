"""What is written out of a lake is noted before it is written, whatever function writes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from neurostore.lake import create, outputs
from neurostore.storage import temporary


@pytest.fixture
def lake(tmp_path):
    return create.create(tmp_path / "lake")


def names(lake) -> list[str]:
    return sorted(Path(p).name for note in outputs.noted(lake).values() for p in note["paths"])


def test_files_beside_the_target_are_noted_before_they_are_written(lake, tmp_path):
    seen = []
    with outputs.noting(lake, "report", tmp_path / "report.html", tmp_path / "bids"):
        seen.append(names(lake))
        for place in ("report.html", "figure.png", "bids/sub-1/motion.tsv"):
            (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
            with temporary.replacing(tmp_path / place) as work:
                seen.append(names(lake))
                work.write_text("x")
    assert seen == [["bids", "report.html"], ["bids", "report.html"], *[["bids", "figure.png", "report.html"]] * 2]
    with temporary.replacing(tmp_path / "later.txt") as work:
        work.write_text("not written from a lake")
    assert "later.txt" not in names(lake)


@pytest.mark.parametrize("was_there", [False, True])
@pytest.mark.parametrize("is_written", [False, True])
def test_after_an_error_what_was_written_stays_noted(lake, tmp_path, is_written, was_there):
    out = tmp_path / "walk.trc"
    if was_there:
        out.write_text("a stranger's")

    def fail() -> None:
        with outputs.noting(lake, "export", out):
            if is_written:
                with temporary.replacing(out) as work:
                    work.write_text("ours")
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        fail()
    assert names(lake) == ["walk.trc"] * is_written


def test_what_was_written_first_comes_first(lake, tmp_path):
    places = [tmp_path / f"{name}.trc" for name in "cabdfe"]
    for place in places:
        outputs.note(lake, "export", place)
    assert [Path(p).name for note in outputs.noted(lake).values() for p in note["paths"]] == [p.name for p in places]
