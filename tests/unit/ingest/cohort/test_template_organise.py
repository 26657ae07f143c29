"""Tables to fill in, and a cohort folder from a pile of files: nothing is overwritten, moved or half-made."""

from __future__ import annotations

import shutil

import openpyxl
import pytest

from neurostore.errors import CohortError, UsageError
from neurostore.ingest.cohort import organise as organising
from neurostore.ingest.cohort.organise import organise
from neurostore.ingest.cohort.scan import scan
from neurostore.ingest.cohort.template import write_template
from tests.builders.tiny_bvh import write_bvh


@pytest.fixture
def cohort(tmp_path):
    for place in ("S1/pre/walk", "S1/post/walk", "S2/pre/walk"):
        write_bvh(tmp_path / "cohort" / f"{place}.bvh", 5)
    return tmp_path / "cohort"


# template


def test_every_key_has_a_row_and_the_tables_are_read_back(cohort):
    done = write_template(cohort)
    assert [p.name for p in done.written] == ["participants.tsv", "sessions.tsv", "trials.tsv"]
    rows = (cohort / "trials.tsv").read_text().splitlines()
    assert rows[0] == "subject\tsession\ttrial\tfile\tcondition\texclude\treason"
    assert rows[1] == "S1\tpost\twalk\tS1/post/walk.bvh\t\t\t"
    assert len(rows) == 4
    assert (cohort / "sessions.tsv").read_text().splitlines()[1:] == ["S1\tpost\t", "S1\tpre\t", "S2\tpre\t"]
    assert "to fill in: group, sex, age, height_m, mass_kg, affected_side" in done.messages[0]
    found = scan(cohort)
    assert [t.key for t in found.trials] == [("S1", "post", "walk"), ("S1", "pre", "walk"), ("S2", "pre", "walk")]
    assert not [w for w in found.warnings if "match no trial" in w]
    table = cohort / "participants.tsv"
    table.write_text(table.read_text().replace("S1\t\t", "S1\tCP\tF"))
    assert scan(cohort).metadata.subject_row("S1")["group"] == "CP"
    table.write_text("participant_id\nS1\n")
    done = write_template(cohort)
    assert done.written == []
    assert table.read_text() == "participant_id\nS1\n"
    assert done.messages[0] == "participants.tsv: is there already and was not changed; it does not name S2"


def test_files_that_name_nobody_get_an_empty_subject(tmp_path):
    write_bvh(tmp_path / "pile" / "walk 1.bvh", 5)
    done = write_template(tmp_path / "pile")
    assert [p.name for p in done.written] == ["trials.tsv"]
    assert (tmp_path / "pile" / "trials.tsv").read_text().splitlines()[1] == "\t\twalk_1\twalk 1.bvh\t\t\t"
    assert [s.partition("because ")[2] for s in done.messages[:2]] == [
        "no file lies in a subject's folder", "no trial has a session (a folder in the subject's)",
    ]  # fmt: skip
    (tmp_path / "empty").mkdir()
    with pytest.raises(CohortError, match="has no trial"):
        write_template(tmp_path / "empty")


def test_a_table_of_another_kind_is_a_table_that_is_there(cohort):
    (cohort / "trials.csv").write_text("subject,trial,condition\nS1,walk,barefoot\n")
    assert [p.name for p in write_template(cohort).written] == ["participants.tsv", "sessions.tsv"]


# organise


@pytest.fixture
def pile(tmp_path):
    folder = tmp_path / "pile"
    write_bvh(folder / "a b.bvh", 5)
    write_bvh(folder / "day1" / "x.bvh", 6)
    write_bvh(folder / "day2" / "x.bvh", 7)
    (folder / "day1" / "x.mot").write_text("angles")
    (folder / "notes.txt").write_text("nothing")
    return folder


def sheet(path, *rows):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
    book.close()
    return path


def test_files_are_copied_to_their_places_with_what_the_table_says_more(pile, tmp_path):
    table = sheet(
        tmp_path / "t.xlsx",
        ["File", "Subject", "Session", "Trial", "condition"],
        ["a b", "S1", "pre", "slow", "barefoot"],
        ["day1/x", "S1", "pre", None, "shod"],
        ["day2\\x.bvh", "S2", None, "walk", None],
    )
    before = {p: p.read_bytes() for p in pile.rglob("*") if p.is_file()}
    done = organise(pile, tmp_path / "made", table)
    made = {p.relative_to(tmp_path / "made").as_posix() for p in (tmp_path / "made").rglob("*") if p.is_file()}
    assert made == {"S1/pre/slow.bvh", "S1/pre/x.bvh", "S1/pre/x.mot", "S2/walk.bvh", "trials.tsv"}
    assert (tmp_path / "made" / "S2" / "walk.bvh").read_bytes() == before[pile / "day2" / "x.bvh"]
    assert {p: p.read_bytes() for p in before} == before
    assert (done.n_files, done.n_trials, done.n_subjects, done.left) == (4, 3, 2, ["notes.txt"])
    trials = {t.key: t.metadata.get("condition") for t in scan(tmp_path / "made").trials}
    assert trials == {("S1", "pre", "slow"): "barefoot", ("S1", "pre", "x"): "shod", ("S2", "", "walk"): None}
    with pytest.raises(UsageError, match="exists and is not empty"):
        organise(pile, tmp_path / "made", table)


