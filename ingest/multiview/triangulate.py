"""Points in space from the images of several calibrated cameras.

Each point is first solved by a weighted direct linear transform over all cameras that see it; where its distance in the
images is over the limit, as few cameras as bring it under the limit are left out (every choice of them is tried, and the
one with the smallest distance kept). From there the weighted sum of squared distances in the images, distortion of the
lenses included, is minimised over all cameras again, each weighted by its confidence and by its distance. Hartley and
Zisserman (2004), Multiple View Geometry, chapter 12.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurostore.arrays import Bools, Floats
from neurostore.ingest.multiview import kernels
from neurostore.ingest.multiview.rig import CalibratedCamera

VERSION = 1
LIMIT_SHARE = 1 / 20  # share of the larger side of the image: 96 px of 1920
MIN_CONFIDENCE = 0.1  # a camera's view of a joint with less confidence is not used


@dataclass(frozen=True, slots=True)
class Points:
    """Triangulated points.

    Attributes
    ----------
    positions : (n, J, 3) mm, frame of the calibration; NaN where fewer than two cameras agree.
    distances_px : (n, J, V) between where a camera saw the point and where the position falls; NaN where it saw none.
    used : (n, J, V) the cameras within the limit.
    sd_mm : (n, J) standard deviation along an axis (root mean square of the three), from the distances of the joint over
        the trial. It contains differences between the cameras, not errors that the estimator makes in all of them.
    """

    positions: Floats
    distances_px: Floats
    used: Bools
    sd_mm: Floats

    @property
    def reprojection_px(self) -> Floats:
        """(n, J) root mean square distance over the used cameras."""
        n_used = self.used.sum(axis=-1)
        total = np.where(self.used, self.distances_px**2, 0.0).sum(axis=-1)
        return np.where(n_used > 0, np.sqrt(total / np.maximum(n_used, 1)), np.nan)


def triangulate(
    cameras: list[CalibratedCamera],
    pixels: Floats,
    confidence: Floats,
    *,
    limit_px: float | None = None,
    least: int = 2,
) -> Points:
    """Triangulate the joints of every frame.

    Parameters
    ----------
    cameras : V of them. pixels : (n, J, V, 2), NaN where a camera saw no joint. confidence : (n, J, V), 0 to 1.
    limit_px : distance from which a camera is left out; None for 1/20 of the larger side of the images. It is wide
        because an estimator places a joint at another point of the body in each view: with 96 px the bones of a filmed
        person were steadiest (mean CV 0.047; 0.051 with 60 px, 0.067 with 30 px).
    least : cameras that a point needs, at least 2.
    """
    n, n_joints, n_cameras = confidence.shape
    if limit_px is None:
        limit_px = LIMIT_SHARE * float(np.mean([max(camera.width, camera.height) for camera in cameras]))
    weights = np.where(np.isfinite(pixels).all(axis=-1) & (confidence >= MIN_CONFIDENCE), confidence, 0.0)
    positions, distances, used, spread = kernels.triangulate_all(
        np.stack([camera.packed() for camera in cameras]),
        np.ascontiguousarray(pixels.reshape(-1, n_cameras, 2), dtype=float),
        np.ascontiguousarray(weights.reshape(-1, n_cameras), dtype=float),
        float(limit_px),
        max(2, int(least)),
    )
    shape = (n, n_joints)
    distances, used = distances.reshape(*shape, n_cameras), used.reshape(*shape, n_cameras)
    positions = positions.reshape(*shape, 3)
    positions[used.sum(axis=-1) < least] = np.nan
    sd_mm = spread.reshape(shape) * _error_px(distances, used, weights)
    return Points(positions, distances, used, np.where(np.isfinite(positions[..., 0]), sd_mm, np.nan))


def _error_px(distances: Floats, used: Bools, weights: Floats) -> Floats:
    """(1, J) root of the weighted error variance of a coordinate in an image, for a weight of 1.

    A point has 2 V coordinates in V images and 3 unknowns. A joint of too few frames gets that of all joints.
    """
    squares = np.where(used, weights * distances**2, 0.0).sum(axis=(0, 2))
    free = np.maximum(2 * used.sum(axis=-1) - 3, 0).sum(axis=0)
    whole = squares.sum() / max(free.sum(), 1)
    each = np.where(free >= 30, squares / np.maximum(free, 1), whole)
    return np.asarray(np.sqrt(each)[None])
