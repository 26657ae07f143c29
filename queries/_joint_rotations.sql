-- One row: a frame of a person, with the rotation of each joint: the distal segment relative to the axes of the
-- proximal segment.
-- Inputs: _segment_rotations. Unit quaternions; <side>_step is the foot relative to the lab, spine the pelvis
-- relative to the trunk.
SELECT
    COLUMNS(
        '^(subject|session|trial|person|frame|time_s|is_.*|.*_neutral_deg|.*_tibial_torsion)$'
    ),
    _relative_to_turn(lab, pelvis) AS pelvis,
    _relative_to_turn(lab, trunk) AS trunk,
    _relative(trunk, pelvis) AS spine,
    _mirrored_to_turn(lab, left_foot) AS left_step,
    _relative_to_turn(lab, right_foot) AS right_step,
    _mirrored(pelvis, left_thigh) AS left_hip,
    _relative(pelvis, right_thigh) AS right_hip,
    _mirrored(left_thigh, left_shank) AS left_knee,
    _relative(right_thigh, right_shank) AS right_knee,
    _mirrored(left_shank, left_foot) AS left_ankle,
    _relative(right_shank, right_foot) AS right_ankle,
    _mirrored(trunk, left_arm) AS left_shoulder,
    _relative(trunk, right_arm) AS right_shoulder,
    _mirrored(left_arm, left_forearm) AS left_elbow,
    _relative(right_arm, right_forearm) AS right_elbow
FROM _segment_rotations