def test_every_problem_is_named_and_nothing_is_written(pile, tmp_path):
    table = tmp_path / "t.csv"
    table.write_text(
        "file,subject,trial\n"
        "x.bvh,S1,a\n"  # twice in the pile
        "day3/x.bvh,S1,b\n"  # not there
        "a b.bvh,Müller,c\n"  # no key
        "day1/x.bvh,S1,d\n"
        "day1/x,S2,e\n"  # named again
        "day2/x.bvh,S1,D\n"  # one file where case is ignored
    )
    with pytest.raises(CohortError) as error:
        organise(pile, tmp_path / "made", table)
    for said in (
        "row 2: 'x.bvh' is in the pile 2 times",
        "row 3: the pile has no 'day3/x.bvh'; similar: day",
        "row 4: subject is 'Müller'; expected a key, such as Muller (letters, digits",
        "rows 5 and 6 both name x.bvh",
        "rows 5 and 7 would be one file on a disk that ignores case: S1/D.bvh",
    ):
        assert said in str(error.value)
    assert not (tmp_path / "made").exists()
    table.write_text("name,who\nx,y\n")
    with pytest.raises(CohortError, match="no column file or subject among name, who; call the columns file, subject"):
        organise(pile, tmp_path / "made", table)
    table.write_text("file,subject,note\nday1/x.bvh,S1\n")
    with pytest.raises(CohortError, match="row 2 has 2 cells, the header 3; every row needs a cell for each column"):
        organise(pile, tmp_path / "made", table)
    with pytest.raises(CohortError, match=r"none\.csv: cannot be read"):
        organise(pile, tmp_path / "made", tmp_path / "none.csv")


def test_a_value_that_is_no_key_is_said_once_with_one_that_could_be(pile, tmp_path):
    table = tmp_path / "t.csv"
    rows = [f"{file};O'Neill;01.03.2024;Gang {i}" for i, file in enumerate(("a b.bvh", "day1/x", "day2/x"))]
    table.write_text("file;subject;session;trial\n" + "\n".join(rows))
    with pytest.raises(CohortError) as error:
        organise(pile, tmp_path / "made", table)
    said = str(error.value)
    assert 'rows 2, 3, 4: subject is "O\'Neill"; expected a key, such as O_Neill; ' in said
    assert "rows 2, 3, 4: session is '01.03.2024'; expected a key, such as 2024-03-01; " in said
    assert said.endswith("row 4: trial is 'Gang 2'; expected a key, such as Gang_2 (letters, digits, _ and -, beginning "
                         "with a letter or digit, at most 64)")  # fmt: skip
    assert said.count("expected a key") == 5


def test_names_with_accents_are_found_however_a_disk_stores_them(tmp_path):
    apart, whole = "Mu\u0308ller 1.bvh", "M\u00fcller 1.bvh"
    write_bvh(tmp_path / "pile" / apart, 5)
    table = tmp_path / "t.csv"
    table.write_text(f"file,subject\n{whole},S1\n")
    done = organise(tmp_path / "pile", tmp_path / "made", table)
    assert (done.n_trials, done.renamed) == (1, [f"{apart} is Mu_ller_1"])
    cohort = tmp_path / "cohort"
    write_bvh(cohort / "S1" / apart, 5)
    (cohort / "trials.tsv").write_text(f"file\tcondition\nS1/{whole}\tbarefoot\n")
    (cohort / "cohort.toml").write_text('[[match]]\nfiles = ["S1/M\u00fcller*"]\nis_treadmill = true\n')
    found = scan(cohort)
    assert found.trials[0].metadata["condition"] == "barefoot"
    assert found.trials[0].options.is_treadmill
    assert not [w for w in found.warnings if "no file" in w or "match no trial" in w]


def test_two_files_of_one_place_collide(pile, tmp_path):
    table = tmp_path / "t.tsv"
    table.write_text("file\tsubject\nday1/x.bvh\tS1\nday2/x.bvh\tS1\n")
    with pytest.raises(CohortError, match=r"rows 2 and 3 become S1/x\.bvh; give them different trials"):
        organise(pile, tmp_path / "made", table)


def test_a_copy_that_fails_leaves_nothing(pile, tmp_path, monkeypatch):
    table = tmp_path / "t.tsv"
    table.write_text("file\tsubject\nday1/x.bvh\tS1\nday2/x.bvh\tS2\n")
    copied = []

    def full(source, target):
        copied.append(source)
        if len(copied) > 1:
            raise OSError(28, "No space left on device", str(target))
        shutil.copyfile(source, target)

    monkeypatch.setattr(organising.shutil, "copy2", full)
    with pytest.raises(UsageError, match="the disk is full"):
        organise(pile, tmp_path / "made", table)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["pile", "t.tsv"]


def test_a_folder_in_the_pile_and_a_missing_pile_are_refused(pile, tmp_path):
    (tmp_path / "t.tsv").write_text("file\tsubject\na b.bvh\tS1\n")
    with pytest.raises(UsageError, match="is in the pile"):
        organise(pile, pile / "made", tmp_path / "t.tsv")
    with pytest.raises(UsageError, match="no such folder"):
        organise(tmp_path / "nowhere", tmp_path / "made", tmp_path / "t.tsv")
