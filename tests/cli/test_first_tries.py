"""What a newcomer tries first and the help does not say: paths in the wrong place, names from real life."""

from __future__ import annotations

from pathlib import Path

import pytest

from neurostore.errors import UsageError
from neurostore.report import write_report
from neurostore.sql.statements import bracketed_condition
from tests.cli.cli_run import run


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """A folder that looks like a lake: what is tried here ends before anything is opened."""
    folder = tmp_path / "Gänge O'Neill"
    (folder / "_neurostore").mkdir(parents=True)
    (folder / "_neurostore" / "lake.json").write_text("{}")
    return folder


@pytest.mark.parametrize(
    "words",
    ["refresh", "trials", "verify", "serve", "history", "doctor", "review list", "body apply", "table1", "erase"],
)
def test_a_lake_without_its_option_is_told_so(words, lake, tmp_path):
    shown = run(*words.split(), lake, cwd=tmp_path)
    assert shown.returncode in (2, 3)
    assert f"{lake} is a lake: name it as --lake '{tmp_path}/Gänge O'\"'\"'Neill'" in shown.stderr


@pytest.mark.parametrize("words", ["ingest cohort", "refresh", "export-lake plain"])
def test_what_may_be_a_lake_is_told_so_too(words, tmp_path):
    shown = run(*words.split(), "my lake", cwd=tmp_path)
    assert shown.returncode == 2
    assert shown.stderr.endswith("neurostore: if my lake is a lake, name it as --lake 'my lake'\n")
    assert "--lake" not in run("check", "cohort", "my lake", cwd=tmp_path).stderr


def test_a_lake_with_its_option_is_not(lake, tmp_path):
    assert "is a lake" not in run("refresh", "--no-such", "--lake", lake, cwd=tmp_path).stderr


def test_a_lake_in_place_of_a_cohort(lake, tmp_path):
    shown = run("ingest", lake, "--lake", tmp_path / "new")
    assert shown.returncode == 3
    assert "is a lake; expected a cohort folder" in shown.stderr


@pytest.mark.parametrize("words", ["trials", "refresh", "ingest {cohort}", "verify"])
def test_a_file_in_place_of_a_lake(words, tmp_path):
    (tmp_path / "S01").mkdir()
    (tmp_path / "S01" / "walk.bvh").touch()
    file = tmp_path / "notes.txt"
    file.touch()
    shown = run(*words.format(cohort=tmp_path).split(), "--lake", file)
    assert shown.returncode == 3
    assert shown.stderr == f"neurostore: {file}: this is a file; expected the folder of a lake\n"


def test_a_command_that_is_shown_can_be_pasted(tmp_path):
    folder = tmp_path / "Gänge O'Neill"
    assert f"--lake '{tmp_path}/Gänge O'\"'\"'Neill'` creates one" in run("trials", "--lake", folder).stderr


@pytest.mark.parametrize("words", ["sql 'SELECT 1'", "trials", "compare walking_speed_m_s", "table1", "release --list"])
def test_the_folder_of_an_output_is_looked_for_first(words, tmp_path):
    shown = run(*words.split(), "--output", tmp_path / "none" / "x.csv", "--lake", tmp_path / "no lake")
    assert shown.returncode == 2
    assert "none: this folder does not exist; make it, or write x.csv elsewhere" in shown.stderr


@pytest.mark.parametrize("name", ["report.docx", "report"])
def test_a_report_is_html_or_pdf(name, tmp_path):
    with pytest.raises(UsageError, match=r"a report is written as .html or .htm or .pdf"):
        write_report(None, tmp_path / name)  # type: ignore[arg-type]


def test_an_erasure_looks_for_the_person_before_it_asks(tmp_path):
    shown = run("erase", "P01", "--lake", tmp_path / "none")
    assert shown.returncode == 3
    assert "from all versions" not in shown.stderr


def test_the_column_group_is_written_in_quotes():
    with pytest.raises(
        UsageError, match=r'near "group"; group is a word of SQL: the column is written "group"'
    ) as raised:
        bracketed_condition("s.sex = 'F' AND group = 'stroke'")
    assert "\n" not in str(raised.value)
    with pytest.raises(UsageError) as other:
        bracketed_condition("s.\"group\" = 'stroke' AND")
    assert "word of SQL" not in str(other.value)


def test_neighbours_can_be_mixed():
    assert "--mixed" in run("neighbours", "--help").stdout


@pytest.mark.parametrize("words", ["demo {folder}", "demo {folder} --study"])
def test_a_demonstration_goes_into_a_new_folder(words, tmp_path):
    (tmp_path / "mine.txt").touch()
    shown = run(*words.format(folder=tmp_path).split())
    assert shown.returncode == 2
    assert "the folder is not empty; name a new one for the demonstration" in shown.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_markers_are_those_of_a_file(tmp_path):
    assert run("markers", tmp_path).stderr == f"neurostore: {tmp_path}: is a folder; name a file\n"


def test_files_of_file_browsers_are_not_reported(tmp_path):
    for name in ("walk.bvh", ".DS_Store", "Thumbs.db", "notes.docx"):
        (tmp_path / "cohort" / "S01").mkdir(parents=True, exist_ok=True)
        (tmp_path / "cohort" / "S01" / name).touch()
    said = run("ingest", tmp_path / "cohort", "--dry-run", "--lake", tmp_path / "lake").stderr
    assert "not a trial: " in said
    assert "notes.docx" in said
    assert ".DS_Store" not in said
    assert "Thumbs.db" not in said
