"""What the report shows is what the views say, checked against plain arithmetic over their rows."""

from __future__ import annotations

import base64
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from neurostore import normative
from neurostore.errors import UsageError
from neurostore.report.clips import LINKS, MISSING, POINTS
from neurostore.report.data import collect, group_of, subject_values
from neurostore.report.ranges import detectable_change, norm_ranges, ranges_of, reference_ranges
from neurostore.report.sessions import sessions_of
from neurostore.report.strides import BUDGET_BYTES, MOST, most_of_a_side, packed, spread_out


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


def test_published_norm_is_not_a_band_for_relative_angles(lake):
    found = collect(lake, subjects=("H02",))
    block = sessions_of(found, "H02")[0]
    assert block.curves["hip_flexion", "left"].is_relative
    assert block.band("hip_flexion") is None
    knee = block.band("knee_flexion")
    assert knee is not None
    assert knee.name.startswith("Schwartz 2008, ")
    assert len(knee.percent) == 51
    assert found.shown == ("H02",)


def test_distances_of_the_cohort_say_once_what_stands_for_an_angle(data):
    assert len(data.distances) == 9
    assert data.distances_note.count("Hip flexion is change from the neutral pose.") == 1  # not once a side


def test_reference_ranges_are_of_the_others(data):
    speeds = subject_values(data.summary, "walking_speed_m_s")
    mean, sd, n = reference_ranges(data, "S01", "comfortable")["walking_speed_m_s"]
    controls = [v for s, v in speeds.items() if group_of(data)[s] == "control"]
    assert n == len(controls) == 3
    assert (mean, sd) == pytest.approx((np.mean(controls), np.std(controls, ddof=1)))
    assert reference_ranges(data, "H01", "comfortable") == {}  # two others are too few


def test_range_of_the_published_norm_is_read_off_its_curve(lake):
    block = sessions_of(collect(lake, subjects=("H02",)), "H02")[0]
    speed, _ = block.speed_band
    points = {p.percent: p for p in normative.schwartz_2008() if (p.speed, p.angle) == (speed, "knee_flexion")}
    found, population = ranges_of(block)
    assert found["knee_flexion_at_strike_deg"][:2] == (points[0].mean_deg, points[0].sd_deg)
    peak = max((p for p in points.values() if p.percent >= 60), key=lambda p: p.mean_deg)
    assert found["peak_swing_knee_flexion_deg"][:2] == (peak.mean_deg, peak.sd_deg)
    assert "peak_hip_flexion_deg" not in norm_ranges(block)  # the hip is change from the neutral pose here
    assert "knee_flexion_range_deg" not in found  # the SD of a range cannot be read off a curve
    assert population == f"Schwartz 2008, {speed} speed: typically developing children, Plug-in Gait"


def test_only_the_trials_that_a_page_needs_are_read(lake):
    alone = collect(lake, subjects=("S01",))
    assert set(alone.trials["subject"]) == {"S01"}
    compared = collect(lake, reference="control", subjects=("S01",))
    assert set(compared.trials["subject"]) == {"S01", "H01", "H02", "H03"}
    assert set(compared.strides["subject"]) == {"S01"}
    assert compared.distances is None


def test_strides_are_the_rows_of_the_views(data, cycles):
    block = sessions_of(data, "S01")[0]
    for side in ("left", "right"):
        mine = cycles.filter(
            pl.col("subject") == "S01", pl.col("session") == block.session, pl.col("side") == side
        ).sort("trial", "cycle", "percent")
        stack = mine[f"{side}_knee_flexion_deg"].to_numpy().reshape(-1, 101)
        np.testing.assert_allclose([s.curves["knee_flexion"] for s in block.strides[side]], stack, atol=1e-9)
        assert all("hip_flexion" in s.relative for s in block.strides[side])


def test_packed_strides_are_within_half_a_step(data):
    block = sessions_of(data, "S01")[0]
    strides = [*block.strides["left"], *block.strides["right"]]
    said = packed(strides, dict.fromkeys({s.trial for s in strides}, "id"))
    steps = np.frombuffer(base64.b64decode(said["curves"]["ankle_dorsiflexion"]), "<i2").reshape(len(strides), -1)
    scale = said["scales"]["ankle_dorsiflexion"]
    wanted = np.stack([s.curves["ankle_dorsiflexion"][::2] for s in strides])
    np.testing.assert_allclose(steps * scale, wanted, atol=scale / 2 + 1e-9)
    assert [row[1:3] for row in said["strides"]] == [[s.side, s.cycle] for s in strides]


def test_the_page_has_room_for_its_strides():
    assert most_of_a_side([5, 7], 12) == MOST
    many = [400] * 200
    most = most_of_a_side(many, 12)
    assert 1 <= most < MOST
    assert sum(min(n, most) for n in many) * 51 * 2 * 12 <= BUDGET_BYTES
    assert list(spread_out(list(range(10)), 4)) == [0, 3, 6, 9]


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


def test_unknown_names_are_reported(lake):
    with pytest.raises(UsageError, match=r"no subject 'X9'.*H01"):
        collect(lake, subjects=("X9",))
    with pytest.raises(UsageError, match=r"'norm' is not a group.*control"):
        collect(lake, reference="norm")
