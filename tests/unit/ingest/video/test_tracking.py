"""Tracks, the subject, swapped sides, camera and floor: on hand-made detections."""

from __future__ import annotations

import numpy as np
import pytest

from neurostore import skeleton as skeletons
from neurostore.errors import InputError
from neurostore.ingest.video import camera, swaps, tracking
from neurostore.ingest.video.contract import Detection

RATE = 30.0
SHAPE = np.array(
    [[0, 0, 0], [100, -500, 0], [-100, -500, 0], [100, 400, 0], [-100, 400, 0], [120, 850, 0], [-120, 850, 0.0]]
)


def person(x: float, y: float, scale: float = 0.25, bend: float = 0.0) -> Detection:
    """Somebody whose middle is at (x, y) px and whose scale is px a mm."""
    positions = SHAPE + bend * np.array([0, 0, 1.0])
    points = scale * positions[:, :2] + (x, y)
    low, high = points.min(0), points.max(0)
    return Detection(np.array([*low, *(high - low), 0.9]), [positions], points)


def path_of(track: tracking.Track, detections: list[list[Detection]]) -> np.ndarray:
    return np.array([detections[f][d].points.mean(0) for f, d in zip(track.frames, track.detections, strict=True)])


def follow(detections: list[list[Detection]], rate: float = RATE) -> tuple[list[tracking.Track], np.ndarray]:
    clock = np.arange(len(detections)) / rate
    return tracking.follow(detections, clock).tracks, clock


def shuffled(seed: int, *people: list[Detection | None]) -> list[list[Detection]]:
    rng = np.random.default_rng(seed)
    frames = []
    for here in zip(*people, strict=True):
        seen = [p for p in here if p is not None]
        frames.append([seen[i] for i in rng.permutation(len(seen))])
    return frames


@pytest.mark.parametrize("rate", [8, 30, 120])
@pytest.mark.parametrize("seed", range(3))
def test_people_who_cross_keep_their_tracks(seed: int, rate: float) -> None:
    t = np.arange(int(3 * rate)) / rate
    a = [person(200 + 180 * s, 300, 0.25) for s in t]
    b = [person(740 - 180 * s, 310, 0.25) for s in t]
    detections = shuffled(seed, a, b)
    tracks, _ = follow(detections, rate)
    assert [len(track.frames) for track in tracks] == [len(t), len(t)]
    for track in tracks:
        steps = np.diff(path_of(track, detections)[:, 0])
        assert np.all(np.sign(steps) == np.sign(steps[0])), "each goes on in its own direction"


def test_a_false_detection_beside_somebody_does_not_break_the_track() -> None:
    """A ghost seen twice must not go on with the true person, who would then have to go on with another ghost."""
    a = [person(200 + 6 * i, 300) for i in range(90)]
    ghost: list[Detection | None] = [None] * 90
    for i, size in ((40, 0.36), (41, 0.32), (45, 0.19)):
        ghost[i] = person(200 + 6 * i + 10, 270 if size > 0.3 else 320, size)
    tracks, _ = follow(shuffled(4, a, ghost))
    assert len(tracks) == 1
    assert len(tracks[0].frames) >= 88


def test_one_person_in_two_tracks_becomes_one() -> None:
    """Two models of a person, 0.15 heights apart, each lost for a while: one track, not two that take turns."""
    a = [person(200 + 6 * i, 300) if not 40 <= i < 55 else None for i in range(90)]
    b = [person(200 + 6 * i + 65, 300) if 30 <= i < 62 else None for i in range(90)]
    tracks, _ = follow(shuffled(5, a, b))
    assert len(tracks) == 1
    assert tracks[0].frames[0] == 0
    assert tracks[0].frames[-1] == 89


def test_a_noisy_start_does_not_fling_the_expected_place_away() -> None:
    """Two sightings a frame apart give no velocity: 8 px of noise in 1/30 s would be half a height a second."""
    a = [person(300 + (8 if i == 1 else 0), 300) if i in (0, 1, 2, 9) or i >= 24 else None for i in range(60)]
    other = [person(620, 300) if 12 <= i < 40 else None for i in range(60)]
    detections = shuffled(6, a, other)
    tracks, _ = follow(detections)
    for track in tracks:
        assert np.ptp(path_of(track, detections)[:, 0]) < 50, "nobody became somebody else"


