"""How many numbers a frame of a C3D file holds, and where the first begins, decided from the data if the file contradicts itself.

The header counts points and analog numbers, and so do POINT:USED, ANALOG:USED and the two rates; the scale's sign says
how wide a number is, in the header and in POINT:SCALE. If they agree, nothing is to be decided. Where they do not, that
reading is taken under which the frames fill the file and markers move smoothly from frame to frame.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from neurostore.errors import InputError
from neurostore.ingest.readers.c3d.head import Head
from neurostore.ingest.readers.c3d.parameters import BLOCK, Parameters, from_vax

_SAMPLE_FRAMES = 64
# Step from frame to frame as a share of the distance between points; markers of people reach 0.03 at 50 Hz.
_SMOOTH = 0.1


@dataclass(frozen=True, slots=True)
class Stated:
    """Every claim of the file, the header's first. per_frame : analog samples per frame by the header (word 10), 0 unknown.

    n_labels : labels of points, which count them too. section_ends : where else the frames may begin.
    """

    n_points: tuple[int, ...]
    n_analog: tuple[int, ...]
    words: tuple[int, ...]
    data_offsets: tuple[int, ...]
    per_frame: int
    n_labels: int = 0
    section_ends: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Sizes:
    """One reading of a frame: its points, analog numbers, bytes per number, and where the first frame begins."""

    n_points: int
    n_analog: int
    word: int
    data_offset: int

    @property
    def frame_bytes(self) -> int:
        """Bytes of a frame."""
        return (4 * self.n_points + self.n_analog) * self.word

    def __str__(self) -> str:
        kind = "32-bit floats" if self.word == 4 else "16-bit integers"
        return (
            f"{self.n_points} points and {self.n_analog} analog numbers per frame, {kind}, from byte {self.data_offset}"
        )


def stated_sizes(head: Head) -> Stated:
    """All that header and parameters say of a frame's size."""
    parameters = head.parameters
    n_points, n_analog = head.words(2, 2)
    (per_frame,) = head.words(18, 1)
    points, analogs = [n_points], [n_analog]
    used = parameters.number("POINT", "USED")
    if used is not None and parameters.groups.get("POINT"):
        points.append(int(used) & 0xFFFF)
    channels = parameters.number("ANALOG", "USED")
    if channels is not None:
        channels = int(channels) & 0xFFFF
        rate, point_rate = parameters.number("ANALOG", "RATE") or 0.0, parameters.number("POINT", "RATE") or 0.0
        if rate > 0 and point_rate > 0 and round(rate / point_rate) >= 1:
            analogs.append(channels * round(rate / point_rate))
        if per_frame:
            analogs.append(channels * per_frame)
        if not channels:
            analogs.append(0)
    words = [4 if s < 0 else 2 for s in (parameters.number("POINT", "SCALE"), head.number(12)) if s and np.isfinite(s)]
    offsets = [head.n_bytes]
    start = parameters.number("POINT", "DATA_START")
    if start is not None and int(start) & 0xFFFF > 1:
        offsets.append(((int(start) & 0xFFFF) - 1) * BLOCK)
    first = (tuple(dict.fromkeys(c)) for c in (points, analogs, words or [4], offsets))
    n_points_stated, n_analog_stated, widths, starts = first
    n_labels = len(parameters.strings("POINT", "LABELS"))
    return Stated(n_points_stated, n_analog_stated, widths, starts, per_frame, n_labels, head.section_ends)


def samples_per_frame(parameters: Parameters, stated: Stated, n_analog: int, rate_hz: float) -> int:
    """Analog samples per frame and channel: what most of the header, the rates, ANALOG:USED and ANALOG:LABELS agree on.

    A claim that does not divide the ``n_analog`` numbers of a frame does not count; among equals ANALOG:USED goes first.
    """
    rate = parameters.number("ANALOG", "RATE") or 0.0
    of_channels = [parameters.number("ANALOG", "USED") or 0.0, len(parameters.strings("ANALOG", "LABELS"))]
    claims = [n_analog / n for n in of_channels if np.isfinite(n) and n > 0]
    claims += [stated.per_frame, rate / rate_hz if np.isfinite(rate) and rate_hz > 0 else 0.0]
    whole = [round(claim) for claim in claims if claim >= 1 and abs(claim - round(claim)) < 1e-3]
    possible = [claim for claim in whole if n_analog % claim == 0]
    return max(possible, key=possible.count) if n_analog and possible else 1


