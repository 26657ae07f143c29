#!/usr/bin/env bash
# pyomeca 2026.0.2: Angles.from_rototrans returns zeros, without a word, for the sequence yxz and four others that
# Rototrans.from_euler_angles accepts. Pelvic angles of gait are often decomposed in such an order.
# Expected: the angles that made the matrix, or an error that names the sequences that can be read.
# Seen: 20, 5 and 10 degrees come back for zxy, xyz and others, and 0, 0 and 0 for yxz, yxy, xyx, xzx and yzy.
# Exits 0 while this is so, 1 when yxz comes back or is refused.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q "pyomeca==${PYOMECA_VERSION:-2026.0.2}"
"$folder/venv/bin/python" - <<'P'
import sys
import warnings
from importlib.metadata import version

import numpy as np
from pyomeca import Angles, Rototrans

warnings.simplefilter("ignore")
made = Angles(np.radians([[[20.0]], [[5.0]], [[10.0]]]))
print("pyomeca", version("pyomeca"), "numpy", version("numpy"))
zeros, back = [], []
for sequence in ("xyz", "xzy", "yxz", "yzx", "zxy", "zyx", "xyx", "xzx", "yxy", "yzy", "zxz", "zyz"):
    matrix = Rototrans.from_euler_angles(made, sequence)
    found = np.degrees(Angles.from_rototrans(matrix, sequence).values.ravel())
    print(sequence, np.round(found, 3))
    if np.allclose(found, [20, 5, 10]):
        back.append(sequence)
    if np.all(found == 0):
        zeros.append(sequence)
sys.exit(0 if zeros == ["yxz", "xyx", "xzx", "yxy", "yzy"] and {"xyz", "zxy", "zyx"} <= set(back) else 1)
P
