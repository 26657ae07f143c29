"""The page for print: what stands on it, how many A4 pages it fills, and what is left when it cannot be made."""

from __future__ import annotations

import re
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from neurostore.errors import UsageError
from neurostore.report import chromium, print_figures, print_page, write_report
from neurostore.report.data import collect
from neurostore.report.html import Html
from neurostore.report.panels import PEAKS
from neurostore.report.scores import UNKNOWN
from neurostore.report.sessions import sessions_of
from neurostore.report.tables import number
from tests.builders.hostile import HOSTILE
from tests.builders.html_elements import Elements

needs_browser = pytest.mark.skipif(
    not any(map(shutil.which, chromium.NAMES)), reason="no Chromium or Chrome on this machine"
)


@pytest.fixture(scope="module")
def person(lake):
    """A person seen twice, read as for a page of nobody else."""
    return collect(lake, reference="control", subjects=("C01",))


@pytest.fixture(scope="module")
def document(person):
    return print_page.build(person)


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    """The machine's temporary folder, empty."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_two_sessions_are_three_sheets_without_scripts(document):
    page = Elements(document)
    classes = [a.get("class") for name, a in page.found if name == "section"]
    assert classes == ["sheet"] * 3
    assert not page.scripts
    assert all(a["src"].startswith("data:image/svg+xml;base64,") for name, a in page.found if name == "img")
    assert HOSTILE in " ".join(page.texts)  # the group's name, as text
    assert not set(re.findall(r"\b[HSC]0\d\b", re.sub(r"base64,[^\"]+", "", document))) - {"C01"}


def test_table_has_both_sessions_change_and_detectable_change(person, document):
    texts = Elements(document).texts
    rows = {(r["session"], r["side"]): r for r in person.summary.filter(pl.col("subject") == "C01").to_dicts()}
    start = texts.index("Walking speed (m/s)")
    cells = " ".join(texts[start + 1 : start + 30])
    for session in ("ses1", "ses2"):
        for side in ("left", "right"):
            assert number(rows[session, side]["walking_speed_m_s"], 2) in cells
    change = rows["ses2", "left"]["walking_speed_m_s"] - rows["ses1", "left"]["walking_speed_m_s"]
    assert number(change, 2, sign=True) in cells
    assert "0.18" in cells or "0.15" in cells  # Lewek & Sykes by speed
    assert any("Lewek & Sykes 2019" in text for text in texts)


def test_peaks_of_forces_and_moments_stand_in_a_table_of_their_own(person, document):
    title = "Peaks of forces, moments and powers"
    assert title not in document
    summary = person.summary.with_columns(peak_ankle_plantarflexor_moment_nm_kg=pl.lit(1.5), ankle_a2_w_kg=pl.lit(3.25))
    page = print_page.build(replace(person, summary=summary))
    table = page.partition(title)[2].partition("</table>")[0]
    assert table.count("<tr>") == 2 + 2
    assert "Peak ankle plantarflexor moment (Nm/kg)" in table
    assert table.count(">1.50") == table.count(">3.25") == 4  # two sessions, two sides
    assert "MDC95" not in table


def test_the_last_two_sessions_are_printed_and_the_others_named(person, monkeypatch):
    first, second = sessions_of(person, "C01")
    pair = print_page.pairs_of(person, "C01")[0]
    assert (pair.first, pair.last, pair.others) == (first, second, ())
    third = type(second)(person, "C01", "ses3", second.condition, second)
    monkeypatch.setattr(print_page, "sessions_of", lambda *_: [first, second, third])
    pair = print_page.pairs_of(person, "C01")[0]
    assert (pair.first, pair.last, pair.others) == (second, third, (first.heading,))


@pytest.fixture
def everything(person, monkeypatch):
    """Two sessions with kinetics, ten muscles each, and peaks of forces: empty panels as high as the real ones."""
    heights: dict[str, list[float]] = {"kinetics": [], "emg": []}

    def panels(name, n, n_columns):
        def drawn(block, *given, **options):
            heights[name].append(given[-1])
            return print_figures.grid(["panel"] * n, n_columns, given[-1])

        return drawn

    monkeypatch.setattr(print_figures, "kinetics", panels("kinetics", 11, 3))
    monkeypatch.setattr(print_figures, "emg", panels("emg", 8, 4))
    monkeypatch.setattr(print_page, "muscles_of", lambda block: [f"muscle {i}" for i in range(8)])
    peaks = {p.column: pl.lit(1.5) for p in PEAKS}
    return replace(person, summary=person.summary.with_columns(**peaks)), heights


@needs_browser
def test_pdf_of_two_sessions_with_kinetics_and_emg_has_four_pages(everything, tmp_path, scratch):
    out = tmp_path / "C01.pdf"
    chromium.print_page(print_page.build(everything[0]), out)
    content = out.read_bytes()
    assert len(re.findall(rb"/Type\s*/Page\b", content)) == 4
    assert b"595" in content  # points across an A4 page
    assert b"842" in content or b"841" in content
    assert list(scratch.iterdir()) == []  # page, profile and all


@pytest.mark.parametrize(("folder", "is_ours"), [("/tmp/.neurostore.12345678.tmp", True), (f"/tmp/{'x' * 60}", False)])
def test_a_browser_gets_a_temporary_folder_whose_path_is_short_enough_for_its_socket(folder, is_ours):
    assert (chromium._environment(Path(folder)).get("TMPDIR") == folder) == is_ours


def test_peaks_stand_where_there_is_room(everything, monkeypatch):
    data, heights = everything
    title = "Peaks of forces, moments and powers"
    with_emg = print_page.build(data).split('class="sheet"')[1:]
    assert [title in sheet for sheet in with_emg] == [False, False, True, False]
    monkeypatch.setattr(print_page, "muscles_of", lambda block: [])
    monkeypatch.setattr(print_figures, "emg", lambda *_: None)
    without = print_page.build(data).split('class="sheet"')[1:]
    assert [title in sheet for sheet in without] == [False, False, False, True]
    first, second = heights["kinetics"][:2], heights["kinetics"][2:]
    assert max(first) < min(second)  # lower where the table is on the same page


def test_change_of_gps_is_named_with_its_detectable_change(person, document):
    assert "GPS from" not in document  # no GPS without all nine angles
    row = person.change.filter(pl.col("parameter") == "stance_pct").head(1).to_dicts()[0]
    row |= {"parameter": "gps_deg", "subject": "C01", "session_a": "ses1", "session_b": "ses2", "condition": None}
    unknown = {"mdc95": None, "is_beyond_mdc": None, "n_retest": None, "mdc_source": None}
    known = {"mdc95": 1.64, "is_beyond_mdc": True, "n_retest": 12, "mdc_source": "test-retest in this lake"}
    row |= {"side": "left", "value_a": 8.21, "value_b": 6.04, "difference": -2.17}
    both = {**row, "side": "both", "value_a": 9.0, "value_b": 9.5, "difference": 0.5}

    def shown(*rows):
        return print_page.build(replace(person, change=pl.DataFrame(rows, schema=person.change.schema)))

    assert f"GPS from ses1 to ses2: left 8.2° to 6.0° (−2.2°). {UNKNOWN}" in shown(row | unknown)
    page = shown(row | known, both | known | {"mdc95": 1.2, "is_beyond_mdc": False})
    assert "GPS from ses1 to ses2: left 8.2° to 6.0° (−2.2°*), both 9.0° to 9.5° (+0.5°). " in page
    assert "(MDC95): 1.6° of a side, 1.2° of both sides; test-retest in this lake, 12 people." in page


def test_without_a_browser_nothing_is_written(lake, tmp_path, monkeypatch, scratch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("NEUROSTORE_CHROMIUM", raising=False)
    monkeypatch.setattr(chromium, "PLACES", ())
    with pytest.raises(UsageError, match=r"none is on this machine's PATH.*write OUT.html and print that"):
        write_report(lake, tmp_path / "out.pdf")
    monkeypatch.setenv("NEUROSTORE_CHROMIUM", "no-such-browser")
    with pytest.raises(UsageError, match="NEUROSTORE_CHROMIUM is 'no-such-browser', which is not a program here"):
        write_report(lake, tmp_path / "out.pdf")
    assert list(tmp_path.iterdir()) == [scratch]
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize(
    ("script", "said"),
    [("echo out of luck >&2", "out of luck"), ("exit 0", "it gave no message"), ("sleep 60", "no answer")],
)
def test_a_browser_that_prints_nothing_is_named(tmp_path, monkeypatch, scratch, script, said):
    browser = tmp_path / "browser"
    browser.write_text(f"#!/bin/sh\n{script}\n")
    browser.chmod(0o755)
    monkeypatch.setenv("NEUROSTORE_CHROMIUM", str(browser))
    monkeypatch.setattr(chromium, "LONGEST_S", 0.5 if "sleep" in script else 30)
    (tmp_path / "out.pdf").write_text("of yesterday")
    with pytest.raises(UsageError, match=f"printed no complete PDF .{said}"):
        chromium.print_page(Html("<p>"), tmp_path / "out.pdf")
    assert (tmp_path / "out.pdf").read_text() == "of yesterday"
    assert list(scratch.iterdir()) == []
