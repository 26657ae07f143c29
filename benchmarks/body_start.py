"""First poses beside OpenSim's: the share of random poses that each finds from nothing, by exact or noisy markers.

    python benchmarks/body_start.py MODEL.osim [--markers SET.xml] [--setup IK.xml] --opensim-python /path/to/venv/bin/python

Each pose is fitted by itself, as the first frame of a trial. The joints are anywhere in their ranges (``--wide`` of them)
and the root is turned in any direction. A pose counts as found if the weighted mean distance of its markers is within
``--within-mm`` of that of the true pose. The virtual environment holds ``opensim`` from PyPI (4.6).
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
from body_opensim import write_trc

from neurostore.ingest.body.forward import marker_places
from neurostore.ingest.body.ik_setup import read_ik_setup
from neurostore.ingest.body.inverse import EXACT_M
from neurostore.ingest.body.model import Model
from neurostore.ingest.body.osim import read_model
from neurostore.ingest.body.solving import solve_from
from neurostore.ingest.body.start import begin
from neurostore.ingest.body.targets import Targets, prepare

OPENSIM = """
import sys
import numpy as np
import opensim as o
o.Logger.setLevelString("Off")
model = o.Model("m.osim")
weights = o.SetMarkerWeights()
for line in open("weights.txt"):
    name, weight = line.split()
    weights.cloneAndAppend(o.MarkerWeight(name, float(weight)))
reference = o.MarkersReference("m.trc", weights)
rows = []
for t in range(int(sys.argv[1])):
    state = model.initSystem()
    solver = o.InverseKinematicsSolver(model, reference, o.SimTKArrayCoordinateReference())
    solver.setAccuracy(1e-5)
    state.setTime(t / 100)
    try:
        solver.assemble(state)
    except Exception:
        pass
    rows.append([c.getValue(state) for c in model.getCoordinateSet()])
np.save("q.npy", np.array(rows))
print(*[c.getName() for c in model.getCoordinateSet()])
"""


def poses(model: Model, options: argparse.Namespace, rng: np.random.Generator) -> np.ndarray:
    """Random coordinates (n, Q)."""
    n = options.poses
    out = np.tile([c.default for c in model.coordinates], (n, 1)).astype(float)
    root = {c for j in model.joints if j.parent == "ground" for c in j.coordinates}
    for i, c in enumerate(model.coordinates):
        if c.is_locked or c.prescribed is not None:
            continue
        if c.name in root and not options.near:
            out[:, i] = rng.uniform(-np.pi, np.pi, n) if c.is_rotational else rng.uniform(-1, 1, n)
        else:
            low, high = (max(c.minimum, -2.6), min(c.maximum, 2.6)) if not options.near else (-0.4, 0.4)
            if low < high:
                out[:, i] = (low + high) / 2 + options.wide * (high - low) * rng.uniform(-0.5, 0.5, n)
    return out


def opensim(model: Model, names: list[str], places: np.ndarray, weights: np.ndarray, python: Path) -> np.ndarray:
    """OpenSim's coordinates (n, Q) of each pose."""
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder)
        (at / "m.osim").write_text(model.text)
        (at / "weights.txt").write_text("".join(f"{n} {w}\n" for n, w in zip(names, weights, strict=True)))
        write_trc(at / "m.trc", names, places)
        call = [str(python), "-c", OPENSIM, str(len(places))]
        out = subprocess.run(call, capture_output=True, text=True, check=True, cwd=at).stdout
        columns, rows = out.strip().splitlines()[-1].split(), np.load(at / "q.npy")
    return rows[:, [columns.index(n) for n in model.coordinate_names]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--markers", type=Path)
    parser.add_argument("--setup", type=Path, help="IK set-up with the marker weights; 1 without")
    parser.add_argument("--opensim-python", type=Path, required=True)
    parser.add_argument("--poses", type=int, default=80)
    parser.add_argument("--wide", type=float, default=0.9)
    parser.add_argument("--near", action="store_true", help="every coordinate within 0.4 of 0, the root too")
    parser.add_argument("--noise-mm", type=float, default=0.0)
    parser.add_argument("--within-mm", type=float, default=0.5)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    model = read_model(options.model, options.markers)
    weights = read_ik_setup(options.setup).markers if options.setup else {m.name: 1.0 for m in model.markers}
    names = [m.name for m in model.markers if m.name in weights]
    w = np.array([weights[n] for n in names])
    true = poses(model, options, rng)
    places = marker_places(model, true, names)
    places = places + rng.normal(size=places.shape) * options.noise_mm / 1000
    prepared = prepare(
        model, Targets({n: places[:, k] for k, n in enumerate(names)}, weights={n: weights[n] for n in names})
    )

    def miss_mm(q: np.ndarray) -> np.ndarray:
        off = (w * ((marker_places(model, q, names) - places) ** 2).sum(axis=2)).sum(axis=1)
        return np.asarray(1000 * np.sqrt(off / w.sum()))

    def solved(frame: int, start: np.ndarray) -> np.ndarray:
        return solve_from(prepared.of(slice(frame, frame + 1)), start, 200)[0][0]

    frames = range(options.poses)
    begin(prepared.of(slice(0, 1)), EXACT_M)  # compiled
    began = time.process_time()
    ours = np.array([solved(f, begin(prepared.of(slice(f, f + 1)), EXACT_M)) for f in frames])
    seconds = time.process_time() - began
    default = np.array([solved(f, prepared.held[f]) for f in frames])
    theirs = opensim(model, names, places, w, options.opensim_python)
    least = miss_mm(np.array([solved(f, true[f]) for f in frames]))
    found = {"ours": ours, "ours from the default pose": default, "OpenSim": theirs}
    missed = {name: miss_mm(q) for name, q in found.items()}
    print(
        f"{model.name}: {len(names)} markers, {options.poses} poses, noise {options.noise_mm:g} mm; {1000 * seconds / options.poses:.1f} ms a pose"
    )
    for name, miss in missed.items():
        hit = miss <= least + options.within_mm
        print(
            f"  {name:28s} found {hit.sum()} of {len(hit)}; markers median {np.median(miss):.2f} mm, worst {miss.max():.1f} mm"
        )
    worse = missed["ours"] > missed["OpenSim"] + options.within_mm
    print(
        f"  ours worse than OpenSim's in {worse.sum()}, better in {(missed['ours'] < missed['OpenSim'] - options.within_mm).sum()}"
    )


if __name__ == "__main__":
    main()
