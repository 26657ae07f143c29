"""Preview of the training data: pairs as a table, or windows as files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neurostore.errors import UsageError
from neurostore.ingest.refine.markers import marker_set
from neurostore.ingest.refine.training.dataset import WindowBatches, random_pair
from neurostore.ingest.refine.training.measures import bone_length_cv, depth_residual
from neurostore.ingest.refine.training.shards import write
from neurostore.ingest.refine.training.sources import read_motions

if TYPE_CHECKING:
    from neurostore.ingest.refine.training.train import TrainConfig


def pairs(data: Path, config: TrainConfig, n: int, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """A row for each of n made pairs: who, how long, how noisy. The same from the same seed."""
    markers = marker_set(config.markers)
    motions = read_motions(data, markers, say=say)
    if not motions:
        raise UsageError(f"{data}: no motion could be read")
    rows = []
    for k in range(n):
        rng = np.random.default_rng([config.seed, k])
        motion = motions[int(rng.integers(len(motions)))]
        pair = random_pair(motion, markers, config.model_config().node_rate_hz, rng, config.noise)
        residual = depth_residual(pair.noisy.raw, pair.truth)
        rows.append(
            {
                "person": motion.person,
                "split": motion.split,
                "source": motion.source,
                "n_frames": len(pair.truth),
                "rate_hz": round((len(pair.truth) - 1) / float(pair.noisy.time_s[-1]), 3),
                "depth_error_mean_mm": float(np.nanmean(np.abs(residual))),
                "bone_length_cv": bone_length_cv(pair.noisy.raw, markers),
                "visibility": float(np.mean(pair.noisy.visibility)),
            }
        )
    return rows


def write_windows(data: Path, config: TrainConfig, out: Path, n_batches: int, say: Callable[[str], None]) -> None:
    """Training windows of n batches, and a tenth as many for validation, as shards."""
    from neurostore.ingest.refine.training.train import check_people, data_hash

    markers, model = marker_set(config.markers), config.model_config()
    motions = read_motions(data, markers, ("train", "validation"), say=say)
    split = {s: [m for m in motions if m.split == s] for s in ("train", "validation")}
    check_people(split)
    sizes = {"train": n_batches, "validation": max(1, n_batches // 10)}
    parts = {
        s: WindowBatches(split[s], markers, model, config.batch_size, config.seed, n, mixture=config.noise)
        for s, n in sizes.items()
    }
    write(parts, out, data_hash(motions))
    say(f"{n_batches * config.batch_size:,} windows in {out}")
