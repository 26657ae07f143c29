"""Unit quaternions (w, x, y, z) and rotation matrices, vectorised over leading axes.

A quaternion here turns coordinates of the child (a joint, a segment) into those of the parent or the lab:
``v_lab = rotate(q, v_child)``, and ``multiply(a, b)`` applies ``b`` first. q and -q are the same rotation.
Formulas: J. Diebel (2006), Representing Attitude: Euler Angles, Unit Quaternions, and Rotation Vectors.
"""

from __future__ import annotations

import numpy as np

from neurostore.arrays import Floats

IDENTITY = np.array([1.0, 0.0, 0.0, 0.0])
_AXIS = {"x": 0, "y": 1, "z": 2}


def about_axis(axis: str, angle_rad: Floats | float) -> Floats:
    """Quaternions (…, 4) of turns by angle_rad (…) about 'x', 'y' or 'z', right-handed."""
    half = 0.5 * np.asarray(angle_rad, dtype=float)
    out = np.zeros((*half.shape, 4))
    out[..., 0] = np.cos(half)
    out[..., 1 + _AXIS[axis.lower()]] = np.sin(half)
    return out


def from_euler(order: str, angles_rad: Floats) -> Floats:
    """Quaternions of intrinsic Euler angles in any order and number.

    Parameters
    ----------
    order : axis letters, such as 'ZYX': R = Rz(angles[..., 0]) · Ry(angles[..., 1]) · Rx(angles[..., 2]).
        For fixed (extrinsic) axes reverse both order and angles.
    angles_rad : (…, len(order)).

    Returns
    -------
    (…, 4) unit quaternions.
    """
    angles_rad = np.asarray(angles_rad, dtype=float)
    if angles_rad.shape[-1] != len(order):
        raise ValueError(f"order {order!r} has {len(order)} axes, the last axis of angles_rad {angles_rad.shape[-1]}")
    out = np.broadcast_to(IDENTITY, (*angles_rad.shape[:-1], 4)).copy()
    for k, axis in enumerate(order):
        out = multiply(out, about_axis(axis, angles_rad[..., k]))
    return out


def multiply(a: Floats, b: Floats) -> Floats:
    """The rotation b followed by a (the Hamilton product a·b); shapes (…, 4) broadcast."""
    a, b = np.asarray(a), np.asarray(b)
    aw, ax, ay, az = a[..., 0], a[..., 1], a[..., 2], a[..., 3]
    bw, bx, by, bz = b[..., 0], b[..., 1], b[..., 2], b[..., 3]
    return np.stack(
        [
            aw * bw - ax * bx - ay * by - az * bz,
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
        ],
        axis=-1,
    )


def conjugate(q: Floats) -> Floats:
    """The inverse rotation of unit quaternions (…, 4)."""
    return np.asarray(q) * np.array([1, -1, -1, -1], dtype=np.asarray(q).dtype)


def normalize(q: Floats) -> Floats:
    """Quaternions scaled to length one; those of length zero become NaN."""
    q = np.asarray(q)
    length = np.linalg.norm(q, axis=-1, keepdims=True)
    return np.divide(q, length, out=np.full(q.shape, np.nan, dtype=q.dtype), where=length > 0)


def rotate(q: Floats, v: Floats) -> Floats:
    """Vectors v (…, 3) turned by unit quaternions q (…, 4); shapes broadcast, NaN stays NaN."""
    q, v = np.asarray(q), np.asarray(v)
    w, u = q[..., :1], q[..., 1:]
    t = 2 * np.cross(u, v)
    return v + w * t + np.cross(u, t)


