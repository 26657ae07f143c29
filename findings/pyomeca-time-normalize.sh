#!/usr/bin/env bash
# pyomeca 2026.0.2 with the current xarray 2026.9.0 and numpy 2: meca.time_normalize, which every comparison of gait
# cycles needs, raises ValueError for any series. The requirements of pyomeca have no upper bounds, so pip installs these.
# Expected: the series at 101 points. Seen: "dimensions () must have the same length as the number of data dimensions",
# unless time_vector is given.
# Exits 0 while this is so, 1 when the series comes back.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q "pyomeca==${PYOMECA_VERSION:-2026.0.2}" "xarray==${XARRAY_VERSION:-2026.9.0}"
"$folder/venv/bin/python" - <<'P'
import sys
from importlib.metadata import version

import numpy as np
from pyomeca import Analogs

time = np.arange(200) / 100.0
series = Analogs(np.sin(2 * np.pi * time)[None, :], time=time)
print("pyomeca", version("pyomeca"), "xarray", version("xarray"), "numpy", version("numpy"))
given = series.meca.time_normalize(time_vector=np.linspace(0, 1.99, 101))
print("with time_vector:", given.shape)
try:
    print("with n_frames:", series.meca.time_normalize(n_frames=101).shape)
except ValueError as error:
    print("with n_frames: ValueError:", error)
    sys.exit(0 if given.shape == (1, 101) else 1)
sys.exit(1)
P
