"""Registered markers beside OpenSim's ScaleTool: the same model, static trial and set-up; places of the markers compared.

    python benchmarks/body_placer.py MODEL.osim SCALE.xml --markers SET.xml --opensim-python /path/to/venv/bin/python

The virtual environment holds ``opensim`` from PyPI (4.6). The static trial is made up: the model with other body sizes,
markers moved by about ``--offset-mm``, a pose near the default one, sway and noise. The MarkerPlacer of the set-up is
switched on; both sides read the same files. Both are also compared with the true places.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import json
import subprocess
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
from body_opensim import write_trc

from neurostore.ingest.body.elements import numbers, text_of
from neurostore.ingest.body.forward import marker_places
from neurostore.ingest.body.inverse import fit
from neurostore.ingest.body.marker_placer import Placer, on_bodies, register
from neurostore.ingest.body.model import Model
from neurostore.ingest.body.osim import parse_model, read_model
from neurostore.ingest.body.scale_setup import factors_by_body, measure, read_scale_setup
from neurostore.ingest.body.scaling import scale_model
from neurostore.ingest.body.time_range import frames_within

OPENSIM = """
import sys
import opensim as o
o.Logger.setLevelString("Off")
sys.exit(0 if o.ScaleTool(sys.argv[1]).run() else 1)
"""

#: the MarkerPlacer alone, on the model that the tool has scaled, from a given pose
FROM_POSE = """
import json, sys
import opensim as o
o.Logger.setLevelString("Off")
model = o.Model("scaled.osim")
for name, value in json.load(open("pose.json")).items():
    model.updCoordinateSet().get(name).setDefaultValue(value)
