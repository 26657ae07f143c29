"""The OpenCap markers sit on the body and turn with it."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")
from scipy.spatial.transform import Rotation

from neurostore import skeleton as skeletons
from neurostore.errors import InputError
from neurostore.ingest.geometry.rotations import multiply
from neurostore.ingest.readers import read
from neurostore.ingest.recording import ReadOptions
from neurostore.ingest.refine.opencap import LEFT_OUT, opencap_points, opencap_set
from neurostore.walker.bvh import write_bvh
from neurostore.walker.gait import normal
from neurostore.walker.walk import walk

SET = opencap_set()


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    path = tmp_path_factory.mktemp("bvh") / "walk.bvh"
    write_bvh(walk(normal(), n_strides=1.5, rate_hz=60.0), path)
    return read(path, ReadOptions())


@pytest.fixture(scope="module")
def points(recording):
    return dict(zip(SET.names, opencap_points(recording).transpose(1, 0, 2), strict=True))


def test_59_of_the_65_markers():
    declared = skeletons.load("opencap_65").source_names
    assert len(SET.names) == 59
    assert set(SET.names) | set(LEFT_OUT) == set(declared)
    assert [n for n in declared if n in SET.names] == list(SET.names)
    assert all(SET.mirror[SET.mirror[i]] == i for i in range(59))
    assert sum(b < 0 for b in SET.parent_bone) == 2  # all hang on the hips


def test_the_arm_chain_is_shoulder_elbow_wrist(recording, points):
    joints = recording.poses[0].skeleton
    for marker, joint in {
        "RShoulder": "RightArm", "RElbow": "RightForeArm", "RWrist": "RightHand", "LShoulder": "LeftArm",
        "LElbow": "LeftForeArm", "LWrist": "LeftHand", "RHip": "RightUpLeg", "RKnee": "RightLeg", "RAnkle": "RightFoot",
    }.items():  # fmt: skip
        assert points[marker] == pytest.approx(recording.poses[0].positions[:, joints.index(joint)], abs=1e-2), marker


@pytest.mark.parametrize("euler", [(0, 0, 0), (90, 0, 0), (0, 180, 0), (30, -50, 70)])
def test_offsets_turn_with_the_body(recording, points, euler):
    """Turn the whole recording: every marker must turn as one of its points would. World-axis offsets would fail."""
    turn = Rotation.from_euler("xyz", euler, degrees=True)
    poses = recording.poses[0]
    n, j, _ = poses.positions.shape
    quaternion = turn.as_quat()[[3, 0, 1, 2]]
    rotated = replace(
        poses,
        positions=turn.apply(poses.positions.reshape(-1, 3)).reshape(n, j, 3).astype(np.float32),
        rotations=multiply(np.broadcast_to(quaternion, poses.rotations.shape), poses.rotations).astype(np.float32),
    )
    turned = opencap_points(replace(recording, poses=[rotated]))
    for i, name in enumerate(SET.names):
        assert turned[:, i] == pytest.approx(turn.apply(points[name]), abs=0.3), name


def test_offsets_are_fixed_in_their_segment(points):
    for a, b in (
        ("RKnee", "r_knee_study"),
        ("RAnkle", "r_mankle_study"),
        ("LHip", "L.ASIS_study"),
        ("LKnee", "L_sh2_study"),
    ):
        length = np.linalg.norm(points[a] - points[b], axis=-1)
        assert np.ptp(length) < 0.5, (a, b)


def test_markers_are_on_their_side_and_bell_holds(points):
    for name, lateral, medial in (
        ("knee", "r_knee_study", "r_mknee_study"), ("ankle", "r_ankle_study", "r_mankle_study"),
        ("elbow", "r_lelbow_study", "r_melbow_study"),
    ):  # fmt: skip
        out = (points["RHip"] - points["LHip"]).mean(axis=0)
        assert (points[lateral] - points[medial]).mean(axis=0) @ out > 0, name
    width = np.linalg.norm(points["r.ASIS_study"] - points["L.ASIS_study"], axis=-1)
    hips = np.linalg.norm(points["RHJC_study"] - points["LHJC_study"], axis=-1)
    assert hips / width == pytest.approx(0.72, abs=1e-3)  # 1 - 2 * 14 %
    below = (points["r.ASIS_study"] - points["RHJC_study"])[:, 1]
    assert np.median(below / width) == pytest.approx(0.30, abs=0.05)


def test_a_source_without_rotations_is_refused_by_name(recording):
    bare = replace(recording, poses=[replace(recording.poses[0], rotations=None)], neutral=None)
    with pytest.raises(InputError, match="pelvis_neutral"):
        opencap_points(bare, "walk.trc")
