"""Inverse kinematics beside OpenSim's own tool: the same model, markers and weights; speed on one core, and agreement.

    python benchmarks/body_opensim.py MODEL.osim --markers SET.xml --opensim-python /path/to/venv/bin/python

The virtual environment holds ``opensim`` from PyPI (4.6). Markers are those of a made-up movement of the model with
noise, or of a TRC file of theirs. Both sides read the same files. ``cost`` is the sum of weighted squares that both
minimise: below 1, ours ends lower.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import json
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

from neurostore.ingest.body.forward import marker_places
from neurostore.ingest.body.inverse import fit
from neurostore.ingest.body.model import Model
from neurostore.ingest.body.osim import read_model
from neurostore.ingest.body.targets import Targets

OPENSIM = """
import json, sys, time
import opensim as o
o.Logger.setLevelString("Off")
model, trc, weights, out, accuracy = sys.argv[1:6]
tool = o.InverseKinematicsTool()
m = o.Model(model)
m.initSystem()
tool.setModel(m)
tool.setMarkerDataFileName(trc)
tool.setOutputMotionFileName(out)
tool.set_accuracy(float(accuracy))
tool.set_report_errors(False)
for name, weight in json.load(open(weights)).items():
    task = o.IKMarkerTask()
    task.setName(name)
    task.setApply(True)
    task.setWeight(weight)
    tool.upd_IKTaskSet().cloneAndAppend(task)
data = o.MarkerData(trc)
tool.setStartTime(data.getStartFrameTime())
tool.setEndTime(data.getLastFrameTime())
start = time.perf_counter()
tool.run()
print("seconds", time.perf_counter() - start)
"""


def movement(model: Model, n: int, rng: np.random.Generator) -> np.ndarray:
    """Slow waves of every coordinate inside its limits, (n, Q)."""
    values = np.tile([c.default for c in model.coordinates], (n, 1)).astype(float)
    t = np.arange(n) / 100
    for i, c in enumerate(model.coordinates):
        if c.is_locked or c.prescribed is not None:
            continue
        low, high = (c.minimum, c.maximum) if c.is_clamped else (-0.5, 0.5)
        low, high = max(low, -0.8), min(high, 0.8)
        wave = np.sin(2 * np.pi * (rng.uniform(0.3, 1.0) * t + rng.uniform()))
        values[:, i] = (low + high) / 2 + 0.35 * (high - low) * wave
    return values


def write_trc(path: Path, names: list[str], places: np.ndarray) -> None:
    n = len(places)
    head = [
        f"PathFileType\t4\t(X/Y/Z)\t{path.name}",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames",
        f"100\t100\t{n}\t{len(names)}\tm\t100\t1\t{n}",
        "Frame#\tTime\t" + "\t".join(f"{name}\t\t" for name in names),
        "\t\t" + "\t".join(f"X{k + 1}\tY{k + 1}\tZ{k + 1}" for k in range(len(names))),
        "",
    ]
    rows = [
        f"{t + 1}\t{t / 100:.6f}\t" + "\t".join(f"{v:.9f}" for v in row) for t, row in enumerate(places.reshape(n, -1))
    ]
    path.write_text("\n".join([*head, *rows, ""]))


def read_mot(path: Path) -> tuple[list[str], np.ndarray]:
    lines = path.read_text().split("endheader\n")[1].splitlines()
    return lines[0].split(), np.array([line.split() for line in lines[1:]], dtype=float)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--markers", type=Path)
    parser.add_argument("--opensim-python", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--noise-mm", type=float, default=3.0)
    parser.add_argument("--accuracy", default="1e-5")
    said = parser.parse_args()
    rng = np.random.default_rng(0)
    model = read_model(said.model, said.markers)
    names = [m.name for m in model.markers]
    true = movement(model, said.frames, rng)
    places = marker_places(model, true)
    places = places + rng.normal(size=places.shape) * said.noise_mm / 1000
    weights = {name: float(rng.integers(1, 10)) for name in names}
    targets = Targets({n: places[:, k] for k, n in enumerate(names)}, weights)
    fit(model, targets)  # compiled
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        ours = fit(model, targets)
        seconds.append(time.perf_counter() - start)
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder)
        (at / "m.osim").write_text(model.text)
        (at / "w.json").write_text(json.dumps(weights))
        write_trc(at / "m.trc", names, places)
        call = [
            said.opensim_python,
            "-c",
            OPENSIM,
            at / "m.osim",
            at / "m.trc",
            at / "w.json",
            at / "o.mot",
            said.accuracy,
        ]
        out = subprocess.run([str(c) for c in call], capture_output=True, text=True, check=True, cwd=at).stdout
        theirs_s = float(out.split("seconds")[1])
        columns, rows = read_mot(at / "o.mot")
        write_trc(at / "m.trc", names, places + rng.normal(size=places.shape) * 1e-9)
        subprocess.run([str(c) for c in call], capture_output=True, text=True, check=True, cwd=at)
        _, again = read_mot(at / "o.mot")
    turn = {c.name: np.pi / 180 if c.is_rotational else 1.0 for c in model.coordinates}
    theirs = np.stack([rows[:, columns.index(n)] * turn[n] for n in model.coordinate_names], axis=1)
    w = np.array([weights[n] for n in names])

    def cost(values: np.ndarray) -> np.ndarray:
        return np.asarray((w * ((marker_places(model, values) - places) ** 2).sum(axis=2)).sum(axis=1))

    n = said.frames
    print(f"{model.name}: {model.n_freedoms} freedoms, {len(names)} markers, {n} frames, noise {said.noise_mm:g} mm")
    print(
        f"ours     {n / min(seconds):9.0f} frames/s   steps {ours.steps.mean():.1f}   markers {1000 * np.mean(ours.rms_m):.2f} mm RMS"
    )
    print(f"OpenSim  {n / theirs_s:9.0f} frames/s   ratio {theirs_s / min(seconds):.0f}")
    ratio = cost(ours.filled) / np.maximum(cost(theirs), 1e-300)
    print(
        f"cost ours/OpenSim: mean {ratio.mean():.4f}, largest {ratio.max():.4f}; lower in {np.mean(ratio <= 1):.1%} of frames"
    )
    itself = np.sqrt(np.mean((again - rows) ** 2, axis=0))[1:]
    worst_of_all = int(np.argmax(itself))
    print(
        f"OpenSim less OpenSim with markers moved by 1 nm: RMSE median {np.median(itself[itself > 0]):.3f}, "
        f"worst {itself[worst_of_all]:.3f} ({columns[worst_of_all + 1]})"
    )
    free = [
        i for i, c in enumerate(model.coordinates) if np.isfinite(ours.values[:, i]).all() and c.motion != "coupled"
    ]
    for label, values in (("OpenSim", theirs), ("the movement", true)):
        worst = sorted(
            (float(np.sqrt(np.mean((ours.values[:, i] - values[:, i]) ** 2))) / turn[model.coordinate_names[i]], i)
            for i in free
        )
        middle, last = worst[len(worst) // 2], worst[-1]
        print(
            f"ours less {label}: RMSE median {middle[0]:.3f}, worst {last[0]:.3f} ({model.coordinate_names[last[1]]})"
        )
    off = [float(np.sqrt(np.mean((theirs[:, i] - true[:, i]) ** 2))) / turn[model.coordinate_names[i]] for i in free]
    print(f"OpenSim less the movement: RMSE median {np.median(off):.3f}, worst {max(off):.3f}")


if __name__ == "__main__":
    main()
