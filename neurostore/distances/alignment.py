"""Alignments: which of a person's place, size and direction are removed before movements are compared.

Arrays are (samples, points, 3) in mm, lab frame, Y up; NaN stays NaN. Each alignment looks at one item alone, never
at the other items of a comparison, so a distance does not change when trials are added.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neurostore.arrays import Floats
from neurostore.errors import UsageError

ALIGNMENTS = ("none", "root", "root+scale", "root+heading", "procrustes", "procrustes-frame")

# A standing adult of 1.75 m facing +z, left at +x, mm: heights by the segment proportions of Drillis and Contini (1966)
# as given by Winter (Biomechanics and Motor Control of Human Movement), widths those of an average adult.
_MIDDLE = {"pelvis": (0, 920, 0), "thorax": (0, 1430, 0), "neck": (0, 1500, 0), "head": (0, 1650, 20)}
_LEFT = {
    "hip": (85, 920, 0),
    "knee": (85, 499, 0),
    "ankle": (85, 68, 0),
    "heel": (85, 30, -50),
    "toe": (95, 25, 160),
    "shoulder": (180, 1432, 0),
    "elbow": (215, 1103, 0),
    "wrist": (235, 849, 20),
    "hand": (240, 770, 40),
}
STANDING: dict[str, tuple[float, float, float]] = {
    **_MIDDLE,
    **{f"left_{name}": place for name, place in _LEFT.items()},
    **{f"right_{name}": (-x, y, z) for name, (x, y, z) in _LEFT.items()},
}
NEEDED = {
    "none": (),
    "root": ("pelvis",),
    "root+scale": ("pelvis",),
    "root+heading": ("pelvis", "left_hip", "right_hip"),
    "procrustes": (),
    "procrustes-frame": (),
}


def align(values: Floats, names: Sequence[str], how: str, *, leg_length_mm: float = np.nan) -> Floats:
    """Align one item.

    Parameters
    ----------
    values : (samples, points, 3) mm. names : the points.
    how : ``none``; ``root`` (pelvis at the origin in every sample); ``root+scale`` (the same in leg lengths: no unit);
        ``root+heading`` (the same, and one turn about the vertical so that the item faces +z); ``procrustes`` (one
        rotation and translation per item, onto a standing pose); ``procrustes-frame`` (one per sample).
    leg_length_mm : for ``root+scale``.

    Returns
    -------
    (samples, points, 3); NaN where the alignment is not possible: no leg length, no direction, points on one line.

    Raises
    ------
    UsageError : an unknown alignment, or one that needs a point the item does not have.
    """
    if how not in ALIGNMENTS:
        raise UsageError(f"align is {how!r}; it can be {', '.join(ALIGNMENTS)}")
    lacking = [p for p in NEEDED[how] if p not in names]
    if lacking:
        raise UsageError(f"align={how!r} needs {', '.join(lacking)} among the points; there are {', '.join(names)}")
    if how == "none":
        return values
    if how.startswith("procrustes"):
        return _procrustes(values, names, is_per_frame=how == "procrustes-frame")
    centred = values - values[:, [names.index("pelvis")]]
    if how == "root+scale":
        return centred / (leg_length_mm if leg_length_mm > 0 else np.nan)
    if how == "root+heading":
        left = values[:, names.index("left_hip")] - values[:, names.index("right_hip")]
        return centred @ turn_to_front(left).T
    return centred


def turn_to_front(left: Floats) -> Floats:
    """(3, 3) rotation about +y that turns the mean facing direction to +z. left : (samples, 3) from right to left hip.

    NaN where the hips give no direction (one above the other, or a person who turns so that the mean vanishes).
    """
    x, z = left[:, 0].mean(), left[:, 2].mean()  # facing = left × up: with left at +x, the person faces +z
    size = np.hypot(x, z)
    if not size > 1e-3 * np.abs(left).max():
        return np.full((3, 3), np.nan)
    cosine, sine = x / size, z / size
    return np.array([[cosine, 0.0, sine], [0.0, 1.0, 0.0], [-sine, 0.0, cosine]])


def kabsch(moving: Floats, fixed: Floats) -> Floats:
    """Rotations that turn centred points onto centred points with the least squared error (Kabsch 1976).

    Parameters
    ----------
    moving : (batch, points, 3); fixed : (points, 3) or (batch, points, 3); both already centred.

    Returns
    -------
    (batch, 3, 3) proper rotations R with fixed ≈ moving @ R^T; a reflection is never returned. NaN where the rotation
    is not determined: points on one line or in one place, or a tie between two rotations, or NaN points.
    """
    covariance = np.swapaxes(moving, -1, -2) @ fixed
    is_whole = np.isfinite(covariance).all(axis=(-1, -2))
    u, singular, vt = np.linalg.svd(np.where(is_whole[..., None, None], covariance, 0.0))
    sign = np.sign(np.linalg.det(u) * np.linalg.det(vt))
    turn = np.ones_like(singular)
    turn[..., 2] = sign
    rotation = np.swapaxes((u * turn[..., None, :]) @ vt, -1, -2)
    # Unique if the second singular value is not 0 and, for a reflected best fit, not equal to the third.
    margin = singular[..., 1] + sign * singular[..., 2]
    is_determined = is_whole & (margin > 1e-9 * singular[..., 0]) & (singular[..., 0] > 0)
    rotation[~is_determined] = np.nan
    return rotation


def _procrustes(values: Floats, names: Sequence[str], *, is_per_frame: bool) -> Floats:
    unknown = [p for p in names if p not in STANDING]
    if unknown:
        raise UsageError(f"procrustes has no standing place for {', '.join(unknown)}; it has {', '.join(STANDING)}")
    standing = np.array([STANDING[p] for p in names])
    standing = standing - standing.mean(axis=0)
    if is_per_frame:
        centred = values - values.mean(axis=1, keepdims=True)
        return centred @ np.swapaxes(kabsch(centred, standing), -1, -2)
    centred = values - values.mean(axis=(0, 1))
    whole = np.broadcast_to(standing, values.shape)
    rotation = kabsch(centred.reshape(1, -1, 3), whole.reshape(1, -1, 3))[0]
    return centred @ rotation.T
