"""Body parameters of a subject's session: what is known, from which source, and what must be estimated."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from neurostore.arrays import Floats
from neurostore.ingest.landmarks.names import SIDES, Marks
from neurostore.ingest.recording import Calibration
from neurostore.wording import listed

# The order of the clinical contract: an earlier source wins.
SOURCES = ("file", "participants", "functional", "static", "neutral_pose", "estimated")
DEFAULT_MARKER_DIAMETER_MM = 14.0
DEFAULT_LEG_LENGTH_MM = 900.0  # if neither a source nor the markers give it
# Shares of leg length if widths are not known: 105 and 71 mm at 910 mm, typical of adult Plug-in Gait subjects.
KNEE_WIDTH_SHARE = 0.115
ANKLE_WIDTH_SHARE = 0.078
SHOULDER_OFFSET_SHARE = 0.055
ELBOW_WIDTH_SHARE = 0.088
_OTHER_PERSON = 0.12  # lengths of one person differ less between standing and walking
_OTHER_MEASURES = 0.25  # a leg measured by hand differs less from that between the markers


@dataclass
class Parameters:
    """Known parameters by (name, side); lengths in mm, angles in radians.

    added : those this trial itself measured or estimated, to be stored beside the others.
    """

    known: dict[tuple[str, str | None], Calibration] = field(default_factory=dict)
    added: list[Calibration] = field(default_factory=list)

    def get(self, name: str, side: str | None = None) -> float | None:
        """The value, of this side or of both sides; None if it is not known."""
        calibration = self.known.get((name, side)) or self.known.get((name, None))
        if calibration is None:
            return None
        return math.radians(calibration.value) if calibration.unit == "deg" else calibration.value

    def source(self, name: str, side: str | None = None) -> str | None:
        """Where the value of a parameter comes from; None if it is unknown."""
        calibration = self.known.get((name, side)) or self.known.get((name, None))
        return calibration.source if calibration else None

    def add(self, name: str, side: str | None, value: float, unit: str, source: str) -> None:
        """Keep a value of this trial, unless a better source has stated it."""
        if math.isfinite(value) and (name, side) not in self.known:
            self.known[(name, side)] = Calibration(name, side, float(value), unit, source)
            self.added.append(self.known[(name, side)])

    def drop_zero(self, name: str, side: str) -> None:
        """Forget a value of zero, which means that it has not been measured yet."""
        if not self.get(name, side):
            self.known.pop((name, side), None)


def of_this_person(known: Iterable[Calibration], marks: Marks, notes: list[str]) -> list[Calibration]:
    """The calibrations that may be those of the person with these marks; notes what was left out.

    A static trial whose distance of the ASIS or leg length differs by over 12 % is somebody else's, or in another
    scale; what it gave its session is then left out. Lengths that the file or a table states are left out too if both
    legs differ by over 25 % from those between the markers (in inches, say).
    """
    known = of_these_legs(list(known), marks, notes)
    static = {(c.parameter, c.side): c.value for c in known if c.source == "static" and c.value > 0}
    if not static:
        return known
    here: dict[tuple[str, str | None], float] = {("inter_asis", None): _length(marks, "left_asis", "right_asis")}
    here |= {("leg_length", side): _leg(marks, side) for side in SIDES}
    differ = []
    for (name, of_side), length in here.items():
        there = static.get((name, of_side))
        if there is not None and abs(length / there - 1) > _OTHER_PERSON:
            what = "distance of the ASIS" if name == "inter_asis" else f"{of_side} leg"
            differ.append(f"{what} {length:.0f} mm here, {there:.0f} mm there")
    if not differ:
        return known
    notes.append(
        f"the static trial of the session is of another person or in another scale, and was not used: {listed(differ)}"
    )
    return [c for c in known if c.source != "static"]


def of_these_legs(known: list[Calibration], marks: Marks, notes: list[str]) -> list[Calibration]:
    """The calibrations without the lengths of a source whose legs are not those between the markers."""
    for source in ("file", "participants"):
        stated = {c.side: c.value for c in known if c.source == source and c.parameter == "leg_length" and c.value > 0}
        if not stated:
            continue
        legs = [(side, _leg(marks, side), stated.get(side, stated.get(None, math.nan))) for side in SIDES]
        measured = [leg for leg in legs if math.isfinite(leg[1]) and math.isfinite(leg[2])]
        if not measured or any(abs(there / here - 1) <= _OTHER_MEASURES for _, here, there in measured):
            continue
        text = listed(f"{side} leg {there:.0f} mm, {here:.0f} mm between its markers" for side, here, there in measured)
        notes.append(
            f"the lengths and widths of the {source} are not this person's or in another unit ({text}): not used"
        )
        known = [c for c in known if c.source != source or c.unit != "mm"]
    return known


def _leg(marks: Marks, side: str) -> float:
    """ASIS to knee to ankle in mm, NaN where a marker is not known."""
    asis, knee, ankle = (f"{side}_{part}" for part in ("asis", "knee_lateral", "ankle_lateral"))
    return _length(marks, asis, knee) + _length(marks, knee, ankle)


def gather(calibrations: Iterable[Calibration]) -> Parameters:
    """The best source of each parameter; zero or negative lengths count as not stated."""
    known: dict[tuple[str, str | None], Calibration] = {}
    for c in calibrations:
        if not math.isfinite(c.value) or (c.unit == "mm" and c.value <= 0 and c.parameter != "sole_delta"):
            continue
        at = (c.parameter, c.side)
        if at not in known or SOURCES.index(c.source) < SOURCES.index(known[at].source):
            known[at] = c
    return Parameters(known)


def add_neutral(parameters: Parameters, hip_angles: dict[str, float]) -> None:
    """Keep the hip angles of the neutral pose (``left_hip_flexion_neutral_deg`` …, degrees) as calibrations of the trial."""
    for name, value in hip_angles.items():
        side, _, angle = name.removesuffix("_neutral_deg").partition("_")
        parameters.add(f"neutral_{angle}", side, value, "deg", "neutral_pose")


def add_measured(parameters: Parameters, marks: Marks, source: str = "estimated") -> None:
    """Measure on skin points what no source states: inter-ASIS distance and leg length (medians over the trial).

    source : ``static`` where the person stands still, else ``estimated``.
    """
    if {"left_asis", "right_asis"} <= set(marks):
        parameters.add("inter_asis", None, median_length(marks["left_asis"], marks["right_asis"]), "mm", source)
    for side in SIDES:
        chain = [f"{side}_{part}" for part in ("asis", "knee_lateral", "ankle_lateral")]
        if set(chain) <= set(marks) and parameters.get("leg_length", side) is None:
            asis, knee, ankle = (marks[c] for c in chain)
            length = median_length(asis, knee) + median_length(knee, ankle)
            parameters.add("leg_length", side, length, "mm", source)


def joint_width(parameters: Parameters, joint: str, side: str) -> float:
    """Width of knee, ankle or elbow, or the shoulder offset, in mm; estimated from leg length where not known."""
    name = "shoulder_offset" if joint == "shoulder" else f"{joint}_width"
    width, other = parameters.get(name, side), "right" if side == "left" else "left"
    if width is None and parameters.source(name, other) not in (None, "estimated"):
        width = parameters.get(name, other)
    if width is None:
        share = {
            "knee": KNEE_WIDTH_SHARE,
            "ankle": ANKLE_WIDTH_SHARE,
            "shoulder": SHOULDER_OFFSET_SHARE,
            "elbow": ELBOW_WIDTH_SHARE,
        }[joint]
        width = share * (parameters.get("leg_length", side) or DEFAULT_LEG_LENGTH_MM)
        parameters.add(name, side, width, "mm", "estimated")
    return width


def _length(marks: Marks, a: str, b: str) -> float:
    if a not in marks or b not in marks:
        return float("nan")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # points that are never seen together give NaN
        return median_length(marks[a], marks[b])


def median_length(a: Floats, b: Floats) -> float:
    """Median distance of two points over the frames that have both; NaN where none has."""
    length = np.sqrt(((a - b) ** 2).sum(-1))
    return float(np.median(length[np.isfinite(length)])) if np.isfinite(length).any() else math.nan
