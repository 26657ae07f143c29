"""What the report says of sides that are too short for a score."""

from __future__ import annotations

from types import SimpleNamespace

import polars as pl
import pytest

from neurostore.report.scores import short_sides


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"left": 5, "right": 3}, ""),
        ({"left": 5, "right": 2}, "Not scored: right (2 steady cycles); a side needs 3 steady cycles."),
        (
            {"left": 1, "right": 0},
            "Not scored: left (1 steady cycle) and right (0 steady cycles); a side needs 3 steady cycles.",
        ),
    ],
)
def test_sides_with_too_few_cycles_are_named(counts, said):
    rows = pl.DataFrame(
        [{"side": side, "n_cycles": n} for side, n in [*counts.items(), ("both", min(counts.values()))]]
    )
    block = SimpleNamespace(rows=lambda frame, by_condition: frame, data=SimpleNamespace(profile=rows))
    assert short_sides(block) == said
