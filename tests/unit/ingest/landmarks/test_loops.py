"""The compiled loops over a trial's frames say what numpy says of all frames at once."""

from __future__ import annotations

import numpy as np
import pytest

from neurostore.ingest.geometry.rotations import rotate
from neurostore.ingest.landmarks import bend, heading
from neurostore.ingest.landmarks.axes import unit


def bend_in_numpy(rotation, proximal, distal, sign):
    """The angle between z axis and plane of bending, frame by frame in numpy."""
    normal = sign * np.cross(unit(distal), unit(proximal))
    z = rotate(rotation, np.array([0.0, 0.0, 1.0]))
    cosine = (unit(normal) * z).sum(-1)[np.linalg.norm(normal, axis=-1) > np.sin(np.radians(20.0))]
    return np.degrees(np.arccos(np.median(cosine[np.isfinite(cosine)])))


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_plane_of_bending(sign):
    random = np.random.default_rng(7)
    rotation = random.normal(size=(200, 4))
    rotation /= np.linalg.norm(rotation, axis=1, keepdims=True)
    proximal, distal = random.normal(size=(2, 200, 3)) * 400
    distal[:20] = proximal[:20] * 1.2  # straight: says nothing
    proximal[30], distal[31], rotation[32] = np.nan, 0.0, np.nan
    expected = bend_in_numpy(rotation, proximal, distal, sign)
    assert bend._off_the_plane(rotation, proximal, distal, sign) == pytest.approx(expected, abs=1e-9)
    assert np.isnan(bend._off_the_plane(rotation[:29], proximal[:29], distal[:29], sign))  # nine bent frames


def test_running_means():
    random = np.random.default_rng(7)
    t = np.cumsum(random.choice([0.01, 0.02, 0.7], size=300, p=[0.5, 0.45, 0.05]))
    values = random.normal(size=(300, 2))
    expected = [values[(t >= at - 0.5) & (t <= at + 0.5)].mean(axis=0) for at in t]
    np.testing.assert_allclose(heading._means(t, values), expected, atol=1e-12)
