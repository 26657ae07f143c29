"""Joint moments of a swinging leg beside other software's inverse dynamics: a three-link pendulum with known motion.

    python benchmarks/pendulum.py --opensim PYTHON --biorbd PYTHON

Each PYTHON is an interpreter with that package (opensim 4.6, biorbd 1.12); one of them is enough. The leg is that of
tests/builders/pendulum.py: its angles are sums of sines, its hip is fixed, and nothing but gravity acts on it. The
other software gets the exact accelerations; ours come from differences of positions at 4,000 frames per second. Run
from the top of the repository.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from neurostore.arrays import Floats
from tests.builders import pendulum as leg

EVERY = 200
OPENSIM = r"""
import json, sys
import opensim as o

given = json.load(sys.stdin)
model = o.Model()
model.setGravity(o.Vec3(0, -given["gravity"], 0))
parent, at, zero = model.getGround(), o.Vec3(0, 1, 0), o.Vec3(0)
for name, mass, length, centre, radius in given["segments"]:
    inertia = mass * (radius * length) ** 2
    body = o.Body(name, mass, o.Vec3(0, -centre * length, 0), o.Inertia(inertia, inertia, inertia, 0, 0, 0))
    joint = o.PinJoint(f"{name}_joint", parent, at, zero, body, o.Vec3(0), zero)
    model.addBody(body)
    model.addJoint(joint)
    parent, at = body, o.Vec3(0, -length, 0)
state = model.initSystem()
solver = o.InverseDynamicsSolver(model)
found = []
for angles, rates, accelerations in given["frames"]:
    for i in range(3):
        coordinate = model.getCoordinateSet().get(i)
        coordinate.setValue(state, angles[i], False)
        coordinate.setSpeedValue(state, rates[i])
    wanted = o.Vector(3, 0.0)
    for i in range(3):
        wanted.set(i, accelerations[i])
    torques = solver.solve(state, wanted)
    found.append([torques.get(i) for i in range(3)])
json.dump({"version": o.GetVersion(), "torques": found}, sys.stdout)
"""


BIORBD = r"""
import json, sys, tempfile
import numpy as np
import biorbd

given = json.load(sys.stdin)
text = f"version 4\ngravity 0 {-given['gravity']!r} 0\n"
parent, at = "root", 1.0
for name, mass, length, centre, radius in given["segments"]:
    inertia = mass * (radius * length) ** 2
    text += f"segment {name}\n" + (f"parent {parent}\n" if parent != "root" else "")
    text += f"rt 0 0 0 xyz 0 {at!r} 0\nrotations z\nmass {mass!r}\ncom 0 {-centre * length!r} 0\n"
    text += f"inertia\n{inertia!r} 0 0\n0 {inertia!r} 0\n0 0 {inertia!r}\nendsegment\n"
    parent, at = name, -length
with tempfile.NamedTemporaryFile("w", suffix=".bioMod") as file:
    file.write(text)
    file.flush()
    model = biorbd.Model(file.name)
found = [model.InverseDynamics(*map(np.array, frame)).to_array().tolist() for frame in given["frames"]]
json.dump({"version": biorbd.__version__, "torques": found}, sys.stdout)
"""


def relative(absolute: Floats) -> Floats:
    """Angles of hip, knee and ankle from those of the segments in space, (3, n)."""
    return np.asarray(np.diff(absolute, axis=0, prepend=0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--opensim", help="a Python with opensim 4.6")
    parser.add_argument("--biorbd", help="a Python with biorbd 1.12")
    given = parser.parse_args()
    tools = (("OpenSim", given.opensim, OPENSIM), ("biorbd", given.biorbd, BIORBD))
    if not any(python for _, python, _ in tools):
        parser.error("name an interpreter with opensim or with biorbd")
    time = leg.times_s()
    for inertia, (shares, centres, radii) in leg.SEGMENTS.items():
        found = leg.moments(time, inertia, np.zeros((len(time), 3)))
        at = found["frame"][::EVERY]
        motion = np.stack([relative(part)[:, at] for part in leg.angles(time)])  # (3, joint, frame)
        segments = [
            (name, leg.MASS_KG * share, length, centre, radius)
            for name, share, length, centre, radius in zip(
                ("thigh", "shank", "foot"), shares, leg.LENGTHS_M.tolist(), centres, radii, strict=True
            )
        ]
        question = {"gravity": leg.GRAVITY, "segments": segments, "frames": motion.transpose(2, 0, 1).tolist()}
        for name, python, tool in tools:
            if not python:
                continue
            version, torques = answer(python, tool, question)
            print(f"{name} {version}, inertia {inertia}, {len(torques)} frames")
            for k, (joint, sign) in enumerate((("hip", -1), ("knee", 1), ("ankle", -1))):
                ours = sign * found[f"{joint}_flexion_moment_nm"][::EVERY]
                print(
                    f"  {joint}: largest difference {np.abs(ours - torques[:, k]).max():.1e} Nm "
                    f"of {np.abs(torques[:, k]).max():.1f} Nm"
                )


def answer(python: str, tool: str, question: dict[str, object]) -> tuple[str, Floats]:
    """(version, torques (frame, joint) in Nm) of other software, in an interpreter of its own."""
    asked = subprocess.run([python, "-c", tool], input=json.dumps(question), capture_output=True, text=True, check=True)
    found = json.loads(asked.stdout[asked.stdout.index('{"version"') :])
    return found["version"], np.array(found["torques"])


if __name__ == "__main__":
    main()
