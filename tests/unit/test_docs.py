"""Pages made from the code are as the code makes them, and the pages that the README and guide name exist."""

from __future__ import annotations

import importlib.util
import re

import pytest

from tests import ROOT

DOCS = ROOT / "docs"


def build():
    spec = importlib.util.spec_from_file_location("docs_build", DOCS / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["tables.md", "commands.md"])
def test_made_pages_are_current(name):
    made = build().pages()[name]
    assert (DOCS / name).read_text() == made, "stale: run make docs"


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "docs/guide.md", "docs/architecture.md"])
def test_pages_named_exist(page):
    root = DOCS.parent
    named = set(re.findall(r"\bdocs/[A-Za-z0-9_-]+\.md\b", (root / page).read_text()))
    missing = sorted(n for n in named if not (root / n).exists())
    assert not missing