def test_a_pose_that_does_not_fit_those_around_it_is_left_out() -> None:
    """The body of one frame turned back to front: its place is right, its pose is not."""
    turned = SHAPE * (-1, 1, 1) + (0, 0, 300) * (np.abs(SHAPE[:, :1]) > 0) * np.sign(SHAPE[:, :1])
    detections = [[person(200 + 3 * i, 300)] for i in range(60)]
    detections[30][0].positions[0] = turned
    tracks, _ = follow(detections)
    assert sorted(set(range(60)) - set(tracks[0].frames)) == [30]


def test_a_gap_is_bridged_where_movement_says() -> None:
    a = [person(200 + 6 * i, 300) if not 30 <= i < 50 else None for i in range(90)]
    b = [person(900, 300) for _ in range(90)]
    tracks, _ = follow(shuffled(0, a, b))
    assert sorted(len(t.frames) for t in tracks) == [70, 90]


def test_someone_else_after_a_gap_is_someone_else() -> None:
    a = [person(200, 300) if i < 30 else None for i in range(90)]
    b = [person(800, 300) if i >= 40 else None for i in range(90)]
    tracks, _ = follow(shuffled(0, a, b))
    assert sorted(len(t.frames) for t in tracks) == [30, 50]


def test_false_and_double_detections_are_left_out() -> None:
    a = [person(200 + 3 * i, 300) for i in range(60)]
    double = [person(205 + 3 * i, 303) if i % 2 else None for i in range(60)]
    ghost = [person(900, 500) if i in (10, 11) else None for i in range(60)]
    detections = shuffled(1, a, double, ghost)
    found = tracking.follow(detections, np.arange(60) / RATE)
    assert len(found.tracks) == 1
    assert len(found.notes) == 2


def test_a_jumping_pose_is_left_out() -> None:
    a = [person(200 + 3 * i, 300 + (120 if i == 30 else 0)) for i in range(60)]
    tracks, _ = follow([[p] for p in a])
    assert 30 not in tracks[0].frames
    assert len(tracks[0].frames) == 59


def tracks_of(*people: list[Detection | None]) -> list[tracking.Track]:
    return follow(shuffled(3, *people))[0]


def test_the_walker_is_the_subject() -> None:
    walker = [person(200 + 8 * i, 300, 0.2) if i >= 20 else None for i in range(90)]
    stander = [person(500, 100, 0.3) for _ in range(90)]
    order = tracking.choose_subject(tracks_of(walker, stander), "walker", 1920, 1080)
    assert len(order[0].frames) == 70
    for rule in ("longest", "largest"):
        assert len(tracking.choose_subject(tracks_of(walker, stander), rule, 1920, 1080)[0].frames) == 90


def test_who_walks_towards_the_camera_walks() -> None:
    walker = [person(900, 400, 0.15 + 0.002 * i) for i in range(80)]
    stander = [person(400, 400, 0.4) for _ in range(80)]
    best = tracking.choose_subject(tracks_of(walker, stander), "walker", 1920, 1080)[0]
    assert best.boxes[0][0] > 600


def test_where_nobody_walks_presence_and_size_decide() -> None:
    small = [person(400, 400, 0.15) for _ in range(80)]
    large = [person(1200, 400, 0.30) for _ in range(80)]
    best = tracking.choose_subject(tracks_of(small, large), "walker", 1920, 1080)[0]
    assert best.boxes[0][0] > 1000


def test_weak_perspective_against_numpy() -> None:
    rng = np.random.default_rng(0)
    positions, points = rng.normal(size=(12, 3)) * 400, rng.normal(size=(12, 2)) * 100
    design = np.zeros((24, 3))
    design[:12, 0], design[:12, 1] = positions[:, 0], 1
    design[12:, 0], design[12:, 2] = positions[:, 1], 1
    expected = np.linalg.lstsq(design, np.concatenate([points[:, 0], points[:, 1]]), rcond=None)[0]
    assert tracking.weak_perspective(positions, points) == pytest.approx(expected)


# -- left and right ---------------------------------------------------------------------------------------------------


