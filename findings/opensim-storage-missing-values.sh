#!/usr/bin/env bash
# OpenSim 4.6 reads one MOT file by two classes, with different numbers where a value is missing, and neither complains.
# With "nan" in a cell, Storage ends there: the row is cut off and filled with values that are not in the file, and the
# rows after it are lost. With an empty cell, Storage moves the following values to the left, over columns and times.
# TimeSeriesTable reads NaN in both cases. Expected: the same values of both, or an error.
# Exits 0 while this is so, 1 when Storage has three rows with the values of the file in the rows that are complete.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q "opensim==${OPENSIM_VERSION:-4.6}"
cd "$folder"
"$folder/venv/bin/python" - <<'P'
import sys

import opensim

opensim.Logger.setLevelString("Off")
HEADER = "walk\nversion=1\nnRows=3\nnColumns=3\ninDegrees=yes\nendheader\ntime\tknee\thip\n"


def by_storage():
    storage = opensim.Storage("walk.mot")
    rows = [storage.getStateVector(i) for i in range(storage.getSize())]
    return [(row.getTime(), *(row.getData().get(j) for j in range(row.getData().size()))) for row in rows]


def by_table():
    table = opensim.TimeSeriesTable("walk.mot")
    times = table.getIndependentColumn()
    return [(times[i], *(table.getRowAtIndex(i)[j] for j in range(2))) for i in range(table.getNumRows())]


print("OpenSim", opensim.GetVersion())
seen = {}
for cell in ("3", "nan", ""):
    with open("walk.mot", "w") as file:
        file.write(HEADER + f"0.0\t1\t2\n0.01\t{cell}\t4\n0.02\t5\t6\n")
    seen[cell] = by_storage()
    print(f"cell {cell!r:5} Storage:        ", seen[cell])
    print(f"cell {cell!r:5} TimeSeriesTable:", by_table())
whole = [(0.0, 1.0, 2.0), (0.01, 3.0, 4.0), (0.02, 5.0, 6.0)]
sys.exit(0 if seen["3"] == whole and seen["nan"][-1] != whole[-1] and seen[""][-1] != whole[-1] else 1)
P
