-- One row: a trial, with the shares of frames in which values are outside the human range.
-- Inputs: joint_angles, landmarks, trials (person 0). Percent of the frames that have the angle or the points.
-- Limits: knee rotation beyond 60 degrees; knee adduction beyond 30; knee hyperextension over 15, elbow over 10; an
-- ankle angle beyond 60 in either direction; a hip beyond 75 of extension or 150 of flexion; shoulders that face the
-- other way than the hips; right knee and ankle to the left of the left ones (legs crossed, or names exchanged); a
-- pelvis whose front is behind it while the toes point forward (ASIS and PSIS exchanged); toes and the front of the
-- pelvis that show left and right exchanged; a pelvis faster than 13 m/s (the fastest sprinters reach 12.4).
-- height_mm is the median distance between head and ankles (without a head: leg length divided by 0.49, the ratio of
-- hip height to stature, Drillis & Contini 1966); height_of_leg_mm is the longer leg divided by it.
-- stance_difference_deg is the largest difference between left and right hip, knee or ankle in a static trial.
-- knee_crosstalk_r2: correlation of knee adduction with flexion, if adduction ranges over 10 degrees (Baker et al.
-- 1999, doi 10.1016/S0167-9457(99)00027-5). knee_axis_turned_deg: arc tangent of the slope of adduction over flexion
-- where that r2 is above 0.5. knee_rotation_difference_deg and hip_rotation_difference_deg: mean rotation of the left
-- joint less that of the right one, without its sign.
WITH angles AS (
    SELECT
        subject,
        session,
        trial,
        100.0 * greatest(
            count(*) FILTER (abs(left_knee_rotation_deg) > 60) / nullif(count(left_knee_rotation_deg), 0),
            count(*) FILTER (abs(right_knee_rotation_deg) > 60) / nullif(count(right_knee_rotation_deg), 0)
        ) AS knee_rotation_out_pct,
        100.0 * greatest(
            count(*) FILTER (abs(left_knee_adduction_deg) > 30) / nullif(count(left_knee_adduction_deg), 0),
            count(*) FILTER (abs(right_knee_adduction_deg) > 30) / nullif(count(right_knee_adduction_deg), 0)
        ) AS knee_adduction_out_pct,
        100.0 * greatest(
            count(*) FILTER (left_knee_flexion_deg < -_most_recurvatum_deg()) / nullif(count(left_knee_flexion_deg), 0),
            count(*) FILTER (right_knee_flexion_deg < -_most_recurvatum_deg())
            / nullif(count(right_knee_flexion_deg), 0)
        ) AS knee_backwards_pct,
        100.0 * greatest(
            count(*) FILTER (left_elbow_flexion_deg < -10) / nullif(count(left_elbow_flexion_deg), 0),
            count(*) FILTER (right_elbow_flexion_deg < -10) / nullif(count(right_elbow_flexion_deg), 0)
        ) AS elbow_backwards_pct,
        100.0 * greatest(
            count(*) FILTER (abs(left_ankle_dorsiflexion_deg) > 60) / nullif(count(left_ankle_dorsiflexion_deg), 0),
            count(*) FILTER (abs(right_ankle_dorsiflexion_deg) > 60) / nullif(count(right_ankle_dorsiflexion_deg), 0)
        ) AS ankle_out_pct,
        100.0 * greatest(
            count(*) FILTER (left_hip_flexion_deg NOT BETWEEN -75 AND 150) / nullif(count(left_hip_flexion_deg), 0),
            count(*) FILTER (right_hip_flexion_deg NOT BETWEEN -75 AND 150) / nullif(count(right_hip_flexion_deg), 0)
        ) AS hip_out_pct,
        greatest(
            abs(avg(left_knee_flexion_deg) - avg(right_knee_flexion_deg)),
            abs(avg(left_hip_flexion_deg) - avg(right_hip_flexion_deg)),
            abs(avg(left_ankle_dorsiflexion_deg) - avg(right_ankle_dorsiflexion_deg))
        ) AS legs_difference_deg,
        greatest(
            CASE
                WHEN max(left_knee_adduction_deg) - min(left_knee_adduction_deg) > 10
                    THEN corr(left_knee_adduction_deg, left_knee_flexion_deg) ^ 2
            END,
            CASE
                WHEN max(right_knee_adduction_deg) - min(right_knee_adduction_deg) > 10
                    THEN corr(right_knee_adduction_deg, right_knee_flexion_deg) ^ 2
            END
        ) AS knee_crosstalk_r2,
        degrees(atan(greatest(
            CASE
                WHEN
                    max(left_knee_adduction_deg) - min(left_knee_adduction_deg) > 10
                    AND corr(left_knee_adduction_deg, left_knee_flexion_deg) ^ 2 > 0.5
                    THEN abs(regr_slope(left_knee_adduction_deg, left_knee_flexion_deg))
            END,
            CASE
                WHEN
                    max(right_knee_adduction_deg) - min(right_knee_adduction_deg) > 10
                    AND corr(right_knee_adduction_deg, right_knee_flexion_deg) ^ 2 > 0.5
                    THEN abs(regr_slope(right_knee_adduction_deg, right_knee_flexion_deg))
            END
        ))) AS knee_axis_turned_deg,
        abs(avg(left_knee_rotation_deg) - avg(right_knee_rotation_deg)) AS knee_rotation_difference_deg,
        abs(avg(left_hip_rotation_deg) - avg(right_hip_rotation_deg)) AS hip_rotation_difference_deg
    FROM joint_angles
    WHERE person = 0
    GROUP BY subject, session, trial
),

