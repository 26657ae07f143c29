"""MediaPipe on the real sample: the walker keeps one number, knees bend as knees do, nothing is downloaded."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av", reason="videos need PyAV")

from neurostore.errors import ModelError, UsageError
from neurostore.ingest.recording import ReadOptions, Recording
from neurostore.ingest.video.camera import Camera, intrinsics_from_fov
from neurostore.ingest.video.estimate import estimate, settings
from neurostore.ingest.video.estimators import mediapipe as estimator
from neurostore.ingest.video.estimators.mediapipe import place
from neurostore.ingest.video.models import store
from neurostore.ingest.video.models.declared import find
from tests.installed import need
from tests.shared_data import SHARED, needs_shared

need("mediapipe", "the extra mediapipe is not installed")

if not estimator.wheel_has_model():
    pytest.skip("this release of mediapipe has no model in its wheel", allow_module_level=True)


@pytest.fixture(scope="module")
def recording() -> Recording:
    """The stretch in which both people are there, and the man alone before it."""
    path = SHARED / "video" / "sports2d_demo.mp4"
    return estimate(path, ReadOptions(frames=(30, 190)), "mediapipe")


@needs_shared
def test_the_walker_is_person_0_from_first_to_last(recording: Recording) -> None:
    poses = recording.poses[0]
    rows = poses.person == 0
    seen = np.isfinite(poses.positions[rows][:, 0, 0])
    assert seen[:25].sum() == 0, "before she comes her rows have no joints"
    assert seen[35:].mean() > 0.9
    assert poses.picture is not None
    x, y = poses.picture[rows][seen][:, 1], poses.picture[rows][seen][:, 2]
    # she crosses the image from right to left at one height; the roof ends above y = 480
    assert x[0] > 1350
    assert x[-1] < 250
    assert np.diff(x).max() < 60
    assert y.min() > 600


@needs_shared
def test_the_man_on_the_roof_is_a_bystander(recording: Recording) -> None:
    poses = recording.poses[0]
    assert poses.picture is not None
    heights = [np.nanmedian(poses.picture[poses.person == p][:, 2]) for p in np.unique(poses.person) if p > 0]
    assert min(heights) < 400


@needs_shared
def test_what_is_recorded(recording: Recording) -> None:
    assert (recording.position_basis, recording.up_source) == ("root_relative", "camera_level")
    assert recording.length_basis == "nominal"
    assert recording.estimator["name"] == "mediapipe"
    assert recording.estimator["model_sha256"] == settings("mediapipe", {})["model_sha256"]
    poses = recording.poses[0]
    assert poses.confidence is not None
    assert np.nanmin(poses.confidence) >= 0
    assert np.nanmax(poses.confidence) <= 1


@needs_shared
def test_the_body_is_upright_and_of_a_body_s_size(recording: Recording) -> None:
    poses = recording.poses[0]
    body = poses.positions[poses.person == 0]
    at = {j: body[:, poses.skeleton.index(j)] for j in poses.skeleton.joints}
    hips, ankles = (at["left_hip"] + at["right_hip"]) / 2, (at["left_ankle"] + at["right_ankle"]) / 2
    assert np.nanmedian(at["nose"][:, 1] - hips[:, 1]) > 400
    assert np.nanmedian(hips[:, 1] - ankles[:, 1]) > 500
    shank = np.linalg.norm(at["left_knee"] - at["left_ankle"], axis=1)
    assert 280 < np.nanmedian(shank) < 480


@needs_shared
def test_knees_bend_as_knees_do(recording: Recording) -> None:
    poses = recording.poses[0]
    body = poses.positions[poses.person == 0].astype(float)
    most = []
    for side in ("left", "right"):
        hip, knee, ankle = (body[:, poses.skeleton.index(f"{side}_{j}")] for j in ("hip", "knee", "ankle"))
        thigh, shank = knee - hip, ankle - knee
        cosine = (thigh * shank).sum(1) / np.linalg.norm(thigh, axis=1) / np.linalg.norm(shank, axis=1)
        flexion = np.degrees(np.arccos(np.clip(cosine[np.isfinite(cosine)], -1, 1)))
        low, high = np.percentile(flexion, [10, 95])
        assert low < 30
        most.append(high)
    assert min(most) > 30, "the leg behind is seen badly"
    assert 45 < max(most) < 85


def test_placing_is_the_inverse_of_projection() -> None:
    rng = np.random.default_rng(4)
    body = rng.normal(size=(33, 3)) * (200, 500, 150)
    where = np.array([650.0, -120.0, 4200.0])
    camera = Camera(intrinsics_from_fov(1280, 720, 60))
    points = camera.project(body + where)
    assert place(body, points, np.ones(33), camera) == pytest.approx(body + where, abs=1e-6)
    assert np.isnan(place(body, points, np.zeros(33), camera)).all(), "nobody visible, no place"


def test_other_skeletons_are_refused(tmp_path: Path) -> None:
    from tests.builders.scene import Walk, film

    film(tmp_path / "walk.mp4", [Walk()], 3)
    with pytest.raises(UsageError, match="gives only blazepose_33"):
        estimate(tmp_path / "walk.mp4", estimator="mediapipe", skeletons="coco_19")


def declare(folder: Path, content: bytes, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A file, and the TOML that declares it as the full pose landmarker."""
    monkeypatch.setenv("NEUROSTORE_MODELS", str(folder / "models"))
    file, toml = folder / "own.task", folder / "models.toml"
    file.write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    toml.write_text(f'[[model]]\nname = "pose_landmarker_full"\nsha256 = "{sha256}"\n')
    return file, toml


@needs_shared
def test_a_bundle_of_the_store_gives_the_poses_of_the_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, toml = declare(tmp_path, estimator._bundle(), monkeypatch)
    given = {"model": "pose_landmarker_full", "models_toml": str(toml)}
    path, options = SHARED / "video" / "sports2d_demo.mp4", ReadOptions(frames=(60, 75))
    with pytest.raises(ModelError, match="model fetch --model pose_landmarker_full"):
        estimate(path, options, "mediapipe", **given)
    model = find("pose_landmarker_full", toml)
    assert store.fetch(model, tarball=file).path.read_bytes() == file.read_bytes()
    assert store.verify(model).path == store.installed(model).path
    with_bundle, with_wheel = estimate(path, options, "mediapipe", **given), estimate(path, options, "mediapipe")
    np.testing.assert_allclose(with_bundle.poses[0].positions, with_wheel.poses[0].positions, atol=1e-3)
    assert with_bundle.estimator["model"] == "pose_landmarker_full"
    assert with_bundle.estimator["model_sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert settings("mediapipe", given) != settings("mediapipe", {})


def test_another_file_is_not_a_pose_landmarker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, toml = declare(tmp_path, b"no zip at all", monkeypatch)
    with pytest.raises(ModelError, match="is not a bundle of MediaPipe"):
        store.fetch(find("pose_landmarker_full", toml), tarball=file)
    with pytest.raises(ModelError, match="SHA-256 is"):
        store.fetch(find("pose_landmarker_lite"), tarball=file)


def test_a_model_of_metrabs_is_refused() -> None:
    with pytest.raises(UsageError, match="those of mediapipe are pose_landmarker_full, pose_landmarker_lite"):
        estimator.load(estimator.EstimatorOptions(model="metrabs_eff2l_y4_384px_800k_28ds"))
