"""Motion-BIDS: positions and ground forces of ``*_motion.tsv`` with the sidecars that say what its columns are.

Source: BIDS specification 1.10, modality specific files, motion; inheritance principle for the sidecars.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neurostore.arrays import Floats
from neurostore.errors import InputError
from neurostore.ingest.readers.c3d.event_names import event_name
from neurostore.ingest.readers.ground_forces import force_columns, read_ground_forces
from neurostore.ingest.readers.markers.assemble import (
    assemble,
    choose_skeleton,
    frame_slice,
    judge_still,
    name_says_static,
    parse_up,
    renamed,
    squeezed,
    to_y_up,
    unit_mismatch,
    without_far,
)
from neurostore.ingest.readers.markers.up import judge_up
from neurostore.ingest.readers.text_table import numbers, read_bytes
from neurostore.ingest.readers.units import UNIT_MM, judged_unit
from neurostore.ingest.recording import ForcePlate, ReadOptions, Recording, SourceEvent, Step
from neurostore.wording import listed

VERSION = 2
MOST_FOLDERS_UP = 4
# Letter of SpatialAxes -> (our axis, sign): x forward, y up, z right.
_LETTERS = {
    "F": (0, 1), "A": (0, 1), "B": (0, -1), "P": (0, -1),
    "U": (1, 1), "S": (1, 1), "D": (1, -1), "I": (1, -1),
    "R": (2, 1), "L": (2, -1),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Channel:
    column: int
    name: str
    component: str
    type: str
    point: str
    units: str
    frame: str


def read(path: Path, options: ReadOptions) -> Recording:
    """Read the positions of a Motion-BIDS file: channels of type POS; in mm, Y up.

    Channels of type MISC with OpenSim's names of forces (ground_force_1_vx …) are force platforms.

    ``*_channels.tsv`` and ``*_motion.json`` are looked for beside the file and in the folders above it; a LATENCY
    channel is the clock, else SamplingFrequency.

    Raises
    ------
    InputError : no ``*_motion.tsv``, no sidecars, columns that disagree with them, no positions, no valid sample.
    """
    if not path.name.lower().endswith("_motion.tsv"):
        raise InputError(path, "is not a Motion-BIDS file: its name does not end in _motion.tsv")
    notes: list[str] = []
    metadata = _metadata(path, options)
    channels = _channels(path, options)
    table = _table(path, channels, notes)
    time_s, rate_hz = _clock(path, metadata, channels, table, options, notes)
    names, positions, frames, length_basis = _positions(path, channels, table, options, notes)
    names = renamed(names, options, notes)
    keep = frame_slice(len(table), options, path)
    positions, time_s = positions[keep], time_s[keep]
    positions = without_far(path, positions, names, notes)
    if not np.isfinite(positions).any():
        raise InputError(path, f"has no valid sample in any of its {len(names)} tracked points")
    if length_basis == "measured" and (warning := unit_mismatch(positions, "that of its channels")):
        notes.append(warning)
    positions, axes = _turned(path, options, names, positions, frames, notes)
    plates = _plates(path, channels, table[keep], time_s, rate_hz, axes, notes)
    skeleton, columns, fit_notes = choose_skeleton(names, options, path)
    still, still_notes = judge_still(positions, float(time_s[-1] - time_s[0]), name_says_static(path))
    return Recording(
        kind="static" if still else "mocap",
        rate_hz=rate_hz,
        poses=[assemble(skeleton, columns, positions.astype(np.float32), time_s)],
        length_basis=options.length_basis or length_basis,
        events=_events(path, options, notes),
        plates=plates,
        is_treadmill=options.is_treadmill,
        steps=[Step("read_motion_bids", VERSION, {"axes": axes, "task": str(metadata.get("TaskName", ""))})],
        notes=[*notes, *fit_notes, *still_notes],
    )


# ---------------------------------------------------------------------------------------------- sidecars


def _entities(name: str) -> set[str]:
    return {part for part in name.split("_")[:-1] if "-" in part}


def _sidecars(path: Path, suffix: str, options: ReadOptions) -> list[Path]:
    """Files ``*<suffix>`` that apply to the file, nearest last: their entities are among the file's own."""
    mine = _entities(path.name)
    sidecars: list[Path] = []
    folders = [path.parent, *path.parent.parents][: MOST_FOLDERS_UP + 1]
    root = next((i for i, f in enumerate(folders) if (f / "dataset_description.json").is_file()), len(folders) - 1)
    candidates = {Path(c) for c in options.companions}
    for folder in reversed(folders[: root + 1]):
        try:
            here = {f for f in folder.iterdir() if f.name.endswith(suffix)} | {
                c for c in candidates if c.parent == folder
            }
        except OSError:
            continue
        fitting = [f for f in here if f.name.endswith(suffix) and _entities(f"{f.stem}") <= mine]
        sidecars += sorted(fitting, key=lambda f: (len(_entities(f.stem)), f.name))
    return sidecars


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise InputError(path, f"is not readable JSON: {str(error)[:120]}") from None
    if not isinstance(content, dict):
        raise InputError(path, f"holds {type(content).__name__}, expected an object")
    return content


