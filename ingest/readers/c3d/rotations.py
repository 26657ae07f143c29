"""Segment rotations of a C3D file (group ROTATION), as Theia3D writes them: a 4×4 matrix and a reliability per segment and frame.

The block begins at ROTATION:DATA_START (in blocks of 512 bytes) and holds, per frame, 17 floats for each of
ROTATION:USED segments: the matrix (segment to lab, with the origin in its last column) column by column, then the
reliability, below zero where the segment was not seen (C-Motion's extension of the C3D format).
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from neurostore.arrays import Floats
from neurostore.errors import InputError
from neurostore.ingest.readers.c3d.layout import Layout
from neurostore.ingest.readers.c3d.parameters import BLOCK, from_vax
from neurostore.ingest.readers.markers.assemble import parse_up
from neurostore.ingest.readers.markers.up import judge_up
from neurostore.ingest.readers.segment_frames import Frames, recording_of
from neurostore.ingest.readers.units import UNIT_MM, unit_of_extent
from neurostore.ingest.recording import ReadOptions, Recording, Step

_NUMBERS = 17
# Theia's segment axes: x to the right, y forward, z up along the segment
_AXES = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


def has_rotations(layout: Layout) -> bool:
    """Whether the file contains rotations of segments."""
    return bool(layout.parameters.number("ROTATION", "USED"))


def read_rotations(path: Path, layout: Layout, options: ReadOptions) -> Recording:
    """A trial of segment origins and rotations.

    Raises
    ------
    InputError : the group does not say where its block is, or the block is shorter than it says.
    """
    parameters, notes = layout.parameters, list(layout.notes)
    used = int(parameters.number("ROTATION", "USED") or 0)
    start = int(parameters.number("ROTATION", "DATA_START") or 0) & 0xFFFF
    ratio = max(int(parameters.number("ROTATION", "RATIO") or 1), 1)
    stated = parameters.strings("ROTATION", "LABELS")[:used]
    labels = [re.sub(r"(?i)_4x4$", "", name.rpartition(":")[2]) for name in stated]
    n = layout.n_frames * ratio
    offset = (start - 1) * BLOCK
    n_bytes = n * used * _NUMBERS * 4
    if start < 2 or len(labels) < used or n == 0:
        raise InputError(
            path,
            f"its group ROTATION states {used} segments, {len(labels)} labels, {n} frames from block {start}: expected a label "
            "for each, and where the block begins; export it again",
        )
    with path.open("rb") as file:
        file.seek(offset)
        raw = file.read(n_bytes)
    if len(raw) < n_bytes:
        raise InputError(
            path, f"is truncated: its rotations need {n_bytes} bytes from byte {offset}, {len(raw)} are there"
        )
    if layout.processor == "dec":
        numbers = from_vax(np.frombuffer(raw, "<u4"))
    else:
        numbers = np.frombuffer(raw, ">f4" if layout.processor == "mips" else "<f4")
    values = numbers.astype(np.float64).reshape(n, used, _NUMBERS)
    matrices, origins = _split(values, notes)
    unit = parameters.string("POINT", "UNITS").lower()
    scale = options.scale_mm or UNIT_MM.get(unit) or unit_of_extent(origins)[0]
    origins = origins * scale
    names = [_squeezed(name) for name in labels]
    up = parse_up(options.up, path) if options.up else judge_up(names, origins, "z").axis
    rate = float(parameters.number("ROTATION", "RATE") or layout.rate_hz * ratio)
    time_s = (layout.first_frame - 1) / layout.rate_hz + np.arange(n) / rate
    step = Step("read_c3d_rotations", 1, {"scale_mm": scale, "up": up, "segments": used})
    frames = Frames(labels, origins, matrices, rate, time_s, "theia", up, _AXES)
    return recording_of(path, frames, options, step, notes)


def _split(values: Floats, notes: list[str]) -> tuple[Floats, Floats]:
    """(matrices (n, J, 3, 3), origins (n, J, 3)), NaN where a segment was not seen."""
    four = values[..., :16].reshape(*values.shape[:2], 4, 4)
    last = four[..., 3, :3]  # the origin if matrices are stored by columns, zero if by rows
    by_rows = np.nanmax(np.abs(last), initial=0) == 0 and np.nanmax(np.abs(four[..., :3, 3]), initial=0) > 0
    if by_rows:
        notes.append("its matrices are written row by row")
    else:
        four = four.swapaxes(-1, -2)
    matrices, origins = four[..., :3, :3].copy(), four[..., :3, 3].copy()
    product = matrices @ matrices.swapaxes(-1, -2)
    with np.errstate(invalid="ignore"):
        is_turn = (np.abs(product - np.eye(3)) < 1e-2).all(axis=(-1, -2)) & (np.linalg.det(np.nan_to_num(matrices)) > 0)
        is_seen = is_turn & (values[..., 16] >= 0)
    matrices[~is_seen], origins[~is_seen] = np.nan, np.nan
    return matrices, origins


def _squeezed(name: str) -> str:
    return "".join(c for c in name.upper() if c.isalnum())
