"""A few hundred mutated files a format, in the suite; ``make fuzz`` runs ten thousand.

Each format has a process of its own, so that the memory measured is the reader's and not that of the tests before it.
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
tally = fuzz(sys.argv[1], 200, Path(sys.argv[2]), seed=7, seconds=3)
print(json.dumps([tally.faults, tally.taken, tally.refused]))
"""


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_only_named_errors(name, tmp_path):
    root = ROOT
    done = subprocess.run(
        [sys.executable, "-c", CODE, name, str(tmp_path)], cwd=root, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
    faults, taken, refused = json.loads(done.stdout.splitlines()[-1])
    assert not faults, "\n".join(faults)
    assert taken + refused > 10
    assert refused > 0
