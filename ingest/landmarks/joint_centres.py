"""Joint centres from skin points. All positions mm, lab frame, arrays (n, 3); lengths mm; angles radians.

Pelvis frame here as in all of Neurostore: origin mid-ASIS, x forward, y up, z to the right.
"""

from __future__ import annotations

import math

import numpy as np

from neurostore.arrays import Floats
from neurostore.ingest.landmarks.axes import across, cross, unit

HIP_METHODS = ("harrington", "hara", "bell", "davis")


def hip_offset(
    method: str,
    side: str,
    *,
    pelvis_width: float,
    pelvis_depth: float,
    leg_length: float,
    asis_trochanter: float,
    marker_radius: float,
) -> Floats:
    """Hip centre in the pelvis frame, (3,) mm.

    Parameters
    ----------
    method : ``harrington`` (2007, doi:10.1016/j.jbiomech.2006.02.003; the simple form with pelvis depth and width),
        ``hara`` (2016, doi:10.1038/srep37707; leg length), ``bell`` (1989, doi:10.1016/0167-9457(89)90020-1; 14 %
        medial, 30 % distal, 22 % posterior of the ASIS), ``davis`` (1991, doi:10.1016/0167-9457(91)90046-Z, with the
        Newington constants of Plug-in Gait).
    pelvis_width, pelvis_depth : inter-ASIS distance; mid-ASIS to sacrum. leg_length : of this side (hara), the
        mean of both sides (davis).
    """
    if method == "harrington":
        x, y, out = -0.24 * pelvis_depth - 9.9, -0.30 * pelvis_width - 10.9, 0.33 * pelvis_width + 7.3
    elif method == "hara":
        x, y, out = 11 - 0.063 * leg_length, -9 - 0.078 * leg_length, 8 + 0.086 * leg_length
    elif method == "bell":
        x, y, out = -0.22 * pelvis_width, -0.30 * pelvis_width, 0.36 * pelvis_width
    elif method == "davis":
        c, theta, beta = 0.115 * leg_length - 15.3, 0.5, 0.314
        back = asis_trochanter + marker_radius
        x = c * math.cos(theta) * math.sin(beta) - back * math.cos(beta)
        y = -c * math.cos(theta) * math.cos(beta) - back * math.sin(beta)
        out = pelvis_width / 2 - c * math.sin(theta)
    else:
        raise ValueError(f"hip method {method!r}; known are {', '.join(HIP_METHODS)}")
    return np.array([x, y, out if side == "right" else -out])


def asis_trochanter_distance(leg_length: float) -> float:
    """ASIS to trochanter along the pelvis' depth from leg length, mm: 0.1288·L − 48.56 (Davis 1991)."""
    return 0.1288 * leg_length - 48.56


def chord(proximal: Floats, marker: Floats, wand: Floats, distance: float, rotation: float = 0.0) -> Floats:
    """Joint centre of the conventional gait model (chord construction), (n, 3).

    The centre C is ``distance`` (half the joint's width and the marker's radius) from the lateral ``marker``, at a
    right angle to the line to the ``proximal`` centre, in the plane of proximal centre, marker and wand, on
    the far side of the wand. ``rotation`` turns that plane about the long axis: the angle, seen along proximal →
    C, from the wand's direction to the marker's (right-hand rule about the axis pointing up, C → proximal).
    Frames where the marker is nearer to the proximal centre than ``distance`` are NaN.
    """
    to_proximal = proximal - marker
    length = np.sqrt((to_proximal**2).sum(-1, keepdims=True))
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(length > distance, distance / length, np.nan)
    u = to_proximal / length
    away = -across(wand - marker, u)  # unit, across u, away from the wand
    side = cross(u, away)
    cos, sin = share, np.sqrt(1 - share**2)

    def placed(turn: Floats) -> tuple[Floats, Floats]:
        """The centre for a turn of ``away`` about u, and by how much its angle to the wand misses ``rotation``."""
        centre = marker + distance * (cos * u + sin * (np.cos(turn) * away + np.sin(turn) * side))
        axis = unit(proximal - centre)
        to_wand, to_marker = across(wand - centre, axis), across(marker - centre, axis)
        angle = np.arctan2(
            (cross(to_wand, to_marker) * axis).sum(-1, keepdims=True),
            (to_wand * to_marker).sum(-1, keepdims=True),
        )
        return centre, rotation - angle

    before = np.zeros_like(length)
    if not rotation:
        return marker + distance * (cos * u + sin * away)
    centre, miss_before = placed(before)
    turn = before + rotation
    for _ in range(6):  # secant steps, since angle and rotation are nearly proportional
        centre, miss = placed(turn)
        slope = np.where(np.abs(turn - before) > 1e-12, (miss_before - miss) / (turn - before + 1e-300), 1.0)
        before, miss_before = turn, miss
        turn = turn + miss / np.where(np.abs(slope) > 0.1, slope, 1.0)
    return centre


def turned_towards(centre: Floats, marker: Floats, target: Floats, angle: float) -> Floats:
    """The point ``centre`` turned about ``marker`` by ``angle`` (radians) in the plane of the three, towards ``target``.

    Plug-in Gait's ankle ab/adduction offset: where the static trial has medial malleoli, the ankle centre is on the line
    of both malleoli, and walking trials turn the centre of the chord by the angle kept from it (found on files of two
    laboratories: the angle at the centre is 90° and this offset in the static trial, and 0.000 mm are left after this turn).
    """
    to_centre = centre - marker
    length = np.sqrt((to_centre**2).sum(-1, keepdims=True))
    along = to_centre / length
    towards = across(target - marker, along)
    return marker + length * (np.cos(angle) * along + np.sin(angle) * towards)