def walking_legs(n: int = 90, rate: float = RATE) -> tuple[np.ndarray, skeletons.Skeleton]:
    skeleton = skeletons.load("coco_19")
    t = np.arange(n) / rate
    positions = np.zeros((n, len(skeleton.joints), 3), np.float32)
    for i, joint in enumerate(skeleton.joints):
        side = {"l": 1.0, "r": -1.0}.get(joint[0], 0.0) if joint not in ("neck", "nose", "pelv") else 0.0
        swing = 250 * np.sin(2 * np.pi * t + (0 if side > 0 else np.pi))
        low = {"kne": 0.5, "ank": 1.0, "wri": -0.6, "elb": -0.3}.get(joint[1:], 0.0)
        positions[:, i, 0] = 1200 * t + low * swing
        positions[:, i, 1] = -40.0 * i
        positions[:, i, 2] = 90 * side
    return positions, skeleton


def test_no_swap_in_plain_walking() -> None:
    positions, skeleton = walking_legs()
    found = swaps.find(positions, np.zeros(90, int), np.arange(90) / RATE, skeleton)
    assert found.quality(True) == dict.fromkeys(found.quality(True), 0.0)


@pytest.mark.parametrize(("first", "last"), [(20, 20), (40, 43), (30, 41)])
def test_swapped_legs_are_exchanged_back(first: int, last: int) -> None:
    positions, skeleton = walking_legs()
    true = positions.copy()
    exchange_legs(positions, skeleton, np.arange(first, last + 1))
    found = swaps.find(positions, np.zeros(90, int), np.arange(90) / RATE, skeleton)
    swaps.repair(found, positions)
    assert np.allclose(positions, true)
    assert found.quality(True)["swap_frames_repaired"] == last - first + 1
    assert found.quality(False)["swap_frames_marked"] == last - first + 1


def test_a_trunk_read_from_behind_is_exchanged_back_with_its_limbs() -> None:
    """MediaPipe took the back for the front: hips and shoulders stayed exchanged when legs and arms were put back."""
    skeleton = skeletons.load("blazepose_33")
    t = np.arange(90) / RATE
    positions = np.zeros((90, len(skeleton.joints), 3), np.float32)
    for i, joint in enumerate(skeleton.joints):
        side = 1.0 if "left" in joint else -1.0 if "right" in joint else 0.0
        wide = 180.0 if "shoulder" in joint else 100.0 if "hip" in joint else 25.0 if "mouth" in joint else 150.0
        positions[:, i, 0] = 300 * t + side * 200 * np.sin(2 * np.pi * t) * (wide == 150.0)
        positions[:, i, 1:] = -40.0 * i, wide * side
    true, rows = positions.copy(), np.arange(30, 45)[:, None]
    pairs = [[skeleton.index(a), skeleton.index(b)] for a, b in skeleton.pairs if "eye" not in a and "ear" not in a]
    left, right = (list(joints) for joints in zip(*pairs, strict=True))
    positions[rows, left], positions[rows, right] = true[rows, right], true[rows, left]
    found = swaps.find(positions, np.zeros(90, int), t, skeleton)
    assert not found.doubtful
    swaps.repair(found, positions)
    body = [skeleton.index(f"{s}_{j}") for s in ("left", "right") for j in ("hip", "shoulder", "knee", "elbow")]
    assert np.allclose(positions[:, body], true[:, body])


@pytest.mark.parametrize("name", ["coco_17", "blazepose_33", "body_25", "coco_133"])
def test_hips_and_shoulders_are_in_one_group_each(name: str) -> None:
    """In some skeletons they begin the limbs; in others a bone across the body makes them the trunk."""
    skeleton = skeletons.load(name)
    groups = [*swaps.limb_pairs(skeleton), *swaps.trunk_pairs(skeleton)]
    joints = [skeleton.joints[joint] for left, right in groups for joint in (*left, *right)]
    assert len(joints) == len(set(joints))
    assert {"left_hip", "right_hip", "left_shoulder", "right_shoulder"} <= set(joints)


def exchange_legs(positions: np.ndarray, skeleton: skeletons.Skeleton, rows: np.ndarray) -> None:
    left, right = ([skeleton.index(s + j) for j in ("kne", "ank")] for s in "lr")
    true = positions.copy()
    positions[rows[:, None], left], positions[rows[:, None], right] = true[rows][:, right], true[rows][:, left]


@pytest.mark.parametrize("rate", [15, 30, 60, 240])
def test_the_same_swap_is_found_at_every_rate(rate: float) -> None:
    """0.4 s exchanged, with the noise of a model: constants are in seconds, not in frames."""
    n = int(3 * rate)
    true, skeleton = walking_legs(n, rate)
    true += np.random.default_rng(7).normal(0, 8, true.shape).astype(np.float32)
    positions, t = true.copy(), np.arange(n) / rate
    exchange_legs(positions, skeleton, np.flatnonzero((t >= 1.3) & (t < 1.7)))
    swaps.repair(swaps.find(positions, np.zeros(n, int), t, skeleton), positions)
    assert np.mean(np.abs(positions - true).max(axis=(1, 2)) > 50) < 0.03, "but for where the legs pass each other"


