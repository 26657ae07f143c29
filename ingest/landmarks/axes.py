"""Segment axes: x forward, y up along the segment, z to the right; as rotation matrices and quaternions (w, x, y, z)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from neurostore.arrays import Floats
from neurostore.ingest.geometry.rotations import from_matrix
from neurostore.ingest.geometry.vector_kernels import across_rows, cross_rows, unit_rows

LAB_UP = np.array([0.0, 1.0, 0.0])


@dataclass(frozen=True, slots=True)
class Limb:
    """The two long segments of a leg or an arm, and what is known of their axes.

    names : of the upper and the lower segment. points : (n, 3) at the upper end, the joint between and the lower end, None
    where unknown. right : (n, 3) axis to trust while the joint hardly bends. sign : of the hinge, see :func:`hinge_axis`.
    lateral : (n, 3) lateral axis of each segment; None if only its line is known, which is then named ``…_line``.
    """

    names: tuple[str, str]
    points: tuple[Floats | None, Floats | None, Floats | None]
    right: Floats
    sign: float
    lateral: tuple[Floats | None, Floats | None] = (None, None)


@dataclass(frozen=True, slots=True)
class Frame:
    """A segment of which x is exact and z is near. x, z : (n, 3).

    turn : radians by which it is turned afterwards: toes up about its z, then to the left about its y; None for not at all.
    """

    name: str
    x: Floats
    z: Floats
    turn: tuple[float, float] | None = None


def axes_of(limbs: Iterable[Limb], frames: Iterable[Frame] = ()) -> dict[str, Floats]:
    """(n, 3, 3) axes, columns x, y, z, by the name of the segment; lines under ``…_line``."""
    axes: dict[str, Floats] = {}
    for limb in limbs:
        top, middle, bottom = limb.points
        hinge = limb.right
        if top is not None and middle is not None and bottom is not None:
            hinge = hinge_axis(top - middle, middle - bottom, limb.right, limb.sign)
        for name, lateral, upper, lower in zip(limb.names, limb.lateral, (top, middle), (middle, bottom), strict=True):
            if upper is None or lower is None:
                continue
            if lateral is None:
                axes[f"{name}_line"] = from_y_and_z(upper - lower, hinge)
            else:
                axes[name] = from_y_and_z(upper - lower, lateral)
    for frame in frames:
        made = from_x_and_z(frame.x, frame.z)
        axes[frame.name] = made if frame.turn is None else _turned(made, *frame.turn)
    return axes


def quaternions_of(axes: dict[str, Floats]) -> dict[str, Floats]:
    """:func:`to_quaternion` of each segment."""
    return {name: to_quaternion(matrices) for name, matrices in axes.items()}


def upright(right: Floats) -> Floats:
    """Pelvis axes from the line of the hips alone: z along it, y as close to the vertical as possible."""
    right = unit(right)
    forward = unit(cross(np.broadcast_to(LAB_UP, right.shape), right))
    return np.stack([forward, cross(right, forward), right], axis=-1)


def unit(vectors: Floats) -> Floats:
    """Vectors of length one; NaN where the length is zero."""
    if _are_rows(vectors):
        out = np.empty(vectors.shape)
        unit_rows(np.ascontiguousarray(vectors), out)
        return out
    length = np.sqrt((vectors * vectors).sum(axis=-1, keepdims=True))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(length > 1e-9, vectors / length, np.nan)


def across(vector: Floats, axis: Floats) -> Floats:
    """Unit part of vector at right angles to the unit axis."""
    if _are_rows(vector, axis):
        out = np.empty(vector.shape)
        across_rows(np.ascontiguousarray(vector), np.ascontiguousarray(axis), out)
        return out
    return unit(vector - (vector * axis).sum(-1, keepdims=True) * axis)


def cross(a: Floats, b: Floats) -> Floats:
    """a × b along the last axis of three."""
    if _are_rows(a, b):
        out = np.empty(a.shape)
        cross_rows(np.ascontiguousarray(a), np.ascontiguousarray(b), out)
        return out
    return np.cross(a, b)


def _are_rows(*vectors: Floats) -> bool:
    """Whether these are (n, 3) float64 of one n, for which there are compiled loops."""
    shape = vectors[0].shape
    return len(shape) == 2 and shape[1] == 3 and all(v.shape == shape and v.dtype == np.float64 for v in vectors)


def from_y_and_z(y: Floats, z: Floats) -> Floats:
    """(n, 3, 3) axes, columns x, y, z: y exact, z the nearest at right angles to it."""
    y = unit(y)
    x = unit(cross(y, z))
    return np.stack([x, y, cross(x, y)], axis=-1)


def from_x_and_y(x: Floats, y: Floats) -> Floats:
    """(n, 3, 3) axes, columns x, y, z: x exact, y the nearest at right angles to it."""
    x = unit(x)
    z = unit(cross(x, y))
    return np.stack([x, cross(z, x), z], axis=-1)


def from_x_and_z(x: Floats, z: Floats) -> Floats:
    """(n, 3, 3) axes, columns x, y, z: x exact, z the nearest at right angles to it."""
    x = unit(x)
    y = unit(cross(z, x))
    return np.stack([x, y, cross(x, y)], axis=-1)


def _turned(foot: Floats, up: float, left: float) -> Floats:
    """Foot axes turned by ``up`` (toes up, about the foot's z) and then by ``left`` (toes to the left, about its y); radians."""
    c, s = np.cos(up), np.sin(up)
    pitch = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    c, s = np.cos(left), np.sin(left)
    yaw = np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])
    return foot @ yaw @ pitch


def pelvis_axes(left_asis: Floats, right_asis: Floats, sacrum: Floats) -> Floats:
    """(n, 3, 3) pelvis frame, columns x, y, z: z from left to right ASIS, x forward in the plane of ASIS and sacrum.

    The conventional gait model's pelvis (Davis 1991; Plug-in Gait). sacrum : mid-PSIS or the SACR marker.
    """
    z = unit(right_asis - left_asis)
    forward = (left_asis + right_asis) / 2 - sacrum
    x = unit(forward - (forward * z).sum(-1, keepdims=True) * z)
    return np.stack([x, cross(z, x), z], axis=-1)


def hinge_axis(proximal: Floats, distal: Floats, fallback: Floats, sign: float) -> Floats:
    """Axis (n, 3), pointing right, of a hinge between two lines, quiet where they are nearly straight.

    proximal, distal : (n, 3) up along each line (distal end to proximal end). fallback : (n, 3) unit, a right-pointing
    axis to trust where the lines hardly bend. sign : +1 where bending brings the distal line's lower end backwards
    (knee), −1 forwards (elbow). The normal of the plane of bending counts by the sine of the bend: nothing below 10°,
    alone above 30°. A normal that points against the fallback is a joint bent the other way and is turned round.
    """
    p = unit(proximal)
    normal = sign * cross(unit(distal), p)
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
