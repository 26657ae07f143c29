"""The vertical axis is the same for a session: a static trial, in which a person stands, gives it to the other trials."""

from __future__ import annotations

from collections.abc import Iterable

from neurostore.ingest.recording import Calibration, Recording

_AXES = {"x": 1, "y": 2, "z": 3}


def up_of(recording: Recording) -> tuple[str, str] | None:
    """(reader, axis of the file that it took for up) of a marker file, None if the reader turns nothing."""
    for step in recording.steps:
        if step.name in ("read_c3d", "read_trc") and step.parameters.get("up", "")[-1:] in _AXES:
            return step.name, step.parameters["up"]
    return None


def up_calibrations(recording: Recording) -> list[Calibration]:
    """What a static trial gives its session: the axis of its format that is up, as ±1, ±2, ±3 for x, y, z."""
    inferred = up_of(recording)
    if recording.kind != "static" or inferred is None:
        return []
    reader, up = inferred
    return [Calibration(_name(reader), None, _number(up), "axis", "static")]


def quality_of(recording: Recording) -> dict[str, float]:
    """``up_axis_c3d`` or ``up_axis_trc`` as ±1, ±2, ±3, by which trial_quality sees that trials of a session disagree."""
    inferred = up_of(recording)
    return {} if inferred is None else {_name(inferred[0]): _number(inferred[1])}


def other_up(recording: Recording, given: Iterable[Calibration]) -> str | None:
    """The axis that the session's static trial says is up, where this recording took another; None if they agree.

    A recording in which the body stands upright along its own axis beyond doubt keeps it: it was exported in another way.
    """
    inferred = up_of(recording)
    if inferred is None or any(step.parameters.get("up_is_upright") for step in recording.steps):
        return None
    reader, up = inferred
    for calibration in given:
        if calibration.parameter == _name(reader):
            axis = next(a for a, number in _AXES.items() if number == abs(round(calibration.value)))
            text = ("-" if calibration.value < 0 else "") + axis
            return text if text != up else None
    return None


def _number(up: str) -> float:
    return float(_AXES[up[-1]] * (-1 if up.startswith("-") else 1))


def _name(reader: str) -> str:
    return f"up_axis_{reader.removeprefix('read_')}"