def _metadata(path: Path, options: ReadOptions) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    files = [
        f for f in _sidecars(path, "motion.json", options) if f.name == "motion.json" or f.name.endswith("_motion.json")
    ]
    for file in files:
        merged |= _json(file)
    return merged


def _rows(path: Path) -> list[dict[str, str]]:
    text = read_bytes(path).decode("utf-8", "replace")
    rows = csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE)
    return [
        {(k or "").strip().lower(): (v or "").strip() for k, v in row.items() if isinstance(v, str)} for row in rows
    ]


def _channels(path: Path, options: ReadOptions) -> list[_Channel]:
    files = [
        f
        for f in _sidecars(path, "channels.tsv", options)
        if f.name == "channels.tsv" or f.name.endswith("_channels.tsv")
    ]
    if not files:
        raise InputError(
            path,
            f"has no *_channels.tsv beside it or above it (looked for {path.name[: -len('motion.tsv')]}channels.tsv)",
        )
    rows = _rows(files[-1])
    lacking = {"name", "component", "type"} - set(rows[0] if rows else {})
    if lacking:
        raise InputError(files[-1], f"lacks the columns {', '.join(sorted(lacking))} (BIDS channels.tsv)")
    return [
        _Channel(
            column=i,
            name=row["name"],
            component=row.get("component", "").lower(),
            type=row.get("type", "").upper(),
            point=_point(row),
            units=row.get("units", "").lower(),
            frame=row.get("reference_frame", ""),
        )
        for i, row in enumerate(rows)
    ]


def _point(row: dict[str, str]) -> str:
    point = row.get("tracked_point", "")
    if point and point.lower() != "n/a":
        return point
    return re.sub(r"[_.\- ]?(pos)?[_.\- ]?[xyz]$", "", row["name"], flags=re.IGNORECASE) or row["name"]


# ---------------------------------------------------------------------------------------------- numbers


def _table(path: Path, channels: list[_Channel], notes: list[str]) -> Floats:
    raw = read_bytes(path)
    first, _, rest = raw.partition(b"\n")
    cells = [c.strip().decode("utf-8", "replace") for c in first.split(b"\t")]
    line = 1
    if {c.lower() for c in cells} & {c.name.lower() for c in channels}:
        notes.append("its first line names the columns, which Motion-BIDS does not have; it was skipped")
        raw, line = rest, 2
        first = rest.partition(b"\n")[0]
    n_cells = len(first.split(b"\t"))
    if n_cells != len(channels):
        raise InputError(
            path,
            f"has {n_cells} columns, its channels.tsv describes {len(channels)}; "
            "expected one row of channels.tsv for each column",
        )
    table = numbers(path, raw, len(channels), line)
    if len(table) == 0:
        raise InputError(path, "has no rows of data; expected one row for each sample")
    last = raw.rstrip(b"\n").rsplit(b"\n", 1)[-1]
    if not raw.endswith(b"\n") and len(last.split(b"\t")) < len(channels):
        raise InputError(
            path, f"is truncated: its last row has {len(last.split(chr(9).encode()))} of {len(channels)} cells"
        )
    return table


