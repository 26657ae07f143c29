"""Nobody's name in the copy, intervals kept, the key elsewhere, free text refused."""

from __future__ import annotations

import json
import shutil
import stat
from datetime import date
from pathlib import Path

import pytest

from neurostore.errors import CohortError, UsageError
from neurostore.ingest.cohort.pseudonymise import pseudonymise
from tests.builders.tiny_bvh import write_bvh
from tests.cli.cli_run import run


@pytest.fixture
def cohort(tmp_path):
    folder = tmp_path / "cohort"
    write_bvh(folder / "MuellerA" / "walk.bvh")
    write_bvh(folder / "MuellerA" / "MuellerA_run.bvh")
    write_bvh(folder / "Mueller" / "walk.bvh")
    (folder / "participants.tsv").write_text(
        "participant_id\tgroup\tborn\tvisit\nMuellerA\tCP\t1990-03-01\t2020-01-31T10:30:00\n"
        "sub-Mueller\tTD\t1991-04-02\tn/a\n"
    )
    (folder / "trials.tsv").write_text("subject\ttrial\tdate\nMuellerA\twalk\t2020-02-10\nMueller\twalk\t0000-13-45\n")
    return folder


def test_the_copy_says_nobody(cohort, tmp_path):
    key = tmp_path / "safe" / "key.json"
    done = pseudonymise(cohort, tmp_path / "coded", key)
    assert (done.n_subjects, done.n_files, done.n_dates) == (2, 5, 4)
    keys = json.loads(key.read_text())
    assert set(keys) == {"MuellerA", "Mueller"}
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    for path in (tmp_path / "coded").rglob("*"):
        assert "Mueller" not in str(path.relative_to(tmp_path))
        assert path.is_dir() or b"Mueller" not in path.read_bytes()
    who = keys["MuellerA"]["pseudonym"]
    assert (tmp_path / "coded" / who / f"{who}_run.bvh").exists()
    rows = [line.split("\t") for line in (tmp_path / "coded" / "participants.tsv").read_text().splitlines()]
    _, group, born, visit = next(r for r in rows if r[0] == who)
    assert group == "CP"
    shift = keys["MuellerA"]["shift_days"]
    assert (date.fromisoformat(born) - date(1990, 3, 1)).days == shift
    assert (date.fromisoformat(visit[:10]) - date(2020, 1, 31)).days == shift
    assert visit[10:] == "T10:30:00"
    assert "0000-13-45" not in (tmp_path / "coded" / "trials.tsv").read_text()
    assert run("ingest", tmp_path / "coded", "--lake", tmp_path / "lake").returncode == 0


def test_the_same_key_gives_the_same_names(cohort, tmp_path):
    key = tmp_path / "key.json"
    pseudonymise(cohort, tmp_path / "a", key)
    first = json.loads(key.read_text())
    write_bvh(cohort / "Third" / "walk.bvh")
    pseudonymise(cohort, tmp_path / "b", key)
    second = json.loads(key.read_text())
    assert second.items() > first.items()
    assert len({k["pseudonym"] for k in second.values()}) == 3


def test_free_text_is_refused_until_allowed(cohort, tmp_path):
    table = cohort / "participants.tsv"
    table.write_text("participant_id\tnotes\nMuellerA\tseen by Dr Smith on Monday\n")
    with pytest.raises(CohortError, match=r"participants.tsv, column notes.*--allow"):
        pseudonymise(cohort, tmp_path / "coded", tmp_path / "key.json")
    assert not (tmp_path / "coded").exists()
    assert not (tmp_path / "key.json").exists()
    assert pseudonymise(cohort, tmp_path / "coded", tmp_path / "key.json", drop=["notes"]).dropped
    assert "Smith" not in (tmp_path / "coded" / "participants.tsv").read_text()
    pseudonymise(cohort, tmp_path / "other", tmp_path / "key.json", allow=["notes"])
    assert "Smith" in (tmp_path / "other" / "participants.tsv").read_text()


