"""MOT and STO: joint angles as OpenSim writes them (coordinates of inverse kinematics, states of simulations)."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neurostore.arrays import Floats
from neurostore.errors import InputError
from neurostore.ingest.readers.ground_forces import force_columns, read_ground_forces
from neurostore.ingest.readers.markers.assemble import rate_of
from neurostore.ingest.readers.not_finite import NotFinite
from neurostore.ingest.readers.text_table import breaks_off, numbers, read_bytes, separator_of
from neurostore.ingest.recording import ReadOptions, Recording, SourceAngle, Step
from neurostore.opensim import MODELS, column_of
from neurostore.wording import listed

VERSION = 4

_TRANSLATION = re.compile(r"_t[xyz]$")
_COORDINATE = re.compile(
    r"^(pelvis_(tilt|list|rotation)|(hip|knee|ankle|subtalar|mtp|lumbar|arm|elbow|wrist|pro_sup|neck|shoulder)_?\w*)$"
)
_OTHER = re.compile(
    r"force|moment|torque|activation|excitation|emg|grf|_v[xyz]$|_p[xyz]$|power|length|speed|_u$", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class _Head:
    words: dict[str, str]
    labels: list[str]
    separator: bytes
    data_at: int
    data_line: int


def read(path: Path, options: ReadOptions) -> Recording:
    """Read the joint angles of a MOT or STO file, in degrees and the file's own signs; it has no positions.

    Whether knee flexion is positive (Rajagopal, OpenCap) or negative (gait2392, gait10dof18musc) is what the header's
    ``osim_model`` says (our own files have it), else judged from the data and noted.

    Raises
    ------
    InputError : no MOT or STO, fewer rows than nRows, cells that are not numbers, no joint coordinates (forces, EMG).
    """
    raw = read_bytes(path)
    head = _read_head(path, raw)
    block = raw[head.data_at :]
    table = numbers(path, block, len(head.labels), head.data_line, head.separator)
    notes = _check_counts(path, head, table, block)
    time_s = table[:, 0]
    _check_times(path, time_s)
    rate_hz = rate_of(time_s) if len(time_s) > 1 else _number(head.words.get("datarate")) or 0.0
    if force_columns(head.labels):
        plates = read_ground_forces(path, head.labels, table, rate_hz, notes)
        steps = [Step("read_ground_forces", VERSION, {"n_forces": len(plates)})]
        return Recording(
            kind="forces", rate_hz=rate_hz, poses=[], length_basis="none", plates=plates, steps=steps, notes=notes
        )
    names, columns = _coordinates(path, head, notes)
    values = _finite(names, table[:, columns], notes)
    in_degrees = _in_degrees(head.words, values, notes)
    if not in_degrees:
        values = np.degrees(values)
    _refuse_impossible(path, names, values, in_degrees)
    _refuse_stiff(path, head, table, values, in_degrees)
    stated = MODELS.get(head.words.get("osim_model", ""))
    knee_sign = stated.knee_sign if stated else _knee_sign(names, values, notes)
    doubtful = () if stated else _unlike_knees(names, values, notes)
    angles = []
    for i, name in enumerate(names):
        if np.isfinite(values[:, i]).any():
            ours, sign = column_of(name, knee_sign) if name not in doubtful else (None, 1)
            angles.append(SourceAngle(name, "", ours, sign, time_s, values[:, i]))
    if not angles:
        raise InputError(path, f"has no valid value in any of its {len(names)} coordinates")
    return Recording(
        kind="angles",
        rate_hz=rate_hz,
        poses=[],
        length_basis="none",
        angles=angles,
        is_treadmill=options.is_treadmill,
        steps=[Step("read_mot", VERSION, {"in_degrees": in_degrees, "knee_sign": knee_sign})],
        notes=notes,
    )


def _read_head(path: Path, raw: bytes) -> _Head:
    lines = raw[: 1 << 20].split(b"\n")
    end = next((i for i, line in enumerate(lines[:200]) if line.strip().lower() == b"endheader"), None)
    if end is None:
        first = lines[0].decode("utf-8", "replace")[:60]
        raise InputError(
            path, f"is not a MOT or STO file: no line 'endheader' in its first 200; the first is {first!r}"
        )
    words = {}
    for line in lines[:end]:
        pair = re.split(r"[=\s]+", line.decode("utf-8", "replace").strip(), maxsplit=1)
        if len(pair) == 2:
            words[pair[0].lower()] = pair[1].strip()
    at = end + 1
    while at < len(lines) and not lines[at].strip():
        at += 1
    if at >= len(lines):
        raise InputError(path, "ends after 'endheader': no column names, no rows")
    separator = separator_of(lines[at])
    text = lines[at].decode("utf-8", "replace")
    labels = text.split() if separator == b" " else [c.strip() for c in text.split(separator.decode())]
    while labels and not labels[-1]:
        labels.pop()
    if not labels or labels[0].lower() != "time":
        raise InputError(path, f"its column names begin with {labels[:2]}, expected 'time' first")
    row = next((line for line in lines[at + 1 :] if line.strip()), b"\t")
    data_at = min(sum(len(line) + 1 for line in lines[: at + 1]), len(raw))
    return _Head(words, labels, separator_of(row), data_at, at + 2)


def _check_counts(path: Path, head: _Head, table: Floats, block: bytes) -> list[str]:
    notes = []
    n_rows = _number(head.words.get("nrows") or head.words.get("datarows"))
    n_columns = _number(head.words.get("ncolumns") or head.words.get("datacolumns"))
    if len(table) == 0:
        raise InputError(path, f"has no rows below its column names (nRows says {head.words.get('nrows', 'nothing')})")
    if n_rows is not None and len(table) < n_rows - max(3, 0.02 * n_rows):
        raise InputError(path, f"is truncated: nRows says {n_rows:g}, the file has {len(table)} rows")
    if breaks_off(block, head.separator):
        raise InputError(path, f"is truncated: its last row (row {len(table)}) breaks off")
    if n_rows is not None and n_rows != len(table):
        notes.append(f"nRows says {n_rows:g}, the file has {len(table)} rows; all were read")
    if n_columns is not None and n_columns != len(head.labels):
        notes.append(f"nColumns says {n_columns:g}, the file names {len(head.labels)} columns; those were read")
    return notes


def _number(word: str | None) -> float | None:
    try:
        value = float(word) if word else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _check_times(path: Path, time_s: Floats) -> None:
    if not np.isfinite(time_s).all():
        raise InputError(path, f"row {int(np.argmin(np.isfinite(time_s))) + 1} has no time")
    steps = np.diff(time_s)
    if (steps <= 0).any():
        row = int(np.argmax(steps <= 0)) + 2
        raise InputError(
            path, f"time does not increase at row {row}: {time_s[row - 2]:g} s, then {time_s[row - 1]:g} s"
        )


def _coordinates(path: Path, head: _Head, notes: list[str]) -> tuple[list[str], list[int]]:
    """Names and columns of the rotational coordinates; of states (/jointset/knee_r/knee_angle_r/value) the name."""
    names, columns, left_out = [], [], []
    for i, label in enumerate(head.labels[1:], start=1):
        parts = label.strip("/").split("/")
        name = parts[-2] if len(parts) > 1 and parts[-1] == "value" else label
        if ("/" in label and parts[-1] != "value") or _TRANSLATION.search(name) or _OTHER.search(name) or not name:
            left_out.append(label)
        elif name in names:
            notes.append(f"column {name} occurs more than once; the first was read")
        else:
            names.append(name)
            columns.append(i)
    if not any(_COORDINATE.match(name) for name in names):
        kind = "forces, moments or muscle data" if left_out else "something else"
        raise InputError(
            path, f"names no joint angle among its columns ({', '.join(head.labels[1:6])} …); it seems to hold {kind}"
        )
    if left_out:
        notes.append(f"columns that are not joint angles were left out: {listed(left_out, 6)}")
    return names, columns


def _finite(names: list[str], values: Floats, notes: list[str]) -> Floats:
    """The values of coordinates, with NaN for what is no finite number, which is noted."""
    lost = NotFinite(names)
    lost.look(values)
    notes += lost.notes()
    return np.where(np.isfinite(values), values, np.nan)


def _in_degrees(words: dict[str, str], values: Floats, notes: list[str]) -> bool:
    stated = words.get("indegrees", "").lower()
    if stated in ("yes", "true", "1", "no", "false", "0"):
        return stated in ("yes", "true", "1")
    # OpenSim's Storage: without a version the file is an old one of SIMM, in degrees; version 1 says nothing and means radians.
    version = words.get("version", "")
    if not version or version == "1":
        notes.append(
            f"inDegrees is missing; {'version=1' if version else 'no version in the header'}: "
            f"read as {'radians' if version else 'degrees'}, as OpenSim does"
        )
        return not version
    size = float(np.nanmax(np.abs(values), initial=0))
    judged = size > 2 * math.pi
    notes.append(
        f"inDegrees is missing; judged to be {'degrees' if judged else 'radians'}, the largest angle being {size:.3g}"
    )
    return judged


_HINGED = re.compile(r"^(knee_angle|hip_flexion|hip_adduction|ankle_angle|elbow_flex(ion)?)_[lr]$")


def _refuse_impossible(path: Path, names: list[str], values: Floats, in_degrees: bool) -> None:
    """Raise where a hip, knee, ankle or elbow turns further than 180°: the file's unit is not the stated one."""
    for i, name in enumerate(names):
        if not _HINGED.match(name) or not np.isfinite(values[:, i]).any():
            continue
        low, high = np.nanpercentile(values[:, i], [2, 98])
        if max(-low, high) > 180:
            raise InputError(
                path,
                f"{name} runs from {low:.0f}° to {high:.0f}°, which no joint can do: the values were read as "
                f"{'degrees' if in_degrees else 'radians'}; write inDegrees=yes or inDegrees=no into the header as they are",
            )


