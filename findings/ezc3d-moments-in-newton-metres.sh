#!/usr/bin/env bash
# ezc3d 1.7.2 computes a force platform's centre of pressure from moment channels in Nm as if they were in Nmm.
# Expected: a C3D whose ANALOG:UNITS are Nm (moments divided by 1000) has the same centre of pressure as one in Nmm.
# Seen: the centre of pressure moves to the middle of the platform (1/1000 of its distance), and unit_moment says Nmm.
# Exits 0 while this is so, 1 when both agree.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q "ezc3d==${EZC3D_VERSION:-1.7.2}" numpy
cd "$folder"
"$folder/venv/bin/python" - <<'P'
import sys
from importlib.metadata import version

import ezc3d
import numpy as np


def cop(unit, scale):
    c3d = ezc3d.c3d()
    c3d["parameters"]["POINT"]["RATE"]["value"] = [100.0]
    c3d["parameters"]["POINT"]["LABELS"]["value"] = ["A"]
    c3d["parameters"]["POINT"]["UNITS"]["value"] = ["mm"]
    c3d["data"]["points"] = np.ones((4, 1, 3))
    c3d["parameters"]["ANALOG"]["RATE"]["value"] = [100.0]
    c3d["parameters"]["ANALOG"]["LABELS"]["value"] = ["Fx", "Fy", "Fz", "Mx", "My", "Mz"]
    c3d["parameters"]["ANALOG"]["UNITS"]["value"] = ["N"] * 3 + [unit] * 3
    moments = np.array([30_000.0, 60_000.0, 500.0]) * scale  # Nmm: 50 mm and 100 mm from the middle under 600 N
    c3d["data"]["analogs"] = np.array([0.0, 0.0, -600.0, *moments])[None, :, None] * np.ones((1, 6, 3))
    corners = np.array([[0, 0, 0], [400, 0, 0], [400, -600, 0], [0, -600, 0]], float)
    for name, value in {
        "USED": np.array([1]), "TYPE": np.array([2]), "ZERO": np.array([1, 0]), "CHANNEL": np.arange(1, 7).reshape(6, 1),
        "CORNERS": corners.T.reshape(3, 4, 1), "ORIGIN": np.zeros((3, 1)),
    }.items():
        floats = value.astype(float)
        c3d.add_parameter("FORCE_PLATFORM", name, floats.tolist() if value.ndim == 1 else floats)
        if name in ("USED", "TYPE", "ZERO", "CHANNEL"):
            c3d["parameters"]["FORCE_PLATFORM"][name].update(type=2, value=value)
    c3d.write("plate.c3d")
    plate = ezc3d.c3d("plate.c3d", extract_forceplat_data=True)["data"]["platform"][0]
    return plate["center_of_pressure"][:2, 0] - corners.mean(axis=0)[:2], plate["unit_moment"]


in_nmm, _ = cop("Nmm", 1.0)
in_nm, said = cop("Nm", 1e-3)
print("ezc3d", version("ezc3d"))
print("from the middle, channels in Nmm:", in_nmm.round(2), "mm")
print("from the middle, channels in Nm: ", in_nm.round(2), "mm; unit_moment says", said)
sys.exit(0 if np.abs(in_nmm - in_nm).max() > 10 else 1)
P
