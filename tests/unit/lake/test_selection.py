"""A selection of trials holds for tables, views, distances and commands alike."""

from __future__ import annotations

import csv
import re

import polars as pl
import pytest

from neurostore import distances, statistics
from neurostore.demo import make_cohort
from neurostore.errors import UsageError
from neurostore.lake.shown import list_trials
from neurostore.lake.version import open as open_lake
from neurostore.report import write_report
from neurostore.report.data import collect
from neurostore.upkeep.refresh import refresh


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    from neurostore.ingest.pipeline import ingest

    folder = tmp_path_factory.mktemp("selection")
    _make_cohort(folder / "cohort")
    ingest(folder / "cohort", folder / "lake", n_workers=1)
    refresh(folder / "lake")
    return open_lake(folder / "lake")


def _make_cohort(folder):
    """The demonstration's cohort; S01 is affected on the right, S02 on the left."""
    make_cohort(folder, n_per_group=2, n_trials=1)
    table = folder / "participants.tsv"
    header, *rows = table.read_text().splitlines()
    sides = {"S01": "right", "S02": "left"}
    lines = [f"{header}\taffected_side", *(f"{row}\t{sides.get(row.split()[0], 'n/a')}" for row in rows)]
    table.write_text("\n".join(lines) + "\n")


def _sessions(lake, relation):
    return set(lake.sql(f"SELECT DISTINCT session FROM {relation}")["session"])


def test_every_table_and_view_shows_the_chosen_trials_alone(lake):
    chosen = lake.select(session="ses2")
    for relation in ("trials", "landmarks", "gait_cycles", "subject_summary", "poses_" + lake.trials()["skeleton"][0]):
        assert _sessions(lake, relation) == {"ses1", "ses2"}
        assert _sessions(chosen, relation) == {"ses2"}, relation
    assert set(chosen.scan_landmarks().collect()["session"]) == {"ses2"}
    assert _sessions(lake, "trials") == {"ses1", "ses2"}  # the lake itself is as it was


def test_a_condition_on_subjects_and_trials(lake):
    chosen = lake.select(where="s.\"group\" = 'control' AND t.session = 'ses1'")
    assert set(chosen.trials()["subject"]) == {"H01", "H02"}
    assert chosen.sql("SELECT count(DISTINCT subject) AS n FROM landmarks")["n"][0] == 2


@pytest.mark.parametrize(
    ("filters", "said"),
    [
        ({"session": "ses3"}, "similar: ses2, ses1"),
        ({"condition": "comfortabel"}, "similar: comfortable"),
        ({"where": "t.sesion = 'x'"}, "sesion"),
        ({"where": "t.n_frames < 0"}, "no trial matches"),
        ({"event_source": "files"}, "computed or file"),
    ],
)
def test_what_names_nothing_is_an_error_with_the_near_names(lake, filters, said):
    with pytest.raises(UsageError, match=said):
        lake.select(**filters)


def test_distances_and_statistics_take_the_same_filters(lake):
    baseline = statistics.compare(lake, "walking_speed_m_s", session="ses1")
    both = statistics.compare(lake, "walking_speed_m_s")
    assert set(baseline["n_a"]) == {2}
    assert "chosen: session ses1" in baseline["pooled"][0]
    assert "2 sessions pooled: ses1, ses2" in both["pooled"][0]
    assert baseline["mean_a"][0] < both["mean_a"][0]  # the second session is 3 % faster
    matrix = distances.distances(lake.select(session="ses2"), unit="subject")
    assert matrix.labels["subject"].to_list() == ["C01", "H01", "S01"]
    assert matrix.provenance["trials"] == "session ses2"
    curves = statistics.mean_curves(lake, "knee_flexion_deg", session="ses2")
    assert set(curves["n_subjects"]) == {1}
    assert "condition comfortable" in curves["pooled"][0]  # which the view does not know
    later = distances.distances(lake, unit="subject", session="ses2")
    assert later.labels.rows() == matrix.labels.rows()
    with pytest.raises(UsageError, match="no option sesion; similar: session"):
        distances.distances(lake, sesion="ses2")


def test_neighbours_are_looked_for_where_the_filters_say(lake):
    found = distances.neighbours(lake, "H01", "ses1/walk_01", k=50, session="ses2", side="left")
    assert set(found["session"]) == {"ses2"}
    assert set(found["n_compared"]) == {found.height}
    controls = distances.neighbours(lake, "S01", "ses1/walk_01", where="s.\"group\" = 'control'", side="left")
    assert {s[0] for s in controls["subject"]} == {"H"}
    with pytest.raises(UsageError, match=r"is in the sessions ses1, ses2; name one, as in ses1/walk_01"):
        distances.neighbours(lake, "H01", "walk_01")


