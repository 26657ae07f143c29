"""Which static trial of a session gives the body its size and its registered markers.

Everything of a body comes from one static trial, since sizes of one and markers of another do not belong together. The
best one stands still; among those, the one that the ScaleTool set-up names, then the one with the most markers, then the
one that moves least.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from neurostore.arrays import Floats
from neurostore.ingest.recording import Calibration
from neurostore.wording import counted, listed

#: mm: where a quarter of the markers are farther from their mean (RMS), nobody stands still
STILL_MM = 20.0
#: how good a static trial is: whether a set-up names its file (1 or 0), its number of markers, and their distance in mm
#: from their mean that three quarters do not exceed
_PREFIX = "body_static_"
_NAMED, _MARKERS, _MOVES = (_PREFIX + n for n in ("named", "markers", "moves"))
#: mm: static trials whose movement differs by less stand equally still
_SAME_MM = 2.0


def moves_mm(points_mm: Mapping[str, Floats]) -> float:
    """Distance of the points (T, 3) from their mean, RMS, that three quarters of the points do not exceed; NaN without any."""
    seen = [p[np.isfinite(p).all(axis=1)] for p in points_mm.values()]
    spread = [np.sqrt(((p - p.mean(axis=0)) ** 2).sum(axis=1).mean()) for p in seen if len(p)]
    return float(np.quantile(spread, 0.75)) if spread else float("nan")


def merits(points_mm: Mapping[str, Floats], is_named: bool = False) -> list[Calibration]:
    """How good a static trial with these points is, as calibrations of it."""
    n_seen = sum(bool(np.isfinite(p).all(axis=1).any()) for p in points_mm.values())
    moves = moves_mm(points_mm)
    merit = [
        Calibration(_NAMED, None, float(is_named), "", "static"),
        Calibration(_MARKERS, None, n_seen, "", "static"),
    ]
    return [*merit, Calibration(_MOVES, None, moves, "mm", "static")] if np.isfinite(moves) else merit


def is_merit(calibration: Calibration) -> bool:
    """Whether a calibration says how good a static trial is; other trials have no use for it."""
    return calibration.parameter.startswith(_PREFIX)


def is_of_body(calibration: Calibration) -> bool:
    """Whether a calibration is a size or a marker of the fitted body that a static trial measured."""
    return (
        calibration.source == "static"
        and calibration.parameter.startswith("body_")
        and calibration.parameter != "body_mass"
    )


def chosen(statics: Mapping[str, Iterable[Calibration]]) -> tuple[str | None, str | None]:
    """The static trial that gives the body, None if none does, and a note where there were several."""
    of_body = {trial: [c for c in known if is_of_body(c)] for trial, known in statics.items()}
    merit = {trial: {c.parameter: c.value for c in known if is_merit(c)} for trial, known in of_body.items()}
    usable = [trial for trial, known in of_body.items() if any(not is_merit(c) for c in known)]
    if not usable:
        return None, None
    order = sorted(usable, key=lambda trial: (_rank(merit[trial]), trial))
    best, others = order[0], order[1:]
    if not others:
        return best, None
    why = listed(f"{other} {_why(merit[best], merit[other])}" for other in others)
    return best, f"body: its size and markers are those of the static trial {best}, not of the session's others ({why})"


def given_by(statics: Mapping[str, Iterable[Calibration]]) -> list[Calibration]:
    """What the other trials of a session use of its static trials: everything they measured, the body of the chosen one alone."""
    best, _ = chosen(statics)
    return [
        c
        for trial, known in statics.items()
        for c in known
        if c.source != "estimated" and (trial == best or not is_of_body(c)) and not is_merit(c)
    ]


def _rank(merit: Mapping[str, float]) -> tuple[bool, bool, float, float]:
    moves = merit.get(_MOVES, 0.0)
    return (moves > STILL_MM, not merit.get(_NAMED), -merit.get(_MARKERS, 0.0), moves // _SAME_MM)


def _why(best: Mapping[str, float], other: Mapping[str, float]) -> str:
    """What the other static trial lacks."""
    first, second = _rank(best), _rank(other)
    if first[0] != second[0]:
        return f"does not stand still: {other[_MOVES]:.0f} mm"
    if first[1] != second[1]:
        return "is not the file that the set-up names"
    if first[2] != second[2]:
        n, of = int(other.get(_MARKERS, 0)), int(best.get(_MARKERS, 0))
        return f"has {counted(n, 'marker')} instead of {of}"
    if first[3] != second[3]:
        return f"moves more: {other[_MOVES]:.0f} mm"
    return "is as good and comes later by name"
