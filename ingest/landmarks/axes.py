"""Segment axes: x forward, y up along the segment, z to the right; as rotation matrices and quaternions (w, x, y, z)."""

from __future__ import annotations

import numpy as np

from neurostore.arrays import Floats
from neurostore.ingest.geometry.rotations import from_matrix

LAB_UP = np.array([0.0, 1.0, 0.0])


def unit(vectors: Floats) -> Floats:
    """Vectors of length one; NaN where the length is zero."""
    length = np.sqrt((vectors * vectors).sum(axis=-1, keepdims=True))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(length > 1e-9, vectors / length, np.nan)


def across(vector: Floats, axis: Floats) -> Floats:
    """Unit part of vector at right angles to the unit axis."""
    return unit(vector - (vector * axis).sum(-1, keepdims=True) * axis)


def from_y_and_z(y: Floats, z: Floats) -> Floats:
    """(n, 3, 3) axes, columns x, y, z: y exact, z the nearest at right angles to it."""
    y = unit(y)
    x = unit(np.cross(y, z))
    return np.stack([x, y, np.cross(x, y)], axis=-1)


def from_x_and_y(x: Floats, y: Floats) -> Floats:
    """(n, 3, 3) axes, columns x, y, z: x exact, y the nearest at right angles to it."""
    x = unit(x)
    z = unit(np.cross(x, y))
    return np.stack([x, np.cross(z, x), z], axis=-1)


def from_x_and_z(x: Floats, z: Floats) -> Floats:
    """(n, 3, 3) axes, columns x, y, z: x exact, z the nearest at right angles to it."""
    x = unit(x)
    y = unit(np.cross(z, x))
    return np.stack([x, y, np.cross(x, y)], axis=-1)


def pelvis_axes(left_asis: Floats, right_asis: Floats, sacrum: Floats) -> Floats:
    """(n, 3, 3) pelvis frame, columns x, y, z: z from left to right ASIS, x forward in the plane of ASIS and sacrum.

    The conventional gait model's pelvis (Davis 1991; Plug-in Gait). sacrum : mid-PSIS or the SACR marker.
    """
    z = unit(right_asis - left_asis)
    forward = (left_asis + right_asis) / 2 - sacrum
    x = unit(forward - (forward * z).sum(-1, keepdims=True) * z)
    return np.stack([x, np.cross(z, x), z], axis=-1)


def hinge_axis(proximal: Floats, distal: Floats, fallback: Floats, sign: float) -> Floats:
    """Axis (n, 3), pointing right, of a hinge between two lines, quiet where they are nearly straight.

    proximal, distal : (n, 3) up along each line (distal end to proximal end). fallback : (n, 3) unit, a right-pointing
    axis to trust where the lines hardly bend. sign : +1 where bending brings the distal line's lower end backwards
    (knee), −1 forwards (elbow). The normal of the plane of bending counts by the sine of the bend: nothing below 10°,
    alone above 30°. A normal that points against the fallback is a joint bent the other way and is turned round.
    """
    p = unit(proximal)
    normal = sign * np.cross(unit(distal), p)
    sine = np.sqrt((normal**2).sum(-1, keepdims=True))
    fallback = unit(fallback - (fallback * p).sum(-1, keepdims=True) * p)
    with np.errstate(invalid="ignore", divide="ignore"):
        normal = normal / np.where(sine > 1e-9, sine, 1.0)
    along = (normal * fallback).sum(-1, keepdims=True)
    weight = np.clip((sine - np.sin(np.radians(10))) / (0.5 - np.sin(np.radians(10))), 0, 1) * np.clip(along * 2, 0, 1)
    return unit(np.where(weight > 0, weight * normal, 0.0) + (1 - weight) * fallback)


def to_quaternion(matrices: Floats) -> Floats:
    """(n, 4) unit quaternions (w, x, y, z), sign continuous in time, of rotation matrices (n, 3, 3); NaN stays NaN."""
    return make_continuous(from_matrix(matrices))


def make_continuous(q: Floats) -> Floats:
    """The same rotations (n, …, 4), each quaternion's sign that nearest to the one before; the first has w >= 0."""
    q = np.array(q, np.float64)
    if not len(q):
        return q
    dots = (q[1:] * q[:-1]).sum(-1)
    flips = np.where(dots < 0, -1.0, 1.0)  # NaN counts as no flip
    first = np.where(q[:1, ..., 0] < 0, -1.0, 1.0)
    return q * np.cumprod(np.concatenate([first, flips]), axis=0)[..., None]
