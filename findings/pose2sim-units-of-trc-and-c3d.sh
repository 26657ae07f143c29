#!/usr/bin/env bash
# pose2sim 0.10.49: its converters between TRC and C3D do not use the unit that the file states.
# trc_to_c3d takes every TRC for metres and multiplies by 1000. Expected of a TRC in mm: the same positions, in mm. Seen: 1000 times
# as far, which the file cannot hold, so that a heel at 1200, 40, 100 mm comes out somewhere between -32,768 and 32,767.
# c3d_to_trc divides mm by 1000 and copies the unit. Expected: mm, or metres that are called m. Seen: 1.2, 0.04, 0.1 and "mm".
# Both also round the frame rate to a whole number (59.94 becomes 60 and 59), which c3d_to_trc uses for the times.
# Exits 0 while this is so, 1 when the positions come back.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --no-deps "pose2sim==${POSE2SIM_VERSION:-0.10.49}"
"$folder/venv/bin/pip" install -q "c3d==0.6.0" "ezc3d==1.7.2" pandas
cd "$folder"
venv/bin/python - <<'P'
import subprocess
import sys
from importlib.metadata import version

import ezc3d
import numpy as np

HEEL = (1200.0, 40.0, 100.0)  # mm


def write_trc(path, unit, factor):
    lines = [
        f"PathFileType\t4\t(X/Y/Z)\t{path}",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames",
        f"59.94\t59.94\t60\t1\t{unit}\t59.94\t1\t60",
        "Frame#\tTime\tHEEL\t\t",
        "\t\tX1\tY1\tZ1",
    ]
    lines += ["\t".join([str(i + 1), f"{i / 59.94:.6f}", *(f"{factor * x:.4f}" for x in HEEL)]) for i in range(60)]
    with open(path, "w") as file:
        file.write("\n".join(lines) + "\n")


def to_c3d(unit, factor):
    write_trc(f"{unit}.trc", unit, factor)
    subprocess.run(["venv/bin/trc_to_c3d", "-t", f"{unit}.trc", "-c", f"{unit}.c3d"], check=True, capture_output=True)
    file = ezc3d.c3d(f"{unit}.c3d")
    point = file["parameters"]["POINT"]
    return file["data"]["points"][:3, 0, 0], point["UNITS"]["value"][0], point["RATE"]["value"][0]


def to_trc():
    file = ezc3d.c3d()
    point = file["parameters"]["POINT"]
    point["RATE"]["value"], point["LABELS"]["value"], point["UNITS"]["value"] = [59.94], ["HEEL"], ["mm"]
    file["data"]["points"] = np.array([*HEEL, 1.0])[:, None, None] * np.ones((1, 1, 60))
    file.write("walk.c3d")
    subprocess.run(["venv/bin/c3d_to_trc", "-i", "walk.c3d", "-o", "walk.trc"], check=True, capture_output=True)
    lines = open("walk.trc").read().splitlines()
    header = dict(zip(lines[1].split("\t"), lines[2].split("\t"), strict=False))
    return [float(x) for x in lines[5].split("\t")[2:5]], header["Units"], header["DataRate"]


print("pose2sim", version("pose2sim"))
print("TRC in m to C3D:", *to_c3d("m", 0.001))
wrong, unit, rate = to_c3d("mm", 1.0)
print("TRC in mm to C3D:", wrong, unit, rate)
back, back_unit, back_rate = to_trc()
print("C3D in mm to TRC:", back, back_unit, back_rate)
as_found = not np.allclose(wrong, HEEL, atol=1) and back_unit == "mm" and np.allclose(back, np.array(HEEL) / 1000, atol=1e-4)
sys.exit(0 if as_found else 1)
P
