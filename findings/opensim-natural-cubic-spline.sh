#!/usr/bin/env bash
# OpenSim 4.6 reads a <NaturalCubicSpline> of an .osim file as a SimmSpline: its second derivative at the ends is not 0.
# Expected: the value of the natural cubic spline through the points. Seen: that of another end condition.
# Exits 0 while this is so, 1 when OpenSim draws a natural spline.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q "opensim==${OPENSIM_VERSION:-4.6}" scipy numpy
cd "$folder"
"$folder/venv/bin/python" - <<'P'
import sys
import numpy as np
import opensim as osim
from scipy.interpolate import CubicSpline

osim.Logger.setLevelString("Off")
x, y = [0.0, 1.0, 2.0, 3.0, 4.0], [0.0, 1.0, 0.0, 2.0, 1.0]


def axis(name, coordinate, direction, function):
    return (f'<TransformAxis name="{name}"><coordinates>{coordinate}</coordinates><axis>{direction}</axis>'
            f"{function}</TransformAxis>")


zero = '<Constant name="function"><value>0</value></Constant>'
spline = (f'<NaturalCubicSpline name="function"><x>{" ".join(map(str, x))}</x><y>{" ".join(map(str, y))}</y>'
          "</NaturalCubicSpline>")
axes = "".join(
    [axis(f"rotation{k + 1}", "", d, zero) for k, d in enumerate(("0 0 1", "0 1 0", "1 0 0"))]
    + [axis("translation1", "a", "1 0 0", spline), axis("translation2", "", "0 1 0", zero),
       axis("translation3", "", "0 0 1", zero)]
)
open("m.osim", "w").write(
    '<?xml version="1.0"?><OpenSimDocument Version="40600"><Model name="m"><BodySet name="bodyset"><objects>'
    '<Body name="b"><mass>1</mass><mass_center>0 0 0</mass_center><inertia>1 1 1 0 0 0</inertia></Body></objects>'
    '</BodySet><JointSet name="jointset"><objects><CustomJoint name="j"><socket_parent_frame>/ground'
    "</socket_parent_frame><socket_child_frame>/bodyset/b</socket_child_frame><coordinates>"
    f'<Coordinate name="a"/></coordinates><SpatialTransform>{axes}</SpatialTransform></CustomJoint></objects>'
    "</JointSet></Model></OpenSimDocument>"
)
model = osim.Model("m.osim")
state = model.initSystem()
at = np.array([0.25, 0.5, 1.5, 3.5])
seen = []
for value in at:
    model.getCoordinateSet().get(0).setValue(state, float(value))
    model.realizePosition(state)
    seen.append(model.getBodySet().get(0).getTransformInGround(state).p().get(0))
natural = CubicSpline(x, y, bc_type="natural")(at)
print("opensim", osim.GetVersion())
print("expected (natural)", np.round(natural, 4))
print("seen              ", np.round(seen, 4))
sys.exit(0 if np.abs(natural - seen).max() > 0.05 else 1)
P
