"""TRC: marker positions as OpenSim, OpenCap, Pose2Sim and Cortex write them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from neurostore.arrays import Floats
from neurostore.errors import InputError
from neurostore.ingest.readers.markers.assemble import (
    assemble,
    choose_skeleton,
    frame_slice,
    judge_still,
    name_says_static,
    one_person,
    parse_up,
    rate_of,
    refuse_pixels,
    squeezed,
    to_y_up,
    unit_mismatch,
    unit_of_a_person,
    without_far,
)
from neurostore.ingest.readers.markers.up import judge_up
from neurostore.ingest.readers.text_table import breaks_off, numbers, read_bytes, separator_of
from neurostore.ingest.readers.units import UNIT_MM, judged_unit
from neurostore.ingest.recording import ReadOptions, Recording, Step
from neurostore.wording import listed

_PLANE_MM = 1.0  # markers nearer to a plane than this have no depth
VERSION = 5
_SAME_RATE = 0.05  # DataRate may be nominal (30 for 29.97) or a mean over uneven times


@dataclass(frozen=True, slots=True)
class _Head:
    """The header above the numbers. labels: (name, column of x); words: header keys in lower case."""

    words: dict[str, str]
    labels: list[tuple[str, int]]
    separator: bytes
    data_at: int
    data_line: int


def read(path: Path, options: ReadOptions) -> Recording:
    """Read a TRC file. Positions in mm, Y up; an empty cell, or x, y and z all zero, is missing.

    The counts of its header are not trusted: labels and columns decide, and disagreements are noted.

    Raises
    ------
    InputError : no TRC, cells that are not numbers, no rows, no valid sample.
    """
    raw = read_bytes(path).replace(b'"', b"")  # quotes as spreadsheets write them
    head = _read_head(path, raw)
    notes: list[str] = []
    quality: dict[str, float] = {}
    n_columns = max(column for _, column in head.labels) + 3
    block = raw[head.data_at :]
    table = numbers(path, block, n_columns, head.data_line, head.separator)
    stated_frames = _count(head.words.get("numframes"))
    is_short = bool(stated_frames and len(table) < stated_frames and not block.endswith(b"\n") and block.strip())
    if len(table) > 1 and (breaks_off(block, head.separator) or is_short):
        table = table[:-1]
        n_stated = max(stated_frames or 0, len(table) + 1)
        quality["missing_frames_pct"] = 100.0 * (n_stated - len(table)) / n_stated
        notes.append(
            f"the file was cut off within a row: of {n_stated} frames {n_stated - len(table)} are missing; the {len(table)} whole "
            "rows were read; copy the file again"
        )
    if len(table) == 0:
        raise InputError(path, f"has no rows of data below its header (NumFrames says {stated_frames})")
    if stated_frames is not None and stated_frames != len(table) and not quality:
        notes.append(f"NumFrames says {stated_frames}, the file has {len(table)} rows; all were read")
    rate_hz, time_s, claims_ratio = _clock(path, head.words, table[:, 1], options.rate_hz, notes)

    names, positions = _markers(path, head, table, options, notes)
    recording = recording_of(
        path, names, positions, time_s, rate_hz, head.words.get("units", ""), options, notes, "read_trc"
    )
    recording.quality |= quality
    if abs(claims_ratio - 1) > _SAME_RATE:
        recording.quality["rate_claims_ratio"] = claims_ratio
    return recording


def recording_of(
    path: Path,
    names: list[str],
    positions: Floats,
    time_s: Floats,
    rate_hz: float,
    unit: str,
    options: ReadOptions,
    notes: list[str],
    step: str,
    usual_up: str = "y",
) -> Recording:
    """A recording of named markers: unit, vertical axis, skeleton and stillness are inferred as for every table of markers.

    positions : (n, J, 3) in ``unit`` as the file says it, NaN or all zero where missing.  step : name of the reading step.
    usual_up : the axis that is up by convention of the format, used if the markers do not decide.

    Raises
    ------
    InputError : no valid sample.
    """
    keep = frame_slice(len(positions), options, path)
    positions, time_s = positions[keep].astype(np.float32), time_s[keep]
    positions[(positions == 0).all(axis=-1)] = np.nan
    scale_mm, length_basis = _scale(path, unit, options, positions, notes)
    with np.errstate(over="ignore"):
        positions = positions * np.float32(scale_mm)
    positions = without_far(path, positions, names, notes)
    if not np.isfinite(positions).any():
        raise InputError(
            path, f"has no valid sample in any of its {len(names)} markers: all are empty, zero or not finite"
        )
    if length_basis == "measured" and (warning := unit_mismatch(positions, f"{scale_mm:g} mm")):
        notes.append(warning)
    if np.nanmin(np.nanmax(positions, axis=(0, 1)) - np.nanmin(positions, axis=(0, 1))) < _PLANE_MM and len(names) > 2:
        notes.append(
            "all markers are in one plane: positions of a picture, without depth; widths and angles out of that plane mean nothing"
        )
    up, is_upright = _up(path, options, names, positions, notes, usual_up)
    positions = to_y_up(positions, up)
    skeleton, columns, fit_notes = choose_skeleton(names, options, path)
    duration_s = float(time_s[-1] - time_s[0])
    still, still_notes = judge_still(positions, duration_s, name_says_static(path))
    return Recording(
        kind="static" if still else "mocap",
        rate_hz=rate_hz,
        poses=[assemble(skeleton, columns, positions, time_s)],
        length_basis=options.length_basis or length_basis,
        is_treadmill=options.is_treadmill,
        steps=[Step(step, VERSION, {"scale_mm": scale_mm, "up": up, "up_is_upright": is_upright})],
        notes=[*notes, *fit_notes, *still_notes],
    )


def _read_head(path: Path, raw: bytes) -> _Head:
    lines = raw[: 1 << 20].split(b"\n")
    text = [line.decode("utf-8", "replace") for line in lines[:12]]
    at_labels = next((i for i, line in enumerate(text) if line.strip().lower().startswith("frame")), None)
    if at_labels is None:
        raise InputError(
            path,
            f"is not a TRC file: none of its first {len(text)} lines begins with 'Frame#'; the first is {text[0][:60]!r}",
        )
    words: dict[str, str] = {}
    for keys, values in pairwise(text[:at_labels]):
        if "numframes" in keys.lower() or "datarate" in keys.lower():
            words = dict(zip((k.lower() for k in keys.split()), values.split(), strict=False))
    at_data = at_labels + 1
    while at_data < len(lines) and not _is_number(lines[at_data].replace(b",", b" ").split()[:1]):
        at_data += 1
    data_at = sum(len(line) + 1 for line in lines[:at_data])
    row = lines[at_data] if at_data < len(lines) else b"\t"
    head = text[at_labels] if at_labels < len(text) else ""
    return _Head(words, _labels(path, head), separator_of(row), min(data_at, len(raw)), at_data + 1)


def _is_number(words: list[bytes]) -> bool:
    try:
        return bool(words) and np.isfinite(float(words[0]))
    except ValueError:
        return False


def _labels(path: Path, line: str) -> list[tuple[str, int]]:
    """(label, column of its x) from the label line: by place where each name stands above its own x, else in order."""
    cells = [c.strip() for c in line.split("\t")] if "\t" in line else line.replace(",", " ").split()
    if len(cells) > 1 and not re.fullmatch(r"times?\s*[(\[]?\w*[)\]]?", cells[1].lower()):
        raise InputError(path, f"is not a TRC file: its label line begins {cells[:2]}, expected Frame# and Time")
    placed = [(name, i) for i, name in enumerate(cells[2:], start=2) if name]
    if not placed:
        raise InputError(path, "names no markers in its label line")
    words = [name for name, _ in placed]
    if len(placed) > 3 and words[::3] == words[1::3] == words[2::3]:  # a name above each of its x, y and z
        placed = placed[::3]
    if len(placed) > 1 and all((i - 2) % 3 == 0 for _, i in placed):
        return placed
    return [(name, 2 + 3 * k) for k, (name, _) in enumerate(placed)]


def _count(word: str | None) -> int | None:
    try:
        return int(float(word)) if word else None
    except (ValueError, OverflowError):
        return None


def _clock(
    path: Path, words: dict[str, str], times: Floats, given_hz: float | None, notes: list[str]
) -> tuple[float, Floats, float]:
    """(rate, time of each row, DataRate divided by the rate of the times where they contradict each other, else 1).

    Times written with few decimals give way to the even steps they are rounded from. given_hz : what cohort.toml says.
    """
    n = len(times)
    stated = _rate_word(words.get("datarate")) if given_hz is None else given_hz
    is_stated = bool(np.isfinite(stated) and 0 < stated < 1e6)
    if is_stated and (np.isnan(times).all() or (n > 1 and np.ptp(times) == 0)):
        notes.append("it has no times that increase; they were computed from DataRate")
        return stated, np.arange(n) / stated, 1.0
    if np.isnan(times).any():
        raise InputError(path, f"row {int(np.argmax(np.isnan(times))) + 1} has no time")
    steps = np.diff(times)
    if (steps <= 0).any():
        row = int(np.argmax(steps <= 0)) + 2
        raise InputError(path, f"time does not increase at row {row}: {times[row - 2]:g} s, then {times[row - 1]:g} s")
    measured = (n - 1) / (times[-1] - times[0]) if n > 1 else stated
    rate = stated if is_stated else measured
    if not (np.isfinite(rate) and 0 < rate < 1e6):
        raise InputError(path, f"its frame rate is not known: DataRate is {words.get('datarate')!r}, {n} rows")
    times, measured = _in_seconds(times, measured, rate, notes)
    even = times[0] + np.arange(n) / rate
    if n > 1 and np.abs(even - times).max() > 0.25 / rate:
        if given_hz is not None and abs(measured / rate - 1) > 0.01:
            notes.append(f"{rate:g} Hz by cohort.toml, while its times give {measured:.4g} Hz")
            return rate, even, 1.0
        ratio = 1.0
        if abs(measured / rate - 1) > 0.01:
            followed = rate_of(times)
            notes.append(f"DataRate says {rate:g} Hz, its times give {followed:.4g} Hz; the times were used")
            rate, ratio = followed, rate / followed
        return rate, times, ratio
    is_exact = n < 2 or np.abs(even - times).max() < 1e-7
    if not is_exact:
        notes.append("times are rounded; even steps of DataRate were used, which agree within a quarter of a frame")
    return rate, times if is_exact else even, 1.0


def _rate_word(word: str | None) -> float:
    try:
        return float(word or "nan")
    except ValueError:
        return np.nan


def _in_seconds(times: Floats, measured: float, rate: float, notes: list[str]) -> tuple[Floats, float]:
    """Times and their rate in seconds, where the column of times holds milliseconds or counts frames."""
    for per_second, what in ((1000.0, "milliseconds"), (rate, "frames")):
        if per_second > 2 and abs(measured * per_second / rate - 1) < 0.01:
            notes.append(f"its times are {what}, as DataRate shows; they were read as such")
            return times / per_second, measured * per_second
    return times, measured


def _markers(
    path: Path, head: _Head, table: Floats, options: ReadOptions, notes: list[str]
) -> tuple[list[str], Floats]:
    """(names, positions (n, J, 3)) of the named markers of one person that have columns."""
    stated = _count(head.words.get("nummarkers"))
    named = [
        (name, head.labels[i][1]) for i, name in one_person([name for name, _ in head.labels], path, options, notes)
    ]
    places = {column: i for i, (_, column) in enumerate(head.labels)}
    best: dict[str, tuple[str, Floats]] = {}
    empty, twice = [], []
    for name, column in named:
        xyz = table[:, column : column + 3]
        n_valid = np.isfinite(xyz).all(axis=1).sum()
        if n_valid == 0 and stated is not None and places[column] >= stated:
            empty.append(name)
            continue
        if name.upper() in best:
            twice.append(name)
            if n_valid <= np.isfinite(best[name.upper()][1]).all(axis=1).sum():
                continue
        best[name.upper()] = (name, xyz)
    if empty:
        notes.append(
            f"NumMarkers says {stated}, the label line has {len(head.labels)} names; "
            f"{len(empty)} without data were dropped: {listed(empty, 5)}"
        )
    elif stated is not None and stated != len(head.labels):
        notes.append(f"NumMarkers says {stated}, the label line has {len(head.labels)} names; all with data were read")
    if twice:
        notes.append(f"labels that occur more than once; the one with most valid samples was read: {', '.join(twice)}")
    if not best:
        raise InputError(path, f"has no named marker with data; its label line has {len(head.labels)} names")
    return [name for name, _ in best.values()], np.stack([xyz for _, xyz in best.values()], axis=1)


def _scale(path: Path, unit: str, options: ReadOptions, positions: Floats, notes: list[str]) -> tuple[float, str]:
    """(mm per unit, length basis)."""
    unit = unit.lower().strip("()[]. ")
    refuse_pixels(path, unit, positions, options.scale_mm)
    if options.scale_mm is not None:
        return options.scale_mm, "measured"
    if unit in UNIT_MM:
        other = unit_of_a_person(positions, UNIT_MM[unit])
        if other is None:
            return UNIT_MM[unit], "measured"
        notes.append(
            f"Units says {unit}, in which the markers are not a person; {other[1]} were used, judging from the size of the "
            "marker cloud: give scale_mm in cohort.toml if this is wrong"
        )
        return other[0], "judged"
    return judged_unit(f"Units is {unit!r}" if unit else "Units is missing", positions, notes), "judged"


def _up(
    path: Path, options: ReadOptions, names: list[str], positions: Floats, notes: list[str], usual: str
) -> tuple[str, bool]:
    """(axis, whether the body stands upright along it beyond doubt).

    The format does not state the vertical axis (Y in most TRC files), so it is inferred from the markers if their names
    allow it.
    """
    if options.up:
        return parse_up(options.up, path), False
    up = judge_up([squeezed(name) for name in names], positions, default=usual)
    axis, how = (
        (up.axis, up.how)
        if up.is_sure
        else (usual, f"the convention of the format, because the markers do not decide it ({up.how})")
    )
    notes.append(f"the file does not state the vertical axis; {axis} was used: {how}")
    return axis, up.is_upright
