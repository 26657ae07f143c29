"""Poses that another program estimated: ``<trial>.poses.parquet`` and ``<trial>.poses.json``.

The contract is in docs/estimator-file.md: a header (estimator, units, fps, axes, skeleton or joints) and a long table of
frame, person, joint, x, y, z and confidence.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from neurostore import skeleton as skeletons
from neurostore.arrays import Floats, Ints
from neurostore.errors import InputError, SkeletonError
from neurostore.ingest.readers.markers.assemble import (
    choose_skeleton,
    frame_slice,
    parse_up,
    to_y_up,
    unit_mismatch,
    without_far,
)
from neurostore.ingest.readers.poses_header import CONTRACT, GUIDE, UNITS_MM, Header, header_of
from neurostore.ingest.recording import Poses, ReadOptions, Recording, Step
from neurostore.skeleton import Skeleton
from neurostore.wording import listed, near

VERSION = 1
HEADER = "neurostore_poses"  # key of the header in the metadata of a Parquet file
COLUMNS = ("frame", "person", "joint", "x", "y", "z")
MIN_FRAMES = 10
MOST_FRAMES = 20_000_000


@dataclass(frozen=True, slots=True)
class _Rows:
    """The table: frame, person and joint (index into ``names``) of each row, (n, 3) positions in the file's unit."""

    frame: Ints
    person: Ints
    joint: Ints
    names: list[str]
    positions: Floats
    confidence: Floats | None


def read(path: Path, options: ReadOptions) -> Recording:
    """Read the poses of one trial.

    Raises
    ------
    InputError : the header or a column is missing or wrong, a joint is unknown, positions are in an image (no z, pixels),
        a joint is given twice, several persons and no subject named, or the subject is in fewer than ten frames.
    """
    given, table = _parquet(path) if path.suffix.lower() == ".parquet" else _json(path)
    header = header_of(path, given, options)
    rows = _rows(path, table)
    notes: list[str] = []
    skeleton, columns = _skeleton(path, header, rows, options, notes)
    people = _people(path, header, rows, notes)
    n_frames = _n_frames(path, header, rows)
    keep = frame_slice(n_frames, options, path)
    poses = _poses(path, header, rows, skeleton, columns, people, keep, notes, options)
    is_camera = header.axes == "camera" and options.up is None
    return Recording(
        kind="video",
        rate_hz=header.fps,
        poses=[poses],
        up_source="camera_level" if is_camera else "lab",
        position_basis=header.basis,
        length_basis=options.length_basis or header.length_basis,
        is_treadmill=options.is_treadmill,
        steps=[Step("read_poses_file", VERSION, {"contract": CONTRACT, "unit": header.unit, "axes": header.axes})],
        notes=notes,
        estimator=header.estimator,
        quality={"persons_detected_max": float(_most_at_once(rows))},
    )


# -- the two forms of a file ------------------------------------------------------------------------------------------


def _parquet(path: Path) -> tuple[Any, pa.Table]:
    try:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            missing = [c for c in COLUMNS if c not in schema.names]
            _refuse_missing(path, missing, schema.names)
            text = (schema.metadata or {}).get(HEADER.encode())
            wanted = [*COLUMNS, *(["confidence"] if "confidence" in schema.names else [])]
            table = file.read(columns=wanted)
        table.validate(full=True)
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror or error}") from None
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise InputError(path, f"is not Parquet, or breaks off: {str(error)[:120]}") from None
    if text is None:
        raise InputError(
            path, f"has no header; expected JSON under the key {HEADER!r} of the Parquet metadata: {GUIDE}"
        )
    try:
        return json.loads(text), table
    except (ValueError, RecursionError) as error:
        raise InputError(path, f"its header {HEADER!r} is not JSON: {str(error)[:120]}") from None


def _json(path: Path) -> tuple[Any, pa.Table]:
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise InputError(path, f"is not JSON, or breaks off: {str(error)[:120]}") from None
    columns = content.get("columns") if isinstance(content, dict) else None
    if not isinstance(columns, dict) or not all(isinstance(v, list) for v in columns.values()):
        raise InputError(path, f"has no object 'columns' of lists; {GUIDE}")
    _refuse_missing(path, [c for c in COLUMNS if c not in columns], list(columns))
    lengths = {name: len(columns[name]) for name in (*COLUMNS, "confidence") if name in columns}
    if len(set(lengths.values())) > 1:
        lengths_text = ", ".join(f"{name} {n}" for name, n in lengths.items())
        raise InputError(path, f"its columns differ in length ({lengths_text}); expected one value for each row")
    try:
        table = pa.table({name: pa.array(columns[name]) for name in lengths})
    except (pa.ArrowException, OverflowError) as error:
        raise InputError(path, f"a column mixes kinds of values: {str(error)[:160]}") from None
    return {k: v for k, v in content.items() if k != "columns"}, table


