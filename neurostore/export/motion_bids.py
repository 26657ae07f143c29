"""Motion-BIDS: a recording with its sidecar files, in a data set or under a given name.

Source: BIDS specification 1.10, modality specific files, motion. Latencies and onsets count from the first sample, as
the specification asks; ``FirstSampleTime`` in ``*_motion.json`` is that sample's time on the trial's own clock.
"""

from __future__ import annotations

import io
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neurostore.arrays import Floats
from neurostore.errors import UsageError
from neurostore.export.trial import Event, Points, Trial, read_events, read_points
from neurostore.release import VERSION
from neurostore.wording import rows_of

if TYPE_CHECKING:
    from neurostore.export import Choices, Rendered

BIDS_VERSION = "1.10.0"
_ENTITY = re.compile(r"(task|tracksys|acq|run)-([A-Za-z0-9]+)")
_OF_PARTICIPANT = ("group", "sex", "age")
_NOT_WRITTEN = ("ACCEL", "ANGACCEL", "GYRO", "JNTANG", "MAGN", "ORNT", "VEL")  # the other types of channels
_PARTICIPANTS = {
    "group": {"Description": "group, as the cohort's participants.tsv names it"},
    "sex": {"Description": "sex, as the cohort's participants.tsv says"},
    "age": {"Description": "age", "Units": "year"},
}

_README = """\
Motion recordings written by neurostore export. *_motion.tsv holds positions in mm (columns: *_channels.tsv; axes:
*_channels.json), forces of force platforms in N with their point in m and the moment about it in Nm, and, last, the latency in
seconds; *_events.tsv foot strikes and foot offs. *_motion.json names the version
of the lake and the ingest that each recording came from. Gait identifies people: keep these files as you keep their records.
"""


def render(trial: Trial, out: Path, choices: Choices) -> Rendered:
    """``*_motion.tsv``, ``*_channels.tsv``, their JSON, ``*_events.tsv``; in a folder also the data set's own files.

    Raises
    ------
    UsageError : a name that is none of Motion-BIDS, or labels that two keys of the lake would share.
    """
    from neurostore.export import Rendered

    points = read_points(trial, choices.points)
    forces = _forces(trial, points)
    events = read_events(trial, choices.source)
    notes: list[str] = []
    if out.name.endswith("_motion.tsv"):
        stem = out.with_name(out.name.removesuffix("_motion.tsv"))
        if not re.match(r"sub-[A-Za-z0-9]+_(?:.*_)?task-[A-Za-z0-9]+", stem.name):
            raise UsageError(
                f"{out.name}: is not a name of Motion-BIDS; expected one such as {_stem(trial, choices)}_motion.tsv"
            )
        shared = None
    else:
        _refuse_shared_labels(trial, choices)
        name = _stem(trial, choices)
        folder = out / Path(*(part for part in name.split("_") if part.startswith(("sub-", "ses-"))))
        stem = folder / "motion" / name
        shared = _data_set(trial, out)
    return Rendered(_recording(trial, points, forces, events, choices, stem), notes, shared)


def _stem(trial: Trial, choices: Choices) -> str:
    """sub-…[_ses-…]_task-…_tracksys-…: entities the keys have already are kept."""
    key = trial.key
    named = dict(_ENTITY.findall(key["trial"]))
    acquired = named.get("acq", "") + ("" if choices.points == "poses" else _label(choices.points))
    acquired += f"person{trial.person}" if trial.person else ""
    entities = {
        "sub": _label(key["subject"].removeprefix("sub-")),
        "ses": _label(key["session"].removeprefix("ses-")),
        "task": named.get("task") or _label(key["trial"]),
        "tracksys": named.get("tracksys") or ("video" if trial.row["kind"] == "video" else "mocap"),
        "acq": acquired,
        "run": named.get("run", ""),
    }
    return "_".join(f"{name}-{value}" for name, value in entities.items() if value)


def _label(key: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "", key)


