"""True motions: at other rates, by other bodies, filmed by simulated cameras. :mod:`.sources` reads them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy.signal import lfilter, resample_poly
from scipy.spatial.transform import Rotation

from neurostore.arrays import Floats
from neurostore.ingest.refine.marker_set import MarkerSet

AZIMUTHS_DEG = tuple(float(s * a) for a in range(0, 90, 15) for s in (1, -1) if a or s > 0)
_LIMB_RADIUS_MM = 60.0
_TRUNK_RADIUS_MM = 110.0


@dataclass(frozen=True)
class Motion:
    """points : (T, M, 3) mm, lab frame, Y up, of the marker set; person and split after people.toml.

    source_sha256 : of the files it was read from, as in the table trials; '' for none.
    """

    person: str
    split: str
    source: str
    rate_hz: float
    points: Floats
    is_own_skeleton: bool
    source_sha256: str = ""


@dataclass(frozen=True)
class Camera:
    """A level camera: azimuth against the person's heading, height above and distance from the person's middle."""

    azimuth_deg: float
    elevation_deg: float
    distance_mm: float


def resampled(motion: Motion, rate_hz: float) -> Motion:
    """At another rate, low-passed before thinning (polyphase)."""
    up, down = _ratio(rate_hz, motion.rate_hz)
    flat = motion.points.reshape(len(motion.points), -1)
    thin = resample_poly(flat, up, down, axis=0, padtype="line").reshape(-1, *motion.points.shape[1:])
    return replace(motion, rate_hz=rate_hz, points=thin.astype(np.float32))


def _ratio(target: float, source: float) -> tuple[int, int]:
    from fractions import Fraction

    ratio = Fraction(target / source).limit_denominator(48)
    return ratio.numerator, ratio.denominator


def varied(points: Floats, markers: MarkerSet, rng: np.random.Generator) -> Floats:
    """Another body doing the same: stature, then segment by segment, sides alike but for 1 %; half the time mirrored.

    Bones keep their directions; the path of the hips is scaled as the legs are, so that standing feet stay where
    they are.
    """
    stature = rng.uniform(0.80, 1.12)
    factors = stature * np.clip(rng.normal(1.0, 0.07, len(markers.bones)), 0.8, 1.2)
    for bone, (a, b) in enumerate(markers.bones):
        mirrored = (markers.mirror[a], markers.mirror[b])
        if mirrored in markers.bones[:bone]:
            factors[bone] = factors[markers.bones.index(mirrored)] * rng.normal(1.0, 0.01)
    out = lengthened(points, factors, stature, markers)
    if rng.random() < 0.5:
        out = out[:, list(markers.mirror)] * np.array([-1.0, 1.0, 1.0])
    return out.astype(np.float32)


def lengthened(points: Floats, factors: Floats, stature: float, markers: MarkerSet) -> Floats:
    """Each bone at its own factor, its direction kept. factors : (B,); stature scales markers that end no bone."""
    out = points * stature
    left, right = markers.hips
    middle = points[:, [left, right]].mean(axis=1)
    legs = [f for f, (_, b) in zip(factors, markers.bones, strict=True) if "knee" in markers.names[b].lower()
            or "ankle" in markers.names[b].lower()]  # fmt: skip
    root = middle * (np.mean(legs) if legs else stature)
    out += (root - middle * stature)[:, None]
    if (left, right) in markers.bones:
        half = (points[:, right] - points[:, left]) / 2 * factors[markers.bones.index((left, right))]
        out[:, left], out[:, right] = root - half, root + half
    for marker, bone in outwards(markers):
        near, far = markers.bones[bone]
        out[:, marker] = out[:, near] + (points[:, far] - points[:, near]) * factors[bone]
    return out


def outwards(markers: MarkerSet) -> Iterator[tuple[int, int]]:
    """(marker, its bone) so that each comes after the marker its bone begins at."""
    done = {i for i, b in enumerate(markers.parent_bone) if b < 0}
    waiting = [i for i in range(len(markers.names)) if i not in done]
    while waiting:
        for marker in list(waiting):
            near = markers.bones[markers.parent_bone[marker]][0]
            if near in done:
                yield marker, markers.parent_bone[marker]
                done.add(marker)
                waiting.remove(marker)


def filmed(points: Floats, camera: Camera, markers: MarkerSet) -> Floats:
    """Positions (T, M, 3) mm in camera coordinates: x right, y down, z away.

    The camera is at the origin and points at the centre of the person.

    Azimuth 0 looks at the person from straight ahead of their mean heading, 90 from their left.
    """
    middle = np.nanmean(points.reshape(-1, 3), axis=0)
    left, right = (points[:, i] for i in markers.hips)
    across = np.nanmean((left - right) * np.array([1.0, 0.0, 1.0]), axis=0)
    heading = np.arctan2(-across[2], across[0])  # angle from +Z towards +X: forward = across x up
    yaw = heading + np.radians(camera.azimuth_deg)
    pitch = np.radians(camera.elevation_deg)
    # from the person to the camera
    towards = np.array([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)])
    z = -towards
    x = np.cross(z, [0.0, 1.0, 0.0])  # to the right as seen from the camera
    x /= np.linalg.norm(x)
    axes = np.stack([x, np.cross(z, x), z])  # rows are axes; z cross x points down
    return ((points - middle) @ axes.T + np.array([0.0, 0.0, camera.distance_mm])).astype(np.float32)


def random_camera(rng: np.random.Generator) -> Camera:
    """Azimuth one of the steps of 15 degrees up to 75 on either side, front or back.

    2.2 to 7 m away; 5 below to 20 degrees above.
    """
    azimuth = float(rng.choice(AZIMUTHS_DEG)) + (180.0 if rng.random() < 0.4 else 0.0)
    return Camera(azimuth, float(rng.uniform(-5, 20)), float(rng.uniform(2200, 7000)))


def visibility_of(points: Floats, markers: MarkerSet, rate_hz: float, rng: np.random.Generator) -> Floats:
    """Simulated visibility (T, M) from 0 to 1.

    A marker is hidden if a limb or the trunk closer to the camera covers it in the image; the score fluctuates slowly.
    It must contain nothing else: a visibility that depends on depth reveals the truth.
    """
    t, m = points.shape[:2]
    hidden = lfilter([0.3], [1.0, -0.7], covered(points, markers).astype(float), axis=0)
    bias = rng.normal(0.0, 0.08, m)
    a = np.exp(-1.0 / (0.3 * rate_hz))
    steps = rng.normal(size=(t, m))
    steps[1:] *= np.sqrt(1 - a * a)
    wavering = lfilter([1.0], [1.0, -a], steps, axis=0)
    seen = 0.92 - 0.6 * hidden + bias + 0.08 * wavering
    return np.clip(np.nan_to_num(seen, nan=0.5), 0.05, 1.0).astype(np.float32)


def covered(points: Floats, markers: MarkerSet) -> Floats:
    """(T, M) bool: a bone that does not end at the marker passes in front of it, within the limb's thickness."""
    flat = points[..., :2] / np.maximum(points[..., 2:], 1.0) * 4000.0  # as seen at 4 m, mm
    hidden = np.zeros(points.shape[:2], bool)
    for bone, (a, b) in enumerate(markers.bones):
        radius = _TRUNK_RADIUS_MM if bone < 2 or bone >= len(markers.rigid) else _LIMB_RADIUS_MM
        along = flat[:, b] - flat[:, a]
        squared = np.maximum((along * along).sum(-1, keepdims=True), 1.0)
        share = np.clip(((flat - flat[:, a, None]) * along[:, None]).sum(-1) / squared, 0.0, 1.0)
        off = flat - flat[:, a, None] - share[..., None] * along[:, None]
        depth = points[:, a, None, 2] * (1 - share) + points[:, b, None, 2] * share
        is_covered = ((off * off).sum(-1) < radius * radius) & (depth < points[..., 2] - radius)
        is_covered[:, [a, b]] = False
        hidden |= is_covered
    return hidden


def turned(points: Floats, rng: np.random.Generator) -> Floats:
    """Turned about up by any angle (headings of the recordings are few)."""
    return Rotation.from_euler("y", rng.uniform(0, 2 * np.pi)).apply(points.reshape(-1, 3)).reshape(points.shape)