def weigh(
    path: Path, stated: Stated, scale: float, processor: str, size: int, frame_counts: Collection[int]
) -> tuple[Sizes, list[str]]:
    """(the reading taken, notes).

    Raises
    ------
    InputError : the claims differ and no reading gives frames that fill the file and markers that move smoothly.
    """
    readings = [
        Sizes(*claims)
        for claims in itertools.product(stated.n_points, stated.n_analog, stated.words, stated.data_offsets)
    ]
    plain = readings[0]
    exact = [r for r in readings if _fills(r, size, frame_counts)]
    if len(readings) == 1 and (exact or not plain.n_points):
        return plain, []
    if padded := _after_padding(path, plain, size, frame_counts):
        return padded, [
            f"{padded.data_offset - plain.data_offset} bytes of zeros before the first frame were passed over"
        ]
    possible = [r for r in readings if r.frame_bytes and r.n_points and r.data_offset < size] or [plain]
    fitting = [r for r in possible if any(n * r.frame_bytes <= size - r.data_offset for n in frame_counts)]
    steps = {r: _step(path, r, scale, processor, size) for r in possible}
    for group in ([r for r in possible if r in exact], fitting):
        smooth = [r for r in group if steps[r] < _SMOOTH]
        if smooth:
            taken = plain if plain in smooth and group is not fitting else min(smooth, key=lambda r: steps[r])
            return taken, _notes(stated, taken, plain) if len(readings) > 1 else []
    if not fitting and (smooth := [r for r in possible if steps[r] < _SMOOTH]):  # cut off, or counts that are too high
        taken = plain if plain in smooth else min(smooth, key=lambda r: steps[r])
        return taken, _notes(stated, taken, plain) if len(readings) > 1 else []
    for reading in _unstated(stated, size, frame_counts):
        if _fills(reading, size, frame_counts) and _step(path, reading, scale, processor, size) < _SMOOTH:
            return reading, [_contradicted(plain, reading)]
    if len(readings) == 1:
        return plain, []
    # No reading gives smooth movement. In files without a valid sample, the header counts if it fits.
    if plain in exact or (plain in fitting and not any(np.isfinite(s) for s in steps.values())) or not fitting:
        return plain, _notes(stated, plain, plain)
    raise InputError(
        path,
        f"contradicts itself on the size of a frame ({_claims(stated)}), and under none of these readings do the frames fill the "
        "file and the markers move smoothly: damaged; export it again",
    )


def is_smooth(path: Path, reading: Sizes, scale: float, processor: str, size: int) -> bool:
    """Whether markers move smoothly under a reading, so that it can be trusted without a count of frames that fits."""
    return _step(path, reading, scale, processor, size) < _SMOOTH


def _fills(reading: Sizes, size: int, frame_counts: Collection[int]) -> bool:
    """Whether one of the counts of frames ends within the last block of the file."""
    return any(0 <= size - reading.data_offset - n * reading.frame_bytes < BLOCK for n in frame_counts)


