"""Body parameters of a subject's session: what is known, from which source, and what must be estimated."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from neurostore.arrays import Floats
from neurostore.ingest.landmarks.names import SIDES, Marks
from neurostore.ingest.recording import Calibration

# The order of the clinical contract: an earlier source wins.
SOURCES = ("file", "participants", "functional", "static", "neutral_pose", "estimated")
DEFAULT_MARKER_DIAMETER_MM = 14.0
DEFAULT_LEG_LENGTH_MM = 900.0  # where neither a source nor the markers say
# Shares of leg length where widths are not known: 105 and 71 mm at 910 mm, the middle of adult Plug-in Gait subjects.
KNEE_WIDTH_SHARE = 0.115
ANKLE_WIDTH_SHARE = 0.078
SHOULDER_OFFSET_SHARE = 0.055
ELBOW_WIDTH_SHARE = 0.088


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
        """Keep a value this trial gives, unless a better source has said it."""
        if math.isfinite(value) and (name, side) not in self.known:
            self.known[(name, side)] = Calibration(name, side, float(value), unit, source)
            self.added.append(self.known[(name, side)])

    def drop_zero(self, name: str, side: str) -> None:
        """Forget a value of zero, which means that it has not been measured yet."""
        if not self.get(name, side):
            self.known.pop((name, side), None)


def gather(calibrations: Iterable[Calibration]) -> Parameters:
    """The best source of each parameter; zero or negative lengths count as not said."""
    known: dict[tuple[str, str | None], Calibration] = {}
    for c in calibrations:
        if not math.isfinite(c.value) or (c.unit == "mm" and c.value <= 0 and c.parameter != "sole_delta"):
            continue
        at = (c.parameter, c.side)
        if at not in known or SOURCES.index(c.source) < SOURCES.index(known[at].source):
            known[at] = c
    return Parameters(known)


def add_measured(parameters: Parameters, marks: Marks, source: str = "estimated") -> None:
    """Measure on skin points what no source has said: inter-ASIS distance and leg length (medians over the trial).

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


def add_static(parameters: Parameters, marks: Marks, axes: Marks) -> None:
    """What a standing trial gives its session: widths, wand rotations and static foot offsets, source ``static``.

    Widths and the rotation of thigh and shank wands need medial markers, which many laboratories take off for walking; a knee
    alignment device gives the rotations too.
    The foot offset is the pitch of heel → toe over ankle → toe, both seen in the shank's axes; without a heel the sole
    is taken as level. marks : with joint centres; axes : (n, 3, 3) by segment.
    """
    diameter = parameters.get("marker_diameter") or DEFAULT_MARKER_DIAMETER_MM
    for side in SIDES:
        sign = 1.0 if side == "right" else -1.0
        for joint, above, segment in (("knee", "hip", "thigh"), ("ankle", "knee", "shank")):
            lateral, medial = marks.get(f"{side}_{joint}_lateral"), marks.get(f"{side}_{joint}_medial")
            device = marks.get(f"{side}_knee_device_axis")
            if lateral is None or (medial is None and device is None):
                continue
            if medial is not None:
                parameters.add(f"{joint}_width", side, median_length(lateral, medial) - diameter, "mm", "static")
            wand, top, centre = marks.get(f"{side}_{segment}"), marks.get(f"{side}_{above}"), marks[f"{side}_{joint}"]
            if wand is not None and top is not None:
                if device is not None:
                    parameters.drop_zero(f"{segment}_rotation", side)  # not yet set when the file was written
                turn = _wand_rotation(top - centre, wand - centre, lateral - centre)
                parameters.add(f"{segment}_rotation", side, sign * turn, "deg", "static")
        _add_foot_offset(parameters, marks, axes, side, sign)


def _add_foot_offset(parameters: Parameters, marks: Marks, axes: Marks, side: str, sign: float) -> None:
    ankle, toe, heel = (marks.get(f"{side}_{p}") for p in ("ankle", "toe", "heel"))
    shank = axes.get(f"{side}_shank", axes.get(f"{side}_shank_line"))
    if ankle is None or toe is None or shank is None:
        return
    to_toe = np.einsum("nij,ni->nj", shank, toe - ankle)
    sole = toe - heel if heel is not None else (toe - ankle) * np.array([1.0, 0.0, 1.0])
    along = np.einsum("nij,ni->nj", shank, sole)
    pitch = np.degrees(np.arctan2(along[:, 1], along[:, 0]) - np.arctan2(to_toe[:, 1], to_toe[:, 0]))
    if np.isfinite(pitch).any():
        parameters.add("static_foot_offset", side, float(np.nanmedian(pitch)), "deg", "static")
    if heel is not None:
        yaw = np.degrees(np.arctan2(to_toe[:, 2], to_toe[:, 0]) - np.arctan2(along[:, 2], along[:, 0]))
        if np.isfinite(yaw).any():
            parameters.add("static_foot_rotation_offset", side, sign * float(np.nanmedian(yaw)), "deg", "static")


def _wand_rotation(up: Floats, wand: Floats, lateral: Floats) -> float:
    """Median angle in degrees from the wand to the lateral marker about ``up``, as :func:`.joint_centres.chord` takes it."""
    up = up / np.sqrt((up**2).sum(-1, keepdims=True))
    wand = wand - (wand * up).sum(-1, keepdims=True) * up
    lateral = lateral - (lateral * up).sum(-1, keepdims=True) * up
    angle = np.degrees(np.arctan2((np.cross(wand, lateral) * up).sum(-1), (wand * lateral).sum(-1)))
    return float(np.median(angle[np.isfinite(angle)])) if np.isfinite(angle).any() else math.nan


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


def median_length(a: Floats, b: Floats) -> float:
    """Median distance of two points over the frames that have both; NaN where none has."""
    length = np.sqrt(((a - b) ** 2).sum(-1))
    return float(np.median(length[np.isfinite(length)])) if np.isfinite(length).any() else math.nan
