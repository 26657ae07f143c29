"""Hooks of mkdocs: decisions in the navigation, and no links that lead out of the website."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

#: a link to a file of the repository that is not among the pages
_OUTSIDE = re.compile(r"\[([^\]]*)\]\((?:\.\./)+((?!decisions/)[\w./-]+)(#[\w-]+)?\)")
_FOLDER = re.compile(r"\[([^\]]*)\]\((?:\.\./)?decisions/\)")


def on_config(config: Any) -> Any:
    """Add every decision to the navigation, by its title, and before them pages that mkdocs.yml does not place."""
    placed = set(re.findall(r"[\w-]+\.md", str(config["nav"])))
    others = sorted(p for p in Path(config["docs_dir"]).glob("*.md") if p.name not in placed)
    if others:
        config["nav"].append({"More": [{_title(page): page.name} for page in others]})
    pages = sorted((Path(config["docs_dir"]) / "decisions").glob("*.md"))
    config["nav"].append({"Decisions": [{_title(page): f"decisions/{page.name}"} for page in pages]})
    return config


def _title(page: Path) -> str:
    return page.read_text(encoding="utf-8").split("\n", 1)[0].lstrip("# ").replace("`", "")


def on_page_markdown(markdown: str, page: Any, config: Any, **_: Any) -> str:
    """Links to code become the path in the repository; the folder of decisions is in the navigation."""
    pages = Path(config["docs_dir"])
    here = (pages / page.file.src_uri).parent

    def outside(found: re.Match[str]) -> str:
        target = (here / found[0].rpartition("(")[2].rstrip(")").partition("#")[0]).resolve()
        is_page = target.is_relative_to(pages.resolve()) and target.is_file()
        return found[0] if is_page else f"{found[1]} (`{found[2]}`)"

    return with_blank_lines(_FOLDER.sub(r"\1", _OUTSIDE.sub(outside, markdown)))


def with_blank_lines(markdown: str) -> str:
    """A blank line before each list and table that follows a paragraph at once: Python-Markdown needs one."""
    out: list[str] = []
    is_code = False
    for line in markdown.split("\n"):
        is_code ^= line.startswith("```")
        before = out[-1] if out else ""
        begins = next((mark for mark in ("- ", "|", "1. ") if line.startswith(mark)), None)
        is_new = begins is not None and before.strip() and not before.startswith((begins[:1], " ", "#"))
        if is_new and not is_code:
            out.append("")
        out.append(line)
    return "\n".join(out)