def _refuse_missing(path: Path, missing: list[str], columns: list[str]) -> None:
    if missing == ["z"]:
        raise InputError(
            path,
            "has x and y but no z: 2D key points are not positions in space; lift them to 3D, or give the 3D output",
        )
    if missing:
        raise InputError(
            path,
            f"lacks the columns {', '.join(missing)}; it has {listed(columns) or 'none'}, expected "
            f"{', '.join(COLUMNS)} and, where known, confidence: one row per frame, person and joint",
        )


# -- the rows ----------------------------------------------------------------------------------------------------------


def _rows(path: Path, table: pa.Table) -> _Rows:
    if not len(table):
        raise InputError(path, "has no rows: no person was found; expected one row per frame, person and joint")
    frame, person = (_whole_numbers(path, table, name) for name in ("frame", "person"))
    kind = table["joint"].type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)):
        raise InputError(path, f"the column joint is {kind}, expected names as text")
    if table["joint"].null_count:
        raise InputError(path, f"{table['joint'].null_count} rows have no joint; expected a name in each")
    coded = table["joint"].cast(pa.string()).combine_chunks().dictionary_encode()
    positions = np.column_stack([_numbers(path, table, name) for name in "xyz"])
    if not np.isfinite(positions[:, 2]).any():
        raise InputError(path, "has no number in z: 2D key points are not positions in space; lift them to 3D")
    confidence = _numbers(path, table, "confidence") if "confidence" in table.column_names else None
    if confidence is not None:
        beyond = int(((confidence < 0) | (confidence > 1)).sum())
        if beyond:
            raise InputError(
                path,
                f"confidence reaches from {np.nanmin(confidence):g} to {np.nanmax(confidence):g}, {beyond} rows are "
                f"outside 0 to 1; scale it to 0 to 1, or leave the column out",
            )
    rows = _Rows(frame, person, coded.indices.to_numpy(), coded.dictionary.to_pylist(), positions, confidence)
    _refuse_twice(path, rows)
    return rows


def _numbers(path: Path, table: pa.Table, name: str) -> Floats:
    """A column as float64, NaN if it has none."""
    kind = table[name].type
    if not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_null(kind)):
        raise InputError(path, f"the column {name} is {kind}, expected numbers")
    values: Floats = table[name].cast(pa.float64()).to_numpy()
    return values


def _whole_numbers(path: Path, table: pa.Table, name: str) -> Ints:
    """A column of whole numbers from 0, as int64."""
    values = _numbers(path, table, name)
    is_bad = ~((values >= 0) & (values < MOST_FRAMES) & (values == np.floor(values)))
    if is_bad.any():
        at = int(np.argmax(is_bad))
        raise InputError(
            path,
            f"{name} is {values[at]:g} in row {at} ({int(is_bad.sum())} such rows); expected whole numbers from 0 "
            f"to {MOST_FRAMES - 1}",
        )
    return values.astype(np.int64)


def _refuse_twice(path: Path, rows: _Rows) -> None:
    order = np.lexsort((rows.joint, rows.frame, rows.person))
    keys = np.column_stack([rows.person, rows.frame, rows.joint])[order]
    twice = np.flatnonzero((keys[1:] == keys[:-1]).all(axis=1))
    if len(twice):
        person, frame, joint = keys[twice[0]]
        raise InputError(
            path,
            f"{len(twice)} joints are given twice, first {rows.names[joint]!r} of person {person} in frame {frame}; "
            f"expected one row per frame, person and joint: give each person a number of its own",
        )


def _skeleton(path: Path, header: Header, rows: _Rows, options: ReadOptions, notes: list[str]) -> tuple[Skeleton, Ints]:
    """The skeleton, and the column in it of each of ``rows.names``."""
    name = options.skeleton or header.skeleton
    if name is None:
        _refuse_unknown(path, rows.names, header.joints, "its list 'joints'")
        skeleton, columns, skeleton_notes = choose_skeleton(header.joints, options, path)
        notes += skeleton_notes
        column = dict(zip(header.joints, columns, strict=True))
    else:
        try:
            skeleton = skeletons.read_toml(Path(name)) if name.endswith(".toml") else skeletons.load(name)
        except SkeletonError as error:
            raise InputError(path, f"{error}; or give 'joints', a list of names") from None
        column = dict(zip(skeleton.source_names or skeleton.joints, skeleton.joints, strict=True))
        column |= {joint: joint for joint in skeleton.joints}
        _refuse_unknown(path, rows.names, tuple(column), f"the skeleton {skeleton.name}")
    absent = sorted(set(skeleton.joints) - {column[n] for n in rows.names})
    if absent:
        notes.append(f"joints of {skeleton.name} that the file does not have: {', '.join(absent)}")
    return skeleton, np.array([skeleton.joints.index(column[n]) for n in rows.names])