marks AS (
    SELECT
        subject,
        session,
        trial,
        time_s,
        pelvis,
        left_hip,
        right_hip,
        (right_hip.x - left_hip.x) * (right_shoulder.x - left_shoulder.x)
        + (right_hip.y - left_hip.y) * (right_shoulder.y - left_shoulder.y)
        + (right_hip.z - left_hip.z) * (right_shoulder.z - left_shoulder.z) AS shoulders_along_hips,
        (right_hip.x - left_hip.x) * ((right_knee.x - left_knee.x) + (right_ankle.x - left_ankle.x))
        + (right_hip.y - left_hip.y) * ((right_knee.y - left_knee.y) + (right_ankle.y - left_ankle.y))
        + (right_hip.z - left_hip.z) * ((right_knee.z - left_knee.z) + (right_ankle.z - left_ankle.z))
            AS legs_along_hips,
        sqrt((right_hip.x - left_hip.x) ^ 2 + (right_hip.y - left_hip.y) ^ 2 + (right_hip.z - left_hip.z) ^ 2)
            AS hips_apart,
        -- Forward x up = right: negative if the body is mirrored.
        -- Without heels the toes are ahead of the ankles.
        (right_hip.x - left_hip.x) * -(
            (left_toe.z - coalesce(left_heel.z, left_ankle.z)) + (right_toe.z - coalesce(right_heel.z, right_ankle.z))
        )
        + (right_hip.z - left_hip.z) * (
            (left_toe.x - coalesce(left_heel.x, left_ankle.x)) + (right_toe.x - coalesce(right_heel.x, right_ankle.x))
        ) AS toes_ahead,
        (right_hip.x - left_hip.x) * -((left_asis.z + right_asis.z) / 2 - sacrum.z)
        + (right_hip.z - left_hip.z) * ((left_asis.x + right_asis.x) / 2 - sacrum.x) AS pelvis_ahead,
        coalesce(head, neck, thorax) AS high,
        left_ankle,
        right_ankle,
        sqrt((left_hip.x - left_knee.x) ^ 2 + (left_hip.y - left_knee.y) ^ 2 + (left_hip.z - left_knee.z) ^ 2)
        + sqrt((left_knee.x - left_ankle.x) ^ 2 + (left_knee.y - left_ankle.y) ^ 2 + (left_knee.z - left_ankle.z) ^ 2)
            AS left_leg,
        sqrt((right_hip.x - right_knee.x) ^ 2 + (right_hip.y - right_knee.y) ^ 2 + (right_hip.z - right_knee.z) ^ 2)
        + sqrt(
            (right_knee.x - right_ankle.x) ^ 2 + (right_knee.y - right_ankle.y) ^ 2 + (right_knee.z - right_ankle.z) ^ 2
        )
            AS right_leg,
        lag(pelvis) OVER frames_ AS last_pelvis,
        time_s - lag(time_s) OVER frames_ AS step_s
    FROM landmarks
    WHERE person = 0
    WINDOW frames_ AS (PARTITION BY subject, session, trial ORDER BY time_s)
),

