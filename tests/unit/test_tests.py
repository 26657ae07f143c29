"""The tests have rooms too: no test imports another, and tests/unit mirrors the packages."""

from __future__ import annotations

import ast

import pytest

from tests import ROOT
from tests.shared_data import needs_shared, skipped_in_vain

TESTS = sorted((ROOT / "tests").rglob("*.py"))
PACKAGES = {"ingest": ROOT / "ingest", "queries": ROOT / "queries", "schemas": ROOT / "schemas"}


def imported(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", TESTS, ids=lambda path: str(path.relative_to(ROOT / "tests")))
def test_no_test_imports_another(path):
    wrong = [name for name in imported(path) if {"conftest"} & set(name.split(".")) or ".test_" in name]
    assert not wrong, f"{path.relative_to(ROOT)} imports {', '.join(wrong)}: what tests share belongs in tests/builders"


def test_folders_of_unit_tests_are_packages():
    unit = ROOT / "tests" / "unit"
    for folder in sorted({path.parent for path in unit.rglob("test_*.py")}):
        parts = folder.relative_to(unit).parts
        package = (
            PACKAGES[parts[0]].joinpath(*parts[1:])
            if parts and parts[0] in PACKAGES
            else ROOT.joinpath("neurostore", *parts)
        )
        assert (package / "__init__.py").exists(), f"{folder.relative_to(ROOT)} mirrors no package"


def test_real_recordings_that_are_there_must_be_used(tmp_path):
    reasons = [needs_shared.kwargs["reason"], "could not import 'torch'"]
    assert skipped_in_vain(reasons, tmp_path) == 1
    assert skipped_in_vain(reasons, tmp_path / "absent") == 0
