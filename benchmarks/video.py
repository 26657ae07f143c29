"""Videos: the whole way against the bare model, memory in the length of the video, accuracy on known markers.

    python benchmarks/video.py [VIDEO] [--minutes 3]

The promise: decoding, inference and tracking together reach 0.95 of the rate of the bare model fed from memory, and
memory does not grow with the length of the video. Each measurement runs in a process of its own; the two rates take
turns.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np


def bare(path: str, estimator: str) -> dict[str, float]:
    """The model alone: pictures decoded beforehand, one session, no tracking."""
    from neurostore.ingest import video
    from neurostore.ingest.camera import camera_of
    from neurostore.ingest.estimators import EstimatorOptions, loaded

    options = EstimatorOptions()
    info = video.probe(path)
    pictures = list(video.pictures(path))
    session = loaded(estimator, options).session(info, camera_of({}, info.width, info.height))
    cpu, start = time.process_time(), time.perf_counter()
    for batch in video.batches(iter(pictures), options.batch_size):
        session.detect(batch)
    seconds = time.perf_counter() - start
    return {"pictures_per_s": len(pictures) / seconds, "cpu_s": time.process_time() - cpu}


def whole(path: str, estimator: str) -> dict[str, float]:
    """From the file to a recording: decode, estimate, track, mend, turn. The model's start is not counted."""
    from neurostore.ingest import video
    from neurostore.ingest.camera import camera_of
    from neurostore.ingest.estimators import EstimatorOptions, estimate, loaded
    from neurostore.ingest.estimators.bench import peak_memory_mb

    info = video.probe(path)
    loaded(estimator, EstimatorOptions()).session(info, camera_of({}, info.width, info.height)).close()
    cpu, start = time.process_time(), time.perf_counter()
    recording = estimate(path, estimator=estimator)
    seconds = time.perf_counter() - start
    n = len(np.unique(recording.poses[0].frame))
    return {"pictures_per_s": n / seconds, "cpu_s": time.process_time() - cpu, "peak_mb": peak_memory_mb()}


def decoding(path: str, estimator: str) -> dict[str, float]:
    """Memory of decoding alone, over the whole length."""
    from neurostore.ingest import video
    from neurostore.ingest.estimators.bench import peak_memory_mb

    cpu, start = time.process_time(), time.perf_counter()
    with video.ahead(video.batches(video.pictures(path), 8), 2) as batches:
        n = sum(len(batch) for batch in batches)
    rate = n / (time.perf_counter() - start)
    return {"pictures": n, "pictures_per_s": rate, "cpu_s": time.process_time() - cpu, "peak_mb": peak_memory_mb()}


MEASUREMENTS = {"bare": bare, "whole": whole, "decoding": decoding}


def measured(name: str, path: str, estimator: str) -> dict[str, float]:
    """Run a measurement in a fresh process."""
    command = [sys.executable, __file__, "--measure", name, path, "--estimator", estimator]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def repeated(path: str, n_times: int, target: Path) -> Path:
    """The video's packets n times over: a long file without encoding it again."""
    import av

    with av.open(path) as source, av.open(str(target), "w") as container:
        stream = container.add_stream_from_template(source.streams.video[0])
        packets = [p for p in source.demux(source.streams.video[0]) if p.dts is not None]
        span = max(p.pts + (p.duration or 1) for p in packets)
        for i in range(n_times):
            source.seek(0)
            for packet in source.demux(source.streams.video[0]):
                if packet.dts is not None:
                    packet.pts += i * span
                    packet.dts += i * span
                    packet.stream = stream
                    container.mux(packet)
    return target


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    shared = os.environ.get("NEUROSTORE_SHARED", "shared")
    parser.add_argument("video", nargs="?", default=f"{shared}/data/video/sports2d_demo.mp4")
    parser.add_argument("--estimator", default="mediapipe")
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--measure", choices=MEASUREMENTS)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(MEASUREMENTS[given.measure](given.video, given.estimator)))
        return
    rows: list[tuple[str, str, str]] = []
    runs = [(measured("bare", given.video, given.estimator), measured("whole", given.video, given.estimator))
            for _ in range(given.runs)]  # fmt: skip
    for name, i in (("bare model", 0), ("whole way", 1)):
        rates = [run[i]["pictures_per_s"] for run in runs]
        cpu = np.median([run[i]["cpu_s"] for run in runs])
        rows.append((f"{given.estimator}: {name}", f"{np.median(rates):.1f} pictures/s", f"{cpu:.1f} s of CPU"))
    ratio = np.median([w["pictures_per_s"] / b["pictures_per_s"] for b, w in runs])
    rows.append(("ratio", f"{ratio:.2f}", "promised 0.95"))
    once = measured("decoding", given.video, given.estimator)
    by_cpu = np.median([b["cpu_s"] / (w["cpu_s"] - once["cpu_s"]) for b, w in runs])
    rows.append(("ratio by CPU, decoding taken off", f"{by_cpu:.2f}", "for a machine that is not idle"))
    rows.append(("peak memory, whole way", f"{max(w['peak_mb'] for _, w in runs):.0f} MB", ""))
    with tempfile.TemporaryDirectory() as folder:
        n_times = max(2, round(given.minutes * 60 * 30 / once["pictures"]))
        long = repeated(given.video, n_times, Path(folder) / "long.mp4")
        many = measured("decoding", str(long), given.estimator)
    for label, got in (("once", once), (f"{n_times} times over", many)):
        rows.append((f"decoding {label}", f"{got['pictures_per_s']:.0f} pictures/s", f"peak {got['peak_mb']:.0f} MB"))
    width = max(len(row[0]) for row in rows)
    for row in rows:
        print(f"{row[0]:<{width}}  {row[1]:>18}  {row[2]}")


if __name__ == "__main__":
    main()