def _refuse_stiff(path: Path, head: _Head, table: Floats, values: Floats, in_degrees: bool) -> None:
    """Raise where the pelvis rises and falls, or goes on, and no angle is as large as 3.2: the angles are radians.

    A leg of 0.9 m that lowers the pelvis by 15 mm is bent by 10°, whatever the joint.
    """
    if not in_degrees or not np.isfinite(values).any() or float(np.nanmax(np.abs(values))) > 3.2:
        return
    ways = {"pelvis_ty": 0.015, "pelvis_tx": 0.5, "pelvis_tz": 0.5}
    for i, label in enumerate(head.labels):
        parts = label.strip("/").split("/")
        name = parts[-2] if len(parts) > 1 and parts[-1] == "value" else label
        seen = table[:, i][np.isfinite(table[:, i])]
        if name in ways and len(seen) > 1 and np.ptp(seen) > ways[name] and np.nanmax(np.nanstd(values, axis=0)) > 0.01:
            raise InputError(
                path,
                f"{name} covers {np.ptp(seen):.3g} m, but no angle is larger than {np.nanmax(np.abs(values)):.2f} degrees, as which "
                "they were read: these are radians; write inDegrees=no into the header",
            )


def _unlike_knees(names: list[str], values: Floats, notes: list[str]) -> tuple[str, ...]:
    """Both knees, where one bends to positive and the other to negative angles: no model does so."""
    both = [i for i, name in enumerate(names) if re.fullmatch(r"knee_angle_[lr]", name)]
    if len(both) != 2 or not np.isfinite(values[:, both]).any(axis=0).all():
        return ()
    middle = np.nanmedian(values[:, both], axis=0)
    most = np.nanpercentile(np.abs(values[:, both]), 98, axis=0)
    if middle[0] * middle[1] >= 0 or most.min() < 30:
        return ()
    notes.append(
        "the knees bend with opposite signs, which no model does: they are stored under their own names, not as knee flexion"
    )
    return tuple(names[i] for i in both)


def _knee_sign(names: list[str], values: Floats, notes: list[str]) -> int:
    """+1 where knee flexion is positive in the file. A knee bends by tens of degrees and overextends by few."""
    knees = [i for i, name in enumerate(names) if re.fullmatch(r"knee_angle_[lr]", name)]
    if not knees:
        return 1
    low, high = np.nanpercentile(values[:, knees], [2, 98]) if np.isfinite(values[:, knees]).any() else (0.0, 0.0)
    sign = 1 if high >= -low else -1
    model = "as in Rajagopal and OpenCap models" if sign > 0 else "as in gait2392 and gait10dof18musc"
    sure = "" if max(high, -low) > 15 and abs(high + low) > 10 else "; the knees hardly bend, so this is unsure"
    notes.append(
        f"knee flexion was judged to be {'positive' if sign > 0 else 'negative'} in the file ({model}): "
        f"knee angles run from {low:.0f}° to {high:.0f}°{sure}"
    )
    return sign