@pytest.mark.parametrize(
    ("column", "values", "why"),
    [
        ("who", ["Smith", "Jones", "Miller", "Brown"], "nearly every value is different"),
        ("hospital_no", ["20183344", "19923345", "40183346", "40183347"], "nearly every value is different"),
        ("surname", ["Smith", "", "", ""], "by its name"),
        ("examiner_notes", ["ok", "ok", "ok", "ok"], "by its name"),
        ("visit", ["31.01.2020", "n/a", "", ""], "unless they are written YYYY-MM-DD"),
        ("visit", ["20200131", "2020-01-31", "", ""], "unless they are written YYYY-MM-DD"),
        ("visit", ["1/31/20", "", "", ""], "unless they are written YYYY-MM-DD"),
        ("remarked", ["seen by Dr Smith", "", "", ""], "long text"),
    ],
)
def test_columns_that_may_name_somebody_are_refused(cohort, tmp_path, column, values, why):
    lines = [f"{who}\t{v}" for who, v in zip(("MuellerA", "Mueller", "C", "D"), values, strict=True)]
    (cohort / "participants.tsv").write_text("\n".join([f"participant_id\t{column}", *lines]) + "\n")
    with pytest.raises(CohortError, match=f"column {column} .*{why}"):
        pseudonymise(cohort, tmp_path / "coded", tmp_path / "key.json")
    pseudonymise(cohort, tmp_path / "coded", tmp_path / "key.json", drop=[column])


def test_numbers_categories_and_dates_may_stay(cohort, tmp_path):
    lines = [
        "participant_id\tgroup\tage\theight\tborn\tname_of_nothing\tgmfcs",
        "MuellerA\tCP\t12.5\t1,43\t2001-01-31\tn/a\tII",
        "Mueller\tCP\t11\t1.51\t2001-02-01\t\tIII",
        "C\tTD\t10\t1380\t2001-03-01\t\tII",
        "D\tTD\t9e0\t-0.5\t2001-04-01\t\tII",
    ]
    (cohort / "participants.tsv").write_text("\n".join(lines) + "\n")
    assert pseudonymise(cohort, tmp_path / "coded", tmp_path / "key.json").n_dates == 5


def test_names_in_any_case_and_inside_of_files(cohort, tmp_path):
    write_bvh(cohort / "MuellerA" / "muellera-fast.bvh")
    (cohort / "MuellerA" / "trot.trc").write_text(
        "PathFileType\t4\t(X/Y/Z)\tC:\\data\\MUELLERA\\walk.trc\nDataRate\n100\nFrame#\tTime\tLASI\n\t\tX1\tY1\tZ1\n1\t0\t1\t2\t3\n"
    )
    (cohort / "README.txt").write_text("Recorded in 2020.\n")
    with pytest.raises(CohortError, match=r"README\.txt is not a recording"):
        pseudonymise(cohort, tmp_path / "coded", tmp_path / "key.json")
    (cohort / "lake" / "_neurostore").mkdir(parents=True)
    (cohort / "lake" / "_neurostore" / "lake.json").write_text("{}")
    for name in ("a.png", "b.png"):
        (cohort / name).touch()
    with pytest.raises(CohortError) as error:
        pseudonymise(cohort, tmp_path / "coded", tmp_path / "key.json")
    assert "lake is a lake: put it elsewhere, or use --leave-out lake" in str(error.value)
    assert "a.png, b.png are no recordings or tables that can be coded: --leave-out '*.png' leaves them out" in str(
        error.value
    )
    shutil.rmtree(cohort / "lake")
    for name in ("a.png", "b.png"):
        (cohort / name).unlink()
    done = pseudonymise(cohort, tmp_path / "coded", tmp_path / "key.json", leave_out=["README.txt"])
    who = json.loads((tmp_path / "key.json").read_text())["MuellerA"]["pseudonym"]
    assert (tmp_path / "coded" / who / f"{who}-fast.bvh").exists()
    assert done.look == []
    assert "mueller" not in (tmp_path / "coded" / who).glob("*.trc").__next__().read_text().lower()


@pytest.mark.parametrize("key", ["coded/key.json", "cohort/key.json"])
def test_the_key_lies_elsewhere(cohort, tmp_path, key):
    with pytest.raises(UsageError, match="beside the data"):
        pseudonymise(cohort, tmp_path / "coded", tmp_path / key)
    Path(tmp_path / "bad.json").write_text('{"a": 1}')
    with pytest.raises(UsageError, match="not a key file"):
        pseudonymise(cohort, tmp_path / "coded", tmp_path / "bad.json")
    shown = run("pseudonymise", cohort, tmp_path / "coded", "--key", tmp_path / "key.json")
    assert shown.returncode == 0
    assert "2 subjects" in shown.stderr
