"""An endless supply of training windows: a true motion, another body, a camera, an estimator's errors.

Deterministic from a seed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from neurostore.arrays import Array, Bools, Floats
from neurostore.ingest.refine.apply import NOMINAL_DISTANCE_MM
from neurostore.ingest.refine.features import CORRECTION_MM, Sequence, sequence, to_nodes, window
from neurostore.ingest.refine.marker_set import MarkerSet
from neurostore.ingest.refine.model import ModelConfig
from neurostore.ingest.refine.training.measured import Measured, around_hips
from neurostore.ingest.refine.training.motions import (
    Camera,
    Motion,
    filmed,
    random_camera,
    resampled,
    turned,
    varied,
    visibility_of,
)
from neurostore.ingest.refine.training.noise import Correlated, Independent, Protocol, corrupt

RATES_HZ = (25.0, 30.0, 50.0, 60.0)
#: share of the training windows with each protocol
MIXTURE = {"independent": 0.55, "correlated": 0.45, "measured": 0.0}


@dataclass(frozen=True)
class Pair:
    """A corrupted sequence and its truth. truth : (n, M, 3) mm, camera coordinates; up : (3,), floor_mm along up."""

    noisy: Sequence
    truth: Floats
    up: Floats
    floor_mm: float


def film(
    motion: Motion,
    protocol: Protocol,
    camera: Camera,
    markers: MarkerSet,
    rng: np.random.Generator,
    shows_spread: bool = True,
    node_rate_hz: float = 20.0,
) -> Pair:
    """One motion through one camera and one protocol."""
    truth = filmed(motion.points, camera, markers)
    visibility = visibility_of(truth, markers, motion.rate_hz, rng)
    if isinstance(protocol, Measured) and protocol.around_hips:
        truth = around_hips(truth, markers, NOMINAL_DISTANCE_MM)
    noisy, sigma = corrupt(protocol, truth, visibility, motion.rate_hz, markers, rng)
    spread = None
    if shows_spread:  # one value per marker: a value per frame would reveal the direction of limbs
        wrong = rng.normal(0.0, 0.3, sigma.shape[1]) + rng.normal(0.0, 0.2, sigma.shape)
        spread = np.median(sigma, axis=0) * np.exp(wrong)
    pitch = np.radians(camera.elevation_deg)
    up = np.array([0.0, -np.cos(pitch), -np.sin(pitch)], np.float32)
    height = truth @ up
    time_s = np.arange(len(truth)) / motion.rate_hz
    made = sequence(noisy, visibility, spread, time_s, motion.rate_hz, markers, node_rate_hz)
    return Pair(made, truth, up, float(np.nanmin(height)))


class WindowBatches(torch.utils.data.Dataset[dict[str, torch.Tensor]]):
    """Batch number k of training windows, which depends only on the seed and k.

    A resumed run therefore continues exactly.

    Motions are drawn by the square root of their length; of each drawn pair ``windows_per_pair`` windows are taken.
    """

    def __init__(
        self,
        motions: list[Motion],
        markers: MarkerSet,
        model: ModelConfig,
        batch_size: int,
        seed: int,
        n_batches: int,
        windows_per_pair: int = 4,
        mixture: dict[str, float] | None = None,
    ):
        self.mixture = mixture or MIXTURE
        self.motions, self.markers, self.model = motions, markers, model
        self.batch_size, self.seed, self.n_batches, self.windows_per_pair = (
            batch_size,
            seed,
            n_batches,
            windows_per_pair,
        )
        weights = np.sqrt([len(m.points) / m.rate_hz for m in motions])
        self.weights = weights / weights.sum()

    def __len__(self) -> int:
        return self.n_batches

    def __getitem__(self, k: int) -> dict[str, torch.Tensor]:
        rng = np.random.default_rng([self.seed, k])
        windows: list[dict[str, Array]] = []
        while len(windows) < self.batch_size:
            motion = self.motions[rng.choice(len(self.motions), p=self.weights)]
            pair = random_pair(motion, self.markers, self.model.node_rate_hz, rng, self.mixture)
            windows += _windows(pair, self.markers, self.model.n_frames, self.windows_per_pair, rng)
        chosen = windows[: self.batch_size]
        return {key: torch.from_numpy(np.stack([w[key] for w in chosen])) for key in chosen[0]}


def random_pair(
    motion: Motion,
    markers: MarkerSet,
    node_rate_hz: float,
    rng: np.random.Generator,
    mixture: dict[str, float] = MIXTURE,
) -> Pair:
    """Part of a motion with another body and another camera, at a video's rate, with the errors of a protocol."""
    length = int(rng.uniform(2.5, 8.0) * motion.rate_hz)
    first = int(rng.integers(max(1, len(motion.points) - length)))
    clip = motion.points[first : first + length]
    clip = varied(turned(clip, rng), markers, rng)
    part = resampled(Motion("", "", "", motion.rate_hz, clip, False), float(rng.choice(RATES_HZ)))
    protocol = random_protocol(rng, mixture)
    shows_spread = bool(rng.random() < 0.5)
    return film(part, protocol, random_camera(rng), markers, rng, shows_spread, node_rate_hz)