def _after_padding(path: Path, plain: Sizes, size: int, frame_counts: Collection[int]) -> Sizes | None:
    """The stated reading behind whole blocks of zeros, if its frames fill the rest of the file."""
    rest = [size - plain.data_offset - n * plain.frame_bytes for n in frame_counts]
    for n_bytes in [n // BLOCK * BLOCK for n in rest if n >= BLOCK and plain.frame_bytes]:
        with path.open("rb") as file:
            file.seek(size - n_bytes)
            ends_with_numbers = any(file.read(n_bytes))
            file.seek(plain.data_offset)
            if ends_with_numbers and not any(file.read(min(n_bytes, 255 * BLOCK))):
                return replace(plain, data_offset=plain.data_offset + n_bytes)
    return None


def _unstated(stated: Stated, size: int, frame_counts: Collection[int]) -> Iterator[Sizes]:
    """Readings that no size of the file states.

    As many points as labels, the other width of numbers, frames that begin at the end of the parameters or so that they
    end with the file.
    """
    n_points = dict.fromkeys((*stated.n_points, *([stated.n_labels] if stated.n_labels else [])))
    for points, analog, word in itertools.product(n_points, stated.n_analog, dict.fromkeys((*stated.words, 2, 4))):
        frame_bytes = (4 * points + analog) * word
        last = [(size - n * frame_bytes) // BLOCK * BLOCK for n in frame_counts]
        later = [at for at in last if at > max(stated.data_offsets)]
        for at in dict.fromkeys((*stated.data_offsets, *stated.section_ends, *later)):
            if points and at < size:
                yield Sizes(points, analog, word, at)


def _contradicted(plain: Sizes, taken: Sizes) -> str:
    return (
        f"header and parameters give {plain}, under which the markers do not move smoothly or the frames do not fill the "
        f"file; read as {taken}, under which they do"
    )


def _claims(stated: Stated) -> str:
    names = ("points", "analog numbers", "bytes per number", "first byte")
    values = (stated.n_points, stated.n_analog, stated.words, stated.data_offsets)
    return "; ".join(
        f"{name}: {' or '.join(map(str, claims))}"
        for name, claims in zip(names, values, strict=True)
        if len(claims) > 1
    )


def _notes(stated: Stated, taken: Sizes, plain: Sizes) -> list[str]:
    who = (
        "as the header says" if taken == plain else "under which the frames fill the file and the markers move smoothly"
    )
    return [f"header and parameters differ on the size of a frame ({_claims(stated)}); read as {taken}, {who}"]


def _step(path: Path, reading: Sizes, scale: float, processor: str, size: int) -> float:
    """Median step of the points from one frame to the next as a share of the points' distance from their middle.

    Of up to 64 frames from the middle of the file; infinite where hardly a number is one of a position.
    """
    room = (size - reading.data_offset) // reading.frame_bytes if reading.n_points else 0
    n = min(room, _SAMPLE_FRAMES)
    if n < 2:
        return np.inf
    with path.open("rb") as file:
        file.seek(reading.data_offset + (room - n) // 2 * reading.frame_bytes)
        raw = np.frombuffer(file.read(n * reading.frame_bytes), np.uint8).reshape(n, -1)
    raw = np.ascontiguousarray(raw[:, : 16 * reading.n_points // (4 // reading.word)])
    order = ">" if processor == "mips" else "<"
    if reading.word == 2:
        values = raw.view(f"{order}i2").astype(np.float64) * abs(scale)
    else:
        values = (from_vax(raw.view("<u4")) if processor == "dec" else raw.view(f"{order}f4")).astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        points = values.reshape(n, reading.n_points, 4)
        is_there = np.isfinite(points).all(-1) & (points[..., 3] >= 0) & (points[..., :3] != 0).any(-1)
        is_there &= (np.abs(points[..., :3]) < 1e6).all(-1) & (np.abs(points[..., 3]) < 1e6)
        both = is_there[1:] & is_there[:-1]
        if both.mean() < 0.02:
            return np.inf
        step = np.linalg.norm(points[1:, :, :3] - points[:-1, :, :3], axis=-1)[both]
        there = points[..., :3][is_there]
        across = np.median(np.linalg.norm(there - np.median(there, axis=0), axis=-1))
    odd = float((~np.isfinite(points)).mean() + (np.abs(points) > 1e6).mean())
    return float(np.percentile(step, 75) / across) + odd if across > 0 else np.inf