moving AS (
    SELECT
        *,
        sqrt((pelvis.x - last_pelvis.x) ^ 2 + (pelvis.y - last_pelvis.y) ^ 2 + (pelvis.z - last_pelvis.z) ^ 2)
        / nullif(1000 * step_s, 0) AS speed_m_s
    FROM marks
),

bodies AS (
    SELECT
        subject,
        session,
        trial,
        100.0 * count(*) FILTER (shoulders_along_hips < 0) / nullif(count(shoulders_along_hips), 0) AS crossed_pct,
        100.0 * count(*) FILTER (toes_ahead < 0 AND coalesce(pelvis_ahead < 0, true)) / nullif(count(toes_ahead), 0)
            AS mirrored_pct,
        100.0 * count(*) FILTER (legs_along_hips < 0) / nullif(count(legs_along_hips), 0) AS legs_crossed_pct,
        -- 20 mm behind: a pelvis that lies has its front above it, and neither before nor behind
        100.0 * count(*) FILTER (toes_ahead > 0 AND pelvis_ahead < -20 * hips_apart) / nullif(count(pelvis_ahead), 0)
            AS pelvis_reversed_pct,
        median(hips_apart) AS hips_apart_mm,
        100.0 * count(*) FILTER (speed_m_s > 13) / nullif(count(speed_m_s), 0) AS too_fast_pct,
        coalesce(
            median(sqrt(
                (high.x - (left_ankle.x + right_ankle.x) / 2) ^ 2
                + (high.y - (left_ankle.y + right_ankle.y) / 2) ^ 2
                + (high.z - (left_ankle.z + right_ankle.z) / 2) ^ 2
            )),
            median(left_leg) / 0.49
        ) AS height_mm,
        greatest(median(left_leg), median(right_leg)) / 0.49 AS height_of_leg_mm
    FROM moving
    GROUP BY subject, session, trial
)

SELECT
    trials.subject,
    trials.session,
    trials.trial,
    angles.knee_rotation_out_pct,
    angles.knee_adduction_out_pct,
    angles.knee_backwards_pct,
    angles.elbow_backwards_pct,
    angles.ankle_out_pct,
    angles.hip_out_pct,
    CASE WHEN trials.kind = 'static' THEN angles.legs_difference_deg END AS stance_difference_deg,
    angles.knee_crosstalk_r2,
    angles.knee_axis_turned_deg,
    angles.knee_rotation_difference_deg,
    angles.hip_rotation_difference_deg,
    bodies.crossed_pct,
    bodies.mirrored_pct,
    bodies.legs_crossed_pct,
    bodies.pelvis_reversed_pct,
    bodies.hips_apart_mm,
    CASE WHEN trials.position_basis <> 'root_relative' THEN bodies.too_fast_pct END AS too_fast_pct,
    bodies.height_mm,
    bodies.height_of_leg_mm
FROM trials
LEFT JOIN angles USING (subject, session, trial)
LEFT JOIN bodies USING (subject, session, trial)
