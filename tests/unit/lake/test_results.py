"""Stored results: a reader sees the same rows with and without them, whatever happened to the lake since."""

from __future__ import annotations

import logging
import threading

import duckdb
import pytest

from neurostore import reviews
from neurostore.api import open as open_lake
from neurostore.commands.sql import run as run_sql
from neurostore.errors import UsageError, VanishedVersionError
from neurostore.lake import delta, heartbeat, keep, on_demand, results
from neurostore.lake.commit import commit, renew_trials, stage
from neurostore.sql import kept, views
from neurostore.upkeep.catalogue import catalogue_file, stored_for_catalogue
from neurostore.upkeep.compact import compact
from neurostore.upkeep.erase import erase
from neurostore.upkeep.refresh import refresh
from neurostore.upkeep.vacuum import vacuum
from neurostore.upkeep.verify import verify
from neurostore.window import renewing
from tests.builders.kept_lake import VIEWS, rows_of, walk_trial


def without_results(path, version=None):
    return open_lake(path, version).without_results()


def same(path, version=None, names=("subject_summary",)):
    with_them, without = open_lake(path, version), without_results(path, version)
    for view in names:
        assert rows_of(with_them, view) == rows_of(without, view), view
    return with_them


def test_every_view_has_the_same_rows(made):
    path, computed = made
    lake = open_lake(path)
    assert {view: rows_of(lake, view) for view in VIEWS} == computed
    assert lake.results().stale == {}
    assert len(rows_of(lake, "subject_summary")) > 8


