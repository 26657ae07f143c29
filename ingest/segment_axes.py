"""Segment axes: x forward, y up along the segment, z to the right; as rotation matrices and quaternions (w, x, y, z)."""

from __future__ import annotations

import numpy as np

from .joint_centres import unit

LAB_UP = np.array([0.0, 1.0, 0.0])


def from_y_and_z(y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """(n, 3, 3) axes, columns x, y, z: y exact, z the nearest at right angles to it."""
    y = unit(y)
    x = unit(np.cross(y, z))
    return np.stack([x, y, np.cross(x, y)], axis=-1)


def from_x_and_y(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(n, 3, 3) axes, columns x, y, z: x exact, y the nearest at right angles to it."""
    x = unit(x)
    z = unit(np.cross(x, y))
    return np.stack([x, np.cross(z, x), z], axis=-1)


def from_x_and_z(x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """(n, 3, 3) axes, columns x, y, z: x exact, z the nearest at right angles to it."""
    x = unit(x)
    y = unit(np.cross(z, x))
    return np.stack([x, y, np.cross(x, y)], axis=-1)


def hinge_axis(proximal: np.ndarray, distal: np.ndarray, fallback: np.ndarray, sign: float) -> np.ndarray:
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


def rotate(vectors: np.ndarray, quaternions: np.ndarray) -> np.ndarray:
    """Vectors (…, 3) turned by unit quaternions (…, 4) (w, x, y, z)."""
    w, v = quaternions[..., :1], quaternions[..., 1:]
    t = 2 * np.cross(v, vectors)
    return vectors + w * t + np.cross(v, t)


def multiply(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Hamilton product of quaternions (…, 4): first b, then a."""
    aw, ax, ay, az = np.moveaxis(a, -1, 0)
    bw, bx, by, bz = np.moveaxis(b, -1, 0)
    return np.stack(
        [
            aw * bw - ax * bx - ay * by - az * bz,
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
        ],
        axis=-1,
    )


def conjugate(q: np.ndarray) -> np.ndarray:
    """Inverse of unit quaternions (…, 4)."""
    return q * np.array([1.0, -1.0, -1.0, -1.0])


def to_quaternion(matrices: np.ndarray) -> np.ndarray:
    """(n, 4) unit quaternions (w, x, y, z), sign continuous in time, of rotation matrices (n, 3, 3); NaN stays NaN."""
    m = np.asarray(matrices, np.float64)
    trace = np.einsum("nii->n", m)
    squared = np.stack([1 + trace, *(1 + 2 * m[:, i, i] - trace for i in range(3))], axis=1)
    best = np.argmax(np.nan_to_num(squared, nan=-1.0), axis=1)
    q = np.empty((len(m), 4))
    d21, d02, d10 = m[:, 2, 1] - m[:, 1, 2], m[:, 0, 2] - m[:, 2, 0], m[:, 1, 0] - m[:, 0, 1]
    s10, s02, s21 = m[:, 1, 0] + m[:, 0, 1], m[:, 0, 2] + m[:, 2, 0], m[:, 2, 1] + m[:, 1, 2]
    rows = (
        (squared[:, 0], d21, d02, d10),
        (d21, squared[:, 1], s10, s02),
        (d02, s10, squared[:, 2], s21),
        (d10, s02, s21, squared[:, 3]),
    )
    for i, parts in enumerate(rows):
        of = best == i
        if of.any():
            q[of] = np.stack([p[of] for p in parts], axis=1)
    return make_continuous(q / np.sqrt((q * q).sum(1, keepdims=True)))


def to_matrix(q: np.ndarray) -> np.ndarray:
    """(…, 3, 3) rotation matrices of unit quaternions (…, 4)."""
    return np.stack([rotate(np.broadcast_to(axis, (*q.shape[:-1], 3)), q) for axis in np.eye(3)], axis=-1)


def make_continuous(q: np.ndarray) -> np.ndarray:
    """The same rotations (n, …, 4), each quaternion's sign that nearest to the one before; the first has w >= 0."""
    q = np.array(q, np.float64)
    if not len(q):
        return q
    dots = (q[1:] * q[:-1]).sum(-1)
    flips = np.where(dots < 0, -1.0, 1.0)
    first = np.where(q[:1, ..., 0] < 0, -1.0, 1.0)
    return q * np.cumprod(np.concatenate([first, flips]), axis=0)[..., None]
