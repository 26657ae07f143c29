#!/usr/bin/env bash
# trc-data-reader 0.4.1: two markers of one name in a TRC file become one series, twice as long as the recording, in
# which the frames of both alternate. Cortex writes such names for virtual markers; other systems for unlabelled ones.
# Expected: two series, or an error. Seen: six positions in three frames, and no message.
# Exits 0 while this is so, 1 when the series has as many positions as there are frames, or the file is refused.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q "trc-data-reader==${TRC_VERSION:-0.4.1}"
cd "$folder"
"$folder/venv/bin/python" - <<'P'
import sys
from importlib.metadata import version

from trc import TRCData

NAMES = ["pelvis", "V_knee", "V_knee"]
lines = [
    "PathFileType\t4\t(X/Y/Z)\twalk.trc",
    "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames",
    "100.00\t100.00\t3\t3\tmm\t100.00\t1\t3",
    "Frame#\tTime\t" + "\t\t\t".join(NAMES) + "\t\t",
    "\t\t" + "\t".join(f"{axis}{i}" for i in (1, 2, 3) for axis in "XYZ"),
    "",
]
for frame in range(3):
    positions = [f"{100 * marker + frame:.1f}" for marker in range(3) for _ in range(3)]
    lines.append("\t".join([str(frame + 1), f"{frame / 100:.3f}", *positions]))
with open("walk.trc", "w") as file:
    file.write("\n".join(lines) + "\n")

data = TRCData()
data.load("walk.trc")
print("trc-data-reader", version("trc-data-reader"))
print("frames:", len(data["Time"]), " positions of V_knee:", len(data["V_knee"]))
print("x of V_knee:", [position[0] for position in data["V_knee"]])
sys.exit(0 if [p[0] for p in data["V_knee"]] == [100, 200, 101, 201, 102, 202] else 1)
P
