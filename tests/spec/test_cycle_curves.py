"""cycle_curves: 101 points between the frames, NULL across gaps."""

from __future__ import annotations

import numpy as np

from tests.builders import view_builder

CYCLES = """
subject | session | trial | person | cycle | side  | start_s | end_s | is_steady
S01     | ''      | walk  | 0      | 0     | left  | 0.05    | 1.05  | true
S01     | ''      | walk  | 0      | 0     | right | 0.50    | 0.90  | false
"""


def test_every_percent_is_linear_between_frames_and_null_across_a_long_gap():
    time = np.delete(np.arange(0, 1.11, 0.02), range(20, 30))  # 0.38 to 0.60 s: a gap of 0.22 s
    angle = 100.0 * time
    connection = view_builder.connect(
        gait_cycles=view_builder.text_table(CYCLES),
        landmarks=view_builder.landmarks(time, {}),
        joint_angles=view_builder.joint_angles(time, {"left_knee_flexion_deg": angle}),
        only=["cycle_curves"],
    )
    rows = connection.execute(
        "SELECT percent, is_steady, left_knee_flexion_deg FROM cycle_curves WHERE side = 'left' ORDER BY percent"
    ).fetchall()
    assert [r[0] for r in rows] == list(range(101))
    for percent, is_steady, value in rows:
        at = 0.05 + percent / 100
        assert is_steady
        if min(abs(at - 0.38), abs(at - 0.60)) < 1e-6:
            continue  # on the edge of the gap rounding decides
        if 0.38 < at < 0.60:
            assert value is None
        else:
            np.testing.assert_allclose(value, 100 * at, atol=1e-9)
    assert connection.execute("SELECT count(*) FROM cycle_curves WHERE side = 'right'").fetchall() == [(101,)]


def test_the_angles_are_those_of_joint_angles():
    connection = view_builder.connect(only=["joint_angles"])
    angles = [r[0] for r in connection.execute("DESCRIBE joint_angles").fetchall() if r[0].endswith("_deg")]
    assert angles == view_builder.angle_columns()
