"""What a C3D file states besides its markers: angles of its model and events.

Angle mapping: Plug-in Gait's components (Vicon Plug-in Gait Reference Guide), their signs checked on real files
against the segment axes that the model writes beside them (docs/decisions/plug-in-gait-angle-signs.md).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

import numpy as np

from neurostore.arrays import Floats
from neurostore.ingest.readers.c3d.event_clock import in_clock_of_frames
from neurostore.ingest.readers.c3d.event_names import event_name
from neurostore.ingest.readers.c3d.parameters import Parameters
from neurostore.ingest.recording import SourceAngle, SourceEvent

# joint: component -> (name in joint_angles without side and unit, sign: ours = sign * file's)
_COMPONENTS: dict[str, dict[str, tuple[str, int]]] = {
    "pelvis": {"x": ("pelvis_tilt", 1), "y": ("pelvis_obliquity", 1), "z": ("pelvis_rotation", 1)},
    "thorax": {"x": ("trunk_tilt", 1), "y": ("trunk_obliquity", 1), "z": ("trunk_rotation", 1)},
    "spine": {"x": ("trunk_pelvis_tilt", 1), "y": ("trunk_pelvis_obliquity", -1), "z": ("trunk_pelvis_rotation", -1)},
    "hip": {"x": ("hip_flexion", 1), "y": ("hip_adduction", 1), "z": ("hip_rotation", 1)},
    "knee": {"x": ("knee_flexion", 1), "y": ("knee_adduction", 1), "z": ("knee_rotation", 1)},
    "ankle": {"x": ("ankle_dorsiflexion", 1)},
    "footprogress": {"z": ("foot_progression", 1)},
    "shoulder": {"x": ("shoulder_flexion", 1), "y": ("shoulder_adduction", -1)},
    "elbow": {"x": ("elbow_flexion", 1)},
}
_NO_SIDE = {"pelvis_tilt", "trunk_tilt", "trunk_pelvis_tilt"}
_ANGLE = re.compile(r"^(?i:(?P<side>Left|Right|L|R)_?(?P<joint>[A-Z]+?)_?(Angles?|Ang))(?P<suffix>$|[^a-z].*)")
_LOOKS_LIKE_ANGLE = re.compile(r"(?i:Angles?)($|[^a-z])|[a-z]Ang($|[^a-z])|_(?i:ang)$")
_LOOKS_LIKE_OUTPUT = re.compile(
    r"Force|Moment|Power|GRF|Torque|Veloc|Accel|(?<=[a-z])Work|Scalar|Momentum|GroundReaction", re.IGNORECASE
)
_MODEL_POINT = re.compile(
    r"^((PEL|HED|TRX|THX|SPI|[LR](FE|TI|FO|TO|CL|HU|RA|HN))[OALP]"
    r"|[LR](HJC|KJC|AJC|SJC|EJC|WJC)|mid(HJC|ASIS?|PSIS?)|(Whole_?body_?)?(COM|CoM)(Floor)?|Cent(re|er)OfMass(Floor)?)$"
)
_OUTPUT_GROUPS = ("FORCES", "MOMENTS", "POWERS", "SCALARS", "REACTIONS")


def classify(labels: Iterable[str], full: Iterable[str], parameters: Parameters) -> list[str]:
    """Of each point: 'marker', 'angle', 'model_point' (a model's own point) or 'output' (force, moment, power, …).

    labels are without prefix, ``full`` as in the file. The file's own groups (POINT:ANGLES … named by
    TYPE_GROUPS) count first, then the pattern of the name.
    """
    named: dict[str, str] = {}
    type_groups = parameters.strings("POINT", "TYPE_GROUPS")
    for group in {*_OUTPUT_GROUPS, *type_groups[::2]}:
        for label in parameters.strings("POINT", group.upper()):
            named[label] = "output"
    for label in parameters.strings("POINT", "MODELED_MARKERS"):
        named[label] = "model_point"
    for label in parameters.strings("POINT", "ANGLES"):
        named[label] = "angle"
    kinds = []
    for label, whole in zip(labels, full, strict=True):
        kind = named.get(whole) or named.get(label)
        if kind is None:
            if _LOOKS_LIKE_ANGLE.search(label):
                kind = "angle"
            elif _LOOKS_LIKE_OUTPUT.search(label):
                kind = "output"
            else:
                kind = "model_point" if _MODEL_POINT.match(label) else "marker"
        kinds.append(kind)
    return kinds


def source_angles(
    labels: list[str], values: Floats, time_s: Floats, parameters: Parameters
) -> tuple[list[SourceAngle], list[str]]:
    """Angle channels as curves in degrees, each component by itself.

    A channel with a suffix (LKneeAnglesV) maps to ours only where its plain twin is absent and its values can be
    angles.
    Both sides state pelvis and trunk tilt: the left channel maps, the right one if there is no left.

    Parameters
    ----------
    values : (n, len(labels), 3), as in the file.
    """
    unit = parameters.string("POINT", "ANGLE_UNITS").lower()
    factor = 180 / math.pi if unit.startswith("rad") else 1.0
    if model := _other_model(labels, parameters):
        notes = [
            f"the file's angles are those of {model}, another model than Plug-in Gait: kept, and not compared with"
        ]
        return [
            SourceAngle(label, component, None, 1, time_s, values[:, i, axis].astype(np.float64) * factor)
            for i, label in enumerate(labels)
            for axis, component in enumerate("xyz")
            if np.isfinite(values[:, i, axis]).any()
        ], notes
    notes = [f"angle channels converted from {unit} to degrees"] if factor != 1 else []
    # names without side and of the left side first
    ordered = sorted(range(len(labels)), key=lambda i: (len(labels[i]), labels[i]))
    taken: set[str] = set()
    mapped: dict[tuple[int, str], tuple[str | None, int]] = {}
    for i in ordered:
        match = _ANGLE.match(labels[i])
        if match is None:
            continue
        side = "left" if match["side"][0] in "Ll" else "right"
        if match["suffix"] and np.nanmax(np.abs(values[:, i]), initial=0) * factor > 200:
            continue
        for component, (name, sign) in _COMPONENTS.get(_joint(match["joint"]), {}).items():
            column = f"{name}_deg" if name in _NO_SIDE else f"{side}_{name}_deg"
            if column not in taken:
                taken.add(column)
                mapped[i, component] = column, sign
    curves = by_component(values, factor)
    is_there = np.isfinite(curves).any(axis=2)
    angles = []
    for i, label in enumerate(labels):
        for axis, component in enumerate("xyz"):
            ours, sign = mapped.get((i, component), (None, 1))
            if is_there[i, axis]:
                angles.append(SourceAngle(label, component, ours, sign, time_s, curves[i, axis]))
    return angles, notes


def by_component(values: Floats, factor: float = 1.0) -> Floats:
    """(n, J, 3) of any kind as (J, 3, n) float64 times a factor, where each curve is contiguous."""
    return np.multiply(values.transpose(1, 2, 0), factor, dtype=np.float64, order="C")


_CGM2 = re.compile(r"(?i)(py)?cgm\s*_?2(\.\d)?")


def _other_model(labels: list[str], parameters: Parameters) -> str:
    """The Conventional Gait Model 2 (pyCGM2), where labels or the file's own remarks name it; else ''."""
    remarks = [
        value
        for group in ("MANUFACTURER", "PROCESSING", "ANALYSIS", "TRIAL", "SUBJECTS", "MODEL")
        for values in parameters.groups.get(group, {}).values()
        for value in values
        if isinstance(value, str)
    ]
    named = next((match for text in [*labels, *remarks] if (match := _CGM2.search(text))), None)
    return named[0] if named else ""


