"""Landmarks: which joint is which, the analytic walker, other skeletons, real recordings in several forms."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neurostore import skeleton
from neurostore.errors import InputError, SkeletonError, UsageError
from neurostore.ingest.landmarks import compute_landmarks
from neurostore.ingest.landmarks.names import is_skin_set, landmark_sources
from neurostore.ingest.readers.trees.bvh import read as read_bvh
from neurostore.ingest.recording import Calibration, NeutralPose, Poses, ReadOptions, Recording
from neurostore.walker.bvh import write_bvh
from neurostore.walker.gait import normal
from neurostore.walker.walk import walk
from tests.builders.landmark_rows import angles_of
from tests.shared_data import SHARED, needs_shared


def names_of(joints: list[str]) -> dict[str, str]:
    made = skeleton.adhoc("made", joints)
    return {k: "+".join(joints[i] for i in v) for k, v in landmark_sources(made).items()}


@pytest.mark.parametrize(
    ("joints", "expected"),
    [
        (["R.ASIS", "L.ASIS", "R.Knee", "R.Knee.Medial", "R.MT1", "R.MT5", "R.MT2", "R.Heel"],
         {"right_asis": "R.ASIS", "left_asis": "L.ASIS", "right_knee_lateral": "R.Knee",
          "right_knee_medial": "R.Knee.Medial", "right_toe": "R.MT2", "right_heel": "R.Heel"}),
        (["RASI", "LASI", "SACR", "RLFC", "RMFC", "RLMAL", "RCAL", "RMT5", "RHJC"],
         {"sacrum": "SACR", "right_knee_lateral": "RLFC", "right_ankle_lateral": "RLMAL", "right_heel": "RCAL"}),
        (["R_ASIS", "L_ASIS", "V.Sacral", "R.Knee.Lat", "R.Knee.Med", "R.Toe.Lat", "R.Toe.Med"],
         {"sacrum": "V.Sacral", "right_knee_lateral": "R.Knee.Lat", "right_toe": "R.Toe.Med+R.Toe.Lat"}),
        (["mixamorig:Hips", "mixamorig:LeftUpLeg", "mixamorig:LeftLeg", "mixamorig:LeftFoot", "mixamorig:LeftToeBase",
          "mixamorig:LeftArm", "mixamorig:Spine2"],
         {"pelvis_bone": "mixamorig:Hips", "left_hip": "mixamorig:LeftUpLeg", "left_knee": "mixamorig:LeftLeg",
          "left_ankle": "mixamorig:LeftFoot", "left_shoulder": "mixamorig:LeftArm", "trunk_bone": "mixamorig:Spine2"}),
        (["hip_l", "knee_l", "ankle_l", "Hip.R", "RightKnee"],
         {"left_hip": "hip_l", "left_knee": "knee_l", "right_hip": "Hip.R", "right_knee": "RightKnee"}),
    ],
)  # fmt: skip
def test_names_in_use_are_known(joints: list[str], expected: dict[str, str]) -> None:
    found = names_of(joints)
    assert {k: found.get(k) for k in expected} == expected


def test_a_knee_is_on_the_skin_only_in_a_marker_set() -> None:
    assert "left_knee" in names_of(["lhip", "lkne", "lank"])
    assert "left_knee" not in names_of(["LASI", "RASI", "LKNE", "LANK"])


def test_every_declared_skeleton_has_hips_knees_and_ankles() -> None:
    for name in skeleton.names():
        sources = landmark_sources(skeleton.load(name))
        for side in ("left", "right"):
            for joint in ("knee", "ankle"):
                assert {f"{side}_{joint}", f"{side}_{joint}_lateral"} & set(sources), (name, joint)
        assert is_skin_set(sources) or "left_hip" in sources


def test_a_declaration_that_names_no_joint_is_refused() -> None:
    wrong = replace(skeleton.adhoc("made", ["a"]), declaration={"landmarks": {"left_hip": "b"}})
    with pytest.raises(SkeletonError, match="left_hip names b"):
        landmark_sources(wrong)


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory):
    truth = walk(normal(), n_strides=4.0, rate_hz=120.0)
    path = tmp_path_factory.mktemp("walker") / "walk.bvh"
    write_bvh(truth, path)
    return truth, read_bvh(path, ReadOptions())


def test_the_walkers_angles_come_back(walked) -> None:
    truth, recording = walked
    found = angles_of(compute_landmarks(recording, cutoff_hz=0.0))
    for side in ("left", "right"):
        for angle in ("knee_flexion", "ankle_dorsiflexion"):
            name = f"{side}_{angle}_deg"
            assert np.abs(found[name] - truth.angles[name]).max() < 0.5, name
        name = f"{side}_hip_flexion"
        if f"{name}_deg" in truth.angles:
            assert np.abs(found[f"{name}_rel_deg"] - truth.angles[f"{name}_deg"]).max() < 0.5
    assert np.isnan(found["pelvis_tilt_deg"]).all()


def test_what_a_walk_records_about_itself(walked) -> None:
    _, recording = walked
    landmarks = compute_landmarks(recording)
    assert landmarks.pelvis_zero == "neutral"
    assert landmarks.methods["left_hip"] == "given"
    assert landmarks.methods["left_thigh_axes"] == "rotation"
    assert [s.name for s in landmarks.steps] == ["fill_gaps", "butterworth", "landmarks"]
    assert np.abs(landmarks.scalars["heading_deg"]).max() < 1.0
    assert {c.parameter for c in landmarks.calibrations} >= {"neutral_hip_flexion", "neutral_hip_adduction"}


def test_wrong_requests_are_refused(walked) -> None:
    _, recording = walked
    with pytest.raises(UsageError, match="harrington"):
        compute_landmarks(recording, hip_method="guess")
    with pytest.raises(InputError, match="only angles"):
        compute_landmarks(Recording("angles", 100.0, []))
    with pytest.raises(InputError, match=r"60 Hz.*120 Hz"):
        compute_landmarks(recording, cutoff_hz=60.0)


def line_walker(knee_deg: np.ndarray, noise_mm: float = 0.0) -> Recording:
    """A person of joint centres alone (coco_19 order), facing +Z, hips still, both knees bent as given."""
    joints = skeleton.load("coco_19")
    n = len(knee_deg)
    positions = np.full((n, len(joints.joints), 3), np.nan)
    bend = np.radians(knee_deg)
    for letter, x in (("l", 100.0), ("r", -100.0)):
        positions[:, joints.index(f"{letter}hip")] = [x, 900, 0]
        positions[:, joints.index(f"{letter}kne")] = [x, 480, 0]
        shank = np.stack([np.full(n, x), 480 - 400 * np.cos(bend), -400 * np.sin(bend)], axis=1)
        positions[:, joints.index(f"{letter}ank")] = shank
        positions[:, joints.index(f"{letter}sho")] = [1.6 * x, 1400, 0]
    positions += np.random.default_rng(0).normal(0, noise_mm, positions.shape)
    poses = Poses(
        joints, np.zeros(n, np.int32), np.arange(n, dtype=np.int32), np.arange(n) / 50, positions.astype(np.float32)
    )
    return Recording("video", 50.0, [poses], position_basis="camera_metric")


def test_lines_bend_and_are_quiet_when_straight() -> None:
    found = angles_of(compute_landmarks(line_walker(np.linspace(0, 110, 200)), cutoff_hz=0.0))
    assert np.abs(found["left_knee_flexion_deg"] - np.linspace(0, 110, 200)).max() < 0.1
    assert np.isnan(found["left_knee_rotation_deg"]).all()
    assert np.isnan(found["left_hip_flexion_deg"]).all()
    assert np.abs(found["left_hip_flexion_rel_deg"]).max() < 0.1
    straight = angles_of(compute_landmarks(line_walker(np.full(400, 3.0), noise_mm=4.0), cutoff_hz=0.0))
    values = straight["right_knee_flexion_deg"]
    # 4 mm on lines of 0.4 m: two lines of about 0.8 degrees each; a rectified angle would be biased upwards
    assert abs(values.mean() - 3.0) < 0.25
    assert values.std() < 1.6
    assert np.abs(np.diff(values)).max() < 10


def test_bystanders_are_not_mixed_with_the_subject() -> None:
    one, two = line_walker(np.linspace(0, 60, 100)).poses[0], line_walker(np.linspace(60, 0, 100)).poses[0]
    both = Poses(
        one.skeleton,
        np.repeat(np.array([0, 1], np.int32), 100),
        np.concatenate([one.frame, two.frame]),
        np.concatenate([one.time_s, two.time_s]),
        np.concatenate([one.positions, two.positions]),
    )
    together = compute_landmarks(Recording("video", 50.0, [both]))
    alone = compute_landmarks(line_walker(np.linspace(0, 60, 100)))
    assert np.allclose(together.points["left_ankle"][:100], alone.points["left_ankle"], atol=1e-3)
    assert np.allclose(together.points["left_ankle"][100:], alone.points["left_ankle"][::-1], atol=0.1)


def test_frames_left_out_are_a_gap() -> None:
    recording = line_walker(np.linspace(0, 60, 100))
    poses = recording.poses[0]
    keep = np.r_[0:40, 43:70, 90:100]
    cut = Poses(poses.skeleton, poses.person[keep], poses.frame[keep], poses.time_s[keep], poses.positions[keep])
    found = compute_landmarks(Recording("video", 50.0, [cut]))
    assert len(found.points["left_knee"]) == len(keep)
    assert np.isfinite(found.points["left_knee"]).all()


def test_a_turn_is_followed_and_standing_has_no_heading() -> None:
    recording = line_walker(np.zeros(500))
    poses = recording.poses[0]
    still = compute_landmarks(recording)
    assert np.isnan(still.scalars["heading_deg"]).all()
    assert np.abs(still.scalars["facing_deg"]).max() < 1e-3
    time = poses.time_s
    yaw = np.radians(np.clip((time - 4) * 45, 0, 90))  # a quarter turn to the left within two seconds, at 1 m/s
    step = np.stack([np.sin(yaw), np.zeros_like(yaw), np.cos(yaw)], axis=1) * 1000 / 50
    path = np.cumsum(step, axis=0)[:, None]
    x, z = poses.positions[..., 0].copy(), poses.positions[..., 2].copy()
    c, s = np.cos(yaw)[:, None], np.sin(yaw)[:, None]
    poses.positions[..., 0], poses.positions[..., 2] = c * x + s * z, -s * x + c * z
    poses.positions[...] += path.astype(np.float32)
    turning = compute_landmarks(recording)
    heading = turning.scalars["heading_deg"]
    assert np.abs(heading[:140]).max() < 1
    assert np.abs(heading[-140:] - 90).max() < 1
    assert np.abs(np.diff(turning.scalars["facing_deg"])).max() < 3
    assert np.abs(angles_of(turning)["left_pelvis_rotation_rel_deg"]).max() < 25


def standing_markers() -> Recording:
    """A standing Plug-in Gait subject made of lengths: hips by Bell from the pelvis, legs straight down, facing +Z."""
    joints = skeleton.load("plug_in_gait").extended(["LKNM", "RKNM", "LMED", "RMED"])
    at: dict[str, list[float]] = {
        "LASI": [120, 1000, 100], "RASI": [-120, 1000, 100], "LPSI": [50, 1000, -60], "RPSI": [-50, 1000, -60],
    }  # fmt: skip
    for letter, s in (("L", 1.0), ("R", -1.0)):
        x = s * 0.36 * 240
        at |= {
            f"{letter}KNE": [x + s * 60, 500, 47.2], f"{letter}KNM": [x - s * 60, 500, 47.2],
            f"{letter}ANK": [x + s * 42, 90, 47.2], f"{letter}MED": [x - s * 42, 90, 47.2],
            f"{letter}THI": [x + s * 110, 700, 67.2], f"{letter}TIB": [x + s * 80, 300, 47.2],
            f"{letter}HEE": [x, 40, -10.0], f"{letter}TOE": [x, 40, 180.0],
        }  # fmt: skip
    positions = np.full((50, len(joints.joints), 3), np.nan, np.float32)
    for joint, xyz in at.items():
        positions[:, joints.index(joint)] = xyz
    poses = Poses(joints, np.zeros(50, np.int32), np.arange(50, dtype=np.int32), np.arange(50) / 100, positions)
    return Recording("static", 100.0, [poses])


def static_calibrations(recording: Recording) -> list[Calibration]:
    return [c for c in compute_landmarks(recording, cutoff_hz=0.0).calibrations if c.source == "static"]


def test_a_static_trial_calibrates_its_session() -> None:
    found = {(c.parameter, c.side): c for c in static_calibrations(standing_markers())}
    assert found[("inter_asis", None)].value == pytest.approx(240, abs=0.01)
    for side in ("left", "right"):
        assert found[("knee_width", side)].value == pytest.approx(120 - 14, abs=0.01)
        assert found[("ankle_width", side)].value == pytest.approx(84 - 14, abs=0.01)
        # the wand is 20 mm forward at 110 mm out; internal rotation of the axis against it is negative
        assert found[("thigh_rotation", side)].value == pytest.approx(-np.degrees(np.arctan2(20, 110)), abs=3)
        # ankle centre 50 mm above and 132.8 mm behind the toe
        assert found[("static_foot_offset", side)].value == pytest.approx(np.degrees(np.arctan2(50, 132.8)), abs=0.5)
        assert all(c.source == "static" for c in found.values())


def test_a_walk_without_medial_markers_uses_the_static_trial() -> None:
    static = standing_markers()
    given = static_calibrations(static)
    poses = static.poses[0]
    with_medial = compute_landmarks(static, cutoff_hz=0.0)
    for medial in ("LKNM", "RKNM", "LMED", "RMED"):
        poses.positions[:, poses.skeleton.index(medial)] = np.nan
    walk_ = Recording("mocap", 100.0, [poses])
    found = compute_landmarks(walk_, cutoff_hz=0.0, calibrations=given)
    assert found.methods["left_knee"] == "chord"
    for joint in ("left_knee", "right_knee", "left_ankle", "right_ankle"):
        assert np.abs(found.points[joint] - with_medial.points[joint]).max() < 0.5, joint


def test_a_knee_alignment_device_is_marked() -> None:
    static = standing_markers()
    poses = static.poses[0]
    device = poses.skeleton.extended(["LKAX", "LKD1", "LKD2"])
    empty = np.full((50, 3, 3), np.nan, np.float32)
    made = Recording(
        "mocap", 100.0, [replace(poses, skeleton=device, positions=np.concatenate([poses.positions, empty], axis=1))]
    )
    found = compute_landmarks(made)
    assert "knee alignment device" in found.methods["left_thigh_axes"]
    assert "knee alignment device" not in found.methods["right_thigh_axes"]
    assert any("alignment" in note for note in found.notes)


def test_the_files_own_value_goes_first() -> None:
    stated = Calibration("knee_width", "left", 100.0, "mm", "file")
    static = standing_markers()
    walk_ = Recording("mocap", 100.0, static.poses, calibrations=[stated])
    found = compute_landmarks(walk_, calibrations=[replace(stated, value=90.0, source="participants")])
    assert not [c for c in found.calibrations if (c.parameter, c.side) == ("knee_width", "left")]


def test_no_neutral_pose_makes_rotations_lines(walked) -> None:
    _, recording = walked
    found = compute_landmarks(replace(recording, neutral=None))
    assert found.pelvis_zero == "none"
    assert "left_thigh_line" in found.segments
    assert "left_thigh" not in found.segments
    tilted = NeutralPose(recording.neutral.positions[:, [1, 0, 2]], recording.neutral.rotations)
    assert compute_landmarks(replace(recording, neutral=tilted)).pelvis_zero == "none"


@needs_shared
def test_one_capture_in_three_forms() -> None:
    from neurostore.ingest.readers.trees.amc import read as read_amc

    forms = {
        "bvh": read_bvh(SHARED / "cmu/S02/walk_01.bvh", ReadOptions()),
        "amc": read_amc(SHARED / "cmu_asfamc/02_01.amc", ReadOptions()),
        "cc_base": read_bvh(SHARED / "cc_base/CC002/002_01.bvh", ReadOptions()),
    }
    found = {name: angles_of(compute_landmarks(r)) for name, r in forms.items()}
    for side in ("left", "right"):
        for angle in ("knee_flexion_deg", "ankle_dorsiflexion_deg", "hip_flexion_rel_deg", "hip_adduction_rel_deg"):
            bvh, amc = found["bvh"][f"{side}_{angle}"], found["amc"][f"{side}_{angle}"]
            n = min(len(bvh), len(amc))
            assert np.abs(bvh[:n] - amc[:n]).max() < 1.0, angle
        knee, avatar = found["bvh"][f"{side}_knee_flexion_deg"], found["cc_base"][f"{side}_knee_flexion_deg"]
        assert abs(np.ptp(knee) - np.ptp(avatar)) < 4  # every second frame, another body
        assert 50 < knee.max() < 76


@needs_shared
def test_the_cmu_elbow_bends_about_its_hinge() -> None:
    landmarks = compute_landmarks(read_bvh(SHARED / "cmu/S02/walk_01.bvh", ReadOptions()), cutoff_hz=0.0)
    found = angles_of(landmarks)
    for side in ("left", "right"):
        shoulder, elbow, wrist = (landmarks.points[f"{side}_{j}"].astype(float) for j in ("shoulder", "elbow", "wrist"))
        upper, fore = shoulder - elbow, elbow - wrist
        bend = np.degrees(np.arctan2(np.linalg.norm(np.cross(upper, fore), axis=1), (upper * fore).sum(axis=1)))
        assert np.abs(found[f"{side}_elbow_flexion_deg"] - bend).max() < 0.1


@needs_shared
def test_the_run_beside_opensims_inverse_kinematics() -> None:
    from neurostore.ingest.readers.markers.trc import read as read_trc
    from neurostore.ingest.readers.mot import read as read_mot

    landmarks = compute_landmarks(read_trc(SHARED / "trc/bmc/motion_capture_run.trc", ReadOptions()))
    ours = angles_of(landmarks)
    source = {a.angle: a for a in read_mot(SHARED / "trc/bmc/ik_output_run.mot", ReadOptions()).angles if a.angle}
    for name, most in (("pelvis_tilt_deg", 1.5), ("left_knee_flexion_deg", 6.0), ("right_knee_flexion_deg", 6.0)):
        theirs = np.interp(landmarks.time_s, source[name].time_s, source[name].sign * source[name].values)
        difference = ours[name] - theirs  # the scaled model's zero of the knee is its own
        assert np.corrcoef(ours[name], theirs)[0, 1] > 0.93, name
        assert difference.std() < most, name
    for name in ("trunk_pelvis_tilt_deg", "left_trunk_pelvis_obliquity_deg", "right_trunk_pelvis_rotation_deg"):
        theirs = np.interp(landmarks.time_s, source[name].time_s, source[name].sign * source[name].values)
        assert np.corrcoef(ours[name], theirs)[0, 1] > 0.75, name  # the lumbar joint of the model, sign and side


def test_paths_are_named_in_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"slow\.trc"):
        compute_landmarks(line_walker(np.zeros(40)), cutoff_hz=30.0, path=str(tmp_path / "slow.trc"))