def _refuse_unknown(path: Path, names: list[str], known: tuple[str, ...], where: str) -> None:
    unknown = [f"{n!r} ({near(n, known)})" for n in names if n not in known]
    if unknown:
        raise InputError(
            path,
            f"joints that {where} does not have: {listed(unknown, 8)}; expected {listed(known, 12)}. Correct the names, "
            f"or give 'joints' instead of 'skeleton' with all names of the model",
        )


def _people(path: Path, header: Header, rows: _Rows, notes: list[str]) -> dict[int, int]:
    """The person of the lake (0 is the subject) by the file's number."""
    people = [int(p) for p in np.unique(rows.person)]
    subject = header.subject if header.subject is not None else people[0] if len(people) == 1 else None
    if subject is None:
        raise InputError(
            path,
            f"holds {len(people)} persons ({listed(map(str, people), 8)}) and does not say who the subject is; give "
            f"'subject': its number, in the header",
        )
    if subject not in people:
        raise InputError(path, f"subject is {subject}, the rows have {listed(map(str, people), 8)}")
    others = [p for p in people if p != subject]
    if others:
        notes.append(f"{len(people)} persons, as the file numbers them; the subject is its person {subject}")
    return {p: i for i, p in enumerate([subject, *others])}


def _n_frames(path: Path, header: Header, rows: _Rows) -> int:
    needed = int(rows.frame.max()) + 1
    if header.frames is not None and header.frames < needed:
        raise InputError(
            path, f"frames is {header.frames}, but a row has frame {needed - 1}; frames are counted from 0"
        )
    return header.frames or needed


def _poses(
    path: Path,
    header: Header,
    rows: _Rows,
    skeleton: Skeleton,
    columns: Ints,
    people: dict[int, int],
    keep: slice,
    notes: list[str],
    options: ReadOptions,
) -> Poses:
    """Positions in mm, Y up: the subject in every frame, the others from their first frame to their last."""
    person = np.array([people[int(p)] for p in np.unique(rows.person)])[
        np.searchsorted(np.unique(rows.person), rows.person)
    ]
    is_kept = (rows.frame >= keep.start) & (rows.frame < keep.stop)
    n_frames = keep.stop - keep.start
    start, at = 0, np.zeros(len(person), np.int64)
    parts: list[tuple[Ints, Ints]] = []
    for p in range(len(people)):
        mine = is_kept & (person == p)
        here = rows.frame[mine] - keep.start
        if p and not len(here):
            continue
        first, last = (0, n_frames - 1) if p == 0 else (int(here.min()), int(here.max()))
        parts.append((np.full(last - first + 1, len(parts), np.int32), np.arange(first, last + 1, dtype=np.int32)))
        at[mine] = start + here - first
        start += last - first + 1
    positions = np.full((start, len(skeleton.joints), 3), np.nan, np.float32)
    column = columns[rows.joint]
    scale = options.scale_mm or UNITS_MM[header.unit]
    values = (rows.positions * scale)[is_kept]
    if header.axes == "camera" and options.up is None:
        values = values * np.array([1.0, -1.0, -1.0])
    else:
        values = to_y_up(values, parse_up(options.up or header.axes, path))
    with np.errstate(over="ignore"):  # too large for float32: infinite, and left out with a note below
        positions[at[is_kept], column[is_kept]] = values
    confidence = None
    if rows.confidence is not None:
        confidence = np.full(positions.shape[:2], np.nan, np.float32)
        confidence[at[is_kept], column[is_kept]] = rows.confidence[is_kept]
    positions = without_far(path, positions, skeleton.joints, notes)
    if problem := unit_mismatch(positions[:n_frames], header.unit):
        raise InputError(path, problem)
    n_seen = int(np.isfinite(positions[:n_frames, :, 0]).any(axis=1).sum())
    if n_seen < MIN_FRAMES:
        raise InputError(path, f"shows the subject in {n_seen} of {n_frames} frames; expected at least {MIN_FRAMES}")
    if n_seen < n_frames:
        notes.append(f"the subject has no position in {n_frames - n_seen} of {n_frames} frames; they are empty")
    frame = np.concatenate([f for _, f in parts])
    time_s = (frame + keep.start) / header.fps
    return Poses(skeleton, np.concatenate([p for p, _ in parts]), frame, time_s, positions, confidence=confidence)


def _most_at_once(rows: _Rows) -> int:
    pairs = np.unique(np.column_stack([rows.frame, rows.person]), axis=0)
    return int(np.unique(pairs[:, 0], return_counts=True)[1].max())
