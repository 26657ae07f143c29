"""event_agreement and angle_agreement: ours beside what the file says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tests.builders import view_builder

#: rows: our x, y and z axes (forward, up, right) in axes that point forward, left and up
TO_OURS = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])

EVENTS = """
subject | session | trial | person | side  | event       | time_s | source   | near_end
S01     | ''      | walk  | 0      | left  | foot_strike | 1.000  | file     | false
S01     | ''      | walk  | 0      | left  | foot_strike | 1.012  | computed | false
S01     | ''      | walk  | 0      | left  | foot_off    | 1.600  | file     | false
S01     | ''      | walk  | 0      | left  | foot_strike | 2.000  | file     | false
S01     | ''      | walk  | 0      | left  | foot_strike | 2.150  | computed | false
S01     | ''      | walk  | 0      | left  | foot_off    | 2.600  | file     | true
S01     | ''      | walk  | 0      | left  | foot_off    | 2.590  | computed | true
S01     | ''      | walk  | 0      | right | foot_strike | 1.500  | computed | false
S01     | ''      | other | 0      | left  | foot_strike | 1.000  | computed | false
"""


def test_each_mark_is_matched_missed_and_each_extra_event_of_a_marked_foot_invented():
    connection = view_builder.connect(gait_events=view_builder.text_table(EVENTS), only=["event_agreement"])
    rows = view_builder.rows_of(
        connection,
        "SELECT side, event, time_s, source_time_s, difference_ms, status FROM event_agreement "
        "ORDER BY coalesce(source_time_s, time_s)",
    )
    assert rows == [
        ("left", "foot_strike", 1.012, 1.0, 12.0, "matched"),
        ("left", "foot_off", None, 1.6, None, "missed"),
        ("left", "foot_strike", None, 2.0, None, "missed"),
        ("left", "foot_strike", 2.15, None, None, "invented"),
        ("left", "foot_off", 2.59, 2.6, -10.0, "matched"),
    ]  # the right foot has no marks, and the other trial none at all


def test_angles_are_compared_at_the_times_of_the_source():
    time = [0.0, 0.1, 0.2, 0.3]
    ours = view_builder.joint_angles(time, {"left_knee_flexion_deg": [0.0, 10.0, 20.0, 30.0]})
    source = [
        {"time_s": t, "frame": i, "source_name": "LKneeAngles", "angle": "left_knee_flexion_deg", "value_deg": v}
        for i, (t, v) in enumerate([(0.05, 4.0), (0.15, 16.0), (0.30, 29.0), (0.40, 99.0)])
    ]
    source += [{"time_s": 0.1, "frame": 1, "source_name": "LFoo", "angle": None, "value_deg": 1.0}]
    connection = view_builder.connect(
        joint_angles=ours, source_angles=view_builder.table("source_angles", source), only=["angle_agreement"]
    )
    rows = connection.execute("SELECT trial, angle, rmse_deg, bias_deg, r, n_frames FROM angle_agreement").fetchall()
    # Ours at 0.05, 0.15, 0.30: 5, 15, 30 against 4, 16, 29; 0.40 is after the last frame.
    assert len(rows) == 1
    assert rows[0][:2] == ("walk", "left_knee_flexion_deg")
    assert rows[0][2] == pytest.approx(1.0)
    assert rows[0][3] == pytest.approx(1 / 3)
    assert rows[0][4] == pytest.approx(np.corrcoef([5, 15, 30], [4, 16, 29])[0, 1])
    assert rows[0][5] == 3


def test_a_shoulder_is_compared_in_the_order_of_the_files_model():
    """Plug-in Gait's own axes: x forward, y left, z up; scipy composes and takes apart."""
    adduction, flexion, rotation = 79.6, -15.0, 4.8  # a right arm in a T-pose
    arm = Rotation.from_euler("XYZ", [adduction, flexion, rotation], degrees=True)
    ours = Rotation.from_matrix(TO_OURS @ arm.as_matrix() @ TO_OURS.T).as_euler("ZXY", degrees=True)
    assert abs(ours[0] - -flexion) > 30  # the same arm, another order
    angles = {"right_shoulder_flexion_deg": [-ours[0]] * 2, "right_shoulder_adduction_deg": [ours[1]] * 2}
    source = [
        {"time_s": t, "frame": i, "source_name": "RShoulderAngles", "component": c, "angle": a, "value_deg": v}
        for i, t in enumerate([0.0, 0.1])
        for c, a, v in (
            ("x", "right_shoulder_flexion_deg", flexion),
            ("y", "right_shoulder_adduction_deg", adduction),
        )
    ]
    connection = view_builder.connect(
        joint_angles=view_builder.joint_angles([0.0, 0.1], angles),
        source_angles=view_builder.table("source_angles", source),
        only=["angle_agreement"],
    )
    found = connection.execute("SELECT angle, rmse_deg FROM angle_agreement ORDER BY angle").fetchall()
    assert [a for a, _ in found] == ["right_shoulder_adduction_deg", "right_shoulder_flexion_deg"]
    assert [r for _, r in found] == pytest.approx([0.0, 0.0], abs=1e-9)


def test_a_whole_turn_between_two_angles_is_not_a_difference():
    ours = view_builder.joint_angles([0.0, 0.1], {"left_foot_progression_deg": [-179.0, 178.0]})
    source = [
        {"time_s": t, "frame": i, "source_name": "L", "angle": "left_foot_progression_deg", "value_deg": v}
        for i, (t, v) in enumerate([(0.0, 179.0), (0.1, -180.0)])
    ]
    connection = view_builder.connect(
        joint_angles=ours, source_angles=view_builder.table("source_angles", source), only=["angle_agreement"]
    )
    assert connection.execute("SELECT rmse_deg, bias_deg FROM angle_agreement").fetchone() == pytest.approx((2.0, 0.0))