def _refuse_shared_labels(trial: Trial, choices: Choices) -> None:
    """Refuse keys that differ only in _ or -: they would be the same in BIDS, whose labels have only letters and digits."""
    mine = _stem(trial, choices)
    for row in trial.lake.trials_table().select(["subject", "session", "trial", "kind"]).to_pylist():
        other = Trial(trial.lake, row, trial.person)
        label = _label(other.key["subject"].removeprefix("sub-"))
        is_twin = other.key["subject"] != trial.key["subject"] and mine.startswith(f"sub-{label}_")
        if is_twin or (other.key != trial.key and _stem(other, choices) == mine):
            raise UsageError(
                f"{trial.name} and {other.name} would share a BIDS label ({mine}): labels are letters and digits; "
                "name a file …_motion.tsv yourself"
            )


@dataclass(frozen=True)
class _Forces:
    """What the force platforms measured at the frames of the points: channels (name, component, unit) and values (n, channels)."""

    channels: list[tuple[str, str, str]]
    values: Floats


def _forces(trial: Trial, points: Points) -> _Forces:
    """Force, its point and the moment about it of each platform, means over a frame, in OpenSim's names; the point is the middle.

    No rows where the trial has no platform, and for further people.
    """
    channels: list[tuple[str, str, str]] = []
    columns: list[Floats] = []
    rows = (
        None
        if trial.person or "plate_frames" not in trial.lake.tables()
        else trial.rows("plate_frames", order="plate, frame")
    )
    for (plate,), part in () if rows is None else rows.group_by("plate", maintain_order=True):
        values = np.full((len(points.frame), 9), np.nan)
        _, at, of = np.intersect1d(points.frame, part["frame"].to_numpy(), return_indices=True)
        for k, (name, scale) in enumerate((("force", 1.0), ("centre", 0.001), ("moment", 1.0))):
            parts = [part[name].struct.field(axis).to_numpy().astype(float) for axis in "xyz"]
            values[at, 3 * k : 3 * k + 3] = scale * np.stack(parts, axis=1)[of]
        for what, unit in (("force_{}_v", "N"), ("force_{}_p", "m"), ("torque_{}_", "Nm")):
            channels += [(f"ground_{what.format(plate)}{axis}", axis, unit) for axis in "xyz"]
        columns.append(values)
    return _Forces(channels, np.hstack(columns) if columns else np.empty((len(points.frame), 0)))


def _recording(
    trial: Trial, points: Points, forces: _Forces, events: list[Event], choices: Choices, stem: Path
) -> dict[Path, bytes]:
    def at(suffix: str) -> Path:
        return stem.with_name(f"{stem.name}_{suffix}")

    n_points = len(points.names)
    start = float(points.time_s[0])
    duration = float(points.time_s[-1] - start)
    n = len(points.frame)
    effective = (n - 1) / duration if duration > 0 else None
    about = {
        "TaskName": dict(_ENTITY.findall(stem.name)).get("task", trial.key["trial"]),
        "TaskDescription": f"{trial.row['condition'] or 'no condition stated'}; trial {trial.key['trial']} of the lake",
        "SamplingFrequency": trial.row["rate_hz"] or effective,
        "SamplingFrequencyEffective": effective or trial.row["rate_hz"],
        "RecordingDuration": duration,
        "RecordingType": "continuous",
        "TrackedPointsCount": n_points,
        "MotionChannelCount": 3 * n_points + len(forces.channels) + 1,
        "POSChannelCount": 3 * n_points,
        "LATENCYChannelCount": 1,
        "MISCChannelCount": len(forces.channels),
        **{f"{kind}ChannelCount": 0 for kind in _NOT_WRITTEN},
        "MissingValues": "n/a",
        "SoftwareVersions": f"neurostore {VERSION}",
        "FirstSampleTime": start,
        "Neurostore": {**trial.provenance, "points": points.table},
    }
    frame = {
        "SpatialAxes": "ASR",
        "RotationRule": "right-hand",
        "Description": "The lab: x, y up, z, in mm. A (anterior) is the lab's x, not where the person faces.",
    }
    files = {
        at("channels.tsv"): _channels(points, forces),
        at("channels.json"): _json({"reference_frame": {"Levels": {"lab": frame}}}),
        at("motion.json"): _json(about),
    }
    if events:
        files[at("events.tsv")] = _events(events, start, choices)
        files[at("events.json")] = _json(
            {
                "trial_type": {"Description": "foot strike or foot off, or what the source file states"},
                "side": {"Description": "the foot; n/a where the event has no side"},
                "source": {"Description": "computed by neurostore, or file: as the source file states it"},
            }
        )
    return {**files, at("motion.tsv"): _motion(points, forces, start)}


