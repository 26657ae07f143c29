"""Decisions of reviewers: what they take out and put in, which one counts, and what becomes of them."""

from __future__ import annotations

import shutil

import pytest

from neurostore import reviews
from neurostore.api import open as open_lake
from neurostore.errors import UsageError
from neurostore.reviews import tsv
from tests.builders.demo_lake import make_demo_lake

KEY = {"subject": "H01", "session": "ses1", "trial": "walk_01"}
R1 = {"reviewer": "R1", "reason": "a crutch", **KEY}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_demo_lake(tmp_path_factory.mktemp("reviews"))


@pytest.fixture
def path(made, tmp_path):
    shutil.copytree(made / "lake", tmp_path / "lake")
    return tmp_path / "lake"


def steady(lake, side=None):
    where = "subject = 'H01' AND session = 'ses1' AND is_steady" + (f" AND side = '{side}'" if side else "")
    return lake.sql(f"SELECT side, cycle FROM gait_cycles WHERE {where} ORDER BY ALL").rows()


def test_an_excluded_trial_gives_no_steady_cycle_and_says_by_whom_and_why(path):
    before = steady(open_lake(path))
    assert before
    reviews.decide(path, [{"action": "exclude", **R1}])
    lake = open_lake(path)
    assert steady(lake) == []
    reasons = set(lake.sql("SELECT reason FROM gait_cycles WHERE subject = 'H01' AND session = 'ses1'")["reason"])
    assert all(r.startswith("excluded by R1: a crutch") for r in reasons)
    verdict = lake.sql("SELECT verdict FROM trial_quality WHERE subject = 'H01' AND session = 'ses1'")["verdict"][0]
    assert verdict.startswith("Excluded by R1: a crutch. ")
    assert "H01" not in set(lake.sql("SELECT subject FROM subject_summary WHERE session = 'ses1'")["subject"])
    assert steady(lake.choose(reviews="off")) == before  # the untouched
    assert lake.version == open_lake(path, lake.version - 1).version + 1
    assert steady(open_lake(path, lake.version - 1)) == before  # a version is what it was


def test_a_later_decision_wins_and_the_earlier_one_stays_in_the_list(path):
    before = steady(open_lake(path))
    reviews.decide(path, [{"action": "exclude", **R1}])
    reviews.decide(path, [{"action": "include", **R1, "reviewer": "R2", "reason": "it was the next trial"}])
    lake = open_lake(path)
    assert steady(lake) == before
    listed = reviews.listing(lake)
    assert listed.select("reviewer", "action", "state").rows() == [
        ("R2", "include", "holds"), ("R1", "exclude", "superseded")]  # fmt: skip
    disagreed = reviews.agreement(lake).row(0, named=True)
    assert not disagreed["is_agreed"]
    assert disagreed["decisions"] == "R1: exclude (a crutch); R2: include (it was the next trial)"


def test_a_side_a_cycle_and_a_span_are_left_out_alone(path):
    before = steady(open_lake(path))
    left = [c for s, c in before if s == "left"]
    reviews.decide(path, [{"action": "exclude", **R1, "side": "left", "cycle": left[1]}])
    assert steady(open_lake(path)) == [x for x in before if x != ("left", left[1])]
    reviews.decide(path, [{"action": "exclude", **R1, "side": "left"}])
    assert steady(open_lake(path), "left") == []
    reviews.decide(path, [{"action": "include", **R1, "side": "left"}])
    lake = open_lake(path)
    assert steady(lake) == before  # the later, wider decision covers the cycle too
    query = "SELECT start_s, end_s FROM gait_cycles WHERE subject = 'H01' AND session = 'ses1' AND side = 'right' AND is_steady"
    start, _ = lake.sql(query + " ORDER BY start_s LIMIT 1").row(0)
    reviews.decide(path, [{"action": "exclude", **R1, "from_s": start + 0.1, "to_s": start + 0.2}])
    starts = open_lake(path).sql(query)["start_s"].to_list()
    assert start not in starts
    assert all(s >= start + 0.2 or s < start for s in starts)


def test_events_are_moved_deleted_and_added(path):
    query = (
        "SELECT time_s FROM gait_events WHERE subject = 'H01' AND session = 'ses1' AND side = 'left' "
        "AND event = 'foot_strike' ORDER BY 1"
    )
    before = open_lake(path).sql(query)["time_s"].to_list()
    on = {**R1, "side": "left", "event": "foot_strike"}
    second = before[1]
    reviews.decide(path, [{"action": "move_event", **on, "time_s": second, "new_time_s": second + 0.05}])
    assert open_lake(path).sql(query)["time_s"].to_list()[1] == pytest.approx(second + 0.05)
    reviews.decide(path, [{"action": "move_event", **on, "time_s": second + 0.05, "new_time_s": second + 0.02}])
    assert open_lake(path).sql(query)["time_s"].to_list()[1] == pytest.approx(second + 0.02)
    reviews.decide(path, [{"action": "delete_event", **on, "time_s": second + 0.02}])
    assert open_lake(path).sql(query)["time_s"].to_list() == pytest.approx([before[0], *before[2:]])
    reviews.decide(path, [{"action": "add_event", **on, "time_s": second + 0.3}])
    assert open_lake(path).sql(query)["time_s"].to_list() == pytest.approx(
        sorted([before[0], second + 0.3, *before[2:]])
    )


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"trial": "walk_91"}, "no trial H01/ses1/walk_91; similar: H01/ses1/walk_01"),
        ({"action": "excluded"}, "action is 'excluded'; it can be exclude"),
        ({"reason": ""}, "reason is missing"),
        ({"reviewer": "Dr. O'Neill"}, "expected a code, not a name"),
        ({"side": "left", "cycle": 99}, "no left cycle 99"),
        ({"from_s": 1.0}, "both from_s and to_s"),
        (
            {"action": "move_event", "side": "left", "event": "foot_strike", "time_s": 99.0, "new_time_s": 1.0},
            "no left foot_strike at 99",
        ),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(path, wrong, said):
    version = open_lake(path).version
    with pytest.raises(UsageError, match=said):
        reviews.decide(path, [{"action": "exclude", **R1, **wrong}])
    assert open_lake(path).version == version


