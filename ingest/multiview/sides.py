"""Left and right exchanged in some cameras and not in others, found because the cameras then disagree.

An estimator may take a left leg for a right one in one view. For each limb and frame every choice of cameras in which
it is exchanged is triangulated; the cost of a choice is the distance of its points in the images, and the cheapest
sequence of choices over the trial is taken (Viterbi 1967). Exchanged in all cameras and exchanged in none are the same
points with other names: the choice with fewer exchanges, weighted by confidence, is the true one.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from neurostore.arrays import Bools, Floats, Ints
from neurostore.ingest.multiview import kernels
from neurostore.ingest.multiview.rig import CalibratedCamera
from neurostore.ingest.video.swaps import limb_pairs
from neurostore.skeleton import Skeleton

VERSION = 1
MOST_CAMERAS = 8  # with more cameras there are too many choices
_SCALE_PX = 10.0  # usual error of an estimator in a view, for an image of 1920 px
_CAP = 6.0  # distances are capped at this multiple of the scale
_EXCHANGED = 0.5  # cost of a frame in which a camera is exchanged, in squares of the scale per joint
_CHANGE = 4.0  # cost of a change in a camera from one frame to the next


@dataclass(frozen=True, slots=True)
class Exchanged:
    """left, right : the joints of a limb. cameras : (n, V) in which frames of which cameras they were exchanged."""

    left: list[int]
    right: list[int]
    cameras: Bools


def find(cameras: list[CalibratedCamera], pixels: Floats, confidence: Floats, skeleton: Skeleton) -> list[Exchanged]:
    """Limbs that were exchanged in some camera, with the frames.

    pixels : (n, J, V, 2), NaN where not seen. confidence : (n, J, V).
    """
    n_cameras = len(cameras)
    if not 2 <= n_cameras <= MOST_CAMERAS:
        return []
    states = np.array(list(product((False, True), repeat=n_cameras)))
    states = states[np.argsort(states.sum(axis=1), kind="stable")]
    packed = np.stack([camera.packed() for camera in cameras])
    scale = _SCALE_PX * float(np.mean([max(camera.width, camera.height) for camera in cameras])) / 1920.0
    exchanged = []
    for left, right in _groups(skeleton):
        weights = np.where(np.isfinite(pixels).all(axis=-1), confidence, 0.0)
        costs = _costs(packed, pixels, weights, (left, right), states, scale)
        path = _cheapest(costs, states)
        chosen = states[path]
        seen = (weights[:, left] + weights[:, right] > 0).any(axis=1)
        chosen &= seen
        if chosen.any():
            exchanged.append(Exchanged(left, right, chosen))
    return exchanged


def _groups(skeleton: Skeleton) -> list[tuple[list[int], list[int]]]:
    """(left joints, right joints) of each limb, and of each pair that is in none (hips, shoulders)."""
    limbs = limb_pairs(skeleton)
    taken = {joint for left, _ in limbs for joint in left}
    index = {joint: i for i, joint in enumerate(skeleton.joints)}
    return [*limbs, *(([index[a]], [index[b]]) for a, b in skeleton.pairs if index[a] not in taken)]


def repaired(values: Floats, exchanged: list[Exchanged]) -> Floats:
    """A copy of (n, J, V, …) with the limbs changed back."""
    out = values.copy()
    for limb in exchanged:
        for camera in range(limb.cameras.shape[1]):
            rows = np.flatnonzero(limb.cameras[:, camera])[:, None]
            out[rows, limb.left, camera] = values[rows, limb.right, camera]
            out[rows, limb.right, camera] = values[rows, limb.left, camera]
    return out


def _costs(
    packed: Floats, pixels: Floats, weights: Floats, limb: tuple[list[int], list[int]], states: Bools, scale: float
) -> Floats:
    """(n, S) cost of each choice in each frame: squared distances per joint in units of the scale, cut off, and exchanges."""
    left, right = limb
    n, n_cameras = len(pixels), pixels.shape[2]
    costs = np.empty((n, len(states)))
    done: dict[tuple[bool, ...], int] = {}
    both = np.stack([weights[:, left], weights[:, right]]).sum(axis=(0, 2))  # (n, V)
    share = both / np.maximum(both.mean(axis=1, keepdims=True), 1e-9)
    for s, state in enumerate(states):
        opposite = done.get(tuple(~state))
        if opposite is not None:  # the same points with left and right exchanged
            costs[:, s] = costs[:, opposite] - share @ states[opposite] * _EXCHANGED
        else:
            swap = np.where(state[:, None], [1, 0], [0, 1])  # (V, side)
            sides = np.stack([pixels[:, left], pixels[:, right]])  # (side, n, k, V, 2)
            heavy = np.stack([weights[:, left], weights[:, right]])
            view = np.arange(n_cameras)
            chosen = np.stack([sides[swap[:, side], :, :, view] for side in (0, 1)])  # (side, V, n, k, 2)
            weighed = np.stack([heavy[swap[:, side], :, :, view] for side in (0, 1)])
            flat = np.ascontiguousarray(chosen.transpose(2, 0, 3, 1, 4)).reshape(-1, n_cameras, 2)
            w = np.ascontiguousarray(weighed.transpose(2, 0, 3, 1)).reshape(-1, n_cameras)
            distances = kernels.triangulate_all(packed, flat, w, np.inf, 2)[1]
            off = np.minimum(distances / scale, _CAP) ** 2 * w
            total = np.nansum(off.reshape(n, -1), axis=1) / np.maximum(w.reshape(n, -1).sum(axis=1), 1e-9)
            costs[:, s] = total * n_cameras
        costs[:, s] += share @ state * _EXCHANGED
        done[tuple(state)] = s
    return costs


def _cheapest(costs: Floats, states: Bools) -> Ints:
    """(n,) index of the choice in each frame."""
    change = _CHANGE * (states[:, None] != states[None]).sum(axis=-1)  # (from, to)
    total = costs[0].copy()
    came = np.zeros(costs.shape, int)
    for i in range(1, len(costs)):
        ways = total[:, None] + change
        came[i] = ways.argmin(axis=0)
        total = ways.min(axis=0) + costs[i]
    path = np.empty(len(costs), int)
    path[-1] = total.argmin()
    for i in range(len(costs) - 1, 0, -1):
        path[i - 1] = came[i, path[i]]
    return path
