"""One small cohort with hostile text in its own tables, read once for all tests of the report."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from neurostore.api import open as open_lake
from neurostore.demo import make_cohort
from tests.builders.hostile import CONDITION, HOSTILE


@pytest.fixture(scope="session")
def lake(tmp_path_factory):
    """Nine walkers in three groups, three of them seen twice; the group crouch and a condition have hostile names."""
    from neurostore.ingest.pipeline import ingest
    from neurostore.upkeep.refresh import refresh

    folder = tmp_path_factory.mktemp("report")
    make_cohort(folder / "cohort", n_per_group=3, n_trials=1)
    _rewrite(
        folder / "cohort" / "participants.tsv", lambda row: [HOSTILE if cell == "crouch" else cell for cell in row]
    )
    _rewrite(folder / "cohort" / "trials.tsv", lambda row: [*row[:3], CONDITION if row[0] == "S02" else row[3]])
    ingest(folder / "cohort", folder / "lake", n_workers=1)
    refresh(folder / "lake")
    return open_lake(folder / "lake")


@pytest.fixture(scope="session")
def data(lake):
    from neurostore.report.data import collect

    return collect(lake, reference="control")


@pytest.fixture(scope="session")
def page(data, tmp_path_factory) -> Path:
    from neurostore.report.page import build

    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(build(data), encoding="utf-8")
    return path


def _rewrite(path: Path, change) -> None:
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file, delimiter="\t"))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(
            file, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_NONE, quotechar=None, escapechar=None
        )
        writer.writerows([rows[0], *map(change, rows[1:])])