def _joint(name: str) -> str:
    name = name.lower()
    return {"trunk": "thorax", "footprogression": "footprogress", "footprog": "footprogress", "pelv": "pelvis"}.get(
        name, name
    )


def source_events(
    parameters: Parameters, first_frame: int, n_frames: int, rate_hz: float, subject: str | None
) -> tuple[list[SourceEvent], list[str]]:
    """Events of the EVENT group, in time order, in the clock of the frames.

    EVENT:TIMES holds minutes and seconds; 60·minutes + seconds is the clock in which frame k (from 0) has
    (first frame − 1 + k)/rate, so the time since the trial began is 60·TIMES[0] + TIMES[1] − (first frame − 1)/rate.
    TIMES may be stored flat and in any order; EVENT:USED may disagree with what is there.
    """
    raw, number = parameters.numbers("EVENT", "TIMES"), 2
    # with more than 255 events, TIMES2 continues TIMES as LABELS2 continues LABELS
    while more := parameters.numbers("EVENT", f"TIMES{number}"):
        raw, number = [*raw, *more], number + 1
    labels = parameters.strings("EVENT", "LABELS")
    contexts = parameters.strings("EVENT", "CONTEXTS")
    descriptions = parameters.strings("EVENT", "DESCRIPTIONS")
    subjects = parameters.strings("EVENT", "SUBJECTS")
    used = parameters.numbers("EVENT", "USED")
    notes: list[str] = []
    seconds = _event_seconds(raw, len(labels))
    n = min(len(seconds), len(labels))
    if used and int(used[0]) & 0xFFFF != n:
        notes.append(
            f"EVENT:USED says {int(used[0])} events; {len(labels)} labels and {len(seconds)} times are there, "
            f"{n} were read"
        )
    events = []
    others = outside = 0
    start, end = (first_frame - 1) / rate_hz, (first_frame - 1 + n_frames) / rate_hz
    seconds = in_clock_of_frames(seconds[:n], parameters, first_frame, n_frames, rate_hz, notes)
    for i in range(n):
        if not math.isfinite(seconds[i]) or not (labels[i] or _at(contexts, i)):
            continue
        whose = _at(subjects, i)
        if subject and whose and whose.lower() not in (subject.lower(), "general"):
            others += 1
            continue
        event, side = event_name(labels[i], _at(contexts, i))
        if event not in ("foot_strike", "foot_off"):  # the context alone may give side and kind: RHS, LTO
            kind, whose_side = event_name(_at(contexts, i), "")
            if kind in ("foot_strike", "foot_off"):
                event, side = kind, whose_side
        outside += not start - 0.5 / rate_hz <= seconds[i] <= end
        events.append(SourceEvent(event, side, float(seconds[i]), labels[i], _at(descriptions, i)))
    if others:
        notes.append(f"{others} events of other subjects were left out")
    if outside:
        notes.append(f"{outside} events are outside the frames of the file ({start:.3f} to {end:.3f} s)")
    return _once(sorted(events, key=lambda e: (e.time_s, e.side or "", e.event)), rate_hz, notes), notes


