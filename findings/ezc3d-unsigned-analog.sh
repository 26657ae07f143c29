#!/usr/bin/env bash
# ezc3d 1.7.2 reads analog samples as signed where the file says that they are unsigned (ANALOG:FORMAT is UNSIGNED).
# Expected: a sample stored as 40000 with an offset of 32768 and a scale of 0.5 is (40000 - 32768) * 0.5 = 3616, as the package
# c3d 0.6.0 gives. In the C3D format ANALOG:FORMAT says how 16-bit samples are stored.
# Seen: -29152, which is (40000 - 65536 - 32768) * 0.5: every sample in the upper half of the range is wrong, without a word.
# Exits 0 while this is so, 1 when ezc3d gives 3616 or c3d something else.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q "ezc3d==${EZC3D_VERSION:-1.7.2}" "c3d==0.6.0" "numpy<2.5" setuptools
cd "$folder"
"$folder/venv/bin/python" - <<'P'
import struct
import sys
from importlib.metadata import version

import c3d
import ezc3d

STORED = [20000, 40000]  # one sample per frame


def group(number, name):
    return struct.pack("<bb", len(name), -number) + name.encode() + struct.pack("<hb", 3, 0)


def parameter(number, name, kind, dimensions, content):
    """kind: -1 text, 2 whole number, 4 real number."""
    rest = struct.pack("<bB", kind, len(dimensions)) + bytes(dimensions) + content + b"\0"
    return struct.pack("<bb", len(name), number) + name.encode() + struct.pack("<h", len(rest) + 2) + rest


def whole(number, name, value):
    return parameter(number, name, 2, (), struct.pack("<h", value))


def real(number, name, value, dimensions=()):
    return parameter(number, name, 4, dimensions, struct.pack("<f", value))


def text(number, name, value):
    return parameter(number, name, -1, (len(value), 1), value.encode())


records = b"".join([
    group(1, "POINT"), whole(1, "USED", 1), real(1, "SCALE", 0.1), real(1, "RATE", 100.0), whole(1, "DATA_START", 4),
    whole(1, "FRAMES", len(STORED)), text(1, "LABELS", "A"), text(1, "UNITS", "mm"), text(1, "DESCRIPTIONS", "A"),
    group(2, "ANALOG"), whole(2, "USED", 1), text(2, "LABELS", "c"), text(2, "DESCRIPTIONS", "c"), real(2, "GEN_SCALE", 1.0),
    real(2, "SCALE", 0.5, (1,)), parameter(2, "OFFSET", 2, (1,), struct.pack("<H", 32768)), text(2, "UNITS", "V"),
    real(2, "RATE", 100.0), text(2, "FORMAT", "UNSIGNED"), whole(2, "BITS", 16),
])  # fmt: skip
records = bytes([1, 80, 2, 84]) + records + b"\0\0"
header = struct.pack("<BBHHHHHfHHf", 2, 80, 1, 1, 1, len(STORED), 10, 0.1, 4, 1, 100.0)
frames = b"".join(struct.pack("<hhhhH", 10, 20, 30, 0, sample) for sample in STORED)
with open("unsigned.c3d", "wb") as file:
    file.write(header.ljust(512, b"\0") + records.ljust(1024, b"\0") + frames.ljust(512, b"\0"))

by_ezc3d = ezc3d.c3d("unsigned.c3d")["data"]["analogs"].ravel().tolist()
with open("unsigned.c3d", "rb") as file:
    by_c3d = [float(analog.ravel()[0]) for _, _, analog in c3d.Reader(file).read_frames()]
true = [(sample - 32768) * 0.5 for sample in STORED]
print("ezc3d", version("ezc3d"), "c3d", version("c3d"))
print("stored", STORED, "which are", true)
print("ezc3d reads", by_ezc3d)
print("c3d reads  ", by_c3d)
sys.exit(0 if by_c3d == true and by_ezc3d != true else 1)
P
