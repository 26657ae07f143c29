"""What is read and not computed with is shown whole; what is long is shown narrow."""

from __future__ import annotations

import pytest

from neurostore.errors import UsageError
from neurostore.whole_table import WholeTable
from tests.builders.lake_builder import build_lake, trial


def test_no_row_and_no_letter_is_cut() -> None:
    long = "a meaning of more than thirty-two letters, as most of them are, and then some " * 2
    table = WholeTable({"column": [f"c{i:03d}" for i in range(60)], "meaning": [long.strip()] * 60})
    html = table._repr_html_()
    assert all(f"c{i:03d}" in html and f"c{i:03d}" in str(table) for i in range(60))
    assert long.strip() in html
    assert "…" not in str(table) + repr(table)
    assert table.filter(table["column"] == "c001").height == 1


def test_describe_is_whole_and_trials_are_narrow(tmp_path) -> None:
    lake = build_lake(tmp_path, [trial("S1", "walk")])
    assert "…" not in str(lake.describe("joint_angles"))
    assert lake.trials().width == 10
    assert lake.trials("ingest_id", "subject").columns == [*lake.trials().columns, "ingest_id"]
    assert lake.trials("*").width == lake.sql("SELECT * FROM trials").width
    with pytest.raises(UsageError, match="trials has no column 'subjet'; similar: subject"):
        lake.trials("subjet")


def test_a_figure_is_a_png_by_itself() -> None:
    pytest.importorskip("matplotlib")
    from neurostore.report.matplotlib_figures import empty_figure

    assert empty_figure(2, 2)._repr_png_().startswith(b"\x89PNG")
