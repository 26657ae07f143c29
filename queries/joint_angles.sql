-- One row: a frame of a person, with every joint angle in degrees; NULL where the skeleton cannot give an honest one.
-- Inputs: _joint_rotations (unit quaternions), landmarks below it. Signs, skeletons and reasons: docs/angles.md.
-- Hip, knee, shoulder and elbow are joint coordinate systems (Grood & Suntay 1983, doi 10.1115/1.3138397): flexion
-- about z of the proximal segment, rotation about y of the distal one, adduction about the floating axis. At the ankle
-- the long axis of the foot (its x) takes the place of y, as in Plug-in Gait. Pelvis and trunk are taken against the
-- lab turned to landmarks.facing_deg in the order of Plug-in Gait (tilt, obliquity, rotation);
-- SET VARIABLE pelvis_order = 'baker' gives rotation, obliquity, tilt (Baker 2001, Gait & Posture 13:1-6). Trunk on
-- pelvis is a joint coordinate system with the trunk as proximal segment (Plug-in Gait's spine), in the signs of the
-- trunk. Foot progression is Plug-in Gait's: the foot's long axis against the sagittal plane of progression. Knee
-- rotation is that of the shank below the knee: a stated tibial torsion, which turns the ankle's axis, is taken off.
-- The elements of the rotation matrix that an angle needs are written out from the quaternion, halved where atan2 takes
-- two; rounding can take a sine past 1. Where the pelvis has no anatomical zero, pelvis and hip angles come as change
-- from the neutral pose (..._rel_deg). SET VARIABLE angle_source = 'body' takes the segments of the fitted body, whose
-- knee is a hinge: it has no adduction and no rotation.
WITH sines AS NOT MATERIALIZED (
    SELECT
        *,
        CASE
            WHEN getvariable('pelvis_order') = 'baker' THEN 2 * (pelvis_y * pelvis_z - pelvis_w * pelvis_x)
            ELSE -2 * (pelvis_y * pelvis_z + pelvis_w * pelvis_x)
        END AS pelvis_sine,
        CASE
            WHEN getvariable('pelvis_order') = 'baker' THEN 2 * (trunk_y * trunk_z - trunk_w * trunk_x)
            ELSE -2 * (trunk_y * trunk_z + trunk_w * trunk_x)
        END AS trunk_sine,
        -2 * (spine_y * spine_z + spine_w * spine_x) AS spine_sine,
        2 * (left_step_x * left_step_z - left_step_w * left_step_y) AS left_step_sine,
        2 * (right_step_w * right_step_y - right_step_x * right_step_z) AS right_step_sine,
        -2 * (left_hip_y * left_hip_z + left_hip_w * left_hip_x) AS left_hip_sine,
        -2 * (left_knee_y * left_knee_z + left_knee_w * left_knee_x) AS left_knee_sine,
        -2 * (left_shoulder_y * left_shoulder_z + left_shoulder_w * left_shoulder_x) AS left_shoulder_sine,
        2 * (right_hip_y * right_hip_z + right_hip_w * right_hip_x) AS right_hip_sine,
        2 * (right_knee_y * right_knee_z + right_knee_w * right_knee_x) AS right_knee_sine,
        2 * (right_shoulder_y * right_shoulder_z + right_shoulder_w * right_shoulder_x) AS right_shoulder_sine
    FROM _joint_rotations
),

angles AS NOT MATERIALIZED (
    SELECT
        subject,
        session,
        trial,
        person,
        frame,
        time_s,
        is_anatomical,
        is_hip_line,
        is_left_thigh,
        is_left_shank,
        is_left_foot,
        left_hip_flexion_neutral,
        left_hip_adduction_neutral,
        left_hip_rotation_neutral,
        is_right_thigh,
        is_right_shank,
        is_right_foot,
        right_hip_flexion_neutral,
        right_hip_adduction_neutral,
        right_hip_rotation_neutral,
        CASE
            WHEN getvariable('pelvis_order') = 'baker'
                THEN
                    degrees(atan2(
                        -(pelvis_x * pelvis_y + pelvis_w * pelvis_z),
                        0.5 - (pelvis_x * pelvis_x + pelvis_z * pelvis_z)
                    ))
            ELSE degrees(atan2(
                pelvis_x * pelvis_y - pelvis_w * pelvis_z,
                0.5 - (pelvis_x * pelvis_x + pelvis_z * pelvis_z)
            ))
        END AS pelvis_tilt,
        CASE
            WHEN abs(pelvis_sine) < 1 THEN degrees(asin(pelvis_sine))
            ELSE 90 * sign(pelvis_sine)
        END AS pelvis_obliquity,
        CASE
            WHEN getvariable('pelvis_order') = 'baker'
                THEN
                    degrees(atan2(
                        pelvis_x * pelvis_z + pelvis_w * pelvis_y,
                        0.5 - (pelvis_x * pelvis_x + pelvis_y * pelvis_y)
                    ))
            ELSE degrees(atan2(
                pelvis_w * pelvis_y - pelvis_x * pelvis_z,
                0.5 - (pelvis_x * pelvis_x + pelvis_y * pelvis_y)
            ))
        END AS pelvis_rotation,
        CASE
            WHEN getvariable('pelvis_order') = 'baker'
                THEN
                    degrees(atan2(
                        -(trunk_x * trunk_y + trunk_w * trunk_z),
                        0.5 - (trunk_x * trunk_x + trunk_z * trunk_z)
                    ))
            ELSE degrees(atan2(
                trunk_x * trunk_y - trunk_w * trunk_z,
                0.5 - (trunk_x * trunk_x + trunk_z * trunk_z)
            ))
        END AS trunk_tilt,
        CASE
            WHEN abs(trunk_sine) < 1 THEN degrees(asin(trunk_sine))
            ELSE 90 * sign(trunk_sine)
        END AS trunk_obliquity,
        CASE
            WHEN getvariable('pelvis_order') = 'baker'
                THEN
                    degrees(atan2(
                        trunk_x * trunk_z + trunk_w * trunk_y,
                        0.5 - (trunk_x * trunk_x + trunk_y * trunk_y)
                    ))
            ELSE degrees(atan2(
                trunk_w * trunk_y - trunk_x * trunk_z,
                0.5 - (trunk_x * trunk_x + trunk_y * trunk_y)
            ))
        END AS trunk_rotation,
        degrees(atan2(
            spine_x * spine_y - spine_w * spine_z,
            0.5 - (spine_x * spine_x + spine_z * spine_z)
        )) AS spine_tilt,
        CASE
            WHEN abs(spine_sine) < 1 THEN degrees(asin(spine_sine))
            ELSE 90 * sign(spine_sine)
        END AS spine_obliquity,
        degrees(atan2(
            spine_w * spine_y - spine_x * spine_z,
            0.5 - (spine_x * spine_x + spine_y * spine_y)
        )) AS spine_rotation,
        degrees(atan2(
            left_hip_w * left_hip_z - left_hip_x * left_hip_y,
            0.5 - (left_hip_x * left_hip_x + left_hip_z * left_hip_z)
        )) AS left_hip_flexion,
        CASE
            WHEN abs(left_hip_sine) < 1 THEN degrees(asin(left_hip_sine))
            ELSE 90 * sign(left_hip_sine)
        END AS left_hip_adduction,
        CASE WHEN is_left_thigh THEN degrees(atan2(
            left_hip_x * left_hip_z - left_hip_w * left_hip_y,
            0.5 - (left_hip_x * left_hip_x + left_hip_y * left_hip_y)
        )) END AS left_hip_rotation,
        90 + degrees(atan2(
            left_knee_x * left_knee_x + left_knee_z * left_knee_z - 0.5,
            left_knee_x * left_knee_y - left_knee_w * left_knee_z
        )) AS left_knee_flexion_deg,
        CASE
            WHEN NOT is_left_thigh OR getvariable('angle_source') = 'body' THEN NULL
            WHEN abs(left_knee_sine) < 1 THEN degrees(asin(left_knee_sine))
            ELSE 90 * sign(left_knee_sine)
        END AS left_knee_adduction_deg,
        CASE WHEN is_left_thigh AND is_left_shank AND coalesce(getvariable('angle_source'), '') <> 'body' THEN degrees(atan2(
            left_knee_x * left_knee_z - left_knee_w * left_knee_y,
            0.5 - (left_knee_x * left_knee_x + left_knee_y * left_knee_y)
        )) - left_tibial_torsion END AS left_knee_rotation_deg,
        degrees(atan2(
            left_ankle_x * left_ankle_y + left_ankle_w * left_ankle_z,
            0.5 - (left_ankle_y * left_ankle_y + left_ankle_z * left_ankle_z)
        )) AS left_ankle_dorsiflexion_deg,
        CASE WHEN is_left_shank AND is_left_foot THEN degrees(atan2(
            -(left_ankle_y * left_ankle_z + left_ankle_w * left_ankle_x),
            0.5 - (left_ankle_x * left_ankle_x + left_ankle_y * left_ankle_y)
        )) END AS left_ankle_inversion_deg,
        CASE
            WHEN abs(left_step_sine) < 1 THEN degrees(asin(left_step_sine))
            ELSE 90 * sign(left_step_sine)
        END AS left_foot_progression_deg,
        90 + degrees(atan2(
            left_shoulder_x * left_shoulder_x + left_shoulder_z * left_shoulder_z - 0.5,
            left_shoulder_w * left_shoulder_z - left_shoulder_x * left_shoulder_y
        )) AS left_shoulder_flexion_deg,
        CASE
            WHEN abs(left_shoulder_sine) < 1 THEN degrees(asin(left_shoulder_sine))
            ELSE 90 * sign(left_shoulder_sine)
        END AS left_shoulder_adduction_deg,
        90 + degrees(atan2(
            left_elbow_x * left_elbow_x + left_elbow_z * left_elbow_z - 0.5,
            left_elbow_w * left_elbow_z - left_elbow_x * left_elbow_y
        )) AS left_elbow_flexion_deg,
        degrees(atan2(
            right_hip_w * right_hip_z - right_hip_x * right_hip_y,
            0.5 - (right_hip_x * right_hip_x + right_hip_z * right_hip_z)
        )) AS right_hip_flexion,
        CASE
            WHEN abs(right_hip_sine) < 1 THEN degrees(asin(right_hip_sine))
            ELSE 90 * sign(right_hip_sine)
        END AS right_hip_adduction,
        CASE WHEN is_right_thigh THEN degrees(atan2(
            right_hip_w * right_hip_y - right_hip_x * right_hip_z,
            0.5 - (right_hip_x * right_hip_x + right_hip_y * right_hip_y)
        )) END AS right_hip_rotation,
        90 + degrees(atan2(
            right_knee_x * right_knee_x + right_knee_z * right_knee_z - 0.5,
            right_knee_x * right_knee_y - right_knee_w * right_knee_z
        )) AS right_knee_flexion_deg,
        CASE
            WHEN NOT is_right_thigh OR getvariable('angle_source') = 'body' THEN NULL
            WHEN abs(right_knee_sine) < 1 THEN degrees(asin(right_knee_sine))
            ELSE 90 * sign(right_knee_sine)
        END AS right_knee_adduction_deg,
        CASE WHEN is_right_thigh AND is_right_shank AND coalesce(getvariable('angle_source'), '') <> 'body' THEN degrees(atan2(
            right_knee_w * right_knee_y - right_knee_x * right_knee_z,
            0.5 - (right_knee_x * right_knee_x + right_knee_y * right_knee_y)
        )) - right_tibial_torsion END AS right_knee_rotation_deg,
        degrees(atan2(
            right_ankle_x * right_ankle_y + right_ankle_w * right_ankle_z,
            0.5 - (right_ankle_y * right_ankle_y + right_ankle_z * right_ankle_z)
        )) AS right_ankle_dorsiflexion_deg,
        CASE WHEN is_right_shank AND is_right_foot THEN degrees(atan2(
            right_ankle_y * right_ankle_z + right_ankle_w * right_ankle_x,
            0.5 - (right_ankle_x * right_ankle_x + right_ankle_y * right_ankle_y)
        )) END AS right_ankle_inversion_deg,
        CASE
            WHEN abs(right_step_sine) < 1 THEN degrees(asin(right_step_sine))
            ELSE 90 * sign(right_step_sine)
        END AS right_foot_progression_deg,
        90 + degrees(atan2(
            right_shoulder_x * right_shoulder_x + right_shoulder_z * right_shoulder_z - 0.5,
            right_shoulder_w * right_shoulder_z - right_shoulder_x * right_shoulder_y
        )) AS right_shoulder_flexion_deg,
        CASE
            WHEN abs(right_shoulder_sine) < 1 THEN degrees(asin(right_shoulder_sine))
            ELSE 90 * sign(right_shoulder_sine)
        END AS right_shoulder_adduction_deg,
        90 + degrees(atan2(
            right_elbow_x * right_elbow_x + right_elbow_z * right_elbow_z - 0.5,
            right_elbow_w * right_elbow_z - right_elbow_x * right_elbow_y
        )) AS right_elbow_flexion_deg
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
    CASE WHEN is_anatomical THEN left_hip_flexion END AS left_hip_flexion_deg,
    CASE WHEN is_anatomical THEN left_hip_adduction END AS left_hip_adduction_deg,
    CASE WHEN is_anatomical THEN left_hip_rotation END AS left_hip_rotation_deg,
    left_knee_flexion_deg,
    left_knee_adduction_deg,
    left_knee_rotation_deg,
    left_ankle_dorsiflexion_deg,
    left_ankle_inversion_deg,
    left_foot_progression_deg,
    CASE WHEN is_anatomical THEN -pelvis_obliquity END AS left_pelvis_obliquity_deg,
    CASE WHEN is_anatomical THEN -pelvis_rotation END AS left_pelvis_rotation_deg,
    -trunk_obliquity AS left_trunk_obliquity_deg,
    -trunk_rotation AS left_trunk_rotation_deg,
    CASE WHEN is_anatomical THEN spine_obliquity END AS left_trunk_pelvis_obliquity_deg,
    CASE WHEN is_anatomical THEN spine_rotation END AS left_trunk_pelvis_rotation_deg,
    left_shoulder_flexion_deg,
    left_shoulder_adduction_deg,
    left_elbow_flexion_deg,
    CASE WHEN is_anatomical THEN right_hip_flexion END AS right_hip_flexion_deg,
    CASE WHEN is_anatomical THEN right_hip_adduction END AS right_hip_adduction_deg,
    CASE WHEN is_anatomical THEN right_hip_rotation END AS right_hip_rotation_deg,
    right_knee_flexion_deg,
    right_knee_adduction_deg,
    right_knee_rotation_deg,
    right_ankle_dorsiflexion_deg,
    right_ankle_inversion_deg,
    right_foot_progression_deg,
    CASE WHEN is_anatomical THEN pelvis_obliquity END AS right_pelvis_obliquity_deg,
    CASE WHEN is_anatomical THEN pelvis_rotation END AS right_pelvis_rotation_deg,
    trunk_obliquity AS right_trunk_obliquity_deg,
    trunk_rotation AS right_trunk_rotation_deg,
    CASE WHEN is_anatomical THEN -spine_obliquity END AS right_trunk_pelvis_obliquity_deg,
    CASE WHEN is_anatomical THEN -spine_rotation END AS right_trunk_pelvis_rotation_deg,
    right_shoulder_flexion_deg,
    right_shoulder_adduction_deg,
    right_elbow_flexion_deg,
    CASE WHEN NOT is_anatomical AND NOT is_hip_line THEN pelvis_tilt END AS pelvis_tilt_rel_deg,
    CASE WHEN NOT is_anatomical AND NOT is_hip_line THEN -spine_tilt END AS trunk_pelvis_tilt_rel_deg,
    CASE
        WHEN NOT is_anatomical THEN left_hip_flexion - coalesce(left_hip_flexion_neutral, 0)
    END AS left_hip_flexion_rel_deg,
    CASE
        WHEN NOT is_anatomical THEN left_hip_adduction - coalesce(left_hip_adduction_neutral, 0)
    END AS left_hip_adduction_rel_deg,
    CASE
        WHEN NOT is_anatomical THEN left_hip_rotation - coalesce(left_hip_rotation_neutral, 0)
    END AS left_hip_rotation_rel_deg,
    CASE WHEN NOT is_anatomical THEN -pelvis_obliquity END AS left_pelvis_obliquity_rel_deg,
    CASE WHEN NOT is_anatomical THEN -pelvis_rotation END AS left_pelvis_rotation_rel_deg,
    CASE WHEN NOT is_anatomical THEN spine_obliquity END AS left_trunk_pelvis_obliquity_rel_deg,
    CASE WHEN NOT is_anatomical THEN spine_rotation END AS left_trunk_pelvis_rotation_rel_deg,
    CASE
        WHEN NOT is_anatomical THEN right_hip_flexion - coalesce(right_hip_flexion_neutral, 0)
    END AS right_hip_flexion_rel_deg,
    CASE
        WHEN NOT is_anatomical THEN right_hip_adduction - coalesce(right_hip_adduction_neutral, 0)
    END AS right_hip_adduction_rel_deg,
    CASE
        WHEN NOT is_anatomical THEN right_hip_rotation - coalesce(right_hip_rotation_neutral, 0)
    END AS right_hip_rotation_rel_deg,
    CASE WHEN NOT is_anatomical THEN pelvis_obliquity END AS right_pelvis_obliquity_rel_deg,
    CASE WHEN NOT is_anatomical THEN pelvis_rotation END AS right_pelvis_rotation_rel_deg,
    CASE WHEN NOT is_anatomical THEN -spine_obliquity END AS right_trunk_pelvis_obliquity_rel_deg,
    CASE WHEN NOT is_anatomical THEN -spine_rotation END AS right_trunk_pelvis_rotation_rel_deg
FROM angles
