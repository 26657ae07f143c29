"""A platform whose numbers cannot be what its file says is named in the notes."""

from __future__ import annotations

import numpy as np
import pytest

from neurostore.ingest.readers.c3d.analog import Analog
from neurostore.ingest.readers.c3d.parameters import Parameters
from neurostore.ingest.readers.c3d.plates import _factor, read_plates
from neurostore.ingest.readers.wrenches import Wrench, plate_from_wrench

CORNERS = np.array([[200, 0, 300], [-200, 0, 300], [-200, 0, -300], [200, 0, -300]], float)
RATE_HZ = 1000.0


def step(force_n=700.0, shear_n=50.0, moment_scale=1.0, corners=CORNERS):
    """(wrench, notes of it read): a stance of 0.6 s whose centre of pressure goes 200 mm along z."""
    n = 1000
    share = np.clip((np.arange(n) - 200) / 600, 0, 1)
    up = force_n * np.sin(np.pi * share) + 0.001 * np.arange(n)
    force = np.stack([np.zeros(n), up, shear_n * np.sin(2 * np.pi * share)], axis=1)
    place = np.stack([np.full(n, 10.0), np.zeros(n), 200 * share - 100], axis=1)
    moment = moment_scale * np.cross(place, force)
    return Wrench(1, 2, RATE_HZ, 0.0, force, moment, np.array([0.0, -1.0, 0.0]), "as made", ("N",), corners=corners)


def notes_of(wrench):
    notes: list[str] = []
    return plate_from_wrench(wrench, notes), notes


def test_an_ordinary_step_has_no_note():
    plate, notes = notes_of(step())
    assert notes == []
    assert not plate.is_doubtful
    assert np.nanmax(plate.cop[:, 2]) == pytest.approx(98, abs=1)  # where the force falls below 20 N


@pytest.mark.parametrize(
    ("wrench", "said"),
    [
        (step(moment_scale=0.001), "moves by less than 1 mm"),
        (step(moment_scale=1000), "beyond its corners while it is loaded"),
        (step(force_n=4, shear_n=700), "the order of its channels"),
    ],
)
def test_wrong_units_and_channels_are_named(wrench, said):
    plate, notes = notes_of(wrench)
    assert sum(said in n for n in notes) == 1
    assert plate.is_doubtful


def test_a_saturated_platform_is_named():
    wrench = step()
    wrench.force[:, 1] = np.minimum(wrench.force[:, 1], 400)
    assert any("is saturated" in n for n in notes_of(wrench)[1])


def test_a_spike_of_one_sample_is_bridged_and_named():
    wrench = step()
    expected = wrench.force[500].copy()
    wrench.force[500, 1] += 14_000
    plate, notes = notes_of(wrench)
    assert plate.force[500] == pytest.approx(expected, abs=0.5)
    assert any("1 single samples of 2,000 N" in n for n in notes)


def test_corners_in_the_opposite_order_are_named():
    wrench = step(corners=CORNERS[::-1])
    turned = Wrench(
        1,
        2,
        RATE_HZ,
        0.0,
        -wrench.force,
        -wrench.moment_nmm,
        np.array([0.0, 1.0, 0.0]),
        "as made",
        ("N",),
        corners=wrench.corners,
    )
    assert any("its z axis point up" in n for n in notes_of(turned)[1])


@pytest.mark.parametrize(
    ("unit", "factor"), [("N·m", 1.0), ("N.mm", 1e-3), ("Newton-Metre", 1.0), ("ft-lbs", 1.3558), ("N/m", None)]
)
def test_units_of_moments(unit, factor):
    assert (
        _factor(unit, is_force=False) == pytest.approx(factor, rel=1e-4)
        if factor
        else _factor(unit, is_force=False) is None
    )
    assert _factor("daN", is_force=True) == 10


@pytest.mark.parametrize("n_plates", [1, 3])
@pytest.mark.parametrize("are_flat", [False, True])
def test_corners_origins_and_channels_stored_flat_or_without_the_last_dimension(n_plates, are_flat):
    """Software that drops the dimension of a single platform, or all dimensions, leaves the same numbers in the same order."""
    rng = np.random.default_rng(0)
    corners = np.array([[0, 0, 0], [400, 0, 0], [400, -600, 0], [0, -600, 0]], float)
    arrays = {
        "CORNERS": np.stack([(corners + np.array([500 * k, 0, 0])).T for k in range(n_plates)], -1),
        "ORIGIN": np.stack([[5.0, 8.0, -40.0 - k] for k in range(n_plates)], -1),
        "CHANNEL": np.arange(1.0, 6 * n_plates + 1).reshape(6, n_plates, order="F"),
        "CAL_MATRIX": np.stack([np.diag(rng.uniform(1, 2, 6)) for _ in range(n_plates)], -1),
    }
    samples = rng.normal(0, 1, (6 * n_plates, 300))
    samples[2::6, 100:200] -= 600
    analog = Analog([""] * 6 * n_plates, ["V"] * 6 * n_plates, [], samples.astype(np.float32), 100.0, 1)

    def read(shaped):
        values = {name: shaped(array) for name, array in arrays.items()} | {"TYPE": np.full(n_plates, 4.0)}
        parameters = Parameters(
            {"FORCE_PLATFORM": {name: v.ravel(order="F").tolist() for name, v in values.items()}},
            {"FORCE_PLATFORM": {name: v.shape for name, v in values.items()}},
        )
        return read_plates(parameters, analog, 1.0, "z", 0.0, [])

    expected = read(lambda array: array)
    found = read(lambda array: array.ravel(order="F") if are_flat else array[..., 0] if n_plates == 1 else array)
    assert len(found) == len(expected) == n_plates
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a.force, b.force)
        np.testing.assert_array_equal(a.cop, b.cop)
        assert a.channels == b.channels