def _clock(
    path: Path,
    metadata: dict[str, Any],
    channels: list[_Channel],
    table: Floats,
    options: ReadOptions,
    notes: list[str],
) -> tuple[Floats, float]:
    stated = options.rate_hz if options.rate_hz is not None else metadata.get("SamplingFrequency")
    rate = math.nan
    if isinstance(stated, int | float) and not isinstance(stated, bool) and abs(stated) < 1e9:
        rate = float(stated)
    latency = next((c for c in channels if c.type == "LATENCY" or c.name.lower() == "latency"), None)
    if latency is not None:
        factor = 0.001 if latency.units == "ms" else 1.0
        time_s = table[:, latency.column] * factor
        steps = np.diff(time_s)
        if np.isfinite(time_s).all() and (steps > 0).all():
            if not (math.isfinite(rate) and rate > 0):
                if len(steps) == 0:
                    raise InputError(path, "has one row and no SamplingFrequency; its rate is not known")
                rate = float(1 / np.median(steps))
            return time_s, rate
        notes.append("its LATENCY channel does not increase throughout and was not used")
    if not (math.isfinite(rate) and rate > 0):
        raise InputError(path, f"SamplingFrequency in its *_motion.json is {stated!r}; expected a number of Hz above 0")
    return np.arange(len(table)) / rate, rate


def _positions(
    path: Path, channels: list[_Channel], table: Floats, options: ReadOptions, notes: list[str]
) -> tuple[list[str], Floats, set[str], str]:
    """(tracked points, positions (n, J, 3) in mm and the file's axes, reference frames, length basis)."""
    points: dict[str, dict[str, _Channel]] = {}
    twice = []
    for channel in channels:
        if channel.type == "POS" and channel.component in ("x", "y", "z"):
            if channel.component in points.setdefault(channel.point, {}):
                twice.append(channel.name)
            else:
                points[channel.point][channel.component] = channel
    if twice:
        raise InputError(path, f"channels {listed(twice, 5)} give a tracked point a component that it already has")
    partial = [p for p, axes in points.items() if len(axes) < 3]
    whole = {p: axes for p, axes in points.items() if len(axes) == 3}
    forces = {channels[i].name for wrench in _force_columns(channels) for i in wrench}
    others = Counter(c.type or "no type" for c in channels if c.type not in ("POS", "LATENCY") and c.name not in forces)
    if others:
        notes.append("channels left out: " + ", ".join(f"{n} {kind}" for kind, n in others.items()))
    if partial:
        notes.append(f"tracked points without all of x, y and z were left out: {', '.join(partial)}")
    if not whole:
        raise InputError(path, f"has no tracked point with POS channels x, y and z; its channels are {dict(others)}")
    positions = np.stack([np.stack([table[:, f[a].column] for a in "xyz"], axis=-1) for f in whole.values()], axis=1)
    units = {f[a].units for f in whole.values() for a in "xyz"}
    basis = "measured"
    if options.scale_mm is not None:
        positions = positions * options.scale_mm
    elif units <= UNIT_MM.keys():
        positions = positions * np.array([[UNIT_MM[f[a].units] for a in "xyz"] for f in whole.values()])
    else:
        strange = ", ".join(sorted(repr(u) for u in units - UNIT_MM.keys()))
        scale_mm = judged_unit(f"units of its POS channels are {strange}", positions, notes)
        positions, basis = positions * scale_mm, "judged"
    return list(whole), positions, {f["x"].frame for f in whole.values()} - {"", "n/a"}, basis


# ---------------------------------------------------------------------------------------------- axes and events


