"""A platform against the person on it: what turned or mirrored corners and wrong signs do to a step that is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from neurostore.ingest.kinetics.body_check import contradictions
from neurostore.ingest.readers.wrenches import Wrench, plate_from_wrench
from neurostore.ingest.recording import ForcePlate

RATE_HZ, N = 100.0, 160
STANCE = slice(40, 110)
CORNERS = np.array([[250.0, 0, 200], [-250, 0, 200], [-250, 0, -200], [250, 0, -200]])
MIDDLE = np.array([90.0, 0, 60])  # of the foot: not in the middle of the platform


def step() -> tuple[ForcePlate, dict[str, np.ndarray]]:
    """A left foot on a platform under a pelvis that passes over it; the force points half-way towards the pelvis."""
    time_s = np.arange(N) / RATE_HZ
    pelvis = np.stack([MIDDLE[0] + 1000 * (time_s - 0.75), np.full(N, 900.0), np.full(N, MIDDLE[2] + 70)], axis=1)
    part = np.clip((np.arange(N) - STANCE.start) / (STANCE.stop - STANCE.start), 0, 1)[:, None]
    cop = MIDDLE + np.array([200.0, 0, 0]) * (part - 0.5)
    force = np.zeros((N, 3))
    force[STANCE] = (
        700 * np.stack([0.5 * (pelvis - cop)[:, 0] / 900, np.ones(N), 0.5 * (pelvis - cop)[:, 2] / 900], axis=1)[STANCE]
    )
    plate = plate_from_wrench(
        Wrench(plate=1, type_=2, rate_hz=RATE_HZ, start_s=0.0, force=force, moment_nmm=np.cross(cop, force),
               normal=np.array([0.0, 1, 0]), zero="as recorded", units=("N",) * 3 + ("Nmm",) * 3, corners=CORNERS), []
    )  # fmt: skip
    heel, toe = (np.tile(MIDDLE + np.array([x, 40.0, 0]), (N, 1)) for x in (-110.0, 110.0))
    away = np.array([-600.0, 0, 140])
    points = {"pelvis": pelvis, "left_heel": heel, "left_toe": toe, "right_heel": heel + away, "right_toe": toe + away}
    return plate, points


def told(change: Callable[[np.ndarray], np.ndarray], *, force: bool = True, pressure: bool = True) -> list[str]:
    """The problems reported for the step if a change of the floor's plane (x + iz) is made to force and centre of pressure."""
    plate, points = step()
    forces, moments = plate.force.copy(), plate.moment.copy()
    if force:
        turned = change(forces[:, 0] + 1j * forces[:, 2])
        forces[:, 0], forces[:, 2] = turned.real, turned.imag
    if pressure:
        turned = change(moments[:, 2] - 1j * moments[:, 0])
        moments[:, 2], moments[:, 0] = turned.real, -turned.imag
    found = contradictions(replace(plate, force=forces, moment=moments), points, np.arange(N) / RATE_HZ)
    assert found is not None
    return found


def test_a_good_platform_contradicts_nobody() -> None:
    assert told(lambda z: z) == []


@pytest.mark.parametrize("places", [1, 2, 3])
def test_corners_shifted_by_places_are_found_by_the_shear(places: int) -> None:
    """Two places also are what a vertical force with the wrong sign does once all signs are reversed."""
    degrees = {1: 90, 2: 180, 3: 90}[places]
    found = told(lambda z: z * 1j**places)
    assert found[0].startswith(f"its horizontal force is turned by {degrees} degrees")
    assert "beside the foot" in found[-1]


def test_mirrored_corners_are_found_in_both_directions() -> None:
    assert any("turned by 1" in text for text in told(lambda z: -np.conj(z)))
    assert any("leans away from the body" in text for text in told(np.conj))


def test_moments_with_a_wrong_sign_are_found_by_the_centre_of_pressure() -> None:
    (found,) = told(lambda z: -z, force=False)
    assert "beside the foot" in found


def test_nobody_who_walks_tells_nothing() -> None:
    plate, points = step()
    standing = points | {"pelvis": np.tile(points["pelvis"][75], (N, 1))}
    assert contradictions(plate, standing, np.arange(N) / RATE_HZ) is None
    without = {name: values for name, values in points.items() if name != "pelvis"}
    assert contradictions(plate, without, np.arange(N) / RATE_HZ) is None
