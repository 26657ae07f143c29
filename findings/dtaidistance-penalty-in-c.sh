#!/usr/bin/env bash
# dtaidistance 2.5.1: with inner_dist="euclidean", the compiled functions add the square of the penalty to each step
# that is not diagonal, and the Python functions add the penalty itself. The same call gives another distance with use_c.
# Expected: equal distances. Without a penalty, and with the default inner_dist, they are equal.
# Seen: the series below need three such steps; a penalty of 0.5 adds 1.5 in Python and 0.75 in C.
# Exits 0 while this is so, 1 when both agree.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q "dtaidistance==${DTAIDISTANCE_VERSION:-2.5.1}" numpy
"$folder/venv/bin/python" - <<'P'
import sys
from importlib.metadata import version

import numpy as np
from dtaidistance import dtw

a, b = np.array([0.0, 1, 2, 1, 0, 0]), np.array([0.0, 0, 1, 2, 1])


def distances(penalty, inner_dist):
    options = {"penalty": penalty, "inner_dist": inner_dist}
    return dtw.distance(a, b, **options), dtw.distance_fast(a, b, **options)


print("dtaidistance", version("dtaidistance"))
same = True
for inner_dist in ("squared euclidean", "euclidean"):
    for penalty in (0, 0.5):
        python, compiled = distances(penalty, inner_dist)
        print(f"{inner_dist:18} penalty {penalty:3}: Python {python:.4f}, C {compiled:.4f}")
        if (inner_dist, penalty) != ("euclidean", 0.5):
            same = same and abs(python - compiled) < 1e-12
python, compiled = distances(0.5, "euclidean")
zero = distances(0, "euclidean")[0]
sys.exit(0 if same and np.allclose([python - zero, compiled - zero], [1.5, 0.75]) else 1)
P
