"""From the best state of a run to a checkpoint to hand out: uncertainty calibrated, people named, half floats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from neurostore.errors import UsageError
from neurostore.ingest.refine import checkpoint
from neurostore.ingest.refine.markers import marker_set
from neurostore.ingest.refine.refiner import Refiner
from neurostore.ingest.refine.training.evaluate import calibration
from neurostore.ingest.refine.training.motions import Motion

_KEPT = ("training", "data_sha256", "step", "validation_depth_error_mm")


def finish(best: Path, motions: list[Motion], out: Path, metrics: dict[str, Any] | None = None) -> Path:
    """Write the weights of ``best`` as float16 to ``out``, with people, calibration and metrics.

    motions : those trained and validated on. Raises UsageError if there is no one to calibrate on.
    """
    model, about = checkpoint.load(best)
    markers = marker_set(model.config.markers)
    people = {s: sorted({m.person for m in motions if m.split == s}) for s in ("train", "validation")}
    kept = {k: about[k] for k in _KEPT if k in about} | {"people": people, "noise": _noise()}
    kept["source_sha256"] = sorted(m.source_sha256 for m in motions if m.split in people)
    held = [m for m in motions if m.split == "validation"]
    if not held:
        raise UsageError("no person to calibrate the uncertainty on: no motion of split 'validation' is here")
    # Enough cameras for about forty trials, because there are few people for validation.
    calibrated = calibration(held, Refiner(model, markers, {**about, "calibration": {}}), max(2, 40 // (4 * len(held))))
    checkpoint.save(out, model, {**kept, "calibration": calibrated, "metrics": metrics or {}}, dtype=torch.float16)
    return out


def _noise() -> dict[str, Any]:
    from dataclasses import asdict

    from neurostore.ingest.refine.training.evaluate import PROTOCOLS

    noise = {name: asdict(PROTOCOLS[name]) for name in ("independent", "correlated", "measured")}
    bones = noise["measured"]["bones"]
    noise["measured"]["bones"] = {part: list(error.values()) for part, error in bones.items()}
    return noise
