"""The page as a file: one piece, nothing from the network, no data that becomes markup."""

from __future__ import annotations

import base64
import hashlib
import json
import re

import pytest

from neurostore.errors import UsageError
from neurostore.report import write_report
from neurostore.report.details import Details, details_of
from neurostore.report.html import data_script, tag
from neurostore.report.plotly_figures import rounded
from neurostore.report.sessions import sessions_of
from neurostore.report.strides import packed
from neurostore.report.tables import number
from tests.builders.hostile import CONDITION, HOSTILE
from tests.builders.html_elements import Elements
from tests.cli.cli_run import run


@pytest.fixture(scope="module")
def elements(page):
    return Elements(page.read_text(encoding="utf-8"))


def test_one_file_without_network(elements, page):
    assert page.stat().st_size < 10e6
    for name, attributes in elements.found:
        assert name not in ("link", "iframe", "img", "object", "embed", "base")
        assert "src" not in attributes
        assert not str(attributes.get("href", "#")).startswith(("http:", "https:", "//", "javascript:"))


def test_policy_names_exactly_the_scripts_of_the_page(elements):
    policy = next(a["content"] for n, a in elements.found if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    run_scripts = [text for attributes, text in elements.scripts if "type" not in attributes]
    hashes = {f"'sha256-{base64.b64encode(hashlib.sha256(t.encode()).digest()).decode()}'" for t in run_scripts}
    assert len(run_scripts) == 5
    assert set(re.findall(r"'sha256-[^']+'", policy)) == hashes
    assert "default-src 'none'" in policy


def test_hostile_text_stays_text(elements):
    assert all(name not in ("img", "svg") or "onload" not in attributes for name, attributes in elements.found)
    assert not [a for _, attributes in elements.found for a in attributes if a.startswith("on")]
    assert HOSTILE in elements.texts
    assert any(CONDITION in text for text in elements.texts)
    for attributes, text in elements.scripts:
        if attributes.get("type") == "application/json":
            json.loads(text)
            assert "<" not in text


def test_figures_show_hostile_names_escaped(elements):
    scripts = [t for a, t in elements.scripts if a.get("type") == "application/json" and '"role":"map"' in t]
    names = {trace.get("name") for trace in json.loads(scripts[0])["data"]}
    assert any(n and "&lt;img" in n for n in names)
    assert not any(n and "<img" in n for n in names)


def test_ids_are_unique(elements):
    ids = [a["id"] for _, a in elements.found if "id" in a]
    assert len(ids) == len(set(ids)) > 50


@pytest.mark.parametrize("text", ["<b>&\"'", "</script>", HOSTILE])
def test_tag_escapes_text_and_attributes(text):
    parsed = Elements(tag("p", text, title=text))
    assert [name for name, _ in parsed.found] == ["p"]
    assert parsed.found[0][1]["title"] == text
    assert "".join(parsed.texts) == text


def test_data_script_holds_any_text():
    value = {"a": "</script><!-- \u2028 & >", "b": [1.5, None]}
    parsed = Elements(data_script(value))
    assert json.loads(parsed.scripts[0][1]) == value
    assert "<" not in parsed.scripts[0][1]


def test_numbers():
    assert number(-0.04, 1) == "0.0"
    assert number(-1.25, 1, sign=True) == "−1.2"
    assert number(1.26, 1, sign=True) == "+1.3"
    assert number(None, 1) == "–"


def test_command(lake, tmp_path):
    chosen = ("--session", "ses1", "--where", "s.subject <> 'S01'")
    shown = run(
        "report", tmp_path / "out.html", "--subject", "H01", "--reference", "control", *chosen, "--lake", lake.path
    )
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout == ""
    text = (tmp_path / "out.html").read_text(encoding="utf-8")
    assert 'id="subject-H01"' in text
    assert 'id="subject-S01"' not in text
    assert "chosen: session ses1; where …" in text


def test_command_says_what_is_wrong(lake, tmp_path):
    shown = run("report", tmp_path / "out.html", "--reference", "nobody", "--lake", lake.path)
    assert shown.returncode == 2
    assert "'nobody' is not a group" in shown.stderr
    assert not (tmp_path / "out.html").exists()


def test_page_of_one_person_holds_nobody_else(lake, data, tmp_path):
    write_report(lake, tmp_path / "one.html", reference="control", subjects=("S01",))
    text = (tmp_path / "one.html").read_text(encoding="utf-8")
    scripts = re.findall(r"<script[^>]*>(.*?)</script>", text, flags=re.DOTALL)
    plotly = max(scripts, key=len)  # the drawing library is the same in every page
    rest = text.replace(plotly, "")
    words = set(re.findall(r"[A-Za-z0-9]+", re.sub(r'"[A-Za-z0-9+/=]{200,}"', '""', rest)))  # without packed numbers
    assert {person for person in data.subjects["subject"] if person in words} == {"S01"}
    own = numbers_of(data, "S01")
    assert own
    assert all(text in rest for text in own)
    for person in data.shown:  # the walkers are made by formulas: some curves are the same for all
        others = numbers_of(data, person) - own
        assert len(others) > 20 or person == "S01"
        assert not [text for text in others if text in rest], person


def numbers_of(data, person: str) -> set[str]:
    """Means, strides and skeletons of a person as they stand in a page."""
    found = {clip.to_json()["positions"] for clip in data.clips if clip.subject == person}
    for block in sessions_of(data, person):
        found |= {json.dumps(rounded(c.mean), separators=(",", ":"))[1:-1] for c in block.curves.values()}
        strides = [*block.strides["left"], *block.strides["right"]]
        found |= set(packed(strides, {s.trial: "" for s in strides})["curves"].values())
    return {text for text in found if len(set(text)) > 9}  # not those of a joint that does not move


def test_heading_is_that_of_the_options_else_of_the_table(lake, tmp_path):
    given = Details("A title", "Lab <1>", "Dr B", "left", "Before & after")
    write_report(lake, tmp_path / "one.html", subjects=("S01",), details=given)
    page = Elements((tmp_path / "one.html").read_text(encoding="utf-8"))
    for text in ("A title", "Lab <1>", "Dr B", "left", "Before & after"):
        assert text in page.texts
    assert "Left, affected (SD)" in page.texts
    row = {"subject": "S01", "Lab": "North", "affected": "R", "physician": None, "comment": ""}
    assert details_of(row, Details(laboratory="South")) == Details(laboratory="South", affected_side="right")


def test_fields_of_one_person_are_refused_for_several(lake, tmp_path):
    with pytest.raises(UsageError, match="affected side of one person, but the report shows 9; name the person"):
        write_report(lake, tmp_path / "all.html", details=Details(affected_side="left"))
    with pytest.raises(UsageError, match="affected side 'L5'; it is left, right, both or none"):
        write_report(lake, tmp_path / "one.html", subjects=("S01",), details=Details(affected_side="L5"))


def test_missing_folder_is_reported(lake, tmp_path):
    with pytest.raises(UsageError, match="this folder does not exist"):
        write_report(lake, tmp_path / "none" / "out.html")
