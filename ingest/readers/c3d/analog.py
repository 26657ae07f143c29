"""The analog samples of a C3D file: every channel in its own unit, bit for bit what the file states."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neurostore.arrays import Floats
from neurostore.errors import InputError
from neurostore.ingest.readers.c3d.layout import Layout
from neurostore.ingest.readers.c3d.parameters import Parameters, from_vax

CHUNK_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Analog:
    """Channels of a file. labels, units, descriptions : (c,), '' if the file has none.

    samples : (c, n) float32 in ``units``. rate_hz : samples per second; per_frame : per frame of the points.
    """

    labels: list[str]
    units: list[str]
    descriptions: list[str]
    samples: Floats
    rate_hz: float
    per_frame: int


def read_analog(path: Path, layout: Layout, keep: slice, notes: list[str]) -> Analog | None:
    """The analog channels of the frames ``keep``, or None if the file has none.

    A sample is (stored number − ANALOG:OFFSET) · ANALOG:SCALE · ANALOG:GEN_SCALE.

    Raises
    ------
    InputError : the file ended while it was read.
    """
    n_channels, per_frame = _shape(layout, notes)
    if not n_channels:
        return None
    parameters = layout.parameters
    rate_hz = layout.rate_hz * per_frame
    stated = parameters.number("ANALOG", "RATE")
    if stated and math.isfinite(stated) and abs(stated / rate_hz - 1) > 1e-3:
        notes.append(
            f"ANALOG:RATE is {stated:g} Hz, but {per_frame} analog samples per frame at {layout.rate_hz:g} Hz make "
            f"{rate_hz:g} Hz, which was used"
        )
    labels = _texts(parameters, "LABELS", n_channels)
    unlabelled = sum(not label for label in labels)
    if unlabelled:
        notes.append(f"{unlabelled} analog channels have no label; they are named by their number")
    labels = [label or f"channel {i + 1}" for i, label in enumerate(labels)]
    stored = _stored(path, layout, n_channels, per_frame, keep, _is_unsigned(layout))
    offset, scale = _calibration(parameters, n_channels, _is_unsigned(layout), notes)
    samples = np.empty((n_channels, len(stored)), np.float32)
    n_bad = 0
    for i in range(n_channels):
        with np.errstate(over="ignore", invalid="ignore"):
            samples[i] = (
                stored[:, i]
                if offset[i] == 0 and scale[i] == 1
                else (stored[:, i].astype(np.float64) - offset[i]) * scale[i]
            )
        is_bad = ~np.isfinite(samples[i])
        samples[i, is_bad] = np.nan
        n_bad += int(is_bad.sum())
    if n_bad:
        notes.append(f"{n_bad} analog samples are not finite numbers; they are NULL")
    return Analog(
        labels,
        _texts(parameters, "UNITS", n_channels),
        _texts(parameters, "DESCRIPTIONS", n_channels),
        samples,
        rate_hz,
        per_frame,
    )


def _shape(layout: Layout, notes: list[str]) -> tuple[int, int]:
    """(channels, samples per frame) of the numbers of a frame."""
    if not layout.n_analog:
        return 0, 0
    per_frame = layout.samples_per_frame
    n_channels = layout.n_analog // per_frame
    used = layout.parameters.number("ANALOG", "USED")
    stated = int(used) & 0xFFFF if used is not None and math.isfinite(used) else 0
    if stated != n_channels:
        notes.append(
            f"ANALOG:USED says {stated} channels, the frames hold {layout.n_analog} analog numbers; "
            f"read as {n_channels} channels of {per_frame} samples per frame"
        )
    return n_channels, per_frame


def _texts(parameters: Parameters, name: str, n: int) -> list[str]:
    texts = [text.strip() for text in parameters.strings("ANALOG", name)[:n]]
    return [*texts, *[""] * (n - len(texts))]


def _is_unsigned(layout: Layout) -> bool:
    return layout.word == 2 and layout.parameters.string("ANALOG", "FORMAT").strip().upper().startswith("UNSIGN")


def _calibration(parameters: Parameters, n: int, is_unsigned: bool, notes: list[str]) -> tuple[Floats, Floats]:
    """(offset, scale) of each channel; 0 and 1 where the file has none."""
    general = parameters.number("ANALOG", "GEN_SCALE")
    if general is None or not math.isfinite(general) or general == 0:
        general = 1.0
    offset, scale = _numbers(parameters, "OFFSET", n, 0.0), _numbers(parameters, "SCALE", n, 1.0)
    if is_unsigned:
        offset = np.where(offset < 0, offset + 65536, offset)  # 16-bit words, like the samples
    is_bad = ~np.isfinite(offset) | ~np.isfinite(scale)
    if is_bad.any():
        channels = ", ".join(str(i + 1) for i in np.flatnonzero(is_bad)[:8])
        notes.append(f"ANALOG:SCALE or OFFSET of channels {channels} is not a finite number; their samples are NULL")
        scale[is_bad] = np.nan
    return offset, scale * general


def _numbers(parameters: Parameters, name: str, n: int, default: float) -> Floats:
    """A numeric parameter with its continuations (SCALE2 …) for n channels."""
    values = list(parameters.numbers("ANALOG", name))
    number = 2
    while len(values) < n and (more := parameters.numbers("ANALOG", f"{name}{number}")):
        values, number = [*values, *more], number + 1
    return np.array([*values[:n], *[default] * (n - len(values))], np.float64)


def _stored(path: Path, layout: Layout, n_channels: int, per_frame: int, keep: slice, is_unsigned: bool) -> Floats:
    """(samples, channels) as stored: float32, int16 or uint16."""
    start, stop, _ = keep.indices(layout.n_frames)
    at = 4 * layout.n_points * layout.word
    frame = np.dtype(
        {
            "names": ["analog"],
            "formats": [(f"V{layout.word}", (layout.n_analog,))],
            "offsets": [at],
            "itemsize": layout.frame_bytes,
        }
    )
    order = ">" if layout.processor == "mips" else "<"
    kind = "f4" if layout.word == 4 else "u2" if is_unsigned else "i2"
    native = {"f4": np.float32, "u2": np.uint16, "i2": np.int16}[kind]
    out = np.empty((stop - start, per_frame * n_channels), native)
    step = max(1, CHUNK_BYTES // layout.frame_bytes)
    with path.open("rb") as file:
        file.seek(layout.data_offset + start * layout.frame_bytes)
        for first in range(0, stop - start, step):
            n = min(step, stop - start - first)
            block = file.read(n * layout.frame_bytes)
            if len(block) != n * layout.frame_bytes:
                raise InputError(
                    path, f"ended at frame {start + first} while it was read; it is truncated or is still being written"
                )
            raw = np.ascontiguousarray(np.frombuffer(block, frame)["analog"])
            if layout.processor == "dec" and layout.word == 4:
                out[first : first + n] = from_vax(raw.view("<u4"))
            else:
                out[first : first + n] = raw.view(f"{order}{kind}")
    return out.reshape(-1, n_channels)
