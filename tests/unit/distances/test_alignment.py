"""Alignments do what they claim: invariances to rounding, reflections refused, degenerate frames seen."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from neurostore.distances.alignment import ALIGNMENTS, STANDING, align, kabsch
from neurostore.errors import UsageError

NAMES = ["pelvis", "left_hip", "right_hip", "left_knee", "right_knee", "left_shoulder", "head"]


@pytest.fixture
def motion() -> np.ndarray:
    rng = np.random.default_rng(0)
    standing = np.array([STANDING[n] for n in NAMES], float)
    return standing + rng.normal(size=(40, 1, 3)).cumsum(0) * 20 + rng.normal(size=(40, len(NAMES), 3)) * 15


def test_root_takes_out_every_place(motion):
    moved = motion + np.random.default_rng(1).normal(size=(40, 1, 3)) * 1000
    np.testing.assert_allclose(align(moved, NAMES, "root"), align(motion, NAMES, "root"), atol=1e-9)
    assert not align(motion, NAMES, "root")[:, 0].any()


def test_scale_takes_out_size(motion):
    a, b = (align(s * motion, NAMES, "root+scale", leg_length_mm=s * 850) for s in (1.0, 1.2))
    np.testing.assert_allclose(a, b, atol=1e-12)
    assert np.isnan(align(motion, NAMES, "root+scale")).all()


@pytest.mark.parametrize("degrees", [0, 35, 90, 180, -120])
def test_heading_takes_out_one_turn_about_the_vertical(motion, degrees):
    turned = motion @ Rotation.from_euler("y", degrees, degrees=True).as_matrix().T
    found = align(turned, NAMES, "root+heading")
    np.testing.assert_allclose(found, align(motion, NAMES, "root+heading"), atol=1e-9)
    left = (found[:, 1] - found[:, 2]).mean(axis=0)
    assert left[2] == pytest.approx(0, abs=1e-9)  # facing +z has the left at +x
    assert left[0] > 0


def test_heading_leaves_a_lean_of_the_body(motion):
    leaned = motion @ Rotation.from_euler("x", 20, degrees=True).as_matrix().T
    assert np.abs(align(leaned, NAMES, "root+heading") - align(motion, NAMES, "root+heading")).max() > 50


@pytest.mark.parametrize("how", ["procrustes", "procrustes-frame"])
def test_procrustes_takes_out_any_rotation_and_place(motion, how):
    turn = Rotation.from_euler("xyz", [20, 130, -40], degrees=True).as_matrix()
    np.testing.assert_allclose(align(motion @ turn.T + 500, NAMES, how), align(motion, NAMES, how), atol=1e-7)


def test_procrustes_per_frame_takes_out_a_rotation_in_each_frame(motion):
    turns = Rotation.random(40, random_state=2).as_matrix()
    turned = np.einsum("fij,fpj->fpi", turns, motion)
    np.testing.assert_allclose(
        align(turned, NAMES, "procrustes-frame"), align(motion, NAMES, "procrustes-frame"), atol=1e-7
    )


def test_kabsch_is_scipys_and_never_a_reflection():
    rng = np.random.default_rng(3)
    moving, fixed = rng.normal(size=(20, 6, 3)), rng.normal(size=(20, 6, 3))
    moving -= moving.mean(axis=1, keepdims=True)
    fixed -= fixed.mean(axis=1, keepdims=True)
    found = kabsch(moving, fixed)
    for k in range(20):
        expected, _ = Rotation.align_vectors(fixed[k], moving[k])
        np.testing.assert_allclose(found[k], expected.as_matrix(), atol=1e-9)
    mirrored = moving * [-1, 1, 1]  # the best orthogonal map is a reflection
    np.testing.assert_allclose(np.linalg.det(kabsch(mirrored, moving)), 1.0)


def test_degenerate_frames_have_no_rotation():
    line = np.outer([-1.0, 0.0, 1.0], [1.0, 2.0, 3.0])
    fixed = np.random.default_rng(4).normal(size=(3, 3))
    found = kabsch(np.stack([line, np.zeros((3, 3)), np.full((3, 3), np.nan), fixed]), fixed)
    assert np.isnan(found[:3]).all()
    np.testing.assert_allclose(found[3], np.eye(3), atol=1e-9)


def test_refusals(motion):
    with pytest.raises(UsageError, match=ALIGNMENTS[-1]):
        align(motion, NAMES, "mirror")
    with pytest.raises(UsageError, match="needs pelvis"):
        align(motion[:, 1:], NAMES[1:], "root")
    with pytest.raises(UsageError, match="standing place for c7"):
        align(motion, [*NAMES[:-1], "c7"], "procrustes")
