"""A selection of trials holds for tables, views, distances and commands alike."""

from __future__ import annotations

import csv
import re

import pytest

from neurostore import distances, statistics
from neurostore.demo import make_cohort
from neurostore.errors import UsageError
from neurostore.lake.version import open as open_lake


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    from neurostore.ingest.pipeline import ingest
    from neurostore.upkeep.refresh import refresh

    folder = tmp_path_factory.mktemp("selection")
    make_cohort(folder / "cohort", n_per_group=2, n_trials=1)
    ingest(folder / "cohort", folder / "lake", n_workers=1)
    refresh(folder / "lake")
    return open_lake(folder / "lake")


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


def test_trials_of_different_cut_offs_are_refused_unless_mixed(tmp_path):
    from neurostore.ingest.pipeline import ingest
    from neurostore.ingest.pipeline.settings import Settings

    make_cohort(tmp_path / "cohort", n_per_group=2, n_trials=1)
    ingest(tmp_path / "cohort", tmp_path / "lake", n_workers=1)
    walks = sorted((tmp_path / "cohort" / "H01" / "ses1").iterdir())
    for path in (tmp_path / "cohort").iterdir():
        if path.is_dir() and path.name != "H01":
            for file in path.rglob("*.bvh"):
                file.unlink()
    assert walks
    ingest(tmp_path / "cohort", tmp_path / "lake", Settings(cutoff_hz=10.0), n_workers=1)
    lake = open_lake(tmp_path / "lake")
    with pytest.raises(UsageError, match=r"differ in cut-off: 6.0 \(\d trials\), 10.0 \(2 trials\).*--mixed"):
        statistics.compare(lake, "walking_speed_m_s")
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
