"""Whether the rotations of a source turn its joints about an anatomical axis, compared with how its bones really bend.

A bone's turn about its own length leaves no trace in where its end is. Networks, retargeting and converters from
positions give it arbitrary values, and a knee angle from such rotations is wrong. The bend between the two bones is
reliable: its plane, where the joint is bent, must hold the axis that the rotations give.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from neurostore.arrays import Floats
from neurostore.compiled import kernel
from neurostore.ingest.landmarks.axes import Limb, axes_of, quaternions_of

_BENT_DEG = 20.0
_LEAST_FRAMES = 10


@dataclass(frozen=True, slots=True)
class _Chain:
    """Two segments and the points at the ends of their bones. sign : +1 bends backwards (knee), −1 forwards (elbow)."""

    upper: str
    lower: str
    points: tuple[str, str, str]
    sign: float
    most_deg: float  # largest angle between the hinge and the normal of the plane of bending


_CHAINS = (
    _Chain("thigh", "shank", ("hip", "knee", "ankle"), 1.0, 30.0),
    _Chain("upper_arm", "forearm", ("shoulder", "elbow", "wrist"), -1.0, 45.0),
)


def follow_bones(
    segments: dict[str, Floats], marks: dict[str, Floats], right: Floats | None
) -> tuple[dict[str, str], list[str]]:
    """Replace rotations that do not turn about the joint by the bones themselves, in place.

    Parameters
    ----------
    segments : name to (n, 4) rotation to the lab; of a limb that fails, both segments become ``…_line``.
    marks : joint centres, (n, 3) mm. right : (n, 3) right-pointing axis of the pelvis, used where a joint is straight.

    Returns
    -------
    methods : ``<segment>_axes`` to how they arose, of the segments replaced. notes : what was replaced and why, in plain words.
    """
    limbs: list[Limb] = []
    turned: list[str] = []
    for chain in _CHAINS:
        for side in ("left", "right"):
            upper, lower = f"{side}_{chain.upper}", f"{side}_{chain.lower}"
            points = [marks.get(f"{side}_{p}") for p in chain.points]
            if upper not in segments or lower not in segments or right is None or any(p is None for p in points):
                continue
            top, middle, bottom = (p for p in points if p is not None)
            off = _off_the_plane(segments[upper], top - middle, middle - bottom, chain.sign)
            if not off > chain.most_deg:
                continue
            limbs.append(Limb((upper, lower), (top, middle, bottom), right, chain.sign))
            turned.append(f"{side} {chain.points[1]} by {off:.0f}°")
    if not turned:
        return {}, []
    replaced = [name for limb in limbs for name in limb.names]
    for name in replaced:
        del segments[name]
    segments |= {name: q.astype(np.float32) for name, q in quaternions_of(axes_of(limbs)).items()}
    methods = {f"{name}_axes": "line (its rotation does not turn about the joint)" for name in replaced}
    return methods, [
        "the file's rotations turn bones about their own length in a way that no joint does (off the plane in which the joint "
        f"bends: {', '.join(turned)}); flexion there is the angle between the bones, and rotation and adduction are not given"
    ]


def _off_the_plane(rotation: Floats, proximal: Floats, distal: Floats, sign: float) -> float:
    """Median angle in degrees from the segment's z axis to the normal of the plane of bending; NaN where it hardly bends."""
    cosine = np.empty(len(rotation))
    arrays = (np.ascontiguousarray(a, np.float64) for a in (rotation, proximal, distal))
    cosine = cosine[: _cosines(*arrays, sign, math.sin(math.radians(_BENT_DEG)), cosine)]
    return math.degrees(math.acos(np.clip(np.median(cosine), -1, 1))) if len(cosine) >= _LEAST_FRAMES else math.nan


@kernel
def _cosines(rotation, proximal, distal, sign, least_sine, cosine):  # type: ignore[no-untyped-def]
    """Fill cosine (n,) from its start: z axis times normal of the plane of bending, of the frames that bend enough.

    rotation : (n, 4). proximal, distal : (n, 3), along the two bones; NaN or a length of zero leaves the frame out.
    Returns the number of values.
    """
    n = 0
    for i in range(rotation.shape[0]):
        a, b, c = distal[i, 0], distal[i, 1], distal[i, 2]
        e, f, g = proximal[i, 0], proximal[i, 1], proximal[i, 2]
        distal_mm, proximal_mm = math.sqrt(a * a + b * b + c * c), math.sqrt(e * e + f * f + g * g)
        if not (distal_mm > 1e-9 and proximal_mm > 1e-9):
            continue
        lengths = sign * distal_mm * proximal_mm
        x, y, z = (b * g - c * f) / lengths, (c * e - a * g) / lengths, (a * f - b * e) / lengths
        sine = math.sqrt(x * x + y * y + z * z)
        if not sine > least_sine:
            continue
        w, u, v, t = rotation[i, 0], rotation[i, 1], rotation[i, 2], rotation[i, 3]
        along = (2 * (u * t + w * v) * x + 2 * (v * t - w * u) * y + (1 - 2 * (u * u + v * v)) * z) / sine
        if math.isfinite(along):
            cosine[n] = along
            n += 1
    return n
