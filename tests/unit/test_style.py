"""The lists of files that may break a rule of style are only ever shortened."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests import ROOT

LINT = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
LISTED = LINT["per-file-ignores"]


def test_every_file_listed_still_needs_its_entry():
    ruff = Path(sys.executable).with_name("ruff")
    if not ruff.exists():
        pytest.skip("ruff is not installed")
    rules = sorted({rule for rules in LISTED.values() for rule in rules})
    complexity = f"lint.mccabe.max-complexity={LINT['mccabe']['max-complexity']}"
    convention = f'lint.pydocstyle.convention="{LINT["pydocstyle"]["convention"]}"'
    done = subprocess.run(
        [ruff, "check", "--isolated", "--no-cache", "--select", ",".join(rules), "--config", complexity,
         "--config", convention, "--output-format", "json", *LISTED],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    found = {(str(Path(f["filename"]).relative_to(ROOT)), f["code"]) for f in json.loads(done.stdout)}
    listed = {(name, rule) for name, rules in LISTED.items() for rule in rules}
    assert listed - found == set(), "no longer needed: take them off per-file-ignores in pyproject.toml"
