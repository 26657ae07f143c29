-- One row: a frame of a person, with the rotation of each segment relative to the lab as a unit quaternion.
-- Inputs: _segment_source. Axes of a segment: x forward, y up along the segment, z to the right.
-- If a skeleton gives only a line (no rotation about the long axis), the line is used and is_<segment> is false.
-- lab: the lab rotated about +Y to landmarks.facing_deg (0 = +Z, 90 = +X), so that its x axis points in that
-- direction.
SELECT
    subject,
    session,
    trial,
    person,
    frame,
    time_s,
    pelvis_rotation.w IS NOT NULL AS is_anatomical,
    pelvis_rotation.w IS NULL AND pelvis_neutral_rotation.w IS NULL AS is_hip_line,
    left_thigh_rotation.w IS NOT NULL AS is_left_thigh,
    right_thigh_rotation.w IS NOT NULL AS is_right_thigh,
    left_shank_rotation.w IS NOT NULL AS is_left_shank,
    right_shank_rotation.w IS NOT NULL AS is_right_shank,
    left_foot_rotation.w IS NOT NULL AS is_left_foot,
    right_foot_rotation.w IS NOT NULL AS is_right_foot,
    COLUMNS('^(left|right)_hip_.*_neutral_deg$'),
    coalesce(left_tibial_torsion_deg, 0) AS left_tibial_torsion,
    coalesce(right_tibial_torsion_deg, 0) AS right_tibial_torsion,
    {
        'w': cos(radians((facing_deg - 90) / 2))::FLOAT,
        'y': sin(radians((facing_deg - 90) / 2))::FLOAT
    } AS lab,
    _first_of(pelvis_rotation, pelvis_neutral_rotation, pelvis_line_rotation) AS pelvis,
    trunk_rotation AS trunk,
    _first_of(left_thigh_rotation, left_thigh_line_rotation) AS left_thigh,
    _first_of(right_thigh_rotation, right_thigh_line_rotation) AS right_thigh,
    _first_of(left_shank_rotation, left_shank_line_rotation) AS left_shank,
    _first_of(right_shank_rotation, right_shank_line_rotation) AS right_shank,
    _first_of(left_foot_rotation, left_foot_line_rotation) AS left_foot,
    _first_of(right_foot_rotation, right_foot_line_rotation) AS right_foot,
    _first_of(left_upper_arm_rotation, left_upper_arm_line_rotation) AS left_arm,
    _first_of(right_upper_arm_rotation, right_upper_arm_line_rotation) AS right_arm,
    _first_of(left_forearm_rotation, left_forearm_line_rotation) AS left_forearm,
    _first_of(right_forearm_rotation, right_forearm_line_rotation) AS right_forearm
FROM _segment_source
