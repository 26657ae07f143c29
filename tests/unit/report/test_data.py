"""What the report shows is what the views say, checked against plain arithmetic over their rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from neurostore.errors import UsageError
from neurostore.report.clips import LINKS, MISSING, POINTS
from neurostore.report.data import collect, detectable_change, group_of, reference_ranges, subject_values
from neurostore.report.sessions import sessions_of


@pytest.fixture(scope="module")
def cycles(lake):
    """Every steady cycle's knee flexion and relative hip flexion, one row a cycle and percent."""
    return lake.sql("SELECT * FROM cycle_curves WHERE is_steady AND person = 0 ORDER BY ALL")


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize(("angle", "suffix"), [("knee_flexion", "deg"), ("hip_flexion", "rel_deg")])
def test_curves_are_means_over_steady_cycles(data, cycles, side, angle, suffix):
    block = sessions_of(data, "S01")[1]
    mine = cycles.filter((pl.col("subject") == "S01") & (pl.col("session") == "ses2") & (pl.col("side") == side))
    stack = mine[f"{side}_{angle}_{suffix}"].to_numpy().reshape(-1, 101)
    curve = block.curves[angle, side]
    assert curve.n_cycles == len(stack) > 1
    assert curve.is_relative == (suffix == "rel_deg")
    np.testing.assert_allclose(curve.mean, stack.mean(axis=0), atol=1e-9)
    np.testing.assert_allclose(curve.sd, stack.std(axis=0, ddof=1), atol=1e-6)


def test_band_of_a_group_leaves_its_own_member_out(data, cycles):
    block = sessions_of(data, "H02")[0]
    knees = []
    for subject in ("H01", "H03"):
        sides = []
        for side in ("left", "right"):
            sessions = cycles.filter((pl.col("subject") == subject) & (pl.col("side") == side))
            per_session = [
                part[f"{side}_knee_flexion_deg"].to_numpy().reshape(-1, 101).mean(axis=0)
                for _, part in sessions.group_by("session", maintain_order=True)
            ]
            sides.append(np.mean(per_session, axis=0))
        knees.append(np.mean(sides, axis=0))
    assert block.band("knee_flexion") is None  # two others are too few
    other = sessions_of(data, "S02")[0].band("knee_flexion")
    assert other is not None
    assert other.name == "control, n = 3"
    everybody = 3 * other.mean - sum(knees)  # what is left is the third control: H02
    own = block.curves["knee_flexion", "left"].mean, block.curves["knee_flexion", "right"].mean
    np.testing.assert_allclose(everybody, np.mean(own, axis=0), atol=1e-6)


def test_published_norm_is_no_band_for_relative_angles(lake):
    found = collect(lake, subjects=("H02",))
    block = sessions_of(found, "H02")[0]
    assert block.curves["hip_flexion", "left"].is_relative
    assert block.band("hip_flexion") is None
    knee = block.band("knee_flexion")
    assert knee is not None
    assert knee.name.startswith("Schwartz 2008, ")
    assert len(knee.percent) == 51
    assert found.shown == ("H02",)
    assert found.distances is not None  # the cohort stays whole
    assert len(found.distances) == 9
    assert found.distances_note.count("Hip flexion is change from the neutral pose.") == 1  # not once a side


def test_reference_ranges_are_of_the_others(data):
    speeds = subject_values(data.summary, "walking_speed_m_s")
    mean, sd, n = reference_ranges(data, "S01", "comfortable")["walking_speed_m_s"]
    controls = [v for s, v in speeds.items() if group_of(data)[s] == "control"]
    assert n == len(controls) == 3
    assert (mean, sd) == pytest.approx((np.mean(controls), np.std(controls, ddof=1)))
    assert reference_ranges(data, "H01", "comfortable") == {}  # two others are too few


def test_detectable_change_is_the_published_one_of_that_speed_with_its_people(data):
    assert detectable_change(data, "walking_speed_m_s", 0.5)[0] == 0.15
    mdc, source = detectable_change(data, "walking_speed_m_s", 1.2)
    assert mdc == 0.18
    assert "Lewek" in source
    assert "after stroke" in source
    assert detectable_change(data, "stance_pct", 60.0) is None


def test_detectable_change_of_the_lake_itself_goes_before(data):
    row = {"parameter": "stance_pct", "mdc95": 2.5, "n_retest": 12}
    own = replace(data, change=pl.concat([data.change, pl.DataFrame([row])], how="diagonal_relaxed"))
    assert detectable_change(own, "stance_pct", 60.0) == (2.5, "test-retest of 12 people of this lake")


def test_speed_band_is_known_with_too_few_cycles_for_a_score(data):
    block = sessions_of(replace(data, profile=data.profile.clear()), "C02")[0]
    speeds = data.summary.filter(pl.col("subject") == "C02")["walking_speed_norm"]
    assert 0.227 <= speeds.median() < 0.363  # Schwartz's slow
    assert block.speed_band == ("slow", False)


def test_foot_off_is_the_mean_stance_of_steady_cycles(data, lake):
    stance = lake.sql(
        "SELECT stance_pct FROM spatiotemporal WHERE subject = 'C02' AND side = 'left' AND is_steady AND person = 0"
    )["stance_pct"]
    assert sessions_of(data, "C02")[0].foot_off["left"] == pytest.approx(stance.mean())


def test_sessions_become_blocks_that_know_the_one_before(data):
    first, second = sessions_of(data, "C01")
    assert (first.session, second.session) == ("ses1", "ses2")
    assert first.before is None
    assert second.before == first
    assert first.slug != second.slug


def test_clips_hold_the_landmarks(data, lake):
    clip = next(c for c in data.clips if (c.subject, c.session) == ("H01", "ses1"))
    rate = data.trials.filter(pl.col("subject") == "H01")["rate_hz"][0]
    step = round(rate / 25)
    frame = lake.sql(
        "SELECT left_knee.x AS x, left_knee.y AS y, left_knee.z AS z, time_s FROM landmarks WHERE subject = 'H01' AND session = 'ses1' "
        "AND person = 0 AND frame % $step = 0 ORDER BY frame",
        {"step": step},
    )
    knee = clip.positions[:, clip.points.index("left_knee")]
    np.testing.assert_allclose(knee + np.array(clip.origin_mm), frame.select("x", "y", "z").to_numpy(), atol=0.51)
    np.testing.assert_allclose(clip.time_s, frame["time_s"].to_numpy())
    assert set(clip.points) <= set(POINTS)
    assert not (clip.positions == MISSING).any()
    links = clip.to_json()["links"]
    assert all((clip.points[a], clip.points[b]) in LINKS for a, b, _ in links)


def test_unknown_names_are_said(lake):
    with pytest.raises(UsageError, match=r"no subject 'X9'.*H01"):
        collect(lake, subjects=("X9",))
    with pytest.raises(UsageError, match=r"'norm' is not a group.*control"):
        collect(lake, reference="norm")
