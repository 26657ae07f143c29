"""A few hundred mutated files a format, in the suite; ``make fuzz`` runs ten thousand."""

from __future__ import annotations

import pytest

from tests.fuzz.run import fuzz
from tests.fuzz.seeds import FORMATS


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_only_named_errors(name, tmp_path):
    tally = fuzz(name, 200, tmp_path, seed=7, seconds=4)
    assert not tally.faults, "\n".join(tally.faults)
    assert tally.read + tally.refused > 10
    assert tally.refused > 0
