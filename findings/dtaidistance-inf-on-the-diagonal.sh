#!/usr/bin/env bash
# dtaidistance 2.5.1: dtw.distance_fast returns infinity for many pairs of ordinary series, with its default options.
# It prunes by default (use_pruning=True) with the Euclidean distance as the upper bound, and rounds the two differently:
# where the best path is the diagonal, the distance can exceed its own bound in the last digit.
# Expected: the distance that dtw.distance and distance_matrix_fast return for the same pair; never infinity.
# Seen: infinity for about a fifth of random pairs with a band of one sample, and for none with use_pruning=False.
# Exits 0 while this is so, 1 when no finite pair is said to be infinitely far apart.
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

random = np.random.default_rng(3)
pairs = [random.normal(size=(2, 100)) for _ in range(500)]
n_infinite = sum(np.isinf(dtw.distance_fast(a, b, window=1)) for a, b in pairs)
n_without = sum(np.isinf(dtw.distance_fast(a, b, window=1, use_pruning=False)) for a, b in pairs)
# With window=1, the only path is the diagonal: the distance is the Euclidean one.
error = max(abs(dtw.distance(a, b, window=1) - np.linalg.norm(a - b)) for a, b in pairs)
matrix = [dtw.distance_matrix_fast(list(pair), window=1)[0, 1] for pair in pairs]
error_matrix = max(abs(d - np.linalg.norm(a - b)) for d, (a, b) in zip(matrix, pairs, strict=True))

print("dtaidistance", version("dtaidistance"))
print("pairs of 100 samples, window=1: ", len(pairs))
print("distance_fast is infinite:      ", n_infinite)
print("with use_pruning=False:         ", n_without)
print("largest error of distance:      ", error)
print("... of distance_matrix_fast:    ", error_matrix)
sys.exit(0 if n_infinite > 20 and n_without == 0 and error < 1e-9 and error_matrix < 1e-9 else 1)
P
