"""A loaded checkpoint at work on one person's trial: sliding windows, averaged where they overlap."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from neurostore.arrays import Bools, Floats
from neurostore.ingest.refine import checkpoint
from neurostore.ingest.refine.features import CORRECTION_MM, Sequence, sequence, to_frames, to_nodes, window
from neurostore.ingest.refine.marker_set import MarkerSet
from neurostore.ingest.refine.markers import marker_set
from neurostore.ingest.refine.model import PoseFormer
from neurostore.ingest.refine.paths import shipped

_BATCH = 32  # windows


@dataclass(frozen=True)
class Refined:
    """Refined points and their uncertainty.

    points : (n, M, 3) mm in camera coordinates, changed only along the ray. sd_mm : (n, M) standard deviation along the
    ray, calibrated so that it contains 68 % of the validation residuals; NaN if there is no point.
    """

    points: Floats
    sd_mm: Floats


@dataclass(frozen=True)
class Refiner:
    """A model with its marker set and what its checkpoint says: ``about['sha256']``, ``about['calibration']``."""

    model: PoseFormer
    markers: MarkerSet
    about: dict[str, Any]

    @classmethod
    def load(cls, path: Path | None = None, markers: str = "landmarks") -> Refiner:
        """The checkpoint at ``path``, else the shipped one. Raises ModelError."""
        model, about = checkpoint.load(path or shipped(), markers)
        return cls(model, marker_set(model.config.markers), about)

    @property
    def sd_scale(self) -> float:
        """Calibrated factor of the network's SD."""
        return float(self.about.get("calibration", {}).get("sd_scale", 1.0))

    @property
    def interval_95(self) -> float:
        """Half the width of the 95 % interval, in standard deviations."""
        return float(self.about.get("calibration", {}).get("interval_95", 1.96))

    def refine(
        self,
        points: Floats,
        time_s: Floats,
        rate_hz: float,
        visibility: Floats | None = None,
        spread_mm: Floats | None = None,
    ) -> Refined:
        """Refine points (n, M, 3) mm in camera coordinates.

        The camera is at the origin, x right, y down, z away. NaN means missing.
        """
        if not np.isfinite(points).any():
            return Refined(np.array(points, np.float32), np.full(points.shape[:2], np.nan, np.float32))
        rate = self.model.config.node_rate_hz
        return self.refine_sequence(sequence(points, visibility, spread_mm, time_s, rate_hz, self.markers, rate))

    def refine_sequence(self, s: Sequence) -> Refined:
        """Refine a prepared sequence: correction at the nodes, then interpolation to its frames."""
        correction, sd = self._at_nodes(s)
        along = to_frames(s, correction)
        is_missing = ~np.isfinite(s.raw).all(axis=-1)
        points = s.raw + along[..., None] * s.rays
        sd_mm = to_nodes(sd, s.node_s, s.time_s) if len(s.node_s) > 1 else np.repeat(sd, len(s.time_s), 0)
        sd_mm = np.clip(sd_mm, sd.min(), sd.max()) * self.sd_scale
        points[is_missing] = np.nan
        return Refined(points.astype(np.float32), np.where(is_missing, np.nan, sd_mm).astype(np.float32))

    def _at_nodes(self, s: Sequence) -> tuple[Floats, Floats]:
        """(N, M) correction and SD in mm, the mean over windows weighted towards their middles."""
        n_frames = self.model.config.n_frames
        step = max(1, n_frames // 3)
        starts = list(range(-(n_frames // 3), len(s.points) - n_frames // 3, step))
        weight = (np.hanning(n_frames + 2)[1:-1] + 0.02)[:, None]
        total = np.zeros((2, *s.present.shape))
        weights = np.full((len(s.points), 1), 1e-9)
        for first in range(0, len(starts), _BATCH):
            some = starts[first : first + _BATCH]
            windows = [window(s, start, n_frames, self.markers) for start in some]
            for start, answer in zip(some, self._answers(s, windows), strict=True):
                index = np.arange(start, start + n_frames)
                inside = (index >= 0) & (index < len(s.points))
                total[:, index[inside]] += answer[:, inside] * weight[inside]
                weights[index[inside]] += weight[inside]
        mean = total / weights * CORRECTION_MM
        return mean[0], mean[1]

    def _answers(self, s: Sequence, windows: list[tuple[Floats, Bools]]) -> Floats:
        """(W, 2, T, M) correction and SD."""
        features = torch.from_numpy(np.stack([f for f, _ in windows]))
        present = torch.from_numpy(np.stack([p for _, p in windows]))
        body = torch.from_numpy(np.tile(s.body, (len(windows), 1)))
        device = next(self.model.parameters()).device
        with torch.inference_mode(), _one_thread():
            correction, log_sd = self.model(features.to(device), present.to(device), body.to(device))
        return torch.stack([correction, log_sd.exp()], dim=1).float().cpu().numpy()


@contextmanager
def _one_thread() -> Iterator[None]:
    """Two threads bring little at these sizes, and on a busy machine they wait for each other: a quarter of the speed."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
