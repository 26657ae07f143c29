"""Inverse kinematics beside OpenSim's own tool: the same model, markers and weights; speed on one core, and agreement.

    python benchmarks/body_opensim.py MODEL.osim --markers SET.xml --opensim-python /path/to/venv/bin/python

The virtual environment holds ``opensim`` from PyPI (4.6). Markers are those of a simulated movement of the model with
noise, with random weights or with the markers, weights and coordinate tasks of an IK set-up (``--setup``). Both sides
read the same files. ``cost`` is the sum of weighted squares that both minimise: below 1, ours ends lower.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

from neurostore.ingest.body.forward import marker_places
from neurostore.ingest.body.ik_setup import read_ik_setup
from neurostore.ingest.body.inverse import fit
from neurostore.ingest.body.model import Model
from neurostore.ingest.body.osim import read_model

OPENSIM = """
import sys, time
import opensim as o
o.Logger.setLevelString("Off")
model, trc, setup, out, accuracy = sys.argv[1:6]
tool = o.InverseKinematicsTool(setup)
m = o.Model(model)
m.initSystem()
tool.setModel(m)
tool.setMarkerDataFileName(trc)
tool.setOutputMotionFileName(out)
tool.setResultsDir(".")
tool.set_accuracy(float(accuracy))
tool.set_report_errors(False)
data = o.MarkerData(trc)
tool.setStartTime(data.getStartFrameTime())
tool.setEndTime(data.getLastFrameTime())
start = time.process_time()
tool.run()
print("seconds", time.process_time() - start)
"""


def setup_of(weights: dict[str, float]) -> str:
    """An IK set-up of marker tasks."""
    tasks = "".join(
        f'<IKMarkerTask name="{n}"><apply>true</apply><weight>{w:g}</weight></IKMarkerTask>' for n, w in weights.items()
    )
    return (
        '<OpenSimDocument Version="40000"><InverseKinematicsTool name="ik"><IKTaskSet><objects>'
        f"{tasks}</objects></IKTaskSet></InverseKinematicsTool></OpenSimDocument>"
    )


def movement(model: Model, n: int, rng: np.random.Generator, drawn: dict[str, float]) -> np.ndarray:
    """Slow waves of every coordinate inside its limits, (n, Q); a coordinate with a task stays within 3 degrees of it."""
    values = np.tile([c.default for c in model.coordinates], (n, 1)).astype(float)
    t = np.arange(n) / 100
    for i, c in enumerate(model.coordinates):
        if c.is_locked or c.prescribed is not None:
            continue
        low, high = (c.minimum, c.maximum) if c.is_clamped else (-0.5, 0.5)
        low, high = max(low, -0.8), min(high, 0.8)
        if c.name in drawn:
            low, high = drawn[c.name] - 0.15, drawn[c.name] + 0.15
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
    parser.add_argument("--setup", type=Path, help="IK set-up with the tasks; random marker weights without")
    parser.add_argument("--opensim-python", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--noise-mm", type=float, default=3.0)
    parser.add_argument("--accuracy", default="1e-5")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    model = read_model(options.model, options.markers)
    names = [m.name for m in model.markers]
    setup = setup_of({name: float(rng.integers(1, 10)) for name in names})
    if options.setup is not None:
        setup = options.setup.read_text()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "ik.xml").write_text(setup)
        wanted = read_ik_setup(Path(folder) / "ik.xml")
    default = {c.name: c.default for c in model.coordinates}
    true = movement(
        model,
        options.frames,
        rng,
        {n: default[n] if t.value is None else t.value for n, t in wanted.coordinates.items()},
    )
    places = marker_places(model, true)
    places = places + rng.normal(size=places.shape) * options.noise_mm / 1000
    kept = [k for k, n in enumerate(names) if n in wanted.markers]
    names, places = [names[k] for k in kept], places[:, kept]
    targets = wanted.targets(model, {n: places[:, k] for k, n in enumerate(names)})
    fit(model, targets)  # compiled
    seconds = []
    for _ in range(3):
        start = time.process_time()
        ours = fit(model, targets)
        seconds.append(time.process_time() - start)
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder)
        (at / "m.osim").write_text(model.text)
        (at / "ik.xml").write_text(setup)
        write_trc(at / "m.trc", names, places)
        call = [
            options.opensim_python,
            "-c",
            OPENSIM,
            at / "m.osim",
            at / "m.trc",
            at / "ik.xml",
            at / "o.mot",
            options.accuracy,
        ]
        out = subprocess.run([str(c) for c in call], capture_output=True, text=True, check=True, cwd=at).stdout
        theirs_s = float(out.split("seconds")[1])
        columns, rows = read_mot(at / "o.mot")
        write_trc(at / "m.trc", names, places + rng.normal(size=places.shape) * 1e-9)
        subprocess.run([str(c) for c in call], capture_output=True, text=True, check=True, cwd=at)
        _, again = read_mot(at / "o.mot")
    turn = {c.name: np.pi / 180 if c.is_rotational else 1.0 for c in model.coordinates}
    theirs = np.stack([rows[:, columns.index(n)] * turn[n] for n in model.coordinate_names], axis=1)
    w = np.array([wanted.markers[n] for n in names])
    drawn = {
        model.coordinate_names.index(n): (v, targets.coordinate_weights[n]) for n, v in targets.coordinates.items()
    }

    def cost(values: np.ndarray) -> np.ndarray:
        total = (w * ((marker_places(model, values, names) - places) ** 2).sum(axis=2)).sum(axis=1)
        return np.asarray(total + sum(weight * (values[:, i] - v) ** 2 for i, (v, weight) in drawn.items()))

    n = options.frames
    print(
        f"{model.name}: {model.n_freedoms} freedoms, {len(names)} markers, {len(drawn)} coordinate tasks, {n} frames, "
        f"noise {options.noise_mm:g} mm"
    )
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
