"""Depth refinement: frames per second of the shipped network, and of a training step of both configurations.

Run: python benchmarks/refine.py [--seconds 5]. Prints a table; the promise is 2,000 frames/s of `small` on 2 cores.
"""

from __future__ import annotations

import argparse
import os
import time

import numpy as np
import torch

from neurostore.ingest.refine.marker_set import MarkerSet
from neurostore.ingest.refine.markers import marker_set
from neurostore.ingest.refine.model import PoseFormer, n_parameters
from neurostore.ingest.refine.refiner import Refiner
from neurostore.ingest.refine.training.dataset import WindowBatches
from neurostore.ingest.refine.training.motions import Motion
from neurostore.ingest.refine.training.terms import Terms
from neurostore.ingest.refine.training.train import read_config
from neurostore.walker.gait import normal
from neurostore.walker.walk import walk


def timed(function, seconds: float) -> tuple[float, float]:
    """Wall-clock and processor seconds per call."""
    function()
    wall, cpu, n = time.perf_counter(), time.process_time(), 0
    while n == 0 or time.perf_counter() - wall < seconds:
        function()
        n += 1
    return (time.perf_counter() - wall) / n, (time.process_time() - cpu) / n


def apply_speed(seconds: float) -> None:
    refiner = Refiner.load()
    joints = walk(normal(), n_strides=60, rate_hz=30).joints
    points = np.stack([joints[n] for n in refiner.markers.names], axis=1) * (1, -1, -1) + (0, 900, 40000)
    time_s = np.arange(len(points)) / 30.0
    noisy = points + np.random.default_rng(0).normal(0, 20, points.shape)
    wall, cpu = timed(lambda: refiner.refine(noisy, time_s, 30.0), seconds)
    print(
        f"apply small     {len(points) / wall:9,.0f} frames/s by the clock, {len(points) / cpu:9,.0f} of processor time, 1 thread"
    )


def training_speed(name: str, batch_size: int, seconds: float) -> None:
    config = read_config(name)
    markers = marker_set(config.markers)
    motions = [Motion(p, "train", p, 60.0, _made(markers), True) for p in ("a", "b")]
    source = WindowBatches(motions, markers, config.model_config(), batch_size, 1, 100)
    batch = source[0]
    _, making = timed(lambda: source[1], seconds)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = PoseFormer(config.model_config()).to(device)
    terms = Terms(markers, config.losses, device)
    batch = {k: v.to(device) for k, v in batch.items()}

    def step() -> None:
        model.zero_grad()
        terms.total(terms(batch, *model(batch["features"], batch["present"], batch["body"]))).backward()

    wall, cpu = timed(step, seconds)
    print(
        f"train {name:9s} {batch_size / wall:9,.1f} windows/s on {device}, {batch_size / cpu:9,.1f} a core; "
        f"making them {batch_size / making:7,.0f}/s a core; {n_parameters(model):,} weights"
    )


def _made(markers: MarkerSet) -> np.ndarray:
    """A walk of the marker set: walkers for the landmarks, a swinging cloud for the 59 markers (speed alone is asked)."""
    if markers.name == "landmarks":
        joints = walk(normal(), n_strides=6, rate_hz=60).joints
        return np.stack([joints[n] for n in markers.names], axis=1).astype(np.float32)
    rng = np.random.default_rng(0)
    still = rng.uniform(-500, 500, (1, len(markers.names), 3)) + np.array([0, 1000, 0])
    t = np.arange(400)[:, None, None] / 60.0
    return (still + 50 * np.sin(2 * np.pi * t)).astype(np.float32)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    given = parser.parse_args()
    print(f"{os.cpu_count()} cores, torch {torch.__version__}")
    apply_speed(given.seconds)
    training_speed("small", 32, given.seconds)
    training_speed("seed", 8, given.seconds)
