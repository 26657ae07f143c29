"""The website of the documentation has every page, and its hooks change only what they say."""

from __future__ import annotations

import importlib.util
import re
from types import ModuleType, SimpleNamespace

import pytest

from tests import ROOT

DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def hooks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("site_hooks", DOCS / "site_hooks.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_page_is_in_the_navigation(hooks: ModuleType) -> None:
    placed = re.findall(r": ([\w-]+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
    pages = {p.name for p in DOCS.glob("*.md")}
    assert len(placed) == len(set(placed)) > 15
    assert set(placed) <= pages
    config = {"nav": [{"Use": [{"Page": name} for name in placed]}], "docs_dir": str(DOCS)}
    hooks.on_config(config)
    decisions = config["nav"][-1]
    added = [path for section in config["nav"][1:-1] for entry in section["More"] for path in entry.values()]
    assert set(added) == pages - set(placed)
    pages = [path for entry in decisions["Decisions"] for path in entry.values()]
    assert pages == [f"decisions/{p.name}" for p in sorted((DOCS / "decisions").glob("*.md"))]
    assert all(title for entry in decisions["Decisions"] for title in entry)


def test_links_to_code_become_paths_and_links_to_pages_stay(hooks: ModuleType) -> None:
    page = SimpleNamespace(file=SimpleNamespace(src_uri="angles.md"))
    text = "see [the view](../queries/joint_angles.sql), [why](decisions/pelvis-turns-first.md), [all](decisions/)"
    assert (
        hooks.on_page_markdown(text, page, {"docs_dir": str(DOCS)})
        == "see the view (`queries/joint_angles.sql`), [why](decisions/pelvis-turns-first.md), all"
    )
    page.file.src_uri = "decisions/a.md"
    assert hooks.on_page_markdown("[gait](../gait.md)", page, {"docs_dir": str(DOCS)}) == "[gait](../gait.md)"


def test_lists_and_tables_get_a_blank_line_before_them(hooks: ModuleType) -> None:
    assert hooks.with_blank_lines("of:\n- a\n- b\nend") == "of:\n\n- a\n- b\nend"
    assert hooks.with_blank_lines("of:\n| a |\n|---|\n| b |") == "of:\n\n| a |\n|---|\n| b |"
    code = "```\nof:\n- a\n```\n\n- a\n  more\n- b"
    assert hooks.with_blank_lines(code) == code