model.initSystem()
tool = o.ScaleTool("again.xml")
sys.exit(0 if tool.getMarkerPlacer().processModel(model, "./") else 1)
"""


def with_values(text: str, values: dict[str, float]) -> str:
    """The set-up whose coordinate tasks state their values, and which writes again.osim."""
    root = ET.fromstring(text)
    for task in root.findall(".//MarkerPlacer/IKTaskSet/objects/IKCoordinateTask"):
        for name, value in (("value_type", "manual_value"), ("value", repr(values.get(task.get("name", ""), 0.0)))):
            child = task.find(name)
            (ET.SubElement(task, name) if child is None else child).text = value
    for name, value in (("output_model_file", "again.osim"), ("output_motion_file", "again.sto")):
        child = root.find(f".//MarkerPlacer/{name}")
        assert child is not None
        child.text = value
    return ET.tostring(root, encoding="unicode")


def set_up(source: Path, time_s: tuple[float, float], every: list[str]) -> str:
    """The set-up with both parts applied to the files m.osim and m.trc beside it, in this time.

    every : markers that get a task of weight 1 instead of the set-up's marker tasks.
    """
    root = ET.parse(source).getroot()
    wanted = {
        ".//GenericModelMaker": {"model_file": "m.osim", "marker_set_file": "Unassigned"},
        ".//ModelScaler": {
            "apply": "true",
            "marker_file": "m.trc",
            "output_model_file": "scaled.osim",
            "output_scale_file": "factors.xml",
        },
        ".//MarkerPlacer": {"apply": "true", "marker_file": "m.trc", "output_model_file": "placed.osim"},
    }
    wanted[".//MarkerPlacer"]["output_motion_file"] = "pose.sto"
    for place, values in wanted.items():
        part = root.find(place)
        assert part is not None, f"{source} holds no {place[3:]}"
        if "marker_file" in values:
            values["time_range"] = f"{time_s[0]} {time_s[1]}"
        for name, text in values.items():
            child = part.find(name)
            (ET.SubElement(part, name) if child is None else child).text = text
    tasks = root.find(".//MarkerPlacer/IKTaskSet/objects")
    assert tasks is not None
    for task in tasks.findall("IKMarkerTask") if every else []:
        tasks.remove(task)
    for name in every:
        task = ET.SubElement(tasks, "IKMarkerTask", {"name": name})
        ET.SubElement(task, "apply").text, ET.SubElement(task, "weight").text = "true", "1"
    return ET.tostring(root, encoding="unicode")


def static_of(model: Model, factors: dict[str, np.ndarray], options: argparse.Namespace) -> tuple[Model, np.ndarray]:
    """The person, markers on the skin, and their static trial (T, M, 3) in metres."""
    rng = np.random.default_rng(options.seed)
    person = scale_model(model, factors)
    away = rng.normal(size=(len(person.markers), 3)) * options.offset_mm / 1000 / np.sqrt(3)
    places = {m.name: m.location + (0 if m.is_fixed else 1) * away[k] for k, m in enumerate(person.markers)}
    person = scale_model(person, {}, places)
    pose = np.array([c.default for c in person.coordinates])
    sway = np.zeros((options.frames, len(pose)))
    for i, c in enumerate(person.coordinates):
        if not c.is_locked and c.prescribed is None:
            pose[i] += rng.normal() * options.pose_rad
            sway[:, i] = 0.005 * np.sin(np.arange(options.frames) / 20 + rng.uniform(0, 6))
    at = marker_places(person, pose + sway)
    return person, at + rng.normal(size=at.shape) * options.noise_mm / 1000


def read_pose(path: Path, model: Model) -> np.ndarray:
    """The coordinates (1, Q) of the pose that OpenSim found."""
    names, row = (line.split() for line in path.read_text().split("endheader\n")[1].splitlines()[:2])
    values = {name.split("/")[-2]: float(v) for name, v in zip(names, row, strict=True) if name.endswith("/value")}
    return np.array([[values[c.name] for c in model.coordinates]])


def our_pose(
    model: Model, placer: Placer, points: dict[str, np.ndarray], theirs: np.ndarray
) -> tuple[np.ndarray, dict[str, float], float, float]:
    """Our pose (1, Q), the values of the coordinate tasks, and what the tasks minimise, in mm²: at our pose and at OpenSim's."""
    means = {n: p.mean(axis=0)[None] for n, p in points.items() if n in placer.tasks.markers}
    targets = placer.tasks.targets(model, means)
    index = {c.name: i for i, c in enumerate(model.coordinates)}
    total = sum(placer.tasks.markers[n] for n in means)

    def cost(q: np.ndarray) -> float:
        at = marker_places(model, q, list(means))[0]
        off = sum(placer.tasks.markers[n] * ((at[k] - means[n][0]) ** 2).sum() for k, n in enumerate(means)) / total
        drawn = sum(
            placer.tasks.coordinates[n].weight * (q[0, index[n]] - v) ** 2 for n, v in targets.coordinates.items()
        )
        return float(1e6 * (off + drawn))

    ours = fit(model, targets, np.zeros(1)).filled
    return ours, dict(targets.coordinates), cost(ours), cost(theirs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("setup", type=Path, help="ScaleTool set-up with a MarkerPlacer")
    parser.add_argument("--markers", type=Path)
    parser.add_argument("--opensim-python", type=Path, required=True)
    parser.add_argument("--every", action="store_true", help="fit every marker with weight 1, not as the set-up says")
    parser.add_argument("--loose", action="store_true", help="let every marker move, also those that are fixed")
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument(
        "--time", type=float, nargs=2, help="s that are averaged, at 100 frames/s; the whole trial by default"
    )
    parser.add_argument("--offset-mm", type=float, default=15.0)
    parser.add_argument("--noise-mm", type=float, default=0.5)
    parser.add_argument("--pose-rad", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    model = read_model(options.model, options.markers)
    if options.loose:
        model = parse_model(model.text.replace("<fixed>true</fixed>", "<fixed>false</fixed>"))
    every = [m.name for m in model.markers] if options.every else []
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder)
        time_s = tuple(options.time or (0, (options.frames - 1) / 100))
        (at / "scale.xml").write_text(set_up(options.setup, time_s, every))
        setup = read_scale_setup(at / "scale.xml")
        assert setup.placer is not None
        sizes = factors_by_body(setup, {m.name: 0.95 + 0.02 * k for k, m in enumerate(setup.measurements)})
        person, points = static_of(model, {b: f for b, f in sizes.items() if b in model.bodies}, options)
        names = [m.name for m in model.markers]
        by_name = {n: points[:, k] for k, n in enumerate(names)}
        is_used = frames_within(setup.time_s, np.arange(options.frames) / 100)
        found = factors_by_body(setup, measure(model, setup.measurements, {n: p[is_used] for n, p in by_name.items()}))
        scaled = scale_model(model, {b: f for b, f in found.items() if b in model.bodies})
        ours, notes = register(scaled, setup.placer, by_name, np.arange(options.frames) / 100)
        (at / "m.osim").write_text(model.text)
        write_trc(at / "m.trc", names, points)
        call = [str(options.opensim_python), "-c", OPENSIM, "scale.xml"]
        subprocess.run(call, capture_output=True, text=True, check=True, cwd=at)
        theirs_by_body = {
            text_of(s, "segment"): np.array(numbers(s, "scales", 3)) for s in ET.parse(at / "factors.xml").iter("Scale")
        }
        pose = read_pose(at / "pose.sto", model)
        here, drawn, mine, cost = our_pose(scaled, setup.placer, {n: p[is_used] for n, p in by_name.items()}, pose)
        there = on_bodies(scaled, pose, {n: p[is_used].mean(axis=0) for n, p in by_name.items()})
        (at / "pose.json").write_text(json.dumps(dict(zip(model.coordinate_names, here[0].tolist(), strict=True))))
        (at / "again.xml").write_text(with_values((at / "scale.xml").read_text(), drawn))
        subprocess.run([*call[:2], FROM_POSE], capture_output=True, text=True, check=True, cwd=at)
        theirs, again = (
            {m.name: m.location for m in read_model(at / name).markers} for name in ("placed.osim", "again.osim")
        )
    true = {m.name: m.location for m in person.markers}
    before = {m.name: m.location for m in scaled.markers}
    print(f"{model.name}: {len(ours)} markers registered, {options.setup.name}")
    off = max(float(np.abs(found[b] - f).max()) for b, f in theirs_by_body.items() if b in found)
    print(f"scale factors of {sum(b in found for b in theirs_by_body)} bodies, ours less OpenSim: largest {off:.1e}")
    print(f"cost of the pose: ours {mine:.3f} mm², OpenSim {cost:.3f} mm², ratio {mine / cost:.3f}")
    for label, a, b in (
        ("ours in OpenSim's pose less OpenSim", there, theirs),
        ("ours less OpenSim", ours, theirs),
        ("ours less OpenSim that begins at our pose", ours, again),
        ("ours less the true places", ours, true),
        ("OpenSim less the true places", theirs, true),
        ("unregistered less the true places", before, true),
    ):
        off = {n: 1000 * float(np.linalg.norm(a[n] - b[n])) for n in ours}
        worst = max(off, key=off.__getitem__)
        print(f"{label}: median {np.median(list(off.values())):.3f} mm, largest {off[worst]:.3f} mm ({worst})")
    for note in notes:
        print("note:", note)


if __name__ == "__main__":
    main()