def random_protocol(rng: np.random.Generator, mixture: dict[str, float]) -> Protocol:
    """One of the protocols, by their shares in the mixture, at an amplitude drawn around the one it was fitted with."""
    at = rng.random() * sum(mixture.values())
    if at < mixture["independent"]:
        return Independent((float(np.exp(rng.uniform(np.log(20), np.log(95)))),))
    if at < mixture["independent"] + mixture["correlated"]:
        return Correlated().times(float(rng.uniform(0.5, 1.7)), float(rng.uniform(0.5, 1.2)))
    return replace(Measured().times(float(rng.uniform(0.6, 1.5))), around_hips=bool(rng.random() < 0.8))


def _windows(pair: Pair, markers: MarkerSet, n_frames: int, n: int, rng: np.random.Generator) -> list[dict[str, Array]]:
    s = pair.noisy
    near, far = np.asarray(markers.bones).T
    lengths = np.median(np.linalg.norm(pair.truth[:, near] - pair.truth[:, far], axis=-1), axis=0)
    true = to_nodes(pair.truth, s.time_s, s.node_s).astype(np.float32)
    total = len(true)
    dropped = _dropped(markers, rng)
    out = []
    for start in rng.integers(-n_frames // 4, max(1, total - 3 * n_frames // 4), n):
        features, present = window(s, int(start), n_frames, markers)
        present = present & ~dropped
        index = np.clip(np.arange(start, start + n_frames), 0, total - 1)
        given, truth, rays = np.nan_to_num(s.points[index]), true[index], np.nan_to_num(s.node_rays[index])
        out.append(
            {
                "features": np.where(present[..., None], features, 0.0).astype(np.float32),
                "present": present,
                "body": s.body,
                "target": np.nan_to_num((truth - given) * rays).sum(-1).astype(np.float32) / CORRECTION_MM,
                "noisy": given / CORRECTION_MM,
                "rays": rays,
                "truth": np.nan_to_num(truth) / CORRECTION_MM,
                "lengths": np.nan_to_num(lengths).astype(np.float32) / CORRECTION_MM,
                "up": pair.up,
                "floor": np.float32(pair.floor_mm / CORRECTION_MM),
            }
        )
    return out


def _dropped(markers: MarkerSet, rng: np.random.Generator) -> Bools:
    """(M,) markers this skeleton does not have: no head, no heels, neither heels nor toes, or some by chance."""
    gone: tuple[str, ...] = ("head", "Head", "Nose") if rng.random() < 0.3 else ()
    kind = rng.random()
    if kind < 0.15:
        gone += ("heel", "Heel", "calc_study")
    if kind < 0.06:
        gone += ("toe", "Toe", "toe_study")
    few = rng.random(len(markers.names)) < (0.05 if rng.random() < 0.2 else 0.0)
    return few | np.array([name.endswith(gone) if gone else False for name in markers.names])
