#!/usr/bin/env bash
# ezc3d 1.7.2 writes a C3D file with units for 256 analog channels that it cannot read itself, and says nothing.
# Expected: a list of the format has up to 255 items, so ANALOG:UNITS goes on in UNITS2, as ezc3d does with LABELS by itself.
# Seen: 255 channels with units come back, 256 without units too (LABELS2); with units, reading the file raises OSError.
# Exits 0 while this is so, 1 when 256 channels with units come back.
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


def read_back(n_channels, *, with_units):
    c3d = ezc3d.c3d()
    c3d["parameters"]["POINT"]["RATE"]["value"] = [100.0]
    c3d["parameters"]["POINT"]["LABELS"]["value"] = ["A"]
    c3d["data"]["points"] = np.ones((4, 1, 3))
    analog = c3d["parameters"]["ANALOG"]
    analog["RATE"]["value"] = [100.0]
    analog["LABELS"]["value"] = [f"c{i}" for i in range(n_channels)]
    if with_units:
        analog["UNITS"]["value"] = ["V"] * n_channels
    c3d["data"]["analogs"] = np.ones((1, n_channels, 3))
    c3d.write("many.c3d")
    try:
        found = ezc3d.c3d("many.c3d")
    except OSError as error:
        return f"OSError: {error}"
    labels = found["parameters"]["ANALOG"]
    return sum(len(labels[name]["value"]) for name in ("LABELS", "LABELS2") if name in labels)


print("ezc3d", version("ezc3d"))
at_most, bare, beyond = (read_back(n, with_units=units) for n, units in ((255, True), (256, False), (256, True)))
print("255 channels with units, read back:   ", at_most)
print("256 channels without units, read back:", bare)
print("256 channels with units, read back:   ", beyond)
sys.exit(0 if (at_most, bare) == (255, 256) and beyond != 256 else 1)
P
