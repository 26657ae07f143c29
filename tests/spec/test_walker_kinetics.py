"""The walker over platforms: forces, centres of pressure and moments come back as they were made."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from neurostore.walker import forces, gait
from neurostore.walker import walk as walker
from tests.builders import view_builder
from tests.builders.moving_leg import POINT, QUATERNION, quaternions, structs

# the fastest that ingest takes: the second differences of the views are then within the limits wherever the motion is smooth
RATE_HZ, N_STRIDES, MASS_KG = 2000.0, 1.1, 68.4
# de Leva 1996, table 4, a woman: mass, centre of mass, mean transverse radius of gyration; the foot from the heel
SEGMENTS = {
    "thigh": forces.Segment(0.1478, 0.3612, 0.3665),
    "shank": forces.Segment(0.0481, 0.4352, 0.265),
    "foot": forces.Segment(0.0129, 0.4014, 0.289),
}
JOINTS = {"hip": "thigh", "knee": "shank", "ankle": "foot"}


@dataclass(frozen=True)
class Made:
    walk: walker.Walk
    ground: dict[str, forces.Ground]
    kinetics: pa.Table
    reaction: pa.Table


def _landmarks(walk: walker.Walk, trial: str, without: Iterable[str] = ()) -> pa.Table:
    """The landmarks in double precision: rounded to single, their second differences would be noise at this rate."""
    table = view_builder.of_walk(walk, trial=trial)["landmarks"]
    given = {name: (values, POINT) for name, values in view_builder.walk_points(walk).items()}
    given |= {f"{name}_rotation": (quaternions(axes), QUATERNION) for name, axes in walk.rotations.items()}
    for name, (values, type_) in given.items():
        if name in table.column_names:
            known = values * np.nan if name in without else values
            table = table.set_column(table.column_names.index(name), name, structs(known, type_))
    return table


def _plates(
    walk: walker.Walk, ground: dict[str, forces.Ground], trial: str, *, is_stated: bool = True
) -> dict[str, pa.Table]:
    """A platform without edges about the lab's origin for each foot. is_stated : whether it says which foot it is for."""
    key = {**view_builder.KEY, "trial": trial}
    frames: list[dict[str, Any]] = []
    plates = []
    for number, (side, on) in enumerate(ground.items(), 1):
        about = np.cross(on.cop, on.force)
        about[:, 1] += on.free_moment
        pairs = zip(_structs_of(on.force), _structs_of(about), walk.time_s.tolist(), strict=True)
        frames += [
            {**key, "plate": number, "frame": i, "time_s": t, "force": force, "filtered_force": force, "moment": moment,
             "filtered_moment": moment, "centre": {"x": 0.0, "y": 0.0, "z": 0.0}}
            for i, (force, moment, t) in enumerate(pairs)
        ]  # fmt: skip
        plates.append({**key, "plate": number, "type": 2, "rate_hz": RATE_HZ, "start_s": 0.0, "threshold_n": 20.0,
                       "is_flipped": False, "returns_to_zero": True, "side": side if is_stated else None})  # fmt: skip
    return {
        "plate_frames": view_builder.table("plate_frames", frames),
        "force_plates": view_builder.table("force_plates", plates),
    }


def _structs_of(values: np.ndarray) -> list[dict[str, float]]:
    return [dict(zip("xyz", row, strict=True)) for row in values.tolist()]


@pytest.fixture(scope="module")
def every() -> dict[str, Made]:
    walks, grounds, parts = {}, {}, []
    for name, make in gait.PATTERNS.items():
        walks[name] = walker.walk(make(), n_strides=N_STRIDES, rate_hz=RATE_HZ, start_phase=0.0, heading_deg=90.0)
        grounds[name] = forces.ground(walks[name].gait, walks[name].time_s, MASS_KG)
        tables = view_builder.of_walk(walks[name], trial=name) | _plates(walks[name], grounds[name], name)
        parts.append(tables | {"landmarks": _landmarks(walks[name], name)})
    parts.append(_with_one_leg(walks["normal"], grounds["normal"]))
    subjects = view_builder.table("subjects", [{"subject": "S01", "sex": "f", "mass_kg": MASS_KG}])
    only = ["joint_kinetics", "ground_reaction"]
    with view_builder.connect(only=only, subjects=subjects, **view_builder.together(*parts)) as connection:
        found = {
            name: [
                connection.sql(f"SELECT * FROM {view} WHERE trial = '{name}' ORDER BY frame").to_arrow_table()
                for view in only
            ]
            for name in (*walks, "one_leg")
        }
    walks["one_leg"], grounds["one_leg"] = walks["normal"], grounds["normal"]
    return {name: Made(walks[name], grounds[name], *tables) for name, tables in found.items()}


