"""joint_angles against a plain twin made of scipy's Cardan angles, on poses that Hypothesis thinks of."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from tests.builders.view_builder import table
from tests.twins.angles import joint_angles_of, polars_angles, scipy_angles

SEGMENTS = ["pelvis", "trunk"] + [
    f"{side}_{segment}" for side in ("left", "right") for segment in ("thigh", "shank", "foot", "upper_arm", "forearm")
]
tilts = st.floats(-60, 60).map(lambda v: round(v, 2))
poses = st.fixed_dictionaries({name: st.tuples(tilts, tilts, tilts) for name in SEGMENTS})


def quaternions(pose: dict[str, tuple[float, float, float]], facing_deg: float) -> dict[str, np.ndarray]:
    lab = Rotation.from_euler("Y", facing_deg - 90, degrees=True)
    turned = {name: lab * Rotation.from_euler("XYZ", t, degrees=True) for name, t in pose.items()}
    return {name: np.roll(r.as_quat(), 1) for name, r in turned.items()}


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(poses, st.floats(-180, 180)), min_size=1, max_size=6))
def test_the_view_agrees_with_its_twin(frames: list[tuple[dict[str, tuple[float, float, float]], float]]) -> None:
    segments = [quaternions(pose, facing) for pose, facing in frames]
    rows = [
        {"frame": i, "time_s": i / 100, "facing_deg": facing}
        | {f"{name}_rotation": dict(zip("wxyz", q, strict=True)) for name, q in found.items()}
        for i, (found, (_, facing)) in enumerate(zip(segments, frames, strict=True))
    ]
    connection = joint_angles_of(table("landmarks", rows))
    ours = connection.sql("SELECT * FROM joint_angles ORDER BY frame").pl().to_dicts()
    for got, q, (_, facing) in zip(ours, segments, frames, strict=True):
        for name, expected in scipy_angles(q, facing).items():
            if name in got:
                # near 90 degrees of adduction flexion and rotation trade places (gimbal lock)
                near_lock = any(abs(abs(got[k]) - 90) < 5 for k in got if _is_middle(k, name))
                difference = (got[name] - expected + 180) % 360 - 180
                assert near_lock or abs(difference) < 0.05, (name, got[name], expected)
    polars = polars_angles(pl.DataFrame(table("landmarks", rows)).lazy()).collect()
    names = {"pelvis:flexion": "pelvis_tilt_deg", "left_knee:flexion": "left_knee_flexion_deg"}
    for theirs, name in names.items():
        differences = (polars[theirs].to_numpy() - np.array([o[name] for o in ours]) + 180) % 360 - 180
        assert np.abs(differences).max() < 0.05


def _is_middle(column: str, name: str) -> bool:
    """Whether ``column`` is the middle angle of the joint that ``name`` belongs to."""
    parts = name.removesuffix("_deg").split("_")
    segment = parts[0] if parts[0] in ("pelvis", "trunk") else parts[1]
    if segment in ("pelvis", "trunk"):
        return column == f"right_{segment}_obliquity_deg"
    if segment == "ankle":
        return False
    return column == f"{parts[0]}_{segment}_adduction_deg"


@settings(max_examples=30, deadline=None)
@given(st.floats(-179, 179), st.floats(-80, 80), st.floats(-179, 179))
def test_the_twin_itself_turns_back(flexion: float, adduction: float, rotation: float) -> None:
    q = Rotation.from_euler("ZXY", [flexion, adduction, rotation], degrees=True).as_quat()
    upright = np.array([math.sqrt(0.5), 0, -math.sqrt(0.5), 0])
    lab = Rotation.from_quat(np.roll(upright, -1))
    segments = dict.fromkeys(SEGMENTS, upright) | {"right_thigh": np.roll((lab * Rotation.from_quat(q)).as_quat(), 1)}
    found = scipy_angles(segments, 0.0)
    assert found["right_hip_flexion_deg"] == pytest.approx(flexion, abs=1e-6)
    assert found["right_hip_adduction_deg"] == pytest.approx(adduction, abs=1e-6)
    assert found["right_hip_rotation_deg"] == pytest.approx(rotation, abs=1e-6)
