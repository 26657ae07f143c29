"""Which trials a cohort folder holds, and what its tables say of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from neurostore.errors import CohortError, InputError
from neurostore.ingest.cohort.config import read_config
from neurostore.ingest.cohort.scan import members, scan
from neurostore.ingest.cohort.tables import column_names, read_table
from tests.shared_data import SHARED, needs_shared


def make(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    return folder


def tsv(path: Path, *rows: str) -> None:
    path.write_text("\n".join("\t".join(row.split(" | ")) for row in rows) + "\n")


def keys(folder: Path) -> list[tuple[str, str, str]]:
    return sorted(t.key for t in scan(folder).trials)


def test_subject_and_session_folders(tmp_path):
    make(tmp_path, "S01/walk.bvh", "S02/pre/walk.bvh", "S02/post/walk.c3d")
    assert keys(tmp_path) == [("S01", "", "walk"), ("S02", "post", "walk"), ("S02", "pre", "walk")]


def test_a_skeleton_file_that_cohort_toml_names_is_not_a_stray_file(tmp_path):
    make(tmp_path, "S01/walk.bvh", "lab.toml", "other.toml")
    (tmp_path / "cohort.toml").write_text('[[match]]\nfiles = "S01/*"\nskeleton = "lab.toml"\n')
    assert [p.name for p in scan(tmp_path).unknown] == ["other.toml"]


def test_bids_names(tmp_path):
    make(
        tmp_path,
        "sub-01/ses-1/motion/sub-01_ses-1_task-walk_run-1_motion.tsv",
        "sub-01/ses-1/motion/sub-01_ses-1_task-walk_run-1_channels.tsv",
        "sub-01/ses-1/motion/sub-01_ses-1_task-jump_channels.tsv",
        "sub-02/motion/sub-02_task-walk_motion.tsv",
        "task-walk_motion.json",
    )
    cohort = scan(tmp_path)
    assert sorted(t.key for t in cohort.trials) == [("sub-01", "ses-1", "task-walk_run-1"), ("sub-02", "", "task-walk")]
    first = next(t for t in cohort.trials if t.subject == "sub-01")
    assert {Path(c).name for c in first.options.companions} == {
        "sub-01_ses-1_task-walk_run-1_channels.tsv",
        "task-walk_motion.json",
    }
    assert cohort.unknown == []


def test_bids_name_against_its_folder(tmp_path):
    cohort = scan(make(tmp_path, "sub-01/motion/sub-02_task-walk_motion.tsv"))
    assert cohort.trials == []
    assert "sub-02" in str(cohort.refused[0])
    assert "sub-01" in str(cohort.refused[0])


def test_files_of_one_stem_are_one_trial_positions_first(tmp_path):
    cohort = scan(make(tmp_path, "S01/walk.mot", "S01/walk.trc", "S01/01.asf", "S01/01_02.amc"))
    trials = {t.trial: t for t in cohort.trials}
    assert [p.name for p in trials["walk"].paths] == ["walk.trc", "walk.mot"]
    assert set(trials) == {"walk", "01_02"}
    assert [Path(c).name for c in trials["01_02"].options.companions] == ["01.asf"]


def test_two_files_with_positions_of_one_stem_collide(tmp_path):
    cohort = scan(make(tmp_path, "S01/walk.bvh", "S01/walk.c3d", "S01/run.bvh"))
    assert [t.trial for t in cohort.trials] == ["run"]
    assert "walk.bvh and walk.c3d" in str(cohort.refused[0])


def test_names_become_keys_and_are_listed_collisions_are_refused(tmp_path):
    cohort = scan(make(tmp_path, "S01/fast walk.v2.bvh", "S01/a b.bvh", "S01/a_b.bvh", "S01/-x.bvh"))
    assert sorted(t.trial for t in cohort.trials) == ["fast_walk_v2", "x"]
    assert ("S01/fast walk.v2.bvh", "fast_walk_v2") in cohort.renamed
    assert len(cohort.refused) == 1
    assert "S01/a b.bvh" in str(cohort.refused[0])
    assert "S01/a_b.bvh" in str(cohort.refused[0])


@pytest.mark.parametrize("name", ["a b", "..x", ".x", "é", "x" * 65, "-a"])
def test_a_folder_that_cannot_be_a_key_is_refused_by_name(tmp_path, name):
    cohort = scan(make(tmp_path, f"{name}/walk.bvh", "S01/walk.bvh"))
    assert [t.key for t in cohort.trials] == [("S01", "", "walk")]
    assert len(cohort.refused) == 1
    assert repr(name) in str(cohort.refused[0])
    assert "walk.bvh" in str(cohort.refused[0])


def test_unknown_and_hidden_files_are_listed(tmp_path):
    cohort = scan(make(tmp_path, "S01/walk.bvh", "S01/notes.docx", "S01/._walk.bvh", ".git/config", "S01/data.json"))
    assert {p.name for p in cohort.unknown} == {"notes.docx", "config", "data.json"}  # ._ is left by the Finder
    assert len(cohort.trials) == 1
    assert not cohort.refused


def test_link_loops_and_broken_links_are_refused(tmp_path):
    make(tmp_path, "S01/walk.bvh")
    (tmp_path / "S01" / "again").symlink_to(tmp_path)
    (tmp_path / "S01" / "self.bvh").symlink_to(tmp_path / "S01" / "self.bvh")
    (tmp_path / "S01" / "gone.bvh").symlink_to(tmp_path / "nowhere.bvh")
    cohort = scan(tmp_path)
    assert [t.trial for t in cohort.trials] == ["walk"]
    assert {Path(e.path).name for e in cohort.refused} == {"again", "self.bvh", "gone.bvh"}


def test_too_deep_is_refused(tmp_path):
    cohort = scan(make(tmp_path, "a/b/c/walk.bvh"))
    assert "3 folders deep" in str(cohort.refused[0])


def test_files_in_the_folder_itself(tmp_path):
    folder = make(tmp_path / "lab one", "walk.bvh", "run.bvh")
    tsv(folder / "trials.tsv", "subject | file | condition", "P7 | walk.bvh | barefoot")
    trials = {t.trial: t for t in scan(folder).trials}
    assert trials["walk"].subject == "P7"
    assert trials["walk"].is_subject_known
    assert trials["walk"].metadata == {"condition": "barefoot"}
    assert trials["run"].subject == "lab_one"
    assert not trials["run"].is_subject_known


def test_no_folder_and_a_file(tmp_path):
    with pytest.raises(CohortError, match="does not exist"):
        scan(tmp_path / "none")
    file = tmp_path / "walk.bvh"
    file.write_text("")
    with pytest.raises(CohortError, match="is a file"):
        scan(file)


def test_participants_give_groups(tmp_path):
    make(tmp_path, "S01/walk.bvh", "S02/walk.bvh", "S03/walk.bvh")
    tsv(
        tmp_path / "participants.tsv",
        "participant_id | group | age | height | weight_kg | subject | left_leg_length_cm",
        "S01 | CP | 12 | 148 | 40.5 | x | 80",
        "S02 | n/a | n/a | n/a | n/a | y | n/a",
        "S09 | TD | 9 | 130 | 30 | z | 70",
    )
    cohort = scan(tmp_path)
    rows = {r["subject"]: r for r in cohort.subjects}
    assert rows["S01"]["group"] == "CP"
    assert rows["S01"]["age"] == 12.0
    assert rows["S01"]["height_m"] == pytest.approx(1.48)
    assert rows["S01"]["mass_kg"] == 40.5
    assert rows["S01"]["meta_subject"] == "x"
    assert rows["S02"]["group"] is None
    assert rows["S03"] == {**dict.fromkeys(rows["S01"]), "subject": "S03"}
    said = " ".join(cohort.warnings)
    assert "centimetres" in said
    assert "no trial of S09" in said
    assert "has no row for S03" in said
    (length,) = cohort.metadata.calibrations("S01", "")
    assert (length.parameter, length.side, length.value, length.source) == ("leg_length", "left", 800.0, "participants")


@pytest.mark.parametrize("table", ["id | group\nX | CP", "participant_id | group\nX | CP"])
def test_participants_that_name_nobody_warn(tmp_path, table):
    make(tmp_path, "S01/walk.bvh")
    tsv(tmp_path / "participants.tsv", *table.split("\n"))
    cohort = scan(tmp_path)
    assert [r["group"] for r in cohort.subjects] == [None]
    assert len(cohort.trials) == 1
    assert any("no groups" in w for w in cohort.warnings)
    assert not cohort.refused


def test_bids_participants_join_with_or_without_prefix(tmp_path):
    make(tmp_path, "sub-01/motion/sub-01_task-walk_motion.tsv")
    tsv(tmp_path / "participants.tsv", "participant_id | group", "01 | CP")
    assert scan(tmp_path).subjects[0]["group"] == "CP"


def test_trials_sessions_and_scans_join_by_key(tmp_path):
    make(tmp_path, "S01/pre/walk.bvh", "S01/post/walk.bvh")
    tsv(tmp_path / "sessions.tsv", "participant_id | session_id | months | condition", "S01 | pre | 0 | off",
        "S01 | post | 6 | off")  # fmt: skip
    tsv(tmp_path / "S01" / "pre" / "S01_scans.tsv", "filename | operator", "walk.bvh | AB")
    tsv(
        tmp_path / "trials.tsv",
        "subject | session | trial | condition | code | rate_hz | treadmill",
        "S01 | post | walk | on | 02_01 | 60 | yes",
        "S01 | post | jump | on | 02_02 | 60 | no",
    )
    cohort = scan(tmp_path)
    trials = {t.session: t for t in cohort.trials}
    assert trials["pre"].metadata == {"months": 0.0, "condition": "off", "operator": "AB"}
    assert trials["post"].metadata == {
        "months": 6.0, "condition": "on", "code": "02_01", "meta_rate_hz": 60.0, "treadmill": "yes",
    }  # fmt: skip
    assert trials["post"].options.is_treadmill is True
    assert any("1 of 2 rows match no trial" in w for w in cohort.warnings)


def test_a_column_named_skeleton_says_how_lengths_are_known(tmp_path):
    make(tmp_path, "S01/a.bvh", "S01/b.bvh")
    tsv(tmp_path / "trials.tsv", "file | skeleton", "S01/a.bvh | exact", "S01/b.bvh | generic")
    trials = {t.trial: t for t in scan(tmp_path).trials}
    assert trials["a"].options.length_basis == "measured"
    assert trials["b"].options.length_basis == "nominal"
    assert trials["a"].metadata == {"meta_skeleton": "exact"}


def test_a_ragged_table_is_refused_and_trials_stay(tmp_path):
    make(tmp_path, "S01/walk.bvh")
    (tmp_path / "trials.tsv").write_text("subject\ttrial\nS01\n")
    cohort = scan(tmp_path)
    assert len(cohort.trials) == 1
    assert "row 2 has 1 cell, the header 2" in str(cohort.refused[0])


def test_numbers_and_text_in_a_table(tmp_path):
    tsv(tmp_path / "t.tsv", "a | b | c | d", "1 | 02 | 1_0 | n/a", "2.5e1 | 3 | 2 | 4", "n/a | 4 | 3 | x")
    table = read_table(tmp_path / "t.tsv")
    assert table.values("a") == [1.0, 25.0, None]
    assert table.values("b") == ["02", "3", "4"]
    assert table.values("c") == ["1_0", "2", "3"]
    assert table.values("d") == [None, "4", "x"]


def test_column_names_are_plain_and_never_ours():
    assert column_names(["Age (y)", "Subject", "meta_subject", "a b", "a_b"], ["subject"]) == {
        "Age (y)": "Age_y", "Subject": "meta_Subject", "meta_subject": "meta_meta_subject",
        "a b": "a_b", "a_b": "meta_a_b",
    }  # fmt: skip


def test_results_json_with_several_videos(tmp_path):
    folder = tmp_path / "S01"
    folder.mkdir()
    video = {"metadata": {"frame_count": 0}, "frames": {}}
    for indent in (2, None):
        (folder / "results.json").write_text(json.dumps({"walk 1.mp4": video, 'r"un.mov': video}, indent=indent))
        assert members(folder / "results.json") == ["walk 1.mp4", 'r"un.mov']
    trials = {t.trial: t.options.member for t in scan(tmp_path).trials}
    assert trials == {"walk_1": "walk 1.mp4", "r_un": 'r"un.mov'}


def test_cohort_toml(tmp_path):
    make(tmp_path, "S01/a.bvh", "S01/b.bvh", "S02/a.bvh", "S02/junk.trc")
    (tmp_path / "cohort.toml").write_text(
        'scale_mm = 10\n[camera]\nfov_degrees = 55.0\n[[match]]\nfiles = "S01/*"\nup = "z"\nframes = [5, 90]\n'
        '[[match]]\nfiles = ["S01/b.bvh"]\nscale_mm = 1.0\n[match.camera]\nup = [0, 1, 0]\n'
        '[[match]]\nfiles = "*.trc"\nignore = true\n[[match]]\nfiles = "S09/*"\nup = "y"\n'
    )
    cohort = scan(tmp_path)
    options = {t.key: t.options for t in cohort.trials}
    assert set(options) == {("S01", "", "a"), ("S01", "", "b"), ("S02", "", "a")}
    assert options["S01", "", "a"].frames == (5, 90)
    assert options["S01", "", "a"].scale_mm == 10
    assert options["S01", "", "b"].scale_mm == 1.0
    assert options["S01", "", "b"].camera == {"fov_degrees": 55.0, "up": [0, 1, 0]}
    assert options["S02", "", "a"].up is None
    assert any("S09/*" in w for w in cohort.warnings)


def test_cohort_toml_says_everything_wrong_at_once(tmp_path):
    (tmp_path / "cohort.toml").write_text('scalemm = 1\nup = "w"\n[[match]]\ndrop_frames = -1\n[camera]\nfocal = 3\n')
    with pytest.raises(CohortError) as caught:
        read_config(tmp_path)
    said = str(caught.value)
    assert "'scalemm'" in said
    assert "scale_mm" in said
    assert "up = 'w'" in said
    assert "files is None" in said
    assert "in [[match]] number 1" in said


def test_a_number_in_cohort_toml_has_at_most_64_bits(tmp_path):
    (tmp_path / "cohort.toml").write_text(f"[[match]]\nfiles = '*.bvh'\nrate_hz = {'9' * 400}\n")
    with pytest.raises(CohortError, match="cannot be read as TOML: rate_hz is a whole number of over 64 bits"):
        read_config(tmp_path)


def test_input_errors_cross_process_borders():
    import pickle

    error = pickle.loads(pickle.dumps(InputError("a.bvh", "one", "two")))
    assert (error.path, error.problems) == ("a.bvh", ("one", "two"))


@needs_shared
def test_the_shared_cohorts():
    cmu = scan(SHARED / "cmu")
    assert (len(cmu.trials), len(cmu.subjects)) == (63, 20)
    assert not cmu.unknown
    assert not cmu.refused
    assert not cmu.warnings
    bases = {t.subject: t.options.length_basis for t in cmu.trials}
    assert {s for s, basis in bases.items() if basis == "measured"} == {"S02", "S07", "S08", "S39"}
    asf = scan(SHARED / "cmu_asfamc")
    assert {t.subject for t in asf.trials} == {"01", "02", "03"}
    assert all(t.is_subject_known and len(t.options.companions) == 1 for t in asf.trials)
    assert len(scan(SHARED / "cc_base").trials) == 51
