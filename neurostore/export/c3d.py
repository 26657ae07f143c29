"""C3D: positions in mm with events, by ezc3d.

Written Z up, X_SCREEN +X and Y_SCREEN +Z: the habit of the format, which software that ignores those parameters
assumes. (x, y, z) of the lake is (x, -z, y) of the file: signs change, digits do not. Positions are float32 in both;
EVENT:TIMES is float32 minutes and seconds, exact to 4 microseconds.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neurostore.errors import UsageError
from neurostore.export.trial import Event, Points, Trial, read_events, read_points
from neurostore.release import VERSION
from neurostore.storage import temporary

if TYPE_CHECKING:
    from neurostore.export import Choices, Rendered

MOST_FRAMES = 65_535  # counts of frames are 16-bit words
MOST_IN_A_PARAMETER = 255  # a dimension is a byte; longer lists go on in LABELS2, TIMES2 …
MOST_SAMPLES = 10_000_000  # ezc3d keeps each as an object of about 200 bytes
ICONS = {"foot_strike": 1, "foot_off": 2}

# Plug-in Gait's names of what a re-reading needs: parameter of ours -> name after its side, factor.
_MEASURES = {
    "leg_length": ("LegLength", 1.0),
    "knee_width": ("KneeWidth", 1.0),
    "ankle_width": ("AnkleWidth", 1.0),
    "static_foot_offset": ("StaticPlantFlex", math.pi / 180),
    "static_foot_rotation_offset": ("StaticRotOff", math.pi / 180),
    "tibial_torsion": ("TibialTorsion", math.pi / 180),
    "thigh_rotation": ("ThighRotation", math.pi / 180),
    "shank_rotation": ("ShankRotation", math.pi / 180),
    "asis_trochanter_distance": ("AsisTrocanterDistance", 1.0),
    "inter_asis": ("InterAsisDistance", 1.0),
    "marker_diameter": ("MarkerDiameter", 1.0),
    "height": ("Height", 1.0),
    "body_mass": ("Bodymass", 1.0),
}


def render(trial: Trial, out: Path, choices: Choices) -> Rendered:
    """The C3D file of a trial: points, events with their sides, the subject's pseudonym and measures.

    Raises
    ------
    UsageError : more frames than the format counts, frames that are not evenly spaced.
    """
    from neurostore.export import Rendered

    points = read_points(trial, choices.points)
    notes: list[str] = []
    first_frame = _first_frame(trial, points, notes)
    events = read_events(trial, choices.source)
    rate = trial.row["rate_hz"]
    shift_s = (first_frame - 1) / rate - float(points.time_s[0])
    content = _file(trial, points, [(e, e.time_s + shift_s) for e in events], first_frame)
    if not events:
        notes.append(f"no events: {'the source file states none' if choices.source == 'file' else 'none were found'}")
    return Rendered({out: content}, notes)


def _first_frame(trial: Trial, points: Points, notes: list[str]) -> int:
    """Number of the first frame, from 1: frame k of the lake is at (first - 1 + k)/rate on the clock of the events."""
    n, n_points = points.positions.shape[:2]
    other = "export .trc, .csv or .parquet"
    if n > MOST_FRAMES:
        raise UsageError(f"{trial.name}: has {n:,} frames; a C3D file can count up to {MOST_FRAMES:,}: {other}")
    if n * n_points > MOST_SAMPLES:
        raise UsageError(
            f"{trial.name}: {n:,} frames of {n_points} points are more than the C3D writer can hold: {other}"
        )
    rate = float(trial.row["rate_hz"] or 0)
    if not rate > 0:
        raise UsageError(f"{trial.name}: its sampling rate is {rate:g} Hz; a C3D file needs one: {other}")
    start = float(points.time_s[0])
    off = np.abs(points.time_s - (start + np.arange(n) / rate))
    if off.max() > 0.25 / rate:
        raise UsageError(
            f"{trial.name}: its frames are not evenly spaced (frame {int(off.argmax())} is "
            f"{1000 * off.max():.1f} ms off {rate:g} Hz), and a C3D file has one rate: {other}"
        )
    if off.max() > 1e-6:
        notes.append(f"frames are up to {1000 * off.max():.3f} ms off the even steps of {rate:g} Hz in the file")
    first = round(start * rate) + 1
    if first < 1 or first + n - 1 > MOST_FRAMES:
        notes.append(f"frame numbers begin at 1: the trial's clock begins at {start:.3f} s")
        return 1
    if abs(start - (first - 1) / rate) > 1e-6:
        notes.append(f"the clock of the file begins at {(first - 1) / rate:.6f} s, that of the trial at {start:.6f} s")
    return first


def _file(trial: Trial, points: Points, events: list[tuple[Event, float]], first_frame: int) -> bytes:
    import ezc3d

    file = ezc3d.c3d()
    positions = points.positions
    n, n_points = positions.shape[:2]
    missing = np.isnan(positions).any(axis=-1)
    data = np.zeros((4, n_points, n))
    for axis, (source, sign) in enumerate(((0, 1), (2, -1), (1, 1))):
        data[axis] = np.where(missing, 0.0, sign * positions[..., source]).T
    data[3] = 1
    file["data"]["points"] = data
    file["data"]["meta_points"] = {"residuals": np.where(missing, -1.0, 0.0).T[None]}
    file["header"]["points"]["first_frame"] = first_frame - 1
    point = file["parameters"]["POINT"]
    point["RATE"]["value"] = [float(trial.row["rate_hz"])]
    point["UNITS"]["value"] = ["mm"]
    point["LABELS"]["value"] = points.names[:MOST_IN_A_PARAMETER]
    for number, part in _parts(points.names)[1:]:
        file.add_parameter("POINT", f"LABELS{number}", part)
    file.add_parameter("POINT", "X_SCREEN", ["+X"])
    file.add_parameter("POINT", "Y_SCREEN", ["+Z"])
    _add_events(file, trial.row["subject"], events)
    file.add_parameter("SUBJECTS", "USED", 1)
    file.add_parameter("SUBJECTS", "IS_STATIC", int(trial.row["kind"] == "static"))
    file.add_parameter("SUBJECTS", "USES_PREFIXES", 0)
    file.add_parameter("SUBJECTS", "NAMES", [trial.row["subject"]])
    for name, value in _measures(trial).items():
        file.add_parameter("PROCESSING", name, np.array([value]))
    file.add_parameter("MANUFACTURER", "COMPANY", ["Neurostore"])
    file.add_parameter("MANUFACTURER", "SOFTWARE", ["neurostore"])
    file.add_parameter("MANUFACTURER", "VERSION_LABEL", [VERSION])
    for name, value in {**trial.provenance, "points": points.table}.items():
        file.add_parameter("NEUROSTORE", name.upper(), value if isinstance(value, int) else [str(value)])
    with temporary.scratch() as folder:
        path = folder / "trial.c3d"
        file.write(str(path))
        return path.read_bytes()


def _parts(values: list[Any]) -> list[tuple[str, list[Any]]]:
    """A list cut to what a parameter holds: [('', first), ('2', second) …]."""
    starts = range(0, len(values), MOST_IN_A_PARAMETER)
    return [(str(i) if i > 1 else "", values[s : s + MOST_IN_A_PARAMETER]) for i, s in enumerate(starts, start=1)]


def _add_events(file: Any, subject: str, events: list[tuple[Event, float]]) -> None:
    file.add_parameter("EVENT", "USED", len(events))
    for number, part in _parts(events):
        whole = [e for e, _ in part]
        seconds = np.array([s for _, s in part])
        minutes = np.floor(seconds / 60)
        file.add_parameter("EVENT", f"CONTEXTS{number}", [(e.side or "general").capitalize() for e in whole])
        file.add_parameter("EVENT", f"LABELS{number}", [e.label for e in whole])
        file.add_parameter("EVENT", f"DESCRIPTIONS{number}", [e.description for e in whole])
        file.add_parameter("EVENT", f"SUBJECTS{number}", [subject] * len(whole))
        file.add_parameter("EVENT", f"TIMES{number}", np.stack([minutes, seconds - 60 * minutes]))
        file.add_parameter("EVENT", f"ICON_IDS{number}", [ICONS.get(e.event, 0) for e in whole])
        file.add_parameter("EVENT", f"GENERIC_FLAGS{number}", [0] * len(whole))


def _measures(trial: Trial) -> dict[str, float]:
    """Measures of the subject's session that were taken (not the estimated ones), under Plug-in Gait's names."""
    query = (
        "SELECT parameter, side, value FROM calibrations WHERE subject = $subject AND session = $session "
        "AND trial IN ('', $trial) AND source <> 'estimated' ORDER BY source = 'file', parameter, side"
    )
    found = {}
    for parameter, side, value in trial.lake.sql(query, trial.key).iter_rows():
        if parameter in _MEASURES:
            name, factor = _MEASURES[parameter]
            found[f"{side[0].upper() if side else ''}{name}"] = value * factor
    return found if not trial.person else {}
