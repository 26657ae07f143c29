"""Encoded video → decoder → batches → model → tracks → lake, against positions that are known."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import neurostore
from neurostore.errors import InputError, LakeError, ModelError, UsageError
from neurostore.ingest.pipeline import ingest
from neurostore.ingest.pipeline.settings import Settings
from neurostore.ingest.recording import ReadOptions, Recording
from neurostore.ingest.video import decode
from neurostore.ingest.video.camera import intrinsics_from_fov
from neurostore.ingest.video.estimate import estimate
from tests.builders import marker_model, scene
from tests.builders.scene import MARKERS, Walk

WIDTH, HEIGHT = 320, 240
CENTRES = {"head": "head", "thor": "thorax", "lhip": "lhip", "rhip": "rhip", "lkne": "lknee", "rkne": "rknee",
           "lank": "lankle", "rank": "rankle", "lwri": "lwrist", "rwri": "rwrist"}  # fmt: skip
TO_LAB = np.array([1.0, -1.0, -1.0])
KNOWN = ReadOptions(camera={"fov_degrees": scene.FOV_DEGREES})


def run(path: Path, model: dict[str, str], options: ReadOptions = KNOWN, **given: Any) -> Recording:
    return estimate(path, options, "metrabs", **{"floor_fit": False, "batch_size": 7, **model, **given})


def markers_of(recording: Recording, person: int = 0) -> np.ndarray:
    """(n, 10, 3) of the joints that are markers, lab frame."""
    poses = recording.poses[0]
    rows = poses.person == person
    return poses.positions[rows][:, [poses.skeleton.index(joint) for joint in CENTRES]].astype(float)


def truth_in_order(truth: np.ndarray) -> np.ndarray:
    return truth[:, [MARKERS.index(m) for m in CENTRES.values()]]


def assert_within_a_pixel(found: np.ndarray, truth: np.ndarray, fov: float = scene.FOV_DEGREES) -> None:
    """found : lab; truth : camera frame. In the image and, in space, by the length one pixel spans out there."""
    seen = found * TO_LAB
    off_px = np.linalg.norm(scene.project(seen, WIDTH, HEIGHT, fov) - scene.project(truth, WIDTH, HEIGHT, fov), axis=-1)
    assert off_px.max() < 1.0
    span = truth[..., 2] / scene.focal_px(WIDTH, HEIGHT, fov)
    assert (np.linalg.norm(seen - truth, axis=-1) < span).all()


def test_a_walk_reaches_the_lake_within_a_pixel(tmp_path: Path, model: dict[str, str]) -> None:
    folder = tmp_path / "cohort" / "S01"
    folder.mkdir(parents=True)
    clock, truth = scene.film(folder / "walk.mp4", [Walk()])
    (tmp_path / "cohort" / "cohort.toml").write_text(f"[camera]\nfov_degrees = {scene.FOV_DEGREES}\n")
    options = {**model, "floor_fit": False}
    report = ingest(tmp_path / "cohort", tmp_path / "lake", Settings(cutoff_hz=0, estimator_options=options))
    assert report.added == [("S01", "", "walk")]
    lake = neurostore.open(tmp_path / "lake")
    frame = lake.scan_poses("bml_movi_87").sort("frame").collect()
    assert frame["time_s"].to_list() == pytest.approx(clock, abs=1e-4)
    found = np.stack([np.column_stack([frame[j].struct.field(a).to_numpy() for a in "xyz"]) for j in CENTRES], axis=1)
    assert_within_a_pixel(found, truth_in_order(truth[0]))
    row = lake.trials_table().to_pylist()[0]
    assert row["skeletons"] == ["bml_movi_87", "berkeley_mhad_43"]
    assert (row["kind"], row["position_basis"], row["up_source"]) == ("video", "camera_metric", "camera_level")
    assert row["estimator"].startswith("metrabs")
    assert len(row["model_sha256"]) == 64
    # every joint of both skeletons, by the rules written a second time, and the spread the model is built to have
    for name in row["skeletons"]:
        table = lake.scan_poses(name).sort("frame").collect()
        skeleton = neurostore.skeleton.load(name)
        got = np.stack(
            [np.column_stack([table[j].struct.field(a).to_numpy() for a in "xyz"]) for j in skeleton.joints], axis=1
        )
        expected = marker_model.joint_positions(truth[0], list(skeleton.source_names))
        assert np.linalg.norm(got * TO_LAB - expected, axis=-1).max() < 60.0
        spread = np.std(marker_model.AUG_STEP_MM * np.arange(5), ddof=1)
        assert np.allclose(np.array(table["sd_mm"].to_list()), spread, atol=1e-2)
    # and what the lake makes of it: knee angles beside those of the true hip, knee and ankle
    angles = lake.joint_angles(subject="S01").sort("frame")
    for side, letter in (("left", "l"), ("right", "r")):
        hip, knee, ankle = (truth[0][:, MARKERS.index(letter + j)] for j in ("hip", "knee", "ankle"))
        thigh, shank = knee - hip, ankle - knee
        cosine = (thigh * shank).sum(1) / np.linalg.norm(thigh, axis=1) / np.linalg.norm(shank, axis=1)
        off = angles[f"{side}_knee_flexion_deg"].to_numpy() - np.degrees(np.arccos(np.clip(cosine, -1, 1)))
        assert np.sqrt(np.nanmean(off**2)) < 4.0
    # the same bytes and settings again: nothing to do
    again = ingest(tmp_path / "cohort", tmp_path / "lake", Settings(cutoff_hz=0, estimator_options=options))
    assert again.skipped == [("S01", "", "walk")]


@pytest.mark.parametrize(
    ("codec", "pixels", "options", "suffix"),
    [
        ("libx264", "yuv444p", {"crf": "8"}, ".mp4"),
        ("libx264", "yuv444p10le", {"crf": "8"}, ".mov"),
        ("libvpx-vp9", "yuv444p", {"crf": "8", "b:v": "0", "cpu-used": "8", "deadline": "realtime"}, ".webm"),
        ("ffv1", "bgr0", {}, ".mkv"),
        ("libx265", "yuv444p10le", {"crf": "6", "preset": "ultrafast", "x265-params": "log-level=none"}, ".mp4"),
    ],
)
def test_codecs_and_depths(
    codec: str, pixels: str, options: dict[str, str], suffix: str, tmp_path: Path, model: dict[str, str]
) -> None:
    path = tmp_path / f"walk{suffix}"
    _, truth = scene.film(path, [Walk()], 16, codec=codec, pixel_format=pixels, options=options)
    found = markers_of(run(path, model, num_aug=1))
    off = scene.project(found * TO_LAB, WIDTH, HEIGHT) - scene.project(truth_in_order(truth[0]), WIDTH, HEIGHT)
    assert np.linalg.norm(off, axis=-1).max() < 1.0


def test_variable_frame_rate_keeps_the_source_clock(tmp_path: Path, model: dict[str, str]) -> None:
    steps = np.where(np.arange(30) % 3 == 0, 1 / 15, 1 / 60)
    clock = np.cumsum(steps) - steps[0]
    path = tmp_path / "walk.mp4"
    _, truth = scene.film(path, [Walk()], time_s=clock)
    recording = run(path, model)
    assert recording.poses[0].time_s == pytest.approx(clock, abs=1e-4)
    assert_within_a_pixel(markers_of(recording), truth_in_order(truth[0]))


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_rotated_files_are_turned_upright(rotation: int, tmp_path: Path, model: dict[str, str]) -> None:
    clock = np.arange(15) / 30
    truth = scene.positions(Walk(), clock)
    upright = [scene.draw([(0, truth[i])], WIDTH, HEIGHT) for i in range(15)]
    stored = [np.rot90(p, -rotation // 90).copy() for p in upright]  # the file says: turn me back
    path = scene.encode(tmp_path / "walk.mp4", stored, clock, rotation=rotation)
    assert_within_a_pixel(markers_of(run(path, model)), truth_in_order(truth))


def test_thinning_and_a_range_of_frames(tmp_path: Path, model: dict[str, str]) -> None:
    path = tmp_path / "walk.mp4"
    clock, truth = scene.film(path, [Walk()], 60, rate=60)
    options = ReadOptions(camera=KNOWN.camera, frames=(10, 49))
    recording = run(path, model, options, fps=20)
    poses = recording.poses[0]
    kept = np.arange(10, 50, 3)
    assert poses.frame.tolist() == list(range(len(kept)))
    assert poses.time_s == pytest.approx(clock[kept], abs=1e-4)
    assert recording.rate_hz == pytest.approx(20)
    assert_within_a_pixel(markers_of(recording), truth_in_order(truth[0][kept]))


def two_people() -> list[Walk]:
    """One comes nearer on the left and goes to the right, the other the other way; they pass at different depths."""
    return [
        Walk(start=(-1000.0, 6400.0), velocity=(1000.0, -700.0)),
        Walk(start=(900.0, 4200.0), velocity=(-900.0, 300.0), stature=1750, phase=0.3),
    ]


def test_two_people_keep_their_numbers(tmp_path: Path, model: dict[str, str]) -> None:
    path = tmp_path / "two.mp4"
    walks = two_people()
    clock, truth = scene.film(path, walks, 60)
    middles = scene.project(truth[:, :, [MARKERS.index("thorax")]], WIDTH, HEIGHT)[:, :, 0, 0]
    assert (middles[0] < middles[1])[0], "they start side by side"
    assert (middles[0] > middles[1])[-1], "and pass each other"
    recording = run(path, model)
    poses = recording.poses[0]
    assert sorted(np.unique(poses.person)) == [0, 1]
    assert_two_identities(recording, truth)
    assert int((poses.person == 0).sum()) == len(clock), "a frame without the subject is a row without joints"


def assert_two_identities(recording: Recording, truth: np.ndarray) -> None:
    poses = recording.poses[0]
    apart = np.linalg.norm(truth[0] - truth[1], axis=-1)[:, MARKERS.index("thorax")]
    assert apart.min() > 1000.0
    owners = []
    for person in (0, 1):
        rows = poses.person == person
        found = poses.positions[rows][:, poses.skeleton.index("thor")] * TO_LAB
        seen = np.isfinite(found).all(axis=1)
        off = np.linalg.norm(found[seen][None] - truth[:, poses.frame[rows][seen], MARKERS.index("thorax")], axis=-1)
        owner = int(off.max(axis=1).argmin())
        assert off[owner].max() < 500.0, "one number holds one person from first to last"
        assert np.median(off[owner]) < 50.0, "where no disc is covered by the other person's"
        owners.append(owner)
    assert sorted(owners) == [0, 1]


def test_gaps_entries_and_exits(tmp_path: Path, model: dict[str, str]) -> None:
    path = tmp_path / "gaps.mp4"
    visible = np.ones((70, 2), bool)
    visible[20:32, 0] = False  # hidden for 0.4 s, comes out elsewhere
    visible[:15, 1] = False  # comes in later
    visible[60:, 1] = False  # goes out
    _, truth = scene.film(path, two_people(), 70, visible=visible)
    recording = run(path, model)
    poses = recording.poses[0]
    assert sorted(np.unique(poses.person)) == [0, 1]
    assert_two_identities(recording, truth)
    hidden = np.isnan(markers_of(recording)).all(axis=(1, 2))
    assert hidden[20:32].all() or not hidden[15:60].all()


def test_the_subject_by_rule_and_by_box(tmp_path: Path, model: dict[str, str]) -> None:
    path = tmp_path / "two.mp4"
    standing = Walk(start=(-900.0, 3600.0), velocity=(0.0, -1.0))  # near, therefore large; there all the time
    walking = Walk(start=(500.0, 6500.0), velocity=(0.0, -2100.0))
    visible = np.ones((40, 2), bool)
    visible[:4, 1] = False
    scene.film(path, [standing, walking], 40, visible=visible)

    def x_of_subject(options: ReadOptions = KNOWN, **given: Any) -> float:
        return float(np.nanmedian(markers_of(run(path, model, options, **given))[..., 0]))

    assert x_of_subject() > 300, "the walker"
    assert x_of_subject(subject="largest") < -700
    assert x_of_subject(subject="longest") < -700
    boxed = ReadOptions(camera={**KNOWN.camera, "subject_box": [0, 0, 130, 240]})
    assert x_of_subject(boxed) < -700


def test_intrinsics_distortion_and_extrinsics(tmp_path: Path, model: dict[str, str]) -> None:
    clock = np.arange(20) / 30
    truth = scene.positions(Walk(start=(0.0, 5000.0)), clock)
    k1 = -0.12
    k = intrinsics_from_fov(WIDTH, HEIGHT, scene.FOV_DEGREES)
    bent = truth.copy()  # move each disc to where this lens puts it; its depth, and so its size, stays
    flat = truth[..., :2] / truth[..., 2:]
    bent[..., :2] = flat * (1 + k1 * (flat**2).sum(-1, keepdims=True)) * truth[..., 2:]
    path = scene.encode(tmp_path / "walk.mp4", [scene.draw([(0, p)], WIDTH, HEIGHT) for p in bent], clock)
    # a lab with Z up; the camera looks along its Y, 900 mm above the floor, 2 m before the origin
    rotation = np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]])
    place = np.array([250.0, -2000.0, 900.0])
    extrinsics = np.eye(4)
    extrinsics[:3, :3], extrinsics[:3, 3] = rotation, -rotation @ place
    camera = {"intrinsics": k.tolist(), "distortion": [k1, 0, 0, 0, 0], "extrinsics": extrinsics.tolist(), "up": "z"}
    recording = run(path, model, ReadOptions(camera=camera))
    world = truth_in_order(truth) @ rotation + place  # camera = R (world - place)
    lab = np.stack([world[..., 0], world[..., 2], -world[..., 1]], axis=-1)  # Z up to Y up
    off = np.linalg.norm(markers_of(recording) - lab, axis=-1)
    assert (off < truth_in_order(truth)[..., 2] / scene.focal_px(WIDTH, HEIGHT)).all()
    assert recording.up_source == "camera_extrinsics"
    assert recording.position_basis == "camera_metric"


def test_a_guessed_field_of_view_is_marked(tmp_path: Path, model: dict[str, str]) -> None:
    path = tmp_path / "walk.mp4"
    scene.film(path, [Walk()], 15)
    recording = run(path, model, ReadOptions())
    assert recording.position_basis == "camera_fov_guessed"
    assert any("field of view" in note for note in recording.notes)


def test_a_leaning_camera_finds_the_floor(tmp_path: Path, model: dict[str, str]) -> None:
    path = tmp_path / "walk.mp4"
    clock = np.arange(75) / 30
    truth = scene.positions(Walk(start=(0.0, 7000.0), velocity=(0.0, -1300.0), floor_y=1000.0), clock)
    lean = np.radians(8.0)
    tilted = truth @ np.array([[1, 0, 0], [0, np.cos(lean), np.sin(lean)], [0, -np.sin(lean), np.cos(lean)]])
    scene.encode(path, [scene.draw([(0, p)], WIDTH, HEIGHT) for p in tilted], clock)
    recording = run(path, model, floor_fit=True)
    assert recording.up_source == "floor_fit"
    poses = recording.poses[0]
    up = poses.positions[:, poses.skeleton.index("thor")] - poses.positions[:, poses.skeleton.index("mhip")]
    leaning = np.degrees(np.arccos(np.mean(up[:, 1] / np.linalg.norm(up, axis=1))))
    assert leaning < 2.0, "an upright walker is upright again"
    heels = poses.positions[:, [poses.skeleton.index("lhee"), poses.skeleton.index("rhee")], 1]
    assert abs(np.percentile(heels, 20)) < 40.0


def test_batches_do_not_change_numbers(tmp_path: Path, model: dict[str, str]) -> None:
    path = tmp_path / "walk.mp4"
    scene.film(path, [Walk()], 20)
    one, many = (run(path, model, batch_size=n) for n in (1, 16))
    assert np.allclose(one.poses[0].positions, many.poses[0].positions, atol=1e-2, equal_nan=True)


def test_which_skeletons_are_stored(tmp_path: Path, model: dict[str, str]) -> None:
    path = tmp_path / "walk.mp4"
    scene.film(path, [Walk()], 12)
    recording = run(path, model, skeletons="smpl_24,berkeley_mhad_43")
    assert [p.skeleton.name for p in recording.poses] == ["smpl_24", "berkeley_mhad_43"]
    with pytest.raises(ModelError, match=r"gives no skeleton h36m_17; it gives .*bml_movi_87"):
        run(path, model, skeletons="h36m_17")


def test_nobody_and_hardly_anybody(tmp_path: Path, model: dict[str, str]) -> None:
    path = tmp_path / "nobody.mp4"
    scene.film(path, [Walk()], 20, visible=np.zeros((20, 1), bool))
    with pytest.raises(InputError, match="has no person in any of its 20 frames"):
        run(path, model)
    visible = np.zeros((20, 1), bool)
    visible[5:8] = True
    scene.film(path, [Walk()], 20, visible=visible)
    with pytest.raises(InputError, match="the subject in 3 of 20 frames; expected at least 10"):
        run(path, model)


def test_one_bad_video_does_not_cost_the_others(tmp_path: Path, model: dict[str, str]) -> None:
    cohort = tmp_path / "cohort" / "S01"
    cohort.mkdir(parents=True)
    scene.film(cohort / "good.mp4", [Walk()], 15)
    (cohort / "half.mp4").write_bytes((cohort / "good.mp4").read_bytes()[:2000])
    (cohort / "words.mp4").write_text("not a video")
    scene.film(cohort / "empty.mp4", [Walk()], 15, visible=np.zeros((15, 1), bool))
    settings = Settings(estimator_options=dict(model))
    report = ingest(tmp_path / "cohort", tmp_path / "lake", settings, n_workers=1)
    assert report.added == [("S01", "", "good")]
    assert sorted(Path(e.path).name for e in report.failed) == ["empty.mp4", "half.mp4", "words.mp4"]
    assert report.exit_code == 1
    trials = neurostore.open(tmp_path / "lake").trials_table()["trial"].to_pylist()
    assert trials == ["good"]


def test_a_full_disk_costs_nothing_that_was_there(tmp_path: Path, model: dict[str, str]) -> None:
    cohort = tmp_path / "cohort" / "S01"
    cohort.mkdir(parents=True)
    scene.film(cohort / "first.mp4", [Walk()], 12)
    settings = Settings(estimator_options=dict(model))
    ingest(tmp_path / "cohort", tmp_path / "lake", settings, n_workers=1)
    scene.film(cohort / "second.mp4", [Walk()], 14)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(LakeError, match="staging failed"):
            ingest(tmp_path / "cohort", tmp_path / "lake", settings, n_workers=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert neurostore.open(tmp_path / "lake").trials_table()["trial"].to_pylist() == ["first"]
    report = ingest(tmp_path / "cohort", tmp_path / "lake", settings, n_workers=1)
    assert report.added == [("S01", "", "second")]


def test_swapped_sides_are_put_back(tmp_path: Path, model: dict[str, str]) -> None:
    """The discs of the legs change colour for eight frames: the model then calls left what is right."""
    clock = np.arange(50) / 30
    truth = scene.positions(Walk(start=(300.0, 5500.0), velocity=(0.0, -900.0)), clock)
    shown = truth.copy()
    left, right = ([MARKERS.index(s + j) for j in ("knee", "ankle")] for s in "lr")
    shown[np.ix_(range(20, 28), left)] = truth[np.ix_(range(20, 28), right)]
    shown[np.ix_(range(20, 28), right)] = truth[np.ix_(range(20, 28), left)]
    path = scene.encode(tmp_path / "walk.mp4", [scene.draw([(0, p)], WIDTH, HEIGHT) for p in shown], clock)
    given = {"skeletons": "smpl_24"}
    raw = run(path, model, repair_swaps=False, **given)
    repaired = run(path, model, **given)
    ankles = [repaired.poses[0].skeleton.index(j) for j in ("lank", "rank")]
    true = truth[:, [MARKERS.index("lankle"), MARKERS.index("rankle")]] * TO_LAB
    assert np.linalg.norm(raw.poses[0].positions[20:28, ankles] - true[20:28], axis=-1).min() > 100
    assert np.linalg.norm(repaired.poses[0].positions[:, ankles] - true, axis=-1).max() < 40
    assert repaired.quality["swap_frames_repaired"] >= 8
    assert raw.quality["swap_frames_marked"] >= 8
    assert any("were corrected" in note for note in repaired.notes)


def test_a_missing_model_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEUROSTORE_MODELS", str(tmp_path / "none"))
    path = tmp_path / "walk.mp4"
    scene.film(path, [Walk()], 12)
    with pytest.raises(ModelError, match=r"neurostore model fetch.*--estimator mediapipe"):
        estimate(path)


def test_options_that_do_not_exist(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no estimator option colour"):
        estimate(tmp_path / "x.mp4", colour="red")
    with pytest.raises(UsageError, match="subject is 'tallest'"):
        estimate(tmp_path / "x.mp4", subject="tallest")


def test_overlay_hits_the_discs(tmp_path: Path, model: dict[str, str]) -> None:
    from neurostore.ingest.video.overlay import overlay_trial

    cohort = tmp_path / "cohort" / "S01"
    cohort.mkdir(parents=True)
    _, truth = scene.film(cohort / "walk.mp4", [Walk()], 20)
    ingest(tmp_path / "cohort", tmp_path / "lake", Settings(estimator_options=dict(model)))
    lake = neurostore.open(tmp_path / "lake")
    out = tmp_path / "out.mp4"
    n = overlay_trial(lake, "S01", "walk", out, cohort=tmp_path / "cohort", sheet=tmp_path / "sheet.png")
    assert n == 20
    drawn = list(decode.frames(out))
    source = list(decode.frames(cohort / "walk.mp4"))
    assert len(drawn) == 20
    at = scene.project(truth[0, :, MARKERS.index("lankle")], WIDTH, HEIGHT).astype(int)
    changed = [np.abs(d.rgb.astype(int) - s.rgb)[y, x].max() for d, s, (x, y) in zip(drawn, source, at, strict=True)]
    assert min(changed) > 60, "the ankle's disc is painted over in every frame"
    sheet = (tmp_path / "sheet.png").read_bytes()
    assert sheet.startswith(b"\x89PNG")
    with pytest.raises(UsageError, match="no trial S01/run"):
        overlay_trial(lake, "S01", "run", out)


def test_lake_tables_are_polars_readable(tmp_path: Path, model: dict[str, str]) -> None:
    """The list columns of video poses keep the order of the joints."""
    cohort = tmp_path / "cohort" / "S01"
    cohort.mkdir(parents=True)
    scene.film(cohort / "walk.mp4", [Walk()], 12)
    ingest(tmp_path / "cohort", tmp_path / "lake", Settings(estimator_options=dict(model)))
    frame = neurostore.open(tmp_path / "lake").scan_poses("bml_movi_87").collect()
    assert frame["sd_mm"].list.len().unique().to_list() == [87]
    assert frame.filter(pl.col("person") == 0).height == 12
