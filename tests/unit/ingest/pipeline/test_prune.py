"""Files that went away, and files that are there twice."""

from __future__ import annotations

import shutil

from neurostore.api import open as open_lake
from neurostore.demo import make_cohort
from neurostore.ingest.pipeline import ingest
from neurostore.lake.mixture import excluded_texts
from tests.builders.tiny_bvh import write_bvh


def test_a_renamed_file_counts_once_after_prune_and_is_reported_before(tmp_path):
    cohort, path = tmp_path / "cohort", tmp_path / "lake"
    make_cohort(cohort, n_per_group=1, n_trials=1)
    ingest(cohort, path, n_workers=1)
    folder = cohort / "H01" / "ses1"
    (folder / "walk_01.bvh").rename(folder / "walk_99.bvh")
    said = " ".join(ingest(cohort, path, n_workers=1).warnings)
    assert "no longer in the cohort: H01/ses1/walk_01; --prune removes them" in said
    assert "2 trials have identical files: H01/ses1/walk_01, H01/ses1/walk_99" in said
    report = ingest(cohort, path, n_workers=1, prune=True)
    assert any(
        "removed, because their files are no longer in the cohort or are ignored: H01/ses1/walk_01" in w
        for w in report.warnings
    )
    trials = open_lake(path).trials()
    assert trials.filter(subject="H01", session="ses1")["trial"].to_list() == ["walk_99"]
    assert not any("same bytes" in w for w in report.warnings)


def test_one_file_under_two_people_is_reported_and_other_cohorts_people_stay(tmp_path):
    cohort, path = tmp_path / "cohort", tmp_path / "lake"
    make_cohort(cohort, n_per_group=1, n_trials=1)
    shutil.copy(cohort / "H01" / "ses1" / "walk_01.bvh", cohort / "S01" / "ses1" / "walk_02.bvh")
    report = ingest(cohort, path, n_workers=1)
    assert any("2 trials have identical files: H01/ses1/walk_01, S01/ses1/walk_02" in w for w in report.warnings)
    n = open_lake(path).trials().height
    shutil.rmtree(cohort / "C01")
    ingest(cohort, path, n_workers=1, prune=True)
    assert open_lake(path).trials().height == n  # nobody of C01 is in this cohort: perhaps in another one


def test_ignored_files_leave_the_lake_as_a_review_does_and_come_back(tmp_path):
    cohort, path = tmp_path / "cohort", tmp_path / "lake"
    for subject in ("S1", "S2"):
        write_bvh(cohort / subject / "walk.bvh", 20)
    ingest(cohort, path, n_workers=1)
    config = cohort / "cohort.toml"
    config.write_text('[[match]]\nfiles = "S1/*"\nignore = true\n')
    said = " ".join(ingest(cohort, path, n_workers=1).warnings)
    assert "cohort.toml excludes S1/walk: ignore = true" in said
    assert "in the lake but excluded, as cohort.toml ignores their files: S1/walk; --prune removes them" in said
    assert "no file matches" not in said
    lake = open_lake(path)
    assert excluded_texts(lake) == ["S1/walk by cohort.toml: ignore = true"]
    assert "excludes" not in " ".join(ingest(cohort, path, n_workers=1).warnings)  # once
    config.write_text('[[match]]\nfiles = "S3/*"\nignore = true\n')
    said = " ".join(ingest(cohort, path, n_workers=1).warnings)
    assert "cohort.toml includes S1/walk: no longer excluded by cohort.toml" in said
    assert "no file matches 'S3/*'" in said
    assert excluded_texts(open_lake(path)) == []
    config.write_text('[[match]]\nfiles = "S1/*"\nignore = true\n')
    ingest(cohort, path, n_workers=1, prune=True)
    assert open_lake(path).trials()["subject"].to_list() == ["S2"]


def test_ignore_in_the_table_of_trials_is_an_exclusion(tmp_path):
    cohort, path = tmp_path / "cohort", tmp_path / "lake"
    for subject in ("S1", "S2"):
        write_bvh(cohort / subject / "walk.bvh", 20)
    (cohort / "trials.tsv").write_text("subject\ttrial\tignore\treason\nS1\twalk\tTRUE\ta crutch\nS2\twalk\tno\t\n")
    ingest(cohort, path, n_workers=1)
    assert excluded_texts(open_lake(path)) == ["S1/walk by trials.tsv: a crutch"]