def test_a_query_of_results_reads_no_frames(made):
    with open_lake(made[0]).connect("SELECT * FROM gait_profile") as connection:
        plan = connection.sql("EXPLAIN SELECT * FROM gait_profile").fetchall()[0][1]
        there = {
            name for (name,) in connection.sql("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
        }
    assert "landmarks" not in there
    assert "heel" not in plan


def test_each_view_depends_on_tables_that_the_inputs_cover():
    named = {word for view in kept.VIEWS for one in kept.behind(view) for word in views.words_of(views.sources()[one])}
    from neurostore import schema

    loose = {t.name for t in schema.tables().values() if not t.is_keyed and t.name in named}
    assert loose <= {"trials", "subjects", "reviews", "results"}


@pytest.mark.parametrize(
    ("choice", "value"),
    [("event_source", "file"), ("accept_camera_level", True)],
)
def test_other_choices_are_computed(made, choice, value):
    asked = [view for view in VIEWS if choice in kept.choices_of(view)] or ["gait_profile"]
    chosen = open_lake(made[0]).choose(**{choice: value})
    computing = without_results(made[0]).choose(**{choice: value})
    for view in asked[:1]:
        assert rows_of(chosen, view) == rows_of(computing, view), view


def test_a_choice_made_in_sql_is_computed(made):
    lake = open_lake(made[0])
    text = "SET VARIABLE event_source = 'file'; SELECT count(*) FROM gait_cycles WHERE event_source = 'file'"
    with lake.connect(text) as connection:
        connection.execute(text)
        expected = without_results(made[0]).choose(event_source="file").sql(text.partition("; ")[2])
        assert connection.fetchall() == expected.rows()


def test_a_catalogue_reads_results_unless_a_choice_is_made(made, tmp_path):
    query = "SELECT * FROM gait_cycles ORDER BY ALL"
    lake = open_lake(made[0])
    file = catalogue_file(made[0], tmp_path / "lake.duckdb")
    with duckdb.connect(str(file), read_only=True) as plain:
        assert plain.sql(query).fetchall() == lake.sql(query).rows()
        assert "heel" not in plain.sql("EXPLAIN SELECT * FROM subject_summary").fetchall()[0][1]
        plain.execute("SET VARIABLE event_source = 'file'")
        assert "heel" in plain.sql("EXPLAIN SELECT * FROM gait_cycles").fetchall()[0][1]
        assert plain.sql(query).fetchall() == lake.choose(event_source="file").sql(query).rows()


def test_a_catalogue_computes_the_rows_of_stale_sessions_and_says_so(lake, caplog, tmp_path, monkeypatch):
    change_reviewed(lake)
    with caplog.at_level(logging.WARNING, "neurostore.results"):
        file = catalogue_file(lake, tmp_path / "lake.duckdb")
    assert "2 trials without stored results" in caplog.text
    assert "compute their rows" in caplog.text
    query = "SELECT * FROM gait_cycles WHERE subject IN ('S1', 'S2') ORDER BY ALL"
    with duckdb.connect(str(file), read_only=True) as plain:
        assert plain.sql(query).fetchall() == without_results(lake).sql(query).rows()
        plan = plain.sql("EXPLAIN SELECT * FROM gait_cycles WHERE subject = 'S2'").fetchall()[0][1]
    assert "heel" not in plan
    monkeypatch.setattr(results, "FEW_TRIALS", 1)
    assert stored_for_catalogue(open_lake(lake)) == {}
    assert "compute every row" in caplog.text


def test_a_choice_made_after_opening_is_refused(made):
    with open_lake(made[0]).connect("SELECT * FROM gait_cycles") as connection:
        connection.execute("SET VARIABLE event_source = 'computed'")
        with pytest.raises(Exception, match="default choices"):
            connection.execute("SELECT * FROM gait_cycles").fetchall()


def change_reviewed(path):
    one = {
        "action": "exclude",
        "subject": "S1",
        "session": "pre",
        "trial": "walk_a",
        "reviewer": "R1",
        "reason": "fell",
    }
    reviews.decide(path, [one])


def change_replaced(path):
    commit(path, [stage(path, [walk_trial("S2", "pre", "walk_a", "normal", 0.3)])])


def change_added(path):
    commit(path, [stage(path, [walk_trial("S3", "", "walk_c", "stiff_knee", 0.2)])])


def change_removed(path):
    commit(path, removed=[("S1", "post", "walk_b")])


def change_metadata(path):
    renew_trials(path, {("S3", "", "walk_a"): {"condition": "barefoot", "up_source": "camera_level"}})


def change_height(path):
    commit(path, subjects=[{"subject": "S2", "group": "CP", "height_m": 1.5}])


CHANGES = [change_reviewed, change_replaced, change_added, change_removed, change_metadata, change_height]


def test_what_changed_is_computed_and_refresh_stores_it(lake):
    stale = set()
    for change in CHANGES:
        change(lake)
        now = set(open_lake(lake).results().stale)
        assert len(now ^ stale) <= 1, change  # of one session at most, which may be stale already
        stale |= now
    assert stale == {("S1", "pre"), ("S2", "pre"), ("S3", ""), ("S1", "post")}
    commit(lake, [stage(lake, [walk_trial("S4", "", "walk_a")])])
    assert refresh(lake).n_sessions == 5
    change_replaced(lake)
    assert list(same(lake).results().stale) == [("S2", "pre")]  # one is computed, the others are read


def test_an_older_version_shows_its_own_results(lake):
    before = open_lake(lake).version
    change_replaced(lake)
    refresh(lake)
    assert open_lake(lake).results().stale == {}
    assert list(same(lake, before).results().stale) == [("S2", "pre")]


def test_a_stale_session_is_reported(lake, caplog):
    change_added(lake)
    with caplog.at_level(logging.WARNING, "neurostore.results"):
        open_lake(lake).sql("SELECT * FROM subject_summary")
    assert "3 trials without stored results" in caplog.text
    assert "neurostore refresh" in caplog.text


@pytest.fixture
def asked(monkeypatch):
    """The sessions of each call that computed what is not stored."""
    calls = []

    def spy(lake, sessions, names, *, opened, _compute=on_demand.compute):
        calls.append(sorted(sessions))
        return _compute(lake, sessions, names, opened=opened)

    monkeypatch.setattr(on_demand, "compute", spy)
    return calls


S2, S3 = ("S2", "pre"), ("S3", "")


@pytest.mark.parametrize("few_trials", [50, 0])
def test_a_query_computes_those_stale_sessions_that_it_asks_for(lake, asked, caplog, monkeypatch, few_trials):
    change_height(lake)
    change_added(lake)
    monkeypatch.setattr(results, "FEW_TRIALS", few_trials)
    opened, computing = open_lake(lake), without_results(lake)
    for where, sessions, said in (
        ("subject = 'S1'", [], ""),
        ("session = 'post' AND subject LIKE 'S%'", [], ""),
        ("trial = 'walk_c'", [[S3]], "3 trials without stored results"),
        ("subject IN ('S1', 'S2', 'S3')", [[S2]], "2 trials without stored results"),  # S3 was computed before
    ):
        asked.clear()
        caplog.clear()
        with caplog.at_level(logging.WARNING, "neurostore.results"):
            rows = rows_of(opened, "gait_cycles", where)
        assert (where, asked) == (where, sessions)
        assert said in caplog.text if said else not caplog.text
        assert rows == rows_of(computing, "gait_cycles", where), where
    assert (
        run_sql(open_lake(lake), "SELECT count(*) AS n FROM subject_summary WHERE subject = 'S1'")["n"][0].as_py() == 8
    )
    assert open_lake(lake).joint_angles("S1").height
    asked.clear()
    assert opened.sql("SELECT count(*) FROM gait_profile WHERE subject = 'S1'").item() > 0
    assert opened.sql("DESCRIBE trial_quality").height
    assert not asked


def test_a_lake_that_fails_to_compute_says_why(lake, monkeypatch):
    def vanish(*_, **__):
        raise VanishedVersionError("version 3 was vacuumed")

    change_added(lake)
    monkeypatch.setattr(on_demand, "compute", vanish)
    for ask in (lambda lake, text: lake.sql(text), run_sql):
        with pytest.raises(VanishedVersionError, match="3 was vacuumed"):
            ask(open_lake(lake), "SELECT * FROM gait_cycles")


def test_a_selection_of_whole_sessions_reads_results_and_of_parts_computes(made):
    whole = open_lake(made[0]).select(session="pre")
    assert whole.results().stale == {}
    part = open_lake(made[0]).select(condition="barefoot")
    assert len(part.results().stale) == 4
    for chosen, where in ((whole, "session = 'pre'"), (part, "condition = 'barefoot'")):
        assert rows_of(chosen, "gait_cycles")
        n = without_results(made[0]).sql(
            f"SELECT count(*) FROM gait_cycles JOIN trials USING (subject, session, trial) WHERE {where}"
        )
        assert chosen.sql("SELECT count(*) FROM gait_cycles").item() == n.item()


def test_compact_and_vacuum_keep_what_counts_and_drop_the_rest(lake, monkeypatch):
    monkeypatch.setattr(keep, "merge_small", lambda root: None)  # a refresh that was killed before its end
    for change in (change_replaced, change_added):
        change(lake)
        refresh(lake)
    before = open_lake(lake).stored_results()["subject_summary"]
    assert before.is_dirty
    compact(lake, safe_age_s=0)
    vacuum(lake, safe_age_s=0)
    assert not open_lake(lake).results().stale
    after = open_lake(lake).stored_results()
    assert not any(stored.is_dirty for stored in after.values())
    assert n_rows_of(after["subject_summary"]) < n_rows_of(before)
    same(lake)
    assert verify(lake).is_clean


def test_a_view_that_is_first_asked_when_its_results_were_replaced_is_that_of_the_version(lake):
    reader = open_lake(lake)
    reader.sql("SELECT count(*) FROM gait_cycles")
    change_replaced(lake)
    with heartbeat.running(lake, "compact"):  # it merges what it found, so nothing else may
        refresh(lake)
    with pytest.raises(results.ResultsChangedError):
        reader._relations.stored(["subject_summary"])
    assert rows_of(reader, "subject_summary") == rows_of(without_results(lake, reader.version), "subject_summary")
    assert reader.results().stale
    unmerged = open_lake(lake).stored_results()["subject_summary"]
    assert len(unmerged.state.files) == 2
    keep.merge_small(lake)
    merged = same(lake).stored_results()["subject_summary"]  # without the dead rows of the file before
    assert len(merged.state.files) == 1
    assert not merged.is_dirty
    assert verify(lake).is_clean


def test_files_of_results_are_merged_with_those_of_about_their_size():
    def merged(*sizes):
        files = [delta.DataFile(str(n), None, 1, size, 0) for n, size in enumerate(sizes)]
        return [[file.size for file in group] for group in keep._small_files(files)]

    million = 2**20
    assert merged(12, 10, 11) == [[10, 11, 12]]
    assert merged(1000, 10) == merged(5) == merged() == []  # one person more does not rewrite the others
    assert merged(1000, 10, 10, 900, 50) == [[10, 10], [900, 1000]]
    assert merged(17 * million, 18 * million) == []
    assert merged(*[10 * million] * 4) == [[10 * million] * 3]


def test_what_results_depend_on_is_computed_once_for_the_same_files(made, monkeypatch):
    known = open_lake(made[0]).results()
    asked = []
    monkeypatch.setattr(kept, "inputs", lambda *given, _=kept.inputs: (asked.append(1), _(*given))[1])
    assert open_lake(made[0]).results() == known
    assert known.fresh
    assert not asked
    assert open_lake(made[0]).select(subject="S1").results().stale == {}
    assert asked


def test_only_the_tables_of_what_is_asked_are_opened(made, monkeypatch):
    opened = []
    monkeypatch.setattr(delta, "open_table", lambda r, n, *v, _=delta.open_table: (opened.append(n), _(r, n, *v))[1])
    open_lake(made[0]).sql("SELECT count(*) FROM gait_cycles")
    assert [name for name in opened if name.startswith("results/")] == ["results/gait_cycles"]


def n_rows_of(stored):
    return sum(file.n_rows for file in stored.state.files)


def test_an_erased_person_has_no_results(lake):
    erase(lake, "S1")
    for name in (results.INDEX, *map(results.table_name, kept.VIEWS)):
        table = delta.open_table(lake, name)
        assert "S1" not in delta.read(lake, name, table, ["subject"])["subject"].to_pylist()
        assert table.version() == 0 or len(delta.files_of(table)) <= 1
    assert open_lake(lake).results().stale == {}
    same(lake)
    assert verify(lake).is_clean


def test_rows_of_no_computation_are_never_shown(lake):
    name = results.table_name("subject_summary")
    rows = delta.read(lake, name, delta.open_table(lake, name))
    other = rows.set_column(0, "computation", [["f" * 32] * rows.num_rows])
    delta.replace_rows(lake, name, ("computation",), other)
    assert open_lake(lake).stored_results()["subject_summary"].is_dirty
    same(lake)


def test_results_of_other_definitions_do_not_count(lake, monkeypatch):
    monkeypatch.setattr(kept, "definitions", lambda: "other")
    assert len(open_lake(lake).results().stale) == 4
    assert refresh(lake).n_sessions == 4
    monkeypatch.undo()
    assert len(open_lake(lake).results().stale) == 4
    same(lake)
    refresh(lake)
    assert open_lake(lake).results().stale == {}


def test_the_window_renews_what_was_decided_on(lake, monkeypatch):
    monkeypatch.setattr(renewing, "QUIET_S", 3600.0)
    renewal = renewing.Renewal(lake)
    for change in (change_reviewed, change_height):
        change(lake)
        renewal.ask()
    assert set(open_lake(lake).results().stale) == {("S1", "pre"), ("S2", "pre")}
    renewal.stop()
    assert open_lake(lake).results().stale == {}
    change_replaced(lake)
    renewal.stop()  # nobody asked
    assert set(open_lake(lake).results().stale) == {("S2", "pre")}


def test_the_window_waits_until_nobody_decides(lake, monkeypatch):
    done = threading.Event()
    monkeypatch.setattr(renewing, "QUIET_S", 0.05)
    monkeypatch.setattr(renewing, "refresh", lambda path, n_workers: done.set())
    renewal = renewing.Renewal(lake)
    change_height(lake)
    renewal.ask()
    assert done.wait(60)
    renewal.stop()


def test_unknown_names_are_refused_as_ever(made):
    with pytest.raises(UsageError, match="subject_sumary"):
        open_lake(made[0]).sql("SELECT * FROM subject_sumary")
