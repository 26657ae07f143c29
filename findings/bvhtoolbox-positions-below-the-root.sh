#!/usr/bin/env bash
# bvhtoolbox 0.1.3 (bvh2csv) leaves out the position channels of joints below the root, without a word. Exports of inertial
# suits have six channels for every joint, because their segments slide against each other; then the channels replace OFFSET.
# Expected: a knee whose position channels say 1, -41, 2 from the hip is there. Seen: it is at its OFFSET 0, -40, 0.
# bvhio 1.5.4 reads the same file as expected, so two programs give two skeletons.
# Exits 0 while this is so, 1 when bvh2csv uses the channels or bvhio does not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q "bvhtoolbox==${BVHTOOLBOX_VERSION:-0.1.3}" "bvhio==${BVHIO_VERSION:-1.5.4}" setuptools
cat > "$folder/leg.bvh" <<'B'
HIERARCHY
ROOT Hip
{
	OFFSET 0 0 0
	CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
	JOINT Knee
	{
		OFFSET 0 -40 0
		CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
		End Site
		{
			OFFSET 0 -40 0
		}
	}
}
MOTION
Frames: 2
Frame Time: 0.01
0 90 0 0 0 0 0 -40 0 0 0 0
0 90 0 0 0 0 1 -41 2 0 0 0
B
(cd "$folder" && venv/bin/bvh2csv leg.bvh -p -o "$folder") || test -s "$folder/leg_pos.csv"  # it ends with 1 although the file is there
FOLDER="$folder" "$folder/venv/bin/python" - <<'P'
import csv
import os
import sys
from importlib.metadata import version

import bvhio

folder = os.environ["FOLDER"]
expected = (1.0, 49.0, 2.0)  # the hip is at 0, 90, 0 and nothing is turned
with open(f"{folder}/leg_pos.csv", newline="") as file:
    row = list(csv.DictReader(file))[1]
toolbox = tuple(float(row[f"Knee.{axis}"]) for axis in "xyz")
root = bvhio.readAsHierarchy(f"{folder}/leg.bvh")
root.loadPose(1)
knee = next(joint for joint, _, _ in root.layout() if joint.Name == "Knee")
hierarchy = tuple(round(float(value), 6) for value in knee.PositionWorld)
print(f"bvhtoolbox {version('bvhtoolbox')}: knee at {toolbox}; bvhio {version('bvhio')}: {hierarchy}; expected {expected}")
sys.exit(0 if toolbox == (0.0, 50.0, 0.0) and hierarchy == expected else 1)
P