def test_other_bytes_later_are_to_be_checked(path, made, tmp_path):
    from neurostore.ingest.pipeline import ingest

    reviews.decide(path, [{"action": "exclude", **R1}])
    shutil.copytree(made / "cohort", tmp_path / "cohort")
    ingest(tmp_path / "cohort", path, n_workers=1, force=True)
    assert reviews.listing(open_lake(path))["state"].to_list() == ["holds"]  # the same bytes
    walks = tmp_path / "cohort" / "H01" / "ses1"
    shutil.copy(tmp_path / "cohort" / "H01" / "ses2" / "walk_01.bvh", walks / "walk_01.bvh")
    ingest(tmp_path / "cohort", path, n_workers=1)
    lake = open_lake(path)
    assert reviews.listing(lake)["state"].to_list() == ["to be checked"]
    assert steady(lake) == []  # it still holds until somebody looks


def test_a_table_of_decisions_goes_out_and_comes_back(path, tmp_path, made):
    reviews.decide(path, [{"action": "exclude", **R1, "side": "left"}, {"action": "note", **R1, "reason": "fine"}])
    assert tsv.write(open_lake(path), tmp_path / "r.tsv") == 2
    shutil.copytree(made / "lake", tmp_path / "other")
    reviews.decide(tmp_path / "other", tsv.read(tmp_path / "r.tsv"))
    columns = list(tsv.COLUMNS)
    assert reviews.listing(open_lake(tmp_path / "other")).select(columns).sort("action").equals(
        reviews.listing(open_lake(path)).select(columns).sort("action"))  # fmt: skip


def test_an_erased_person_leaves_no_review(path):
    from neurostore.upkeep.erase import erase

    reviews.decide(path, [{"action": "exclude", **R1}])
    erase(path, "H01")
    assert reviews.listing(open_lake(path)).height == 0
    assert not [f for f in path.rglob("*.parquet") if b"a crutch" in f.read_bytes()]


def test_a_column_exclude_of_trials_tsv_is_a_review(made, tmp_path):
    from neurostore.ingest.pipeline import ingest

    shutil.copytree(made / "cohort", tmp_path / "cohort")
    table = tmp_path / "cohort" / "trials.tsv"
    plain = table.read_text()
    lines = [line + ("\tyes\ta crutch" if line.startswith("H01\tses1") else "\t\t") for line in plain.splitlines()]
    table.write_text("\n".join([lines[0].rstrip("\t") + "\texclude\treason", *lines[1:]]) + "\n")
    report = ingest(tmp_path / "cohort", tmp_path / "lake", n_workers=1)
    assert "trials.tsv excludes H01/ses1/walk_01: a crutch" in report.warnings
    lake = open_lake(tmp_path / "lake")
    assert steady(lake) == []
    again = ingest(tmp_path / "cohort", tmp_path / "lake", n_workers=1)
    assert again.version == lake.version  # reported once
    table.write_text(plain)
    ingest(tmp_path / "cohort", tmp_path / "lake", n_workers=1)
    assert steady(open_lake(tmp_path / "lake"))


def test_a_table_that_comes_back_adds_only_what_is_new(path, tmp_path):
    from tests.cli.cli_run import run

    table = tmp_path / "Prüfung O'Neill.tsv"
    reason = "Schuh zu weit, O'Neill's; \"zweimal\""
    reviews.decide(
        path, [{"action": "exclude", **R1, "side": "left", "cycle": 0, "reason": reason}, {"action": "note", **R1}]
    )
    assert run("review", "export", table, "--lake", path).stderr == f"2 decisions written: {table}\n"
    version = open_lake(path).version
    said = run("review", "import", table, "--lake", path).stderr
    assert said == f"0 decisions recorded, 2 were there already; lake version {version}\n"
    table.write_text(table.read_text().replace("a crutch", "kein Stock"))  # as somebody edits it
    assert run("review", "import", table, "--lake", path).stderr.startswith("1 decision recorded, 1 was there already")
    assert reviews.listing(open_lake(path))["reason"].to_list() == ["kein Stock", "a crutch", reason]
    spreadsheet = tmp_path / "from a spreadsheet.csv"
    spreadsheet.write_text("subject;session;trial;reviewer;action;reason\nH01;ses1;walk_01;R2;note;müde, wie zuvor\n")
    assert run("review", "import", spreadsheet, "--lake", path).stderr.startswith("1 decision recorded; lake")
    assert reviews.listing(open_lake(path))["reason"][0] == "müde, wie zuvor"
    missing = run("review", "import", tmp_path / "none.tsv", "--lake", path)
    assert missing.stderr == f"neurostore: {tmp_path / 'none.tsv'}: cannot be read: No such file or directory\n"
