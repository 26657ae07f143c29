#!/usr/bin/env bash
# OpenSim 4.6 and a TRC file in which the last marker is missing in one frame, written as three empty cells:
# TimeSeriesTableVec3, which the tools read with, raises "Unexpected number of columns" (10 of 11), because an empty
# cell at the end of a line is not counted. In any other marker empty cells are read as NaN, MarkerData reads both, and a
# tab after the last cell helps.
# trc-data-reader 0.4.1 writes such lines, so that a file saved by it is or is not read by OpenSim by the order of markers.
# Expected: NaN, whichever marker is missing. Exits 0 while this is so, 1 when the file is read.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q "opensim==${OPENSIM_VERSION:-4.6}" "trc-data-reader==${TRC_VERSION:-0.4.1}"
cd "$folder"
"$folder/venv/bin/python" - <<'P'
import math
import sys
from importlib.metadata import version

import opensim
from trc import TRCData

opensim.Logger.setLevelString("Off")


def write(missing):
    """Three markers in five frames, by trc-data-reader; one marker is missing in the second frame."""
    data = TRCData(PathFileType=4, DataFormat="(X/Y/Z)", FileName="walk.trc", Markers=["pelvis", "knee", "heel"])
    data |= {"DataRate": 100.0, "CameraRate": 100.0, "NumFrames": 5, "NumMarkers": 3, "Units": "mm"}
    data |= {"OrigDataRate": 100.0, "OrigDataStartFrame": 1, "OrigNumFrames": 5, "Frame#": [1, 2, 3, 4, 5], "Time": []}
    for marker in data["Markers"]:
        data[marker] = []
    for frame in range(5):
        positions = [[math.nan] * 3 if (i, frame) == (missing, 1) else [100.0 * i + frame] * 3 for i in range(3)]
        for marker, position in zip(data["Markers"], positions, strict=True):
            data[marker].append(position)
        data["Time"].append(frame / 100)
        data[frame + 1] = (frame / 100, positions)
    data.save("walk.trc")


def read():
    try:
        table = opensim.TimeSeriesTableVec3("walk.trc")
    except RuntimeError as error:
        return str(error).partition(": ")[2].splitlines()[0]
    return [table.getRowAtIndex(1)[i][0] for i in range(table.getNumColumns())]


print("OpenSim", opensim.GetVersion(), "trc-data-reader", version("trc-data-reader"))
seen = {}
for missing, name in enumerate(("pelvis", "knee", "heel")):
    write(missing)
    seen[name] = read()
    print(f"{name:6} missing in the second frame:", seen[name])
markers = opensim.MarkerData("walk.trc")
print("MarkerData, heel missing:", markers.getNumFrames(), "frames")
text = open("walk.trc").read().splitlines()
open("walk.trc", "w").write("\n".join([*text[:6], *(line + "\t" for line in text[6:])]) + "\n")
print("with a tab at the end of each line:", read())
fine = all(isinstance(seen[name], list) and math.isnan(seen[name][i]) for i, name in enumerate(("pelvis", "knee")))
sys.exit(0 if fine and "Unexpected number of columns" in seen["heel"] and isinstance(read(), list) else 1)
P
