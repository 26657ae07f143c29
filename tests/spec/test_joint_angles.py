"""joint_angles on hand-made poses: each joint moved alone by a known angle, in each plane, on both sides."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tests.builders.view_builder import table
from tests.twins.angles import joint_angles_of

FACING = 0.0  # +Z
SEGMENTS = ["pelvis", "trunk"] + [
    f"{side}_{segment}" for side in ("left", "right") for segment in ("thigh", "shank", "foot", "upper_arm", "forearm")
]
# What hangs on a joint moves with it.
BELOW = {
    "hip": ("thigh", "shank", "foot"),
    "knee": ("shank", "foot"),
    "ankle": ("foot",),
    "shoulder": ("upper_arm", "forearm"),
    "elbow": ("forearm",),
}
# In a segment's own axes (x forward, y up, z right) of a right limb: the axis about which a turn is positive.
# A thigh swings forward (flexion) by turning about +z: its lower end, at -y, goes to +x. A shank flexes the other way.
# A right knee goes inwards (to the left, -z) by turning about +x: -y goes to -z. A right thigh turns inwards about +y: its
# front, +x, goes to -z. A foot turns its toes up about +z, and its sole inwards about +x: -y goes to -z.
TURNS = {
    "hip_flexion": ("hip", [0, 0, 1]),
    "hip_adduction": ("hip", [1, 0, 0]),
    "hip_rotation": ("hip", [0, 1, 0]),
    "knee_flexion": ("knee", [0, 0, -1]),
    "knee_adduction": ("knee", [1, 0, 0]),
    "knee_rotation": ("knee", [0, 1, 0]),
    "ankle_dorsiflexion": ("ankle", [0, 0, 1]),
    "ankle_inversion": ("ankle", [1, 0, 0]),
    "shoulder_flexion": ("shoulder", [0, 0, 1]),
    "shoulder_adduction": ("shoulder", [1, 0, 0]),
    "elbow_flexion": ("elbow", [0, 0, 1]),
}


def standing(yaw_deg: float = 0.0) -> dict[str, Rotation]:
    """Every segment upright, facing yaw about +Y from +Z: x forward, y up, z right."""
    upright = Rotation.from_matrix([[0.0, 0.0, -1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    return dict.fromkeys(SEGMENTS, Rotation.from_euler("Y", yaw_deg, degrees=True) * upright)


def row(pose: dict[str, Rotation], facing_deg: float = FACING, line: tuple[str, ...] = (), **more: object) -> dict:
    """A row of landmarks; segments in ``line`` are stored as lines."""
    out: dict[str, object] = {"facing_deg": facing_deg, "frame": 0, "time_s": 0.0, **more}
    for name, turn in pose.items():
        x, y, z, w = turn.as_quat()
        column = f"{name}_line_rotation" if name in line else f"{name}_rotation"
        out[column] = {"w": w, "x": x, "y": y, "z": z}
    return out


def angles(*rows: dict, **variables: str) -> list[dict[str, float | None]]:
    connection = joint_angles_of(table("landmarks", [{**r, "frame": i} for i, r in enumerate(rows)]))
    for name, value in variables.items():
        connection.execute(f"SET VARIABLE {name} = '{value}'")
    found = connection.execute("SELECT * EXCLUDE (subject, session, trial) FROM joint_angles ORDER BY frame")
    names = [d[0] for d in found.description]
    return [dict(zip(names, values, strict=True)) for values in found.fetchall()]


def moved(side: str, turns: list[tuple[str, float]], yaw_deg: float = 0.0) -> dict[str, Rotation]:
    pose = standing(yaw_deg)
    for name, degrees in turns:
        joint, axis = TURNS[name]
        vector = np.array(axis, float)
        if side == "left":  # a mirror image: turns about x and y are the other way round
            vector[:2] *= -1
        turn = Rotation.from_rotvec(np.radians(degrees) * vector)
        first = pose[f"{side}_{BELOW[joint][0]}"]
        # about the axes that the first moved segment has now
        for segment in BELOW[joint]:
            pose[f"{side}_{segment}"] = first * turn * first.inv() * pose[f"{side}_{segment}"]
    return pose


@pytest.mark.parametrize("name", TURNS)
def test_a_joint_moved_alone(name: str) -> None:
    cases = [(side, degrees) for side in ("left", "right") for degrees in (-15.0, 0.0, 35.0)]
    for (side, degrees), found in zip(cases, angles(*(row(moved(s, [(name, d)])) for s, d in cases)), strict=True):
        for column, value in found.items():
            if not column.endswith("_deg") or column.endswith("_rel_deg"):
                continue
            if column.endswith("foot_progression_deg") and "adduction" in name:
                continue  # the foot of a leg to the side points where it will
            expected = degrees if column == f"{side}_{name}_deg" else 0.0
            if column == f"{side}_foot_progression_deg" and name in ("hip_rotation", "knee_rotation"):
                expected = degrees  # the foot turns with the leg: in is positive
            assert value == pytest.approx(expected, abs=1e-3), (side, degrees, column)


def test_a_global_yaw_changes_no_angle() -> None:
    turns = [("hip_flexion", 25.0), ("knee_flexion", 50.0), ("hip_rotation", -8.0), ("ankle_dorsiflexion", 7.0)]
    yaws = (-170.0, -90.0, 33.0, 180.0)
    turned = [row(moved("left", turns, yaw_deg=yaw), facing_deg=yaw) for yaw in yaws]
    here, *there = angles(row(moved("left", turns)), *turned)
    for found in there:
        for column, value in here.items():
            if column.endswith("_deg") and value is not None:
                assert found[column] == pytest.approx(value, abs=2e-3), column


@pytest.mark.parametrize("segment", ["pelvis", "trunk"])
def test_pelvis_and_trunk(segment: str) -> None:
    # anterior tilt turns the top forwards: about -z. Right side up: about -x, the top goes left. Right side forward:
    # z goes towards x, about +y.
    tilt, up, forward = standing(), standing(), standing()
    tilt[segment] = tilt[segment] * Rotation.from_euler("Z", -12, degrees=True)
    up[segment] = up[segment] * Rotation.from_euler("X", -5, degrees=True)
    forward[segment] = forward[segment] * Rotation.from_euler("Y", 9, degrees=True)
    tilted, obliqued, rotated = angles(row(tilt), row(up), row(forward))
    assert tilted[f"{segment}_tilt_deg"] == pytest.approx(12, abs=1e-3)
    assert obliqued[f"right_{segment}_obliquity_deg"] == pytest.approx(5, abs=1e-3)
    assert obliqued[f"left_{segment}_obliquity_deg"] == pytest.approx(-5, abs=1e-3)
    assert rotated[f"right_{segment}_rotation_deg"] == pytest.approx(9, abs=1e-3)
    assert rotated[f"left_{segment}_rotation_deg"] == pytest.approx(-9, abs=1e-3)


def test_the_trunk_on_the_pelvis_has_the_signs_of_the_trunk() -> None:
    lean, up, forward, together = standing(), standing(), standing(), standing()
    lean["trunk"] = lean["trunk"] * Rotation.from_euler("Z", -12, degrees=True)
    up["trunk"] = up["trunk"] * Rotation.from_euler("X", -5, degrees=True)
    forward["trunk"] = forward["trunk"] * Rotation.from_euler("Y", 9, degrees=True)
    for segment in ("pelvis", "trunk"):
        together[segment] = together[segment] * Rotation.from_euler("Z", -12, degrees=True)
    leaning, bent, turned, level = angles(row(lean), row(up), row(forward), row(together))
    assert leaning["trunk_pelvis_tilt_deg"] == pytest.approx(12, abs=1e-3)
    for side, sign in (("right", 1), ("left", -1)):
        assert bent[f"{side}_trunk_pelvis_obliquity_deg"] == pytest.approx(5 * sign, abs=1e-3)
        assert turned[f"{side}_trunk_pelvis_rotation_deg"] == pytest.approx(9 * sign, abs=1e-3)
    assert level["trunk_pelvis_tilt_deg"] == pytest.approx(0, abs=1e-3)
    assert level["trunk_tilt_deg"] == pytest.approx(12, abs=1e-3)


def test_tibial_torsion_is_not_knee_rotation() -> None:
    """The shank's axes are those of the ankle: a torsion of 15° outwards is taken off the knee, not off the ankle."""
    turned = moved("left", [("knee_rotation", -15.0)])
    (found,) = angles(row(turned, left_tibial_torsion_deg=-15.0))
    assert found["left_knee_rotation_deg"] == pytest.approx(0, abs=1e-3)
    assert found["left_foot_progression_deg"] == pytest.approx(-15, abs=1e-3)
    (found,) = angles(row(turned))
    assert found["left_knee_rotation_deg"] == pytest.approx(-15, abs=1e-3)


