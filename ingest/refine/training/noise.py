"""What a monocular estimator does to true positions: errors along the camera ray, by three protocols.

``independent`` (the project's first plan): independent for each frame and marker, 30, 50 or 80 mm along the ray, a
tenth of it in the image plane. ``correlated``: what real estimators do; every parameter is a field of
:class:`Correlated`, frozen before the training. ``measured``: what MediaPipe does on film (:mod:`.measured`).
docs/refinement.md says what they were fitted to.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurostore.arrays import Floats
from neurostore.ingest.refine.marker_set import MarkerSet
from neurostore.ingest.refine.training.drift import ornstein_uhlenbeck
from neurostore.ingest.refine.training.measured import Measured, measured_errors


@dataclass(frozen=True)
class Independent:
    """sigmas_mm : one is drawn per sequence. in_plane : share of the ray's error seen in the image plane."""

    sigmas_mm: tuple[float, ...] = (30.0, 50.0, 80.0)
    in_plane: float = 0.1


@dataclass(frozen=True)
class Correlated:
    """Standard deviations in mm along the ray, times in seconds.

    limb_mm : error shared along a limb, growing with the distance from the trunk (the far end has it whole).
    marker_mm : of each marker for itself. tau_s : correlation times are drawn from this range (logarithmically).
    pointing : factor added for a limb that points at the camera (times |cos|). occluded : factor added at visibility 0.
    global_mm, global_tau_s : the whole body. scale : SD of one size error per sequence.
    outlier_rate_hz, outlier_mm, outlier_s : bursts of single markers. white_mm : left over, frame by frame.
    in_plane : share in the image plane.
    """

    limb_mm: float = 30.0
    marker_mm: float = 14.0
    tau_s: tuple[float, float] = (0.1, 1.0)
    pointing: float = 0.8
    occluded: float = 0.8
    global_mm: float = 14.0
    global_tau_s: float = 1.0
    scale: float = 0.02
    outlier_rate_hz: float = 0.05
    outlier_mm: float = 120.0
    outlier_s: float = 0.1
    white_mm: float = 8.0
    in_plane: float = 0.1

    def times(self, amplitude: float = 1.0, correlation: float = 1.0) -> Correlated:
        """The same with other amplitude and correlation time (the robustness check: 1.5 and 0.5)."""
        from dataclasses import replace

        a, c = amplitude, correlation
        return replace(
            self, limb_mm=self.limb_mm * a, marker_mm=self.marker_mm * a, global_mm=self.global_mm * a,
            scale=self.scale * a, outlier_mm=self.outlier_mm * a, white_mm=self.white_mm * a,
            tau_s=(self.tau_s[0] * c, self.tau_s[1] * c), global_tau_s=self.global_tau_s * c,
        )  # fmt: skip


Protocol = Independent | Correlated | Measured


def corrupt(
    protocol: Protocol,
    points: Floats,
    visibility: Floats,
    rate_hz: float,
    markers: MarkerSet,
    rng: np.random.Generator,
) -> tuple[Floats, Floats]:
    """Noisy positions (T, M, 3) and the SD along the ray (T, M) they were drawn with, mm.

    points : (T, M, 3) mm in camera coordinates (camera at the origin); visibility : (T, M) in 0..1.
    """
    if isinstance(protocol, Measured):
        return measured_errors(protocol, points, rate_hz, markers, rng)
    rays = points / np.linalg.norm(points, axis=-1, keepdims=True)
    if isinstance(protocol, Independent):
        sigma = np.full(visibility.shape, float(rng.choice(protocol.sigmas_mm)))
        depth = rng.normal(size=sigma.shape) * sigma
        plane = rng.normal(size=points.shape) * sigma[..., None] * protocol.in_plane
    else:
        depth, plane, sigma = _correlated(protocol, points, rays, visibility, rate_hz, markers, rng)
        hips = points[:, list(markers.hips)].mean(axis=1, keepdims=True)
        points = hips + (points - hips) * (1.0 + rng.normal() * protocol.scale)
    plane -= (plane * rays).sum(-1, keepdims=True) * rays
    return (points + depth[..., None] * rays + plane).astype(np.float32), sigma.astype(np.float32)


def _correlated(
    p: Correlated,
    points: Floats,
    rays: Floats,
    visibility: Floats,
    rate_hz: float,
    markers: MarkerSet,
    rng: np.random.Generator,
) -> tuple[Floats, Floats, Floats]:
    t, m, _ = points.shape
    limbs = np.asarray(markers.limbs)
    reach = _reach(markers)

    def drift(n: int, tau: float | None = None) -> Floats:
        tau = tau or float(np.exp(rng.uniform(*np.log(p.tau_s))))
        return ornstein_uhlenbeck(t, n, tau, rate_hz, rng)

    pointing = np.zeros((t, m))
    for marker, bone in enumerate(markers.parent_bone):
        if bone >= 0:
            near, far = markers.bones[bone]
            along = points[:, far] - points[:, near]
            along /= np.linalg.norm(along, axis=-1, keepdims=True) + 1e-9
            pointing[:, marker] = np.abs((along * rays[:, marker]).sum(-1))
    limb = np.concatenate([drift(1) for _ in range(limbs.max() + 1)], axis=1)[:, limbs] * reach * p.limb_mm
    own = np.concatenate([drift(1) for _ in range(m)], axis=1) * p.marker_mm
    factor = 1.0 + p.pointing * pointing + p.occluded * (1.0 - visibility)
    depth = (limb + own) * factor + drift(1, p.global_tau_s) * p.global_mm + rng.normal(size=(t, m)) * p.white_mm
    depth += _outliers(p, t, m, rate_hz, rng)
    plane = np.stack([drift(m) for _ in range(3)], -1) * (p.limb_mm + p.marker_mm) * p.in_plane
    return depth, plane, factor * np.hypot(reach * p.limb_mm, p.marker_mm)


def _reach(markers: MarkerSet) -> Floats:
    """(M,) 0..1: how far out on its limb a marker is, in bones from the trunk."""
    steps = np.zeros(len(markers.names))
    for marker in range(len(steps)):
        bone = markers.parent_bone[marker]
        while bone >= 0 and bone < len(markers.rigid):
            steps[marker] += 1
            bone = markers.parent_bone[markers.bones[bone][0]]
    return (0.4 + steps) / (0.4 + max(steps.max(), 1))


def _outliers(p: Correlated, t: int, m: int, rate_hz: float, rng: np.random.Generator) -> Floats:
    depth = np.zeros((t, m))
    length = max(1, round(p.outlier_s * rate_hz))
    for _ in range(rng.poisson(p.outlier_rate_hz * m * t / rate_hz)):
        start, marker = rng.integers(t), rng.integers(m)
        depth[start : start + length, marker] += rng.normal() * p.outlier_mm
    return depth
