"""The protocol ``measured``: the errors that MediaPipe makes on film, bone by bone, against four calibrated cameras.

A pose around the hips has no error of place. Each bone states a share of its depth and of its extent in the picture,
has an error of its own in proportion to its length, and passes both on to the bones beyond it, so that errors add up
along a limb. Half of that is the same for left and right, part of it is constant over a trial. For moments, left and
right of the hips and shoulders, of the legs or of the arms are exchanged.

A turn of the whole body (3 to 14 degrees between the estimate and the truth, constant over a trial) is not part of it:
it changes no angle, and nothing in a trial shows it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from neurostore.arrays import Floats
from neurostore.ingest.refine.marker_set import MarkerSet
from neurostore.ingest.refine.training.drift import ornstein_uhlenbeck


@dataclass(frozen=True)
class BoneError:
    """Of the bone that ends at a marker, in shares of its length.

    depth_gain, picture_gain : share of the bone's extent along and across the ray that is estimated (mean over
    trials). depth, picture : SD of the rest along the ray, and on each axis across it.
    """

    depth_gain: float
    picture_gain: float
    depth: float
    picture: float


#: fitted to the first trial of the demonstration of Pose2Sim 0.10.49 (four cameras, MediaPipe 0.10.21), with the turn
#: of the whole body taken out; the head has no reference and is taken for a shoulder (benchmarks/video_bones.py)
BONES = {
    "hip": BoneError(1.00, 1.00, 0.35, 0.25),
    "knee": BoneError(0.80, 1.04, 0.13, 0.11),
    "ankle": BoneError(0.95, 0.92, 0.19, 0.11),
    "heel": BoneError(0.25, 0.55, 0.16, 0.20),
    "toe": BoneError(0.25, 0.86, 0.15, 0.16),
    "shoulder": BoneError(0.46, 0.96, 0.07, 0.07),
    "elbow": BoneError(0.48, 1.00, 0.20, 0.15),
    "wrist": BoneError(0.51, 0.89, 0.27, 0.12),
    "head": BoneError(0.46, 0.96, 0.07, 0.07),
}
_OTHER = BoneError(0.6, 0.93, 0.17, 0.14)  # of a marker with another name: the mean
#: what is exchanged, and how often: most exchanged limbs are put back before (ingest/video/swaps.py)
_SWAPPED = {("hip", "shoulder"): 0.7, ("knee", "ankle", "heel", "toe"): 0.2, ("elbow", "wrist"): 0.1}


@dataclass(frozen=True)
class Measured:
    """The protocol's parameters.

    gain_sd : SD of a bone's depth gain over trials. constant : share of a bone's variance that does not change in a
    trial. tau_s : correlation times of the rest, drawn logarithmically. together : share of the variance, of gain and
    error, that left and right have in common. swaps_hz, swap_s : exchanges of left and right, and how long they last on
    average. amplitude : factor of every SD. around_hips : the middle of the hips is put 4 m ahead, as poses relative to
    the hips are.
    """

    bones: dict[str, BoneError] = field(default_factory=lambda: dict(BONES))
    gain_sd: float = 0.25
    constant: float = 0.2
    tau_s: tuple[float, float] = (0.1, 0.5)
    together: float = 0.5
    swaps_hz: float = 0.15
    swap_s: float = 0.3
    amplitude: float = 1.0
    around_hips: bool = True

    def times(self, amplitude: float) -> Measured:
        """The same with other standard deviations."""
        return replace(self, amplitude=self.amplitude * amplitude)


def measured_errors(
    p: Measured, points: Floats, rate_hz: float, markers: MarkerSet, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Noisy positions (T, M, 3) and the SD along the ray (T, M), mm, of points (T, M, 3) in camera coordinates."""
    t, m, _ = points.shape
    rays = points / np.linalg.norm(points, axis=-1, keepdims=True)
    middle = points[:, list(markers.hips)].mean(axis=1)
    errors = _bone_errors(p, t, rate_hz, markers, rng)
    noisy = np.empty(points.shape)
    variance = np.zeros((t, m))
    for marker, near in chain_order(markers):
        of = p.bones.get(part_of(markers, marker), _OTHER)
        extent = points[:, marker] - (middle if near < 0 else points[:, near])
        length = float(np.nanmedian(np.linalg.norm(extent, axis=-1)))
        ray = rays[:, marker]
        span = (extent * ray).sum(-1, keepdims=True)
        gain, error = errors[marker]
        depth = (of.depth_gain + p.gain_sd * p.amplitude * gain) * span + p.amplitude * of.depth * length * error[:, :1]
        plane = p.amplitude * of.picture * length * error[:, 1:]
        plane -= (plane * ray).sum(-1, keepdims=True) * ray
        start = middle if near < 0 else noisy[:, near]
        noisy[:, marker] = start + depth * ray + of.picture_gain * (extent - span * ray) + plane
        spread = (of.depth * length) ** 2 + ((1 - of.depth_gain) ** 2 + p.gain_sd**2) * span[:, 0] ** 2
        variance[:, marker] = p.amplitude**2 * spread + (0.0 if near < 0 else variance[:, near])
    hips = list(markers.hips)
    noisy += (middle - noisy[:, hips].mean(axis=1))[:, None]
    _exchange(p, noisy, rate_hz, markers, rng)
    return noisy.astype(np.float32), np.sqrt(variance).astype(np.float32)


