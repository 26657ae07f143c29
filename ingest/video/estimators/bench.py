"""How fast a pose model is on this machine, and whether its device gives the same poses as the CPU."""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from neurostore.errors import InputError, UsageError
from neurostore.ingest.video import decode
from neurostore.ingest.video.camera import camera_of
from neurostore.ingest.video.contract import Detection, EstimatorOptions
from neurostore.ingest.video.estimate import loaded
from neurostore.ingest.video.models import inspection

_WARM_UP_BATCHES = 2


def bench(
    path: Path | str, estimator: str, given: dict[str, Any], *, n_frames: int = 120, compare_cpu: bool = False
) -> dict[str, Any]:
    """Run a model on frames held in memory.

    Returns
    -------
    latency of a batch in ms (mean, p50, p95, p99) after two batches of warm-up, frames per second, peak memory in MB,
    device, load time; with ``compare_cpu`` the largest difference of any joint in mm between the device and the CPU.

    Raises
    ------
    InputError : the video has no frame. UsageError : compare_cpu for an estimator that only runs on the CPU.
    """
    options = EstimatorOptions.of(given)
    info = decode.probe(path)
    frames = []
    for frame in decode.frames(path, fps=options.fps):
        frames.append(frame)
        if len(frames) == n_frames:
            break
    if not frames:
        raise InputError(path, "has no frame")
    start = time.perf_counter()
    model = loaded(estimator, options)
    load_s = time.perf_counter() - start
    camera = camera_of({}, info.width, info.height, path)
    batches = list(decode.batches(iter(frames), options.batch_size))
    if compare_cpu and estimator != "metrabs":
        raise UsageError(f"{estimator} runs on the CPU only: there is nothing to compare")
    detections, latency = _run(model, info, camera, batches)
    per_batch = np.array(latency) * 1000
    report = {
        "estimator": model.name,
        "model": model.model_name,
        "model_sha256": model.model_sha256,
        "version": model.version,
        "device": model.device,
        "video": f"{info.width}x{info.height} {info.codec}",
        "frames": len(frames),
        "batch_size": options.batch_size,
        "load_s": round(load_s, 2),
        "latency_ms": {
            "mean": round(float(per_batch.mean()), 2),
            **{f"p{q}": round(float(np.percentile(per_batch, q)), 2) for q in (50, 95, 99)},
        },
        "frames_per_s": round(len(frames) / float(np.sum(latency)), 2),
        "peak_memory_mb": round(peak_memory_mb()),
    }
    if compare_cpu:
        with inspection.import_tensorflow().device("/CPU:0"):
            on_cpu, cpu_latency = _run(model, info, camera, batches)
        report["cpu_frames_per_s"] = round(len(frames) / float(np.sum(cpu_latency)), 2)
        report["largest_difference_mm"], report["frames_with_other_persons"] = difference(detections, on_cpu)
    return report


def _run(
    model: Any, info: decode.VideoInfo, camera: Any, batches: list[Any]
) -> tuple[list[list[Detection]], list[float]]:
    warm = model.session(info, camera)
    for batch in batches[:_WARM_UP_BATCHES]:
        warm.detect(batch)
    warm.close()
    session = model.session(info, camera)
    detections, latency = [], []
    for batch in batches:
        start = time.perf_counter()
        detections += session.detect(batch)
        latency.append(time.perf_counter() - start)
    session.close()
    return detections, latency


def difference(a: list[list[Detection]], b: list[list[Detection]]) -> tuple[float, int]:
    """(largest distance in mm of a joint between two runs, frames in which another number of persons was found)."""
    largest, n_other = 0.0, 0
    for ours, theirs in zip(a, b, strict=True):
        if len(ours) != len(theirs):
            n_other += 1
            continue
        for one in ours:  # detections have no order: compare each with the nearest
            distances = [np.nanmax(np.linalg.norm(one.positions[0] - o.positions[0], axis=1)) for o in theirs]
            largest = max(largest, float(min(distances)))
    return round(largest, 4), n_other


def peak_memory_mb() -> float:
    """Largest resident memory of this process so far."""
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss would include the process that started this one
        return int(status.read_text().split("VmHWM:")[1].split()[0]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20) if sys.platform == "darwin" else peak / 1024
