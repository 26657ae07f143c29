"""C3D: positions in mm with events, analog channels and force platforms, by ezc3d.

Written Z up, X_SCREEN +X and Y_SCREEN +Z, as is usual: software that ignores those parameters assumes this. (x, y, z)
of the lake is (x, -z, y) of the file: signs change, digits do not. Positions are float32 in both; EVENT:TIMES is
float32 minutes and seconds, exact to 4 microseconds. Analog samples are those of the source, in its units, and so are
the calibration and the zero of its platforms: every reader computes from this file the forces that it computes from the
source. Platforms that ingest left out are not in it.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neurostore.errors import UsageError
from neurostore.export.forces import N_CHANNELS, Analog, Plate, read_analog, read_plates
from neurostore.export.trial import Event, Points, Trial, read_events, read_points
from neurostore.release import VERSION
from neurostore.storage import temporary

if TYPE_CHECKING:
    from neurostore.export import Choices, Rendered

MOST_FRAMES = 65_535  # the number of frames is a 16-bit word
MOST_IN_A_PARAMETER = 255  # a dimension is one byte; longer lists continue in LABELS2, TIMES2 …
MOST_SAMPLES = 10_000_000  # ezc3d keeps each as an object of about 200 bytes
ICONS = {"foot_strike": 1, "foot_off": 2}
_UNITS_ASIDE = "UNIT_"  # must be as long as UNITS

# Plug-in Gait's names of the parameters that a reader needs: our parameter -> name after its side, factor.
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
    analog = read_analog(trial, points, notes)
    plates = read_plates(trial, analog, notes)
    content = _file(trial, points, [(e, e.time_s + shift_s) for e in events], first_frame, analog, plates)
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
        raise UsageError(f"{trial.name}: its sampling rate is {rate:g} Hz; a C3D file needs a rate above 0: {other}")
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


def _file(
    trial: Trial,
    points: Points,
    events: list[tuple[Event, float]],
    first_frame: int,
    analog: Analog | None,
    plates: list[Plate],
) -> bytes:
    import ezc3d

    file = ezc3d.c3d()
    _add_points(file, trial, points, first_frame)
    if analog is not None:
        _add_analog(file, trial, analog)
        if plates:
            _add_plates(file, plates)
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
        return _with_units(path.read_bytes())


def _add_points(file: Any, trial: Trial, points: Points, first_frame: int) -> None:
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


def _add_analog(file: Any, trial: Trial, analog: Analog) -> None:
    """Channels as floats: offset 0 and scale 1, so that a sample is the number stored."""
    n_channels, n = analog.samples.shape
    if n_channels * n > MOST_SAMPLES:
        raise UsageError(
            f"{trial.name}: {n_channels} analog channels of {n:,} samples are more than the C3D writer can hold: "
            "export .trc and …_grf.mot, or Motion-BIDS"
        )
    file["data"]["analogs"] = analog.samples.astype(np.float64)[None]
    group = file["parameters"]["ANALOG"]
    group["RATE"]["value"] = [analog.rate_hz]
    columns: dict[str, list[Any]] = {
        "LABELS": analog.labels,
        "DESCRIPTIONS": [""] * n_channels,
        "UNITS": analog.units,
        "SCALE": [1.0] * n_channels,
        "OFFSET": [0] * n_channels,
    }
    for name, values in columns.items():
        for number, part in _parts(values):
            if name == "UNITS" and not number and n_channels > MOST_IN_A_PARAMETER:
                file.add_parameter("ANALOG", _UNITS_ASIDE, part)
                continue
            if number and name == "OFFSET":
                _add_whole(file, "ANALOG", f"{name}{number}", part)
            elif number:
                file.add_parameter("ANALOG", f"{name}{number}", part)
            else:
                group[name]["value"] = part
    group["GEN_SCALE"]["value"] = [1.0]


def _with_units(content: bytes) -> bytes:
    """The file with ANALOG:UNITS in its place: of more than 255 channels ezc3d writes an empty one, so it was written under another name."""
    aside = content.find(_UNITS_ASIDE.encode())
    if aside < 0:
        return content
    head = content[aside - 2 : aside]  # length of the name, number of the group
    empty = content.index(head + b"UNITS")
    changed = bytearray(content)
    changed[aside : aside + 5] = b"UNITS"
    changed[empty + 2 : empty + 7] = _UNITS_ASIDE.encode()
    return bytes(changed)


def _add_plates(file: Any, plates: list[Plate]) -> None:
    """FORCE_PLATFORM: corners in the axes of the file (see above), all else in the platform's own axes, mm and N."""
    n, n_rows = len(plates), max(N_CHANNELS[p.type_] for p in plates)
    channels = np.zeros((n_rows, n))
    corners, origins, matrices = np.zeros((3, 4, n)), np.zeros((3, n)), np.zeros((6, 6, n))
    for i, plate in enumerate(plates):
        channels[: len(plate.channels), i] = np.array(plate.channels) + 1
        x, y, z = plate.corners.T
        corners[:, :, i] = x, -z, y
        origins[:, i] = plate.origin
        if plate.matrix is not None:
            matrices[:, :, i] = plate.matrix
    values: dict[str, Any] = {"USED": [n], "TYPE": [p.type_ for p in plates], "CHANNEL": channels}
    zero = max((_zero(p.zero) for p in plates), key=sum)
    if zero:
        values["ZERO"] = zero
    for name, value in values.items():
        _add_whole(file, "FORCE_PLATFORM", name, value)
    file.add_parameter("FORCE_PLATFORM", "CORNERS", corners)
    file.add_parameter("FORCE_PLATFORM", "ORIGIN", origins)
    if any(p.matrix is not None for p in plates):
        file.add_parameter("FORCE_PLATFORM", "CAL_MATRIX", matrices)


def _add_whole(file: Any, group: str, name: str, value: Any) -> None:
    """A parameter of 16-bit integers; ezc3d makes one of decimals from the same list."""
    given = np.asarray(value)
    file.add_parameter(group, name, given.astype(float) if given.ndim > 1 else given.tolist())
    parameter = file["parameters"][group][name]
    parameter["type"], parameter["value"] = 2, given.astype(int)


def _zero(text: str) -> list[int]:
    """FORCE_PLATFORM:ZERO as ``force_plates.zero`` states it: the frames of the baseline, 0 0 for none, nothing for no ZERO."""
    if not text.startswith("FORCE_PLATFORM:ZERO"):
        return []
    frames = re.search(r"frames (\d+) to (\d+)", text)
    return [int(frames[1]), int(frames[2])] if frames else [0, 0]


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
    measures = {}
    for parameter, side, value in trial.lake.sql(query, trial.key).iter_rows():
        if parameter in _MEASURES:
            name, factor = _MEASURES[parameter]
            measures[f"{side[0].upper() if side else ''}{name}"] = value * factor
    return measures if not trial.person else {}
