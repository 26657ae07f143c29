-- One row: a gait cycle with the angles that are usually reported clinically, for the side of the cycle.
-- Arguments: cycles. The name of a relation like gait_cycles.
-- Inputs: _cycle_curves. Degrees, signs as in joint_angles.
-- The foot off of the cycle separates stance and swing. The range of hip flexion needs no anatomical zero.
WITH own AS (
    SELECT
        subject,
        session,
        trial,
        person,
        cycle,
        side,
        percent,
        CASE side WHEN 'left' THEN left_knee_flexion_deg ELSE right_knee_flexion_deg END AS knee,
        CASE side WHEN 'left' THEN left_hip_flexion_deg ELSE right_hip_flexion_deg END AS hip,
        CASE side WHEN 'left' THEN left_hip_flexion_rel_deg ELSE right_hip_flexion_rel_deg END AS hip_rel,
        CASE side WHEN 'left' THEN left_ankle_dorsiflexion_deg ELSE right_ankle_dorsiflexion_deg END AS ankle,
        CASE side WHEN 'left' THEN left_foot_progression_deg ELSE right_foot_progression_deg END AS progression,
        pelvis_tilt_deg AS tilt
    FROM _cycle_curves(cycles, 1)
),

offs AS (
    SELECT
        subject,
        session,
        trial,
        person,
        cycle,
        side,
        100.0 * (foot_off_s - start_s) / (end_s - start_s) AS off_pct
    FROM query_table(cycles)
)

SELECT
    own.subject,
    own.session,
    own.trial,
    own.person,
    own.cycle,
    own.side,
    max(own.knee) FILTER (own.percent > offs.off_pct) AS peak_swing_knee_flexion_deg,
    max(own.knee) FILTER (own.percent = 0) AS knee_flexion_at_strike_deg,
    min(own.knee) FILTER (own.percent <= offs.off_pct) AS min_stance_knee_flexion_deg,
    max(own.knee) - min(own.knee) AS knee_flexion_range_deg,
    max(own.hip) AS peak_hip_flexion_deg,
    min(own.hip) AS min_hip_flexion_deg,
    coalesce(max(own.hip) - min(own.hip), max(own.hip_rel) - min(own.hip_rel)) AS hip_flexion_range_deg,
    max(own.ankle) FILTER (own.percent = 0) AS dorsiflexion_at_strike_deg,
    max(own.ankle) FILTER (own.percent <= offs.off_pct) AS peak_stance_dorsiflexion_deg,
    max(own.ankle) FILTER (own.percent > offs.off_pct) AS peak_swing_dorsiflexion_deg,
    avg(own.tilt) AS mean_pelvis_tilt_deg,
    avg(own.progression) FILTER (own.percent <= offs.off_pct) AS mean_foot_progression_deg
FROM own
INNER JOIN offs USING (subject, session, trial, person, cycle, side)
GROUP BY own.subject, own.session, own.trial, own.person, own.cycle, own.side