def test_somebody_who_turned_round_unseen_is_not_swapped() -> None:
    """After a second out of sight left and right lie the other way round in the image, rightly so."""
    positions, skeleton = walking_legs(120)
    positions[75:, :, [0, 2]] *= -1  # walks back
    positions[75:, :, 0] -= 2 * positions[75, 0, 0] - positions[45, 0, 0]
    seen = np.r_[0:45, 75:120]
    found = swaps.find(positions[seen], np.zeros(90, int), seen / RATE, skeleton)
    assert not found.ranges
    assert not found.doubtful


# -- camera -----------------------------------------------------------------------------------------------------------


def test_projection_is_opencvs() -> None:
    cv2 = pytest.importorskip("cv2")
    rng = np.random.default_rng(1)
    points = rng.uniform((-800, -800, 2000), (800, 800, 5000), size=(50, 3))
    k = camera.intrinsics_from_fov(1280, 720, 62)
    for n in (4, 5, 8, 12):
        distortion = rng.normal(0, 0.02, n)
        expected, _ = cv2.projectPoints(points, np.zeros(3), np.zeros(3), k, distortion)
        assert camera.Camera(k, tuple(distortion)).project(points) == pytest.approx(expected[:, 0], abs=1e-6)


def test_a_level_camera_is_turned_by_the_design() -> None:
    turn, shift = camera.camera_of({}, 640, 480).to_lab()
    assert np.array_equal(turn, np.diag([1.0, -1.0, -1.0]))
    assert np.array_equal(shift, np.zeros(3))


@pytest.mark.parametrize("up", ["x", "y", "z", "-y", [0.1, -0.9, 0.3]])
def test_lab_frames_are_proper_rotations_with_up_up(up: object) -> None:
    view = camera.camera_of({"up": up}, 640, 480)
    turn, _ = view.to_lab()
    assert turn @ turn.T == pytest.approx(np.eye(3))
    assert np.linalg.det(turn) == pytest.approx(1)
    assert turn @ view.up_in_camera == pytest.approx([0, 1, 0])


def test_everything_wrong_with_a_camera_is_reported_at_once() -> None:
    bad = {"intrinsics": [1, 2], "distortion": "none", "extrinsics": [[0] * 4] * 4, "up": "w"}
    with pytest.raises(InputError) as refused:
        camera.camera_of(bad, 640, 480, "walk.mp4")
    assert len(refused.value.problems) == 4


def test_floor_under_a_leaning_camera() -> None:
    rng = np.random.default_rng(2)
    t = np.arange(150) / RATE
    z = -4000 + 1100 * t
    foot = np.where((np.arange(150) // 15) % 2 == 0, 1.0, 0.0)
    feet = np.zeros((150, 2, 3))
    for side in (0, 1):
        stands = foot == side
        held = np.zeros(150)
        for i in range(150):
            held[i] = held[i - 1] if i and stands[i] and stands[i - 1] else z[i]
        feet[:, side] = np.column_stack([np.full(150, 100.0 * side), np.where(stands, 0, 150.0), held])
    feet += rng.normal(0, 3, feet.shape)
    lean = np.radians(7)
    tilt = np.array([[1, 0, 0], [0, np.cos(lean), -np.sin(lean)], [0, np.sin(lean), np.cos(lean)]])
    found = camera.fit_floor(feet @ tilt.T - [0, 1400, 0], t)
    assert found is not None
    assert found.tilt_degrees == pytest.approx(7, abs=0.5)
    level = found.apply(feet @ tilt.T - [0, 1400, 0])
    standing = np.stack([foot == 0, foot == 1], axis=1)
    assert np.median(np.abs(level[standing][:, 1])) < 10


def test_no_floor_without_steps() -> None:
    assert camera.fit_floor(np.full((50, 2, 3), np.nan), np.arange(50) / RATE) is None
    standing = np.tile(np.array([[0, 0, 0], [150.0, 0, 0]]), (50, 1, 1))
    assert camera.fit_floor(standing, np.arange(50) / RATE) is None, "a person on the spot shows no slope"
