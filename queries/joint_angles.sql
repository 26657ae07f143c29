-- One row: a frame of a person, with every joint angle in degrees; NULL if it cannot be computed from the skeleton.
-- Inputs: _joint_rotations (unit quaternions), landmarks. Signs, skeletons and reasons: docs/angles.md.
-- Hip, knee, shoulder and elbow use the joint coordinate system (Grood & Suntay 1983, doi 10.1115/1.3138397):
-- flexion about z of the proximal segment, rotation about y of the distal segment, adduction about the floating
-- axis. At the ankle, the long axis of the foot (its x axis) replaces y, as in Plug-in Gait. Pelvis and trunk are
-- relative to the lab rotated to landmarks.facing_deg, in the order of Plug-in Gait (tilt, obliquity, rotation); SET
-- VARIABLE pelvis_order = 'baker' gives rotation, obliquity, tilt (Baker 2001, Gait & Posture 13:1-6). The trunk
-- relative to the pelvis is a joint coordinate system with the trunk as proximal segment (Plug-in Gait's spine),
-- with the signs of the trunk. Foot progression is Plug-in Gait's: the foot's long axis relative to the sagittal
-- plane of progression. Knee rotation is that of the shank at the knee: a stated tibial torsion, which rotates the
-- ankle's axis, is subtracted. If the pelvis has no anatomical zero, pelvis and hip angles are given as change from
-- the neutral pose (..._rel_deg). SET VARIABLE angle_source = 'body' uses the segments of the fitted body, whose
-- knee is a hinge without adduction and rotation. Both sides have the same formulas, because a left joint is
-- mirrored first (queries/macros/rotations.sql).
WITH sines AS NOT MATERIALIZED (
    SELECT
        *,
        CASE
            WHEN _pelvis_order() = 'baker' THEN _obliquity_second_sine(pelvis)
            ELSE _obliquity_sine(pelvis)
        END AS pelvis_sine,
        CASE
            WHEN _pelvis_order() = 'baker' THEN _obliquity_second_sine(trunk)
            ELSE _obliquity_sine(trunk)
        END AS trunk_sine,
        _obliquity_sine(spine) AS spine_sine,
        _toe_in_sine(left_step) AS left_step_sine,
        _toe_in_sine(right_step) AS right_step_sine,
        _floating_sine(left_hip) AS left_hip_sine,
        _floating_sine(right_hip) AS right_hip_sine,
        CASE
            WHEN is_left_thigh AND _angle_source() != 'body' THEN _floating_sine(left_knee)
        END AS left_knee_sine,
        CASE
            WHEN is_right_thigh AND _angle_source() != 'body' THEN _floating_sine(right_knee)
        END AS right_knee_sine,
        _floating_sine(left_shoulder) AS left_shoulder_sine,
        _floating_sine(right_shoulder) AS right_shoulder_sine
    FROM _joint_rotations
),

angles AS NOT MATERIALIZED (
    SELECT
        COLUMNS('^(subject|session|trial|person|frame|time_s|is_anatomical|is_hip_line|.*_neutral_deg)$'),
        CASE
            WHEN _pelvis_order() = 'baker' THEN _tilt_last_deg(pelvis)
            ELSE _tilt_deg(pelvis)
        END AS pelvis_tilt,
        _asin_deg(pelvis_sine) AS pelvis_obliquity,
        CASE
            WHEN _pelvis_order() = 'baker' THEN _rotation_first_deg(pelvis)
            ELSE _about_y_deg(pelvis)
        END AS pelvis_rotation,
        CASE
            WHEN _pelvis_order() = 'baker' THEN _tilt_last_deg(trunk)
            ELSE _tilt_deg(trunk)
        END AS trunk_tilt,
        _asin_deg(trunk_sine) AS trunk_obliquity,
        CASE
            WHEN _pelvis_order() = 'baker' THEN _rotation_first_deg(trunk)
            ELSE _about_y_deg(trunk)
        END AS trunk_rotation,
        _tilt_deg(spine) AS spine_tilt,
        _asin_deg(spine_sine) AS spine_obliquity,
        _about_y_deg(spine) AS spine_rotation,
        _about_z_deg(left_hip) AS left_hip_flexion,
        _about_z_deg(right_hip) AS right_hip_flexion,
        _asin_deg(left_hip_sine) AS left_hip_adduction,
        _asin_deg(right_hip_sine) AS right_hip_adduction,
        CASE WHEN is_left_thigh THEN _about_y_deg(left_hip) END AS left_hip_rotation,
        CASE WHEN is_right_thigh THEN _about_y_deg(right_hip) END AS right_hip_rotation,
        _backwards_deg(left_knee) AS left_knee_flexion_deg,
        _backwards_deg(right_knee) AS right_knee_flexion_deg,
        _asin_deg(left_knee_sine) AS left_knee_adduction_deg,
        _asin_deg(right_knee_sine) AS right_knee_adduction_deg,
        CASE
            WHEN is_left_thigh AND is_left_shank AND _angle_source() != 'body'
                THEN _about_y_deg(left_knee) - left_tibial_torsion
        END AS left_knee_rotation_deg,
        CASE
            WHEN is_right_thigh AND is_right_shank AND _angle_source() != 'body'
                THEN _about_y_deg(right_knee) - right_tibial_torsion
        END AS right_knee_rotation_deg,
        _toes_up_deg(left_ankle) AS left_ankle_dorsiflexion_deg,
        _toes_up_deg(right_ankle) AS right_ankle_dorsiflexion_deg,
        CASE WHEN is_left_shank AND is_left_foot THEN _sole_in_deg(left_ankle) END AS left_ankle_inversion_deg,
        CASE WHEN is_right_shank AND is_right_foot THEN _sole_in_deg(right_ankle) END AS right_ankle_inversion_deg,
        _asin_deg(left_step_sine) AS left_foot_progression_deg,
        _asin_deg(right_step_sine) AS right_foot_progression_deg,
        _forwards_deg(left_shoulder) AS left_shoulder_flexion_deg,
        _forwards_deg(right_shoulder) AS right_shoulder_flexion_deg,
        _asin_deg(left_shoulder_sine) AS left_shoulder_adduction_deg,
        _asin_deg(right_shoulder_sine) AS right_shoulder_adduction_deg,
        _forwards_deg(left_elbow) AS left_elbow_flexion_deg,
        _forwards_deg(right_elbow) AS right_elbow_flexion_deg
    FROM sines
)

SELECT -- noqa: ST06
    subject,
    session,
    trial,
    person,
    frame,
    time_s,
    CASE WHEN is_anatomical THEN pelvis_tilt END AS pelvis_tilt_deg,
    trunk_tilt AS trunk_tilt_deg,
    CASE WHEN is_anatomical THEN -spine_tilt END AS trunk_pelvis_tilt_deg,
    CASE WHEN is_anatomical THEN COLUMNS('^(left_hip_(flexion|adduction|rotation))$') END AS "\1_deg",
    COLUMNS('^left_(knee|ankle|foot)_.*_deg$'),
    CASE WHEN is_anatomical THEN -COLUMNS('^(pelvis_(obliquity|rotation))$') END AS "left_\1_deg",
    -COLUMNS('^(trunk_(obliquity|rotation))$') AS "left_\1_deg",
    CASE WHEN is_anatomical THEN COLUMNS('^spine_(obliquity|rotation)$') END AS "left_trunk_pelvis_\1_deg",
    COLUMNS('^left_(shoulder|elbow)_.*_deg$'),
    CASE WHEN is_anatomical THEN COLUMNS('^(right_hip_(flexion|adduction|rotation))$') END AS "\1_deg",
    COLUMNS('^right_(knee|ankle|foot)_.*_deg$'),
    CASE WHEN is_anatomical THEN COLUMNS('^(pelvis_(obliquity|rotation))$') END AS "right_\1_deg",
    COLUMNS('^(trunk_(obliquity|rotation))$') AS "right_\1_deg",
    CASE WHEN is_anatomical THEN -COLUMNS('^spine_(obliquity|rotation)$') END AS "right_trunk_pelvis_\1_deg",
    COLUMNS('^right_(shoulder|elbow)_.*_deg$'),
    CASE WHEN NOT is_anatomical AND NOT is_hip_line THEN pelvis_tilt END AS pelvis_tilt_rel_deg,
    CASE WHEN NOT is_anatomical AND NOT is_hip_line THEN -spine_tilt END AS trunk_pelvis_tilt_rel_deg,
    CASE WHEN NOT is_anatomical THEN left_hip_flexion - coalesce(left_hip_flexion_neutral_deg, 0) END
        AS left_hip_flexion_rel_deg,
    CASE WHEN NOT is_anatomical THEN left_hip_adduction - coalesce(left_hip_adduction_neutral_deg, 0) END
        AS left_hip_adduction_rel_deg,
    CASE WHEN NOT is_anatomical THEN left_hip_rotation - coalesce(left_hip_rotation_neutral_deg, 0) END
        AS left_hip_rotation_rel_deg,
    CASE WHEN NOT is_anatomical THEN -COLUMNS('^(pelvis_(obliquity|rotation))$') END AS "left_\1_rel_deg",
    CASE WHEN NOT is_anatomical THEN COLUMNS('^spine_(obliquity|rotation)$') END AS "left_trunk_pelvis_\1_rel_deg",
    CASE WHEN NOT is_anatomical THEN right_hip_flexion - coalesce(right_hip_flexion_neutral_deg, 0) END
        AS right_hip_flexion_rel_deg,
    CASE WHEN NOT is_anatomical THEN right_hip_adduction - coalesce(right_hip_adduction_neutral_deg, 0) END
        AS right_hip_adduction_rel_deg,
    CASE WHEN NOT is_anatomical THEN right_hip_rotation - coalesce(right_hip_rotation_neutral_deg, 0) END
        AS right_hip_rotation_rel_deg,
    CASE WHEN NOT is_anatomical THEN COLUMNS('^(pelvis_(obliquity|rotation))$') END AS "right_\1_rel_deg",
    CASE WHEN NOT is_anatomical THEN -COLUMNS('^spine_(obliquity|rotation)$') END AS "right_trunk_pelvis_\1_rel_deg"
FROM angles