def test_a_list_of_trials_takes_a_side_and_an_event_source(lake):
    every, texts = list_trials(lake)
    assert texts == [f"{every.height} trials of 6 subjects"]
    left = lake.trials(side="left", session="ses1")
    own = lake.sql("SELECT count(*) AS n FROM gait_cycles WHERE is_steady AND side = 'left' AND session = 'ses1'")
    assert left["n_steady_cycles"].sum() == own["n"][0]
    assert list_trials(lake, event_source="computed", session="ses2")[1][0].endswith(
        "chosen: session ses2; events computed"
    )
    with pytest.raises(UsageError, match="side is left, right, affected or unaffected"):
        lake.trials(side="leftt")


def test_the_affected_sides_of_people_are_compared_with_one_another(lake):
    affected = dict(lake.subjects().select("subject", "affected_side").iter_rows())
    matrix = distances.distances(lake, unit="cycle", side="affected", session="ses1")
    own = matrix.labels.filter(
        pl.col("subject").is_in([s for s, side in affected.items() if side in ("left", "right")])
    )
    assert own.height
    assert all(affected[s] == side for s, side in own.select("subject", "body_side").iter_rows())
    none = matrix.labels.filter(pl.col("subject") == "H01")
    assert set(none["body_side"]) == {"left", "right"}
    left, right = (distances.distances(lake, side=s, session="ses1").names() for s in ("left", "right"))
    assert len(set(matrix.names())) == len(matrix) <= len(left) + len(right)
    with pytest.raises(UsageError, match="which only angles allow"):
        distances.distances(lake, side="affected", representation="coordinates")


def test_trials_of_different_cut_offs_are_refused_unless_mixed(tmp_path):
    from neurostore.ingest.pipeline import ingest
    from neurostore.ingest.pipeline.settings import Settings

    _make_cohort(tmp_path / "cohort")
    ingest(tmp_path / "cohort", tmp_path / "lake", n_workers=1)
    walks = sorted((tmp_path / "cohort" / "H01" / "ses1").iterdir())
    for path in (tmp_path / "cohort").iterdir():
        if path.is_dir() and path.name != "H01":
            for file in path.rglob("*.bvh"):
                file.unlink()
    assert walks
    ingest(tmp_path / "cohort", tmp_path / "lake", Settings(cutoff_hz=10.0), n_workers=1)
    refresh(tmp_path / "lake")
    lake = open_lake(tmp_path / "lake")
    with pytest.raises(UsageError, match=r"differ in cut-off: 6.0 \(\d trials\), 10.0 \(2 trials\).*--mixed"):
        statistics.compare(lake, "walking_speed_m_s")
    for refused in (
        lambda: statistics.mean_curves(lake, "knee_flexion_deg"),
        lambda: statistics.cycles_array(lake),
        lambda: distances.distances(lake),
        lambda: distances.distances(lake, side="affected"),
        lambda: lake.trials(mixed=False),
        lambda: write_report(lake, tmp_path / "report.html"),
    ):
        with pytest.raises(UsageError, match=r"differ in cut-off.*--mixed"):
            refused()
    assert any("differ in cut-off" in text for text in list_trials(lake)[1])
    assert not any("cut-off" in text for text in list_trials(lake, mixed=True)[1])
    report = collect(lake, side="affected", mixed=True)
    assert set(report.summary.filter(pl.col("subject") == "S01")["side"]) == {"right"}
    assert "affected side" in report.selection
    assert "mixed cut-off: 6.0" in report.pooled
    mixed = statistics.compare(lake, "walking_speed_m_s", mixed=True)
    assert mixed.height == 3
    assert re.search(r"mixed cut-off: 6.0 \(\d trials\), 10.0 \(2 trials\)", mixed["pooled"][0])


def test_sessions_of_the_demonstration_have_times(lake, tmp_path):
    make_cohort(tmp_path / "cohort", n_per_group=1, n_trials=1)
    with (tmp_path / "cohort" / "sessions.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert {r["session"] for r in rows} == {"ses1", "ses2"}
    order = lake.sql("SELECT DISTINCT session, position FROM _session_order WHERE subject = 'H01' ORDER BY 2")
    assert order["session"].to_list() == ["ses1", "ses2"]
