"""Left and right exchanged by a review: excluded until the next ingest, then as a capture with right labels is."""

from __future__ import annotations

import numpy as np
import pytest

from neurostore import reviews, study
from neurostore.api import open as open_lake
from neurostore.errors import UsageError
from neurostore.ingest.pipeline import ingest
from neurostore.lake import mixture

KEY = {"subject": "P01", "session": "pre", "trial": "walk"}
BY = {**KEY, "reviewer": "R1", "reason": "toes point backwards"}
GAIT = study.make_people(1)[1].gaits["pre"]
STRIDES = "SELECT side, cycle, start_s, end_s, foot_off_s, is_steady FROM gait_cycles ORDER BY ALL"
KNEES = "SELECT left_knee_flexion_deg, right_hip_flexion_rel_deg, right_ankle_dorsiflexion_deg FROM joint_angles WHERE trial = 'walk' ORDER BY frame"


def written(folder, is_exchanged):
    study._write_walk(folder, tuple(KEY.values()), GAIT)
    if is_exchanged:
        study._exchange_sides(folder / "P01" / "pre" / "walk.bvh")
    return folder


@pytest.fixture
def wrong(tmp_path):
    ingest(written(tmp_path / "cohort", True), tmp_path / "lake", n_workers=1)
    return tmp_path


def said(path):
    """Why trials are excluded."""
    return mixture.excluded_trials(open_lake(path))["by_whom"].to_list()


def is_exchanged(path):
    return '"exchange_sides"' in open_lake(path).trials_table()["steps"].to_pylist()[0]


def test_a_trial_is_excluded_until_it_is_read_again_and_then_as_if_labelled_rightly(wrong, tmp_path):
    cohort, path = wrong / "cohort", wrong / "lake"
    reviews.decide(path, [{"action": "swap_sides", **BY}])
    assert said(path) == [
        "by R1: toes point backwards (ingest the cohort again: its left and right are to be exchanged)"
    ]
    assert ingest(cohort, path, n_workers=1).replaced == [tuple(KEY.values())]
    assert ingest(cohort, path, n_workers=1).replaced == []  # once
    assert said(path) == []

    ingest(written(tmp_path / "right", False), tmp_path / "right_lake", n_workers=1)
    lake, right = open_lake(path), open_lake(tmp_path / "right_lake")  # the same walk with right labels
    found, wanted = lake.sql(KNEES).to_numpy(), right.sql(KNEES).to_numpy()
    assert np.isfinite(wanted).all()
    np.testing.assert_allclose(found, wanted, atol=1e-3)
    strides = lake.sql(STRIDES)
    assert strides["is_steady"].sum() > 3
    assert strides.equals(right.sql(STRIDES))
    assert "left and right were exchanged, as a review or cohort.toml says" in lake.trials_table()["notes"][0].as_py()

    reviews.decide(path, [{"action": "keep_sides", **BY, "reason": "the other trial was meant"}])
    assert "still exchanged" in said(path)[0]
    ingest(cohort, path, n_workers=1)
    assert said(path) == []
    assert not is_exchanged(path)
    states = reviews.listing(open_lake(path)).select("action", "state").rows()
    assert states == [("keep_sides", "holds"), ("swap_sides", "superseded")]


def test_a_file_that_has_changed_since_is_read_as_it_is(wrong):
    cohort, path = wrong / "cohort", wrong / "lake"
    reviews.decide(path, [{"action": "swap_sides", **BY}])
    written(cohort, False)  # somebody corrected the labels
    report = ingest(cohort, path, n_workers=1)
    assert any("not exchanged, because the file has changed since R1" in w for w in report.warnings)
    assert not is_exchanged(path)
    assert said(path) == []
    assert reviews.listing(open_lake(path))["state"].to_list() == ["to be checked"]


def test_cohort_toml_can_say_it_and_a_review_outweighs_it(wrong):
    cohort, path = wrong / "cohort", wrong / "lake"
    (cohort / "cohort.toml").write_text('[[match]]\nfiles = ["P01/*"]\nswap_sides = true\n')
    ingest(cohort, path, n_workers=1)
    assert is_exchanged(path)
    with pytest.raises(UsageError, match="keep_sides is on a whole trial, not on a cycle"):
        reviews.decide(path, [{"action": "keep_sides", **BY, "side": "left", "cycle": 1}])
    reviews.decide(path, [{"action": "keep_sides", **BY}])
    ingest(cohort, path, n_workers=1)
    assert not is_exchanged(path)