def _once(events: list[SourceEvent], rate_hz: float, notes: list[str]) -> list[SourceEvent]:
    """Of foot strikes and foot offs of one foot at one time, which some software writes under two labels, the first."""
    kept: list[SourceEvent] = []
    last: dict[tuple[str, str | None], SourceEvent] = {}
    repeated: set[str] = set()
    for event in events:
        before = last.get((event.event, event.side))
        is_step = event.event in ("foot_strike", "foot_off")
        if is_step and before is not None and event.time_s - before.time_s < 0.5 / rate_hz:
            repeated.add(f"{before.label} and {event.label}" if before.label != event.label else f"{event.label} twice")
            continue
        last[event.event, event.side] = event
        kept.append(event)
    if repeated:
        notes.append(
            f"{len(events) - len(kept)} events occur twice in the file ({', '.join(sorted(repeated)[:4])}); each was read once"
        )
    return kept


def _at(values: list[str], i: int) -> str:
    return values[i] if i < len(values) else ""


def _event_seconds(raw: list[float], n_labels: int) -> Floats:
    """Seconds from TIMES in file order: minute, second, minute, second …; or all minutes first; or seconds alone."""
    if (n_labels and len(raw) == n_labels and n_labels > 1) or len(raw) % 2:
        return np.asarray(raw, dtype=np.float64)
    pairs = np.asarray(raw, dtype=np.float64).reshape(-1, 2)
    halves = pairs.reshape(2, -1).T if len(pairs) else pairs

    def are_minutes(values: Floats) -> bool:
        return bool(np.all(np.isfinite(values) & (values == np.round(values))))

    if len(pairs) > 1 and not are_minutes(pairs[:, 0]) and are_minutes(halves[:, 0]):
        pairs = halves
    return 60 * pairs[:, 0] + pairs[:, 1]
