-- One row: a trial with angles, with the shares of frames in which they are outside the human range. See _trial_flags.
-- Inputs: joint_angles (person 0). Percent of the frames that have the angle.
-- Limits: knee rotation beyond 60 degrees; knee adduction beyond 30; knee hyperextension over 15, elbow over 10; an
-- ankle angle beyond 60 in either direction; a hip beyond 75 of extension or 150 of flexion.
-- legs_difference_deg is the largest difference between left and right hip, knee or ankle, of means over the trial.
-- knee_crosstalk_r2: correlation of knee adduction with flexion, if adduction ranges over 10 degrees (Baker et al.
-- 1999, doi 10.1016/S0167-9457(99)00027-5). knee_axis_turned_deg: arc tangent of the slope of adduction over flexion
-- where that r2 is above 0.5. knee_rotation_difference_deg and hip_rotation_difference_deg: mean rotation of the left
-- joint less that of the right one, without its sign.
SELECT
    subject,
    session,
    trial,
    100.0 * greatest(
        count(*) FILTER (abs(left_knee_rotation_deg) > _most_knee_rotation_deg())
        / nullif(count(left_knee_rotation_deg), 0),
        count(*) FILTER (abs(right_knee_rotation_deg) > _most_knee_rotation_deg())
        / nullif(count(right_knee_rotation_deg), 0)
    ) AS knee_rotation_out_pct,
    100.0 * greatest(
        count(*) FILTER (abs(left_knee_adduction_deg) > _most_knee_adduction_deg())
        / nullif(count(left_knee_adduction_deg), 0),
        count(*) FILTER (abs(right_knee_adduction_deg) > _most_knee_adduction_deg())
        / nullif(count(right_knee_adduction_deg), 0)
    ) AS knee_adduction_out_pct,
    100.0 * greatest(
        count(*) FILTER (left_knee_flexion_deg < -_most_recurvatum_deg()) / nullif(count(left_knee_flexion_deg), 0),
        count(*) FILTER (right_knee_flexion_deg < -_most_recurvatum_deg())
        / nullif(count(right_knee_flexion_deg), 0)
    ) AS knee_backwards_pct,
    100.0 * greatest(
        count(*) FILTER (left_elbow_flexion_deg < -_most_elbow_hyperextension_deg())
        / nullif(count(left_elbow_flexion_deg), 0),
        count(*) FILTER (right_elbow_flexion_deg < -_most_elbow_hyperextension_deg())
        / nullif(count(right_elbow_flexion_deg), 0)
    ) AS elbow_backwards_pct,
    100.0 * greatest(
        count(*) FILTER (abs(left_ankle_dorsiflexion_deg) > _most_dorsiflexion_deg())
        / nullif(count(left_ankle_dorsiflexion_deg), 0),
        count(*) FILTER (abs(right_ankle_dorsiflexion_deg) > _most_dorsiflexion_deg())
        / nullif(count(right_ankle_dorsiflexion_deg), 0)
    ) AS ankle_out_pct,
    100.0 * greatest(
        count(*) FILTER (
            left_hip_flexion_deg NOT BETWEEN -_most_hip_extension_deg() AND _most_hip_flexion_deg()
        )
        / nullif(count(left_hip_flexion_deg), 0),
        count(*) FILTER (
            right_hip_flexion_deg NOT BETWEEN -_most_hip_extension_deg() AND _most_hip_flexion_deg()
        )
        / nullif(count(right_hip_flexion_deg), 0)
    ) AS hip_out_pct,
    greatest(
        abs(avg(left_knee_flexion_deg) - avg(right_knee_flexion_deg)),
        abs(avg(left_hip_flexion_deg) - avg(right_hip_flexion_deg)),
        abs(avg(left_ankle_dorsiflexion_deg) - avg(right_ankle_dorsiflexion_deg))
    ) AS legs_difference_deg,
    greatest(
        CASE
            WHEN max(left_knee_adduction_deg) - min(left_knee_adduction_deg) > _least_crosstalk_range_deg()
                THEN corr(left_knee_adduction_deg, left_knee_flexion_deg) ^ 2
        END,
        CASE
            WHEN max(right_knee_adduction_deg) - min(right_knee_adduction_deg) > _least_crosstalk_range_deg()
                THEN corr(right_knee_adduction_deg, right_knee_flexion_deg) ^ 2
        END
    ) AS knee_crosstalk_r2,
    degrees(atan(greatest(
        CASE
            WHEN
                max(left_knee_adduction_deg) - min(left_knee_adduction_deg) > _least_crosstalk_range_deg()
                AND corr(left_knee_adduction_deg, left_knee_flexion_deg) ^ 2 > _most_crosstalk_r2()
                THEN abs(regr_slope(left_knee_adduction_deg, left_knee_flexion_deg))
        END,
        CASE
            WHEN
                max(right_knee_adduction_deg) - min(right_knee_adduction_deg) > _least_crosstalk_range_deg()
                AND corr(right_knee_adduction_deg, right_knee_flexion_deg) ^ 2 > _most_crosstalk_r2()
                THEN abs(regr_slope(right_knee_adduction_deg, right_knee_flexion_deg))
        END
    ))) AS knee_axis_turned_deg,
    abs(avg(left_knee_rotation_deg) - avg(right_knee_rotation_deg)) AS knee_rotation_difference_deg,
    abs(avg(left_hip_rotation_deg) - avg(right_hip_rotation_deg)) AS hip_rotation_difference_deg
FROM joint_angles
WHERE person = 0
GROUP BY subject, session, trial