def _turned(
    path: Path, options: ReadOptions, names: list[str], positions: Floats, frames: set[str], notes: list[str]
) -> tuple[Floats, str]:
    """(positions, axes): x forward, y up, z right by the SpatialAxes of the reference frame; else by an up axis."""
    if options.up:
        axes = f"{parse_up(options.up, path)} up"
        return _along(positions, axes), axes
    letters = _spatial_axes(path, options, frames)
    if letters:
        return _along(positions, letters), letters
    up, how = (judged := judge_up([squeezed(n) for n in names], positions, default="z")).axis, judged.how
    notes.append(f"its sidecars do not state the vertical axis (SpatialAxes); {up} was used: {how}")
    return to_y_up(positions, up), f"{up} up"


def _along(vectors: Floats, axes: str) -> Floats:
    """Vectors (…, 3) of the file in the lab's axes. axes : SpatialAxes, such as FRU, or the axis that points up, such as 'z up'."""
    if axes.endswith(" up"):
        return to_y_up(vectors, axes.removesuffix(" up"))
    out = np.empty_like(vectors)
    for source, (axis, sign) in enumerate(_LETTERS[letter] for letter in axes):
        out[..., axis] = sign * vectors[..., source]
    return out


def _force_columns(channels: list[_Channel]) -> list[list[int]]:
    """Columns of force, point and moment (none, or three) of each wrench that channels of type MISC name."""
    labels = [c.name if c.type == "MISC" else "" for c in channels]
    return [[*force, *point, *moment] for _, force, point, moment in force_columns(labels)]


def _plates(
    path: Path, channels: list[_Channel], table: Floats, time_s: Floats, rate_hz: float, axes: str, notes: list[str]
) -> list[ForcePlate]:
    """Force platforms of channels in N, m and Nm; others are left out and named."""
    labels, columns = ["time"], [time_s]
    for wrench in _force_columns(channels):
        units = [channels[i].units for i in wrench[::3]]
        if units != ["n", "m", "nm"][: len(units)]:
            notes.append(
                f"{channels[wrench[0]].name} is left out: its units are {', '.join(units)}; expected N, m and Nm"
            )
            continue
        for at in range(0, len(wrench), 3):
            labels += [channels[i].name for i in wrench[at : at + 3]]
            columns += list(_along(table[:, wrench[at : at + 3]], axes).T)
    return read_ground_forces(path, labels, np.stack(columns, axis=1), rate_hz, notes) if len(labels) > 1 else []


def _spatial_axes(path: Path, options: ReadOptions, frames: set[str]) -> str:
    """SpatialAxes of the reference frame, such as FRU or ALS, where one frame holds for all points; else ''."""
    kinds: set[str] = set()
    for file in _sidecars(path, "channels.json", options):
        described = _json(file).get("reference_frame", {})
        levels = described.get("Levels", {}) if isinstance(described, dict) else {}
        for name, level in levels.items() if isinstance(levels, dict) else ():
            if isinstance(level, dict) and (not frames or name in frames):
                kinds.add(str(level.get("SpatialAxes", "")).upper())
    letters = kinds.pop() if len(kinds) == 1 and len(frames) <= 1 else ""
    axes = {_LETTERS[c][0] for c in letters if c in _LETTERS}
    return letters if len(letters) == 3 and len(axes) == 3 else ""


def _events(path: Path, options: ReadOptions, notes: list[str]) -> list[SourceEvent]:
    files = _sidecars(path, "_events.tsv", options)
    events = []
    for row in _rows(files[-1]) if files else ():
        try:
            onset = float(row.get("onset", ""))
        except ValueError:
            notes.append(f"an event of {files[-1].name} has no onset ({row.get('onset')!r}) and was left out")
            continue
        label = row.get("trial_type") or row.get("value") or "event"
        event, side = event_name(label, row.get("side", ""))
        if math.isfinite(onset):
            events.append(SourceEvent(event, side, onset, label))
    return sorted(events, key=lambda e: e.time_s)
