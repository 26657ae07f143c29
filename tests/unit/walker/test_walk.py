"""The analytic walker: feet that do not slip, exact events, angles near published ones, a BVH that says the same."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from neurostore.walker import gait as gaits
from neurostore.walker import walk as walker
from neurostore.walker.bvh import CMU_UNIT_MM, write_bvh
from tests.shared_data import SHARED, needs_shared

PATTERNS = sorted(gaits.PATTERNS)


def stance_mask(walk, side, margin_s=0.004):
    inside = np.zeros(len(walk.time_s), bool)
    strikes = [t for s, e, t in walk.events if (s, e) == (side, "foot_strike")]
    stance = getattr(walk.gait, side).stance * walk.gait.stride_time_s
    for t in strikes:
        inside |= (walk.time_s >= t + margin_s) & (walk.time_s <= t + stance - margin_s)
    return inside


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("side", ["left", "right"])
def test_standing_foot_does_not_slip(pattern, side):
    walk = walker.walk(gaits.PATTERNS[pattern](), n_strides=4, heading_deg=33)
    stance = stance_mask(walk, side)
    heel, toe = walk.joints[f"{side}_heel"], walk.joints[f"{side}_toe"]
    tip = walk.joints[f"{side}_toe_end"]
    on_floor = np.minimum.reduce([heel[:, 1], toe[:, 1], tip[:, 1]])[stance]
    assert np.abs(on_floor).max() < 1e-6
    # The heel, the toe joint or the tip of the toes rests at every moment of stance.
    step = lambda p: np.linalg.norm(np.diff(p, axis=0), axis=1)  # noqa: E731
    rests = np.minimum.reduce([step(heel), step(toe), step(tip)])[stance[1:] & stance[:-1]]
    assert np.median(rests) < 1e-6
    assert np.quantile(rests, 0.95) < 1.0


@pytest.mark.parametrize("pattern", PATTERNS)
def test_stride_length_is_where_the_heels_stand(pattern):
    gait = gaits.PATTERNS[pattern](stride_length_m=0.95)
    walk = walker.walk(gait, n_strides=5, heading_deg=-70)
    for side in gaits.SIDES:
        flat = [t + 0.2 * gait.stride_time_s for s, e, t in walk.events if (s, e) == (side, "foot_strike")]
        flat = [t for t in flat if t < walk.time_s[-1]]
        heel = np.stack([np.interp(flat, walk.time_s, walk.joints[f"{side}_heel"][:, i]) for i in range(3)], -1)
        np.testing.assert_allclose(np.linalg.norm(np.diff(heel, axis=0), axis=1), 950.0, atol=1e-3)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_no_segment_changes_length_and_no_foot_sinks(pattern):
    walk = walker.walk(gaits.PATTERNS[pattern](), n_strides=3)
    for side in gaits.SIDES:
        for a, b in (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist")):
            length = np.linalg.norm(walk.joints[f"{side}_{a}"] - walk.joints[f"{side}_{b}"], axis=1)
            assert np.ptp(length) < 1e-6
        assert walk.joints[f"{side}_heel"][:, 1].min() > -10
        assert walk.joints[f"{side}_toe"][:, 1].min() > -10


def test_the_toe_joint_rises_before_foot_off():
    """As in people, whose toe marker is some 20 mm up when the toes leave the floor."""
    walk = walker.walk(gaits.normal(), n_strides=2)
    offs = [t for s, e, t in walk.events if (s, e) == ("left", "foot_off")]
    height = np.interp(offs, walk.time_s, walk.joints["left_toe"][:, 1])
    assert np.all((height > 10) & (height < 30))


def test_motion_has_no_jumps():
    walk = walker.walk(gaits.normal(), n_strides=3, rate_hz=1000)
    for name, position in walk.joints.items():
        speed = np.linalg.norm(np.diff(position, axis=0), axis=1)
        assert speed.max() < 8.0, name  # mm in a millisecond: nothing is faster than 8 m/s
        assert np.abs(np.diff(speed)).max() < 0.5, name


@needs_shared
def test_normal_walker_walks_like_the_published_norm():
    """Schwartz 2008, free speed: hip, knee and ankle within 4 degrees RMS of the published means."""
    norm = json.loads(next((SHARED / "normative").glob("[Ss]chwartz*.json")).read_text())["Schwartz2008"]["Free"]
    walk = walker.walk(gaits.normal(), n_strides=1.2, start_phase=0.0)
    percent = np.linspace(0, walk.gait.stride_time_s, 51)
    for column, name in (
        ("left_hip_flexion_deg", "HipAngles"),
        ("left_knee_flexion_deg", "KneeAngles"),
        ("left_ankle_dorsiflexion_deg", "AnkleAngles"),
    ):
        published = np.array(norm[name]["X"], float)[:, 1:].mean(axis=1)
        ours = np.interp(percent, walk.time_s, walk.angles[column])
        assert np.sqrt(np.mean((ours - published) ** 2)) < 4.0, column


def test_impaired_patterns_are_impaired():
    stiff = walker.walk(gaits.stiff_knee("right"), n_strides=3)
    assert stiff.angles["right_knee_flexion_deg"].max() < 45 < 50 < stiff.angles["left_knee_flexion_deg"].max()
    assert walker.walk(gaits.crouch(), n_strides=3).angles["left_knee_flexion_deg"].min() > 28


def test_treadmill_keeps_the_pelvis():
    walk = walker.walk(gaits.normal(), n_strides=4, is_treadmill=True)
    assert np.ptp(walk.joints["pelvis"][:, 2]) < 1e-6


def test_bvh_says_the_same(tmp_path):
    """Forward kinematics by plain matrices over the file's text give the walker's joints."""
    walk = walker.walk(gaits.stiff_knee("left"), n_strides=1.5, heading_deg=120, origin_mm=(300.0, -200.0))
    path = tmp_path / "walk.bvh"
    write_bvh(walk, path)
    lines = path.read_text().split("\n")
    motion = lines.index("MOTION")
    stack, order, joints = [], [], {}
    for words in (line.split() for line in lines[:motion]):
        if words[0] in ("ROOT", "JOINT"):
            joints[words[1]] = {"parent": stack[-1] if stack else None}
            order.append(words[1])
            stack.append(words[1])
        elif words[0] == "End":
            stack.append("End")
        elif words[0] == "OFFSET" and stack[-1] != "End":
            joints[stack[-1]]["offset"] = np.array(words[1:], float)
        elif words[0] == "}":
            stack.pop()
    rows = np.array([line.split() for line in lines[motion + 3 :] if line], float)[1:]
    assert int(lines[motion + 1].split()[1]) == len(rows) + 1 == len(walk.time_s) + 1
    position, turned = {}, {}
    for i, name in enumerate(order):
        local = Rotation.from_euler("ZYX", rows[:, 3 + 3 * i : 6 + 3 * i], degrees=True)
        parent = joints[name]["parent"]
        if parent is None:
            position[name], turned[name] = rows[:, :3], local
        else:
            position[name] = position[parent] + turned[parent].apply(joints[name]["offset"])
            turned[name] = turned[parent] * local
    for joint, point in (
        ("LeftUpLeg", "left_hip"), ("RightLeg", "right_knee"), ("LeftFoot", "left_ankle"), ("RightToeBase", "right_toe"),
        ("LeftArm", "left_shoulder"), ("RightForeArm", "right_elbow"), ("LeftHand", "left_wrist"),
        ("Hips", "pelvis"),
    ):  # fmt: skip
        np.testing.assert_allclose(position[joint] * CMU_UNIT_MM, walk.joints[point], atol=0.05, err_msg=joint)
