"""Quaternion functions against scipy and plain algebra."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from neurostore.ingest.geometry import rotations
from neurostore.ingest.geometry.kinematics import MOVE, TURN, Tree, forward
from tests.twins.rotation_matrices import matrices_of


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(7)


@given(
    order=st.text("XYZ", min_size=1, max_size=3).filter(lambda o: all(a != b for a, b in pairwise(o))),
    angles=st.lists(st.floats(-720, 720), min_size=3, max_size=3),
)
def test_from_euler_is_scipys_intrinsic_rotation(order: str, angles: list[float]) -> None:
    used = np.array(angles[: len(order)])
    ours = matrices_of(rotations.from_euler(order, np.radians(used)))
    theirs = Rotation.from_euler(order, used.squeeze(), degrees=True).as_matrix()
    np.testing.assert_allclose(ours, np.reshape(theirs, (3, 3)), atol=1e-12)


def test_from_euler_wants_as_many_angles_as_axes() -> None:
    with pytest.raises(ValueError, match="3 axes, the last axis of angles_rad 2"):
        rotations.from_euler("ZYX", np.zeros((5, 2)))


def test_multiply_rotate_and_to_matrix_agree_with_scipy(random: np.random.Generator) -> None:
    a, b = rotations.normalize(random.normal(size=(2, 50, 4)))
    v = random.normal(size=(50, 3))
    np.testing.assert_allclose(rotations.to_matrix(a), matrices_of(a), atol=1e-12)
    both = matrices_of(rotations.multiply(a, b))
    np.testing.assert_allclose(both, matrices_of(a) @ matrices_of(b), atol=1e-12)
    np.testing.assert_allclose(rotations.rotate(a, v), np.einsum("nij,nj->ni", matrices_of(a), v), atol=1e-12)
    back = rotations.rotate(rotations.conjugate(a), rotations.rotate(a, v))
    np.testing.assert_allclose(back, v, atol=1e-12)


def test_from_matrix_undoes_scipys_matrix_even_at_half_turns(random: np.random.Generator) -> None:
    q = rotations.normalize(random.normal(size=(200, 4)))
    half_turns = np.array([[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0, 0.6, 0.8, 0]], dtype=float)
    for each in np.concatenate([q, half_turns]):
        again = rotations.from_matrix(matrices_of(each))
        assert again[0] >= 0
        assert abs(abs(again @ each) - 1) < 1e-12
    assert rotations.from_matrix(matrices_of(q)).shape == (200, 4)
    assert np.isnan(rotations.from_matrix(np.full((3, 3), np.nan))).all()


def test_angle_is_the_geodesic_distance(random: np.random.Generator) -> None:
    a, b = rotations.normalize(random.normal(size=(2, 30, 4)))
    theirs = (Rotation.from_matrix(matrices_of(a)).inv() * Rotation.from_matrix(matrices_of(b))).magnitude()
    np.testing.assert_allclose(rotations.angle(a, b), theirs, atol=1e-12)
    np.testing.assert_allclose(rotations.angle(a, -a), 0, atol=1e-7)


def test_between_turns_one_direction_onto_the_other(random: np.random.Generator) -> None:
    for u, v in [
        *random.normal(size=(20, 2, 3)),
        ([1, 0, 0], [-2, 0, 0]),
        ([0, 3, 0], [0, -1, 0]),
        ([1, 2, 3], [1, 2, 3]),
    ]:
        turned = rotations.rotate(rotations.between(u, v), u)
        np.testing.assert_allclose(turned / np.linalg.norm(turned), v / np.linalg.norm(v), atol=1e-9)


@pytest.mark.parametrize(
    ("up", "axis"),
    [("x", [1, 0, 0]), ("y", [0, 1, 0]), ("z", [0, 0, 1]), ("-x", [-1, 0, 0]), ("-y", [0, -1, 0]), ("-z", [0, 0, -1])],
)
def test_up_rotation_brings_that_axis_to_y(up: str, axis: list[int]) -> None:
    np.testing.assert_allclose(rotations.rotate(rotations.up_rotation(up), axis), [0, 1, 0], atol=1e-12)


def test_z_up_becomes_y_up_as_documented() -> None:
    np.testing.assert_allclose(rotations.rotate(rotations.up_rotation("z"), [1, 2, 3]), [1, 3, -2], atol=1e-12)


@pytest.mark.parametrize("up", ["", "w", "yz", "-"])
def test_up_rotation_refuses_other_words(up: str) -> None:
    with pytest.raises(ValueError, match="up is one of"):
        rotations.up_rotation(up)


def test_normalize_makes_zero_nan() -> None:
    out = rotations.normalize(np.array([[0.0, 0, 0, 0], [2, 0, 0, 0]]))
    assert np.isnan(out[0]).all()
    np.testing.assert_array_equal(out[1], [1, 0, 0, 0])


def random_tree(random: np.random.Generator, n: int) -> Tree:
    """A tree with every kind of joint: none to six channels, in any order, fixed turns before and after."""
    operations, n_channels = [], 0
    for _ in range(n):
        codes = random.permutation(6)[: random.integers(0, 7)]
        operations.append([(n_channels + k, int(c)) for k, c in enumerate(codes)])
        n_channels += len(codes)
    return Tree(
        names=[f"j{k}" for k in range(n)],
        parents=np.array([-1] + [random.integers(0, k) for k in range(1, n)]),
        offsets=random.normal(size=(n, 3)),
        is_end=np.zeros(n, dtype=bool),
        operations=operations,
        n_channels=n_channels,
        adds=random.random(n) < 0.5,
        before=rotations.normalize(random.normal(size=(n, 4))),
        after=rotations.normalize(random.normal(size=(n, 4))),
    )


def test_forward_kinematics_agrees_with_plain_matrices(random: np.random.Generator) -> None:
    tree = random_tree(random, 12)
    values = random.uniform(-200, 200, size=(9, tree.n_channels))
    lab = rotations.up_rotation("z")
    positions, turns = np.empty((9, 12, 3)), np.empty((9, 12, 4))
    forward(tree, values, 10.0, lab, positions, turns)
    axes = {code: axis for axis, code in TURN.items()}
    for f in range(len(values)):
        matrices, places = [], []
        for j, parent in enumerate(tree.parents):
            matrix, shift = matrices_of(tree.before[j]), tree.offsets[j].copy()
            for column, code in tree.operations[j]:
                if code in MOVE.values():
                    shift[code] = values[f, column] + (shift[code] if tree.adds[j] else 0)
                else:
                    matrix = matrix @ Rotation.from_euler(axes[code], values[f, column], degrees=True).as_matrix()
            matrix = matrix @ matrices_of(tree.after[j])
            above = matrices_of(lab) if parent < 0 else matrices[parent]
            matrices.append(above @ matrix)
            places.append((0 if parent < 0 else places[parent]) + above @ shift)
        np.testing.assert_allclose(positions[f], 10 * np.array(places), atol=1e-8)
        np.testing.assert_allclose(matrices_of(turns[f]), matrices, atol=1e-11)


def test_forward_kinematics_hands_nan_down_the_tree_only() -> None:
    tree = Tree(
        names=["root", "left", "right", "tip"],
        parents=np.array([-1, 0, 0, 1]),
        offsets=np.ones((4, 3)),
        is_end=np.zeros(4, dtype=bool),
        operations=[[(0, 0)], [(1, 3)], [(2, 3)], []],
        n_channels=3,
    )
    positions, turns = forward(tree, np.array([[0, np.nan, 10.0]]))
    assert np.isnan(turns[0, [1, 3]]).all()
    assert np.isnan(positions[0, 3]).all()
    assert np.isfinite(positions[0, :3]).all()
    assert np.isfinite(turns[0, [0, 2]]).all()


def test_forward_kinematics_writes_the_chosen_slots_and_leaves_the_rest(random: np.random.Generator) -> None:
    tree = random_tree(random, 4)
    values = random.uniform(-90, 90, size=(3, tree.n_channels))
    everything, all_turns = forward(tree, values)
    positions, turns = np.full((3, 3, 3), np.nan, np.float32), np.full((3, 3, 4), np.nan, np.float32)
    forward(tree, values, positions=positions, rotations=turns, slots=np.array([2, -1, 0, -1]))
    np.testing.assert_allclose(positions[:, [2, 0]], everything[:, [0, 2]], rtol=1e-6)
    np.testing.assert_allclose(turns[:, [2, 0]], all_turns[:, [0, 2]], atol=1e-6)
    assert np.isnan(positions[:, 1]).all()