def around_hips(points: Floats, markers: MarkerSet, distance_mm: float) -> Floats:
    """The points (T, M, 3) with the middle of the hips straight ahead of the camera in every frame."""
    middle = points[:, list(markers.hips)].mean(axis=1, keepdims=True)
    return (points - middle + np.array([0.0, 0.0, distance_mm])).astype(np.float32)


def part_of(markers: MarkerSet, marker: int) -> str:
    """``knee`` of ``left_knee``."""
    return markers.names[marker].removeprefix("left_").removeprefix("right_")


def chain_order(markers: MarkerSet) -> Iterator[tuple[int, int]]:
    """(marker, marker at the near end of its bone, or -1), each after the one at its near end."""
    done: set[int] = set()
    waiting = list(range(len(markers.names)))
    while waiting:
        for marker in list(waiting):
            bone = markers.parent_bone[marker]
            near = markers.bones[bone][0] if bone >= 0 else -1
            if near < 0 or near in done:
                yield marker, near
                done.add(marker)
                waiting.remove(marker)


def _bone_errors(
    p: Measured, t: int, rate_hz: float, markers: MarkerSet, rng: np.random.Generator
) -> list[tuple[float, Floats]]:
    """Of each marker's bone: its gain, and (t, 4) along the ray and on three axes, all of SD 1."""

    def drawn() -> tuple[float, Floats]:
        tau = float(np.exp(rng.uniform(*np.log(p.tau_s))))
        drift = ornstein_uhlenbeck(t, 4, tau, rate_hz, rng)
        return float(rng.normal()), np.sqrt(1 - p.constant) * drift + np.sqrt(p.constant) * rng.normal(size=4)

    shared = {part: drawn() for part in sorted({part_of(markers, m) for m in range(len(markers.names))})}
    one, both = np.sqrt(1 - p.together), np.sqrt(p.together)
    out = []
    for marker in range(len(markers.names)):
        (gain, error), (gain_both, error_both) = drawn(), shared[part_of(markers, marker)]
        out.append((one * gain + both * gain_both, one * error + both * error_both))
    return out


def _exchange(p: Measured, points: Floats, rate_hz: float, markers: MarkerSet, rng: np.random.Generator) -> None:
    """Exchange left and right of one of the groups for a while, in place."""
    t = len(points)
    for _ in range(rng.poisson(p.swaps_hz * t / rate_hz)):
        group = list(_SWAPPED)[rng.choice(len(_SWAPPED), p=list(_SWAPPED.values()))]
        mine = [m for m in range(len(markers.names)) if part_of(markers, m) in group]
        start, length = rng.integers(t), 1 + int(rng.exponential(p.swap_s) * rate_hz)
        rows = np.arange(start, min(start + length, t))[:, None]
        points[rows, mine] = points[rows, [markers.mirror[m] for m in mine]]
