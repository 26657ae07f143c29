"""Small true motions for the refinement's tests: analytic walkers, exactly known."""

from __future__ import annotations

import numpy as np

from neurostore import skeleton as skeletons
from neurostore.ingest.recording import Poses, Recording
from neurostore.ingest.refine.markers import marker_set
from neurostore.ingest.refine.training.motions import Camera, Motion, filmed
from neurostore.walker import walk as walker
from neurostore.walker.gait import normal

MARKERS = marker_set("landmarks")


def walk(
    person: str = "a", split: str = "train", *, rate_hz: float = 60.0, n_strides: float = 2.0, **gait: float
) -> Motion:
    """A walk as the 17 markers."""
    made = walker.walk(normal(**gait), n_strides=n_strides, rate_hz=rate_hz)
    points = np.stack([made.joints[n] for n in MARKERS.names], axis=1).astype(np.float32)
    return Motion(person, split, f"made/{person}", rate_hz, points, True)


def people(n_train: int = 2) -> list[Motion]:
    """Some to train on and one to validate on."""
    heights = np.linspace(1.55, 1.90, n_train + 1)
    train = [walk(f"p{i}", "train", height_m=float(heights[i])) for i in range(n_train)]
    return [*train, walk("v", "validation", height_m=float(heights[-1]))]


def video(
    motion: Motion | None = None, *, noise_mm: float = 40.0, seed: int = 0, position_basis: str = "camera_metric"
) -> Recording:
    """What an estimator would return of a walk 4 m from a level camera: blazepose_33, white noise along the ray."""
    motion = motion or walk(rate_hz=30.0, n_strides=4.0)
    camera = filmed(motion.points, Camera(70.0, 0.0, 4000.0), MARKERS)
    rays = camera / np.linalg.norm(camera, axis=-1, keepdims=True)
    rng = np.random.default_rng(seed)
    camera = camera + rng.normal(0, noise_mm, camera.shape[:2])[..., None] * rays
    if position_basis == "root_relative":
        camera = camera - camera[:, list(MARKERS.hips)].mean(axis=1, keepdims=True)
    lab = camera * np.array([1.0, -1.0, -1.0])
    at = {n: lab[:, i] for i, n in enumerate(MARKERS.names)}
    skeleton = skeletons.load("blazepose_33")
    n = len(lab)
    positions = np.full((n, len(skeleton.joints), 3), np.nan, np.float32)
    for j, joint in enumerate(skeleton.joints):
        name = joint.replace("foot_index", "toe")
        positions[:, j] = at.get(name, at["head"] if not joint.startswith(("left", "right")) else np.nan)
    for side in ("left", "right"):  # fingers move with the wrist
        for part in ("pinky", "index", "thumb"):
            positions[:, skeleton.index(f"{side}_{part}")] = at[f"{side}_wrist"] + np.float32(20.0)
    frame = np.arange(n, dtype=np.int32)
    poses = Poses(skeleton, np.zeros(n, np.int32), frame, frame / motion.rate_hz, positions)
    return Recording(
        kind="video",
        rate_hz=motion.rate_hz,
        poses=[poses],
        up_source="camera_level",
        position_basis=position_basis,
        length_basis="nominal",
        estimator={"name": "made", "version": "1"},
    )