def to_matrix(q: Floats) -> Floats:
    """Rotation matrices (…, 3, 3) of unit quaternions (…, 4); columns are the child's axes in the parent."""
    q = np.asarray(q)
    w, x, y, z = q[..., 0], q[..., 1], q[..., 2], q[..., 3]
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def from_matrix(m: Floats) -> Floats:
    """Unit quaternions (…, 4) of proper rotation matrices (…, 3, 3), w >= 0; NaN stays NaN.

    The largest of the four components is computed by a square root and the others from it, so that no half turn
    loses digits (S. W. Shepperd 1978, doi:10.2514/3.55767b).
    """
    m = np.asarray(m, dtype=float)
    if m.ndim == 3:
        from neurostore.ingest.geometry.vector_kernels import quaternion_rows  # numba is slow to import

        out = np.empty((len(m), 4))
        quaternion_rows(np.ascontiguousarray(m), out)
        return out
    xx, yy, zz = m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]
    candidates = np.stack(
        [
            [1 + xx + yy + zz, m[..., 2, 1] - m[..., 1, 2], m[..., 0, 2] - m[..., 2, 0], m[..., 1, 0] - m[..., 0, 1]],
            [m[..., 2, 1] - m[..., 1, 2], 1 + xx - yy - zz, m[..., 0, 1] + m[..., 1, 0], m[..., 0, 2] + m[..., 2, 0]],
            [m[..., 0, 2] - m[..., 2, 0], m[..., 0, 1] + m[..., 1, 0], 1 - xx + yy - zz, m[..., 1, 2] + m[..., 2, 1]],
            [m[..., 1, 0] - m[..., 0, 1], m[..., 0, 2] + m[..., 2, 0], m[..., 1, 2] + m[..., 2, 1], 1 - xx - yy + zz],
        ]
    )  # (4 candidates, 4 components, …), each 4 · (one component) · q
    candidates = np.moveaxis(candidates, (0, 1), (-2, -1))
    largest = np.argmax(np.stack([xx + yy + zz, xx, yy, zz], axis=-1), axis=-1)
    chosen = np.take_along_axis(candidates, largest[..., None, None], axis=-2)[..., 0, :]
    q = normalize(chosen)
    return np.where(q[..., :1] < 0, -q, q)


def angle(a: Floats, b: Floats) -> Floats:
    """The angle in radians, 0…π, of the turn from a to b (geodesic distance on SO(3)); (…, 4) each."""
    d = multiply(conjugate(a), b)
    return 2 * np.arctan2(np.linalg.norm(d[..., 1:], axis=-1), np.abs(d[..., 0]))


def between(u: Floats, v: Floats) -> Floats:
    """The shortest rotation that turns direction u (3,) onto direction v (3,)."""
    u, v = np.asarray(u, dtype=float), np.asarray(v, dtype=float)
    u, v = u / np.linalg.norm(u), v / np.linalg.norm(v)
    cosine = float(u @ v)
    if cosine < -1 + 1e-12:  # opposite directions: half a turn about any perpendicular axis
        axis = np.cross(u, [1.0, 0.0, 0.0] if abs(u[0]) < 0.9 else [0.0, 1.0, 0.0])
        return np.concatenate([[0.0], axis / np.linalg.norm(axis)])
    return np.asarray(normalize(np.concatenate([[1 + cosine], np.cross(u, v)])))


def up_rotation(up: str) -> Floats:
    """The proper rotation that brings the axis named up ('x', '-z' …) to +Y: a quarter or half turn, (4,).

    'z': (x, y, z) becomes (x, z, -y).
    """
    sign = -1.0 if up.startswith("-") else 1.0
    letter = up.lstrip("+-").lower()
    if letter not in _AXIS or len(letter) != 1:
        raise ValueError(f"up is one of x, y, z, -x, -y, -z, not {up!r}")
    if letter == "y":
        return IDENTITY.copy() if sign > 0 else about_axis("x", np.pi)
    return about_axis("x", -sign * np.pi / 2) if letter == "z" else about_axis("z", sign * np.pi / 2)


def from_vector(vector_rad: Floats) -> Floats:
    """Quaternions (…, 4) of rotation vectors (…, 3): the axis times the angle in rad (Rodrigues)."""
    vector_rad = np.asarray(vector_rad, dtype=float)
    angle_rad = np.linalg.norm(vector_rad, axis=-1, keepdims=True)
    half = 0.5 * angle_rad
    return np.concatenate([np.cos(half), 0.5 * np.sinc(half / np.pi) * vector_rad], axis=-1)
