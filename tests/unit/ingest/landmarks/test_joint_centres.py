"""Joint centres against their definitions, hand-worked figures, and legs built from known centres."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from neurostore.ingest.landmarks.axes import pelvis_axes
from neurostore.ingest.landmarks.joint_centres import chord, hip_offset

SIZES = {
    "pelvis_width": 240.0,
    "pelvis_depth": 160.0,
    "leg_length": 900.0,
    "asis_trochanter": 67.36,
    "marker_radius": 7.0,
}


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        # Harrington 2007: −0.24·160 − 9.9, −0.30·240 − 10.9, 0.33·240 + 7.3
        ("harrington", (-48.3, -82.9, 86.5)),
        # Hara 2016: 11 − 0.063·900, −9 − 0.078·900, 8 + 0.086·900
        ("hara", (-45.7, -79.2, 85.4)),
        # Bell 1989: 22 % behind, 30 % below, 14 % inside the ASIS, of 240
        ("bell", (-52.8, -72.0, 120.0 - 33.6)),
        # Davis 1991: C = 0.115·900 − 15.3 = 88.2; cos 0.5 = 0.877583, sin 0.5 = 0.479426, cos 0.314 = 0.951106,
        # sin 0.314 = 0.308866; x = 23.9070 − 74.36·0.951106, y = −73.6176 − 74.36·0.308866, z = 120 − 42.2853
        ("davis", (-46.817, -96.586, 77.715)),
    ],
)
def test_hip_offsets_by_hand(method: str, expected: tuple[float, float, float]) -> None:
    right = hip_offset(method, "right", **SIZES)
    assert right == pytest.approx(expected, abs=0.01)
    assert hip_offset(method, "left", **SIZES) == pytest.approx((right[0], right[1], -right[2]))


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(ValueError, match="harrington"):
        hip_offset("guess", "left", **SIZES)


def test_pelvis_axes_of_a_level_pelvis() -> None:
    # facing +Z with the left side at +X, PSIS as high as ASIS
    left, right, sacrum = np.array([[120.0, 1000, 100]]), np.array([[-120.0, 1000, 100]]), np.array([[0.0, 1000, -60]])
    assert pytest.approx(np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0]])) == pelvis_axes(left, right, sacrum)[0].T


@pytest.mark.parametrize("rotation_deg", [0.0, 12.0, -25.0])
def test_chord_finds_the_centre_of_a_built_leg(rotation_deg: float) -> None:
    # A right leg in its own axes: hip over knee centre, lateral marker 55 mm to the right, wand turned about the long axis.
    rng = np.random.default_rng(4)
    hip, knee, lateral = np.array([0.0, 400, 0]), np.zeros(3), np.array([0.0, 0, 55])
    direction = Rotation.from_euler("Y", -rotation_deg, degrees=True).apply([0.0, 0, 1])
    wand = np.array([0.0, 180, 0]) + 90 * direction
    turn = Rotation.random(20, rng=rng)
    shift = rng.normal(0, 1000, (20, 3))
    points = [turn.apply(p) + shift for p in (hip, lateral, wand, knee)]
    found = chord(points[0], points[1], points[2], 55.0, np.radians(rotation_deg))
    assert np.abs(found - points[3]).max() < 1e-6


def test_chord_has_its_right_angle_and_is_nan_where_impossible() -> None:
    hip = np.array([[0.0, 400, 0], [0.0, 30, 0]])
    lateral, wand = np.array([[0.0, 0, 60]] * 2), np.array([[5.0, 200, 110]] * 2)
    centre = chord(hip, lateral, wand, 80.0)
    assert np.linalg.norm(centre[0] - lateral[0]) == pytest.approx(80)
    assert (centre[0] - lateral[0]) @ (hip[0] - centre[0]) == pytest.approx(0, abs=1e-6)
    assert np.isnan(centre[1]).all()