def _with_one_leg(walk: walker.Walk, ground: dict[str, forces.Ground]) -> dict[str, pa.Table]:
    """The walk without markers on the right leg; the platforms do not say whose they are."""
    gone = [name for name in walk.joints if name.startswith("right_")]
    tables = view_builder.of_walk(walk, trial="one_leg") | {"landmarks": _landmarks(walk, "one_leg", without=gone)}
    return tables | _plates(walk, ground, "one_leg", is_stated=False)


@pytest.fixture(params=list(gait.PATTERNS))
def made(request, every) -> Made:
    return every[request.param]


@pytest.fixture(params=["left", "right"])
def side(request) -> str:
    return request.param


def _is_corner(walk: walker.Walk, side: str) -> np.ndarray:
    """Whether a frame is beside a corner of the leg's motion, where acceleration or jerk jumps and differences smear it."""
    leg = getattr(walk.gait, side)
    lag = 0.0 if side == "left" else walk.gait.step_phase
    share = (walk.time_s / walk.gait.stride_time_s - lag) % 1.0
    lifted = leg.flat_to + (leg.stance - leg.flat_to) * np.sqrt(leg.tip_from)
    knots = [share for share, *_ in leg.swing]
    corners = (0.0, 1.0, leg.flat_from, leg.flat_to, lifted, leg.stance, *knots)
    return np.any([np.abs(share - c) < 2 / (RATE_HZ * walk.gait.stride_time_s) for c in corners], axis=0)


def _is_light(ground: forces.Ground) -> np.ndarray:
    """Whether the foot touches with less than the 20 N from which a platform counts as touched."""
    return (ground.force[:, 1] > 0) & (ground.force[:, 1] < 20)


def test_moments_are_those_of_the_angular_momentum(made, side):
    frame = made.kinetics["frame"].to_numpy()
    assert made.kinetics[f"{side}_reason"].null_count == len(frame) == len(made.walk.time_s) - 2
    moments = forces.moments(made.walk.gait, made.walk.time_s, side, made.ground[side], MASS_KG, SEGMENTS)
    is_judged = ~(_is_corner(made.walk, side) | _is_light(made.ground[side]))[frame]
    assert is_judged.mean() > 0.9
    outward = 1 if side == "left" else -1
    for joint, segment in JOINTS.items():
        along = np.einsum("nij,ni->nj", made.walk.rotations[f"{side}_{segment}"], moments[joint] / MASS_KG)[frame]
        truth = {
            "flexion": along[:, 2] * (1 if joint == "knee" else -1),
            "adduction": along[:, 0] * outward,
            "rotation": along[:, 1] * outward,
        }
        assert np.ptp(truth["flexion"]) > 0.4
        for plane, values in truth.items():
            found = made.kinetics[f"{side}_{joint}_{plane}_moment_nm_kg"].to_numpy()
            error = np.abs(found - values)[is_judged].max()
            assert error < 1e-3, (joint, plane, error)


def test_force_and_centre_of_pressure_are_those_put_in(made, side):
    rows = made.reaction.filter(pc.equal(made.reaction["side"], side))
    truth = made.ground[side]
    force = rows["force"].combine_chunks()
    for i, axis in enumerate("xyz"):
        wanted = np.where(_is_light(truth), 0, truth.force[:, i])
        np.testing.assert_allclose(force.field(axis).to_numpy(), wanted, atol=1e-3)
    is_loaded = truth.force[:, 1] >= 20
    assert rows["cop"].null_count == (~is_loaded).sum()
    cop = rows["cop"].combine_chunks().filter(pa.array(is_loaded))
    for i, axis in ((0, "x"), (2, "z")):
        np.testing.assert_allclose(cop.field(axis).to_numpy(), 1000 * truth.cop[is_loaded, i], atol=0.1)
    twist = rows["free_moment_nm"].to_numpy()[is_loaded]
    np.testing.assert_allclose(twist, truth.free_moment[is_loaded], atol=0.01)


def test_a_foot_is_found_on_its_platform_without_markers_on_the_other(every):
    rows = every["one_leg"].reaction
    up = rows.filter(pc.equal(rows["side"], "left"))["force"].combine_chunks().field("y").to_numpy()
    truth = every["one_leg"].ground["left"]
    np.testing.assert_allclose(up, np.where(_is_light(truth), 0, truth.force[:, 1]), atol=1e-3)
    assert np.ptp(up) > 500


def test_over_a_whole_cycle_the_feet_carry_the_weight(made):
    n = round(made.walk.gait.stride_time_s * RATE_HZ)
    up = sum(ground.force[:n, 1] for ground in made.ground.values())
    assert up.mean() == pytest.approx(MASS_KG * 9.81, rel=2e-3)