def test_the_order_of_pelvic_angles_is_a_choice() -> None:
    # Built in Baker's order: rotation about the vertical, then obliquity, then tilt about the pelvis' own lateral axis.
    pose = standing()
    turn = Rotation.from_euler("YXZ", [20, -10, -15], degrees=True)
    pose["pelvis"] = pose["pelvis"] * turn
    (baker,) = angles(row(pose), pelvis_order="baker")
    assert baker["right_pelvis_rotation_deg"] == pytest.approx(20, abs=1e-3)
    assert baker["right_pelvis_obliquity_deg"] == pytest.approx(10, abs=1e-3)
    assert baker["pelvis_tilt_deg"] == pytest.approx(15, abs=1e-3)
    (plug_in,) = angles(row(pose))
    about_z, about_x, about_y = turn.as_euler("ZXY", degrees=True)
    assert plug_in["pelvis_tilt_deg"] == pytest.approx(-about_z, abs=1e-3)
    assert plug_in["right_pelvis_obliquity_deg"] == pytest.approx(-about_x, abs=1e-3)
    assert plug_in["right_pelvis_rotation_deg"] == pytest.approx(about_y, abs=1e-3)


def test_flexion_continues_past_180() -> None:
    rows = [row(moved("right", [("shoulder_flexion", d)])) for d in (150.0, 179.0, 181.0, 230.0)]
    found = [a["right_shoulder_flexion_deg"] for a in angles(*rows)]
    assert found == pytest.approx([150.0, 179.0, 181.0, 230.0], abs=1e-2)


