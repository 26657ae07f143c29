"""Some mutated files of every format, in the suite; ``make fuzz`` runs ten thousand of each.

Large formats have a process of their own, so that the memory measured is the reader's and not that of the tests before it.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests import ROOT
from tests.fuzz.seeds import FORMATS

CODE = """
import json, sys
from pathlib import Path
from tests.fuzz.run import fuzz
for name in sys.argv[2:]:
    tally = fuzz(name, 40, Path(sys.argv[1]), seed=7, seconds=2 / (len(sys.argv) - 1))
    print(json.dumps([tally.faults, tally.taken, tally.refused]))
"""
SMALL = ("model", "mot", "points", "segments", "strangers", "tables")
TOO_SLOW = {"laboratories"}  # up to a second per case
ALONE = [(name,) for name in sorted(FORMATS.keys() - {*SMALL} - TOO_SLOW)]


@pytest.mark.parametrize("names", [*ALONE, SMALL], ids="-".join)
def test_only_named_errors(names, tmp_path):
    words = [sys.executable, "-c", CODE, str(tmp_path), *names]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    for line in done.stdout.splitlines()[-len(names) :]:
        faults, taken, refused = json.loads(line)
        assert not faults, "\n".join(faults)
        assert taken + refused > 10
        assert refused > 0