def _channels(points: Points, forces: _Forces) -> bytes:
    rows = [["name", "component", "type", "tracked_point", "units", "reference_frame"]]
    rows += [[f"{name}_POS_{axis}", axis, "POS", name, "mm", "lab"] for name in points.names for axis in "xyz"]
    rows += [[name, axis, "MISC", "n/a", unit, "lab"] for name, axis, unit in forces.channels]
    rows.append(["latency", "n/a", "LATENCY", "n/a", "s", "n/a"])
    return _tsv(rows)


def _motion(points: Points, forces: _Forces, start: float) -> bytes:
    import polars as pl

    flat = points.positions.reshape(len(points.frame), -1)
    columns = {str(i): np.ascontiguousarray(flat[:, i]) for i in range(flat.shape[1])}
    columns |= {name: np.ascontiguousarray(forces.values[:, i]) for i, (name, _, _) in enumerate(forces.channels)}
    columns["latency"] = points.time_s - start
    text = io.BytesIO()
    frame = pl.DataFrame(columns).with_columns(pl.selectors.float().fill_nan(None))
    frame.write_csv(text, separator="\t", include_header=False, null_value="n/a", line_terminator="\n")
    return text.getvalue()


def _events(events: list[Event], start: float, choices: Choices) -> bytes:
    rows = [["onset", "duration", "trial_type", "side", "source"]]
    rows += [[repr(float(e.time_s) - start), "0", e.label, e.side or "n/a", choices.source] for e in events]
    return _tsv(rows)


def _data_set(trial: Trial, root: Path) -> dict[Path, bytes]:
    """Description, README and participants.json if there are none, and participants.tsv with this subject's row."""
    files = {}
    if not any(root.glob("README*")):
        files[root / "README"] = _README.encode()
    if not (root / "participants.json").exists():
        files[root / "participants.json"] = _json(_PARTICIPANTS)
    description = root / "dataset_description.json"
    if not description.exists():
        made = {"Name": "neurostore", "Version": VERSION}
        files[description] = _json(
            {
                "Name": root.resolve().name,
                "BIDSVersion": BIDS_VERSION,
                "DatasetType": "raw",
                "GeneratedBy": [made],
            }
        )
    participants = root / "participants.tsv"
    label = f"sub-{_label(trial.key['subject'].removeprefix('sub-'))}"
    query = 'SELECT "group", sex, age FROM subjects WHERE subject = $subject'
    people = trial.lake.sql(query, {"subject": trial.key["subject"]}).to_dicts()
    known = {"participant_id": label, **(people[0] if people else {})}
    if participants.exists():
        try:
            lines = rows_of(participants.read_text(encoding="utf-8-sig"))
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{participants}: cannot be read: {error}") from None
        rows = [line.split("\t") for line in lines if line.strip()]
        if not rows or rows[0][0] != "participant_id":
            raise UsageError(f"{participants}: its first column is not a participant_id; name another folder")
        if label in (row[0] for row in rows[1:]):
            return files
    else:
        rows = [["participant_id", *_OF_PARTICIPANT]]
    rows.append([_cell(known.get(name)) for name in rows[0]])
    return {**files, participants: _tsv(rows)}


def _cell(value: Any) -> str:
    if value is None or value == "":
        return "n/a"
    return f"{value:g}" if isinstance(value, float) else re.sub(r"[\t\r\n]", " ", str(value))


def _tsv(rows: list[list[str]]) -> bytes:
    return "".join("\t".join(row) + "\n" for row in rows).encode()


def _json(content: dict[str, Any]) -> bytes:
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()