def test_adduction_of_exactly_90_is_not_an_error() -> None:
    rows = [row(moved(side, [("shoulder_adduction", -90.0)])) for side in ("left", "right")]
    left, right = angles(*rows)
    assert left["left_shoulder_adduction_deg"] == pytest.approx(-90, abs=0.1)
    assert right["right_shoulder_adduction_deg"] == pytest.approx(-90, abs=0.1)


def test_lines_give_no_rotation() -> None:
    turns = [("hip_flexion", 30.0), ("knee_flexion", 60.0)]
    line = ("left_thigh", "left_shank", "left_foot")
    (found,) = angles(row(moved("left", turns), line=line))
    assert found["left_hip_flexion_deg"] == pytest.approx(30, abs=1e-3)
    assert found["left_knee_flexion_deg"] == pytest.approx(60, abs=1e-3)
    assert found["left_ankle_dorsiflexion_deg"] == pytest.approx(0, abs=1e-3)
    for name in ("hip_rotation", "knee_adduction", "knee_rotation", "ankle_inversion"):
        assert found[f"left_{name}_deg"] is None
        assert found[f"right_{name}_deg"] == pytest.approx(0, abs=1e-3)


def test_no_anatomical_zero_gives_change_from_neutral() -> None:
    pose = moved("right", [("hip_flexion", 26.0)])  # against the lab
    pose["pelvis_neutral"] = pose.pop("pelvis") * Rotation.from_euler("Z", -4, degrees=True)
    (found,) = angles(row(pose, right_hip_flexion_neutral_deg=2.0, right_hip_adduction_neutral_deg=-20.0))
    assert found["pelvis_tilt_rel_deg"] == pytest.approx(4, abs=1e-3)
    assert found["right_hip_flexion_rel_deg"] == pytest.approx(28, abs=1e-3)
    assert found["right_hip_adduction_rel_deg"] == pytest.approx(20, abs=1e-3)
    for name in ("pelvis_tilt", "right_hip_flexion", "left_pelvis_obliquity", "right_hip_rotation"):
        assert found[f"{name}_deg"] is None
    assert found["left_knee_flexion_deg"] == pytest.approx(0, abs=1e-3)


def test_the_line_of_the_hips_has_no_tilt() -> None:
    pose = standing()
    pose["pelvis_line"] = pose.pop("pelvis")
    (found,) = angles(row(pose))
    assert found["pelvis_tilt_deg"] is None
    assert found["pelvis_tilt_rel_deg"] is None
    assert found["left_hip_flexion_rel_deg"] == pytest.approx(0, abs=1e-3)
    assert found["left_pelvis_obliquity_rel_deg"] == pytest.approx(0, abs=1e-3)


def test_missing_segments_are_null() -> None:
    pose = standing()
    for name in ("left_foot", "trunk", "right_shank"):
        del pose[name]
    (found,) = angles(row(pose))
    for name in (
        "left_ankle_dorsiflexion",
        "left_foot_progression",
        "trunk_tilt",
        "right_shoulder_flexion",
        "right_knee_flexion",
        "right_ankle_dorsiflexion",
        "right_knee_adduction",
        "right_knee_rotation",
        "left_trunk_obliquity",
        "left_shoulder_adduction",
        "left_ankle_inversion",
    ):
        assert found[f"{name}_deg"] is None, name
    assert found["left_knee_flexion_deg"] == pytest.approx(0, abs=1e-3)
