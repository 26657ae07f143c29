-- One row: a gait cycle at a percent of its duration: what cycle_curves shows.
-- Arguments: cycles. Inputs: the name of a relation like gait_cycles; joint_angles. Degrees, linear between frames.
-- A macro, so that a view that needs the cycles too computes them once.
WITH frames AS (
    SELECT
        subject,
        session,
        trial,
        person,
        time_s AS frame_s,
        lead(time_s) OVER frames_ AS next_s,
        pelvis_tilt_deg,
        trunk_tilt_deg,
        trunk_pelvis_tilt_deg,
        left_hip_flexion_deg,
        left_hip_adduction_deg,
        left_hip_rotation_deg,
        left_knee_flexion_deg,
        left_knee_adduction_deg,
        left_knee_rotation_deg,
        left_ankle_dorsiflexion_deg,
        left_ankle_inversion_deg,
        left_foot_progression_deg,
        left_pelvis_obliquity_deg,
        left_pelvis_rotation_deg,
        left_trunk_obliquity_deg,
        left_trunk_rotation_deg,
        left_trunk_pelvis_obliquity_deg,
        left_trunk_pelvis_rotation_deg,
        left_shoulder_flexion_deg,
        left_shoulder_adduction_deg,
        left_elbow_flexion_deg,
        right_hip_flexion_deg,
        right_hip_adduction_deg,
        right_hip_rotation_deg,
        right_knee_flexion_deg,
        right_knee_adduction_deg,
        right_knee_rotation_deg,
        right_ankle_dorsiflexion_deg,
        right_ankle_inversion_deg,
        right_foot_progression_deg,
        right_pelvis_obliquity_deg,
        right_pelvis_rotation_deg,
        right_trunk_obliquity_deg,
        right_trunk_rotation_deg,
        right_trunk_pelvis_obliquity_deg,
        right_trunk_pelvis_rotation_deg,
        right_shoulder_flexion_deg,
        right_shoulder_adduction_deg,
        right_elbow_flexion_deg,
        pelvis_tilt_rel_deg,
        trunk_pelvis_tilt_rel_deg,
        left_hip_flexion_rel_deg,
        left_hip_adduction_rel_deg,
        left_hip_rotation_rel_deg,
        left_pelvis_obliquity_rel_deg,
        left_pelvis_rotation_rel_deg,
        left_trunk_pelvis_obliquity_rel_deg,
        left_trunk_pelvis_rotation_rel_deg,
        right_hip_flexion_rel_deg,
        right_hip_adduction_rel_deg,
        right_hip_rotation_rel_deg,
        right_pelvis_obliquity_rel_deg,
        right_pelvis_rotation_rel_deg,
        right_trunk_pelvis_obliquity_rel_deg,
        right_trunk_pelvis_rotation_rel_deg,
        lead(pelvis_tilt_deg) OVER frames_ AS next_pelvis_tilt_deg,
        lead(trunk_tilt_deg) OVER frames_ AS next_trunk_tilt_deg,
        lead(trunk_pelvis_tilt_deg) OVER frames_ AS next_trunk_pelvis_tilt_deg,
        lead(left_hip_flexion_deg) OVER frames_ AS next_left_hip_flexion_deg,
        lead(left_hip_adduction_deg) OVER frames_ AS next_left_hip_adduction_deg,
        lead(left_hip_rotation_deg) OVER frames_ AS next_left_hip_rotation_deg,
        lead(left_knee_flexion_deg) OVER frames_ AS next_left_knee_flexion_deg,
        lead(left_knee_adduction_deg) OVER frames_ AS next_left_knee_adduction_deg,
        lead(left_knee_rotation_deg) OVER frames_ AS next_left_knee_rotation_deg,
        lead(left_ankle_dorsiflexion_deg) OVER frames_ AS next_left_ankle_dorsiflexion_deg,
        lead(left_ankle_inversion_deg) OVER frames_ AS next_left_ankle_inversion_deg,
        lead(left_foot_progression_deg) OVER frames_ AS next_left_foot_progression_deg,
        lead(left_pelvis_obliquity_deg) OVER frames_ AS next_left_pelvis_obliquity_deg,
        lead(left_pelvis_rotation_deg) OVER frames_ AS next_left_pelvis_rotation_deg,
        lead(left_trunk_obliquity_deg) OVER frames_ AS next_left_trunk_obliquity_deg,
        lead(left_trunk_rotation_deg) OVER frames_ AS next_left_trunk_rotation_deg,
        lead(left_trunk_pelvis_obliquity_deg) OVER frames_ AS next_left_trunk_pelvis_obliquity_deg,
        lead(left_trunk_pelvis_rotation_deg) OVER frames_ AS next_left_trunk_pelvis_rotation_deg,
        lead(left_shoulder_flexion_deg) OVER frames_ AS next_left_shoulder_flexion_deg,
        lead(left_shoulder_adduction_deg) OVER frames_ AS next_left_shoulder_adduction_deg,
        lead(left_elbow_flexion_deg) OVER frames_ AS next_left_elbow_flexion_deg,
        lead(right_hip_flexion_deg) OVER frames_ AS next_right_hip_flexion_deg,
        lead(right_hip_adduction_deg) OVER frames_ AS next_right_hip_adduction_deg,
        lead(right_hip_rotation_deg) OVER frames_ AS next_right_hip_rotation_deg,
        lead(right_knee_flexion_deg) OVER frames_ AS next_right_knee_flexion_deg,
        lead(right_knee_adduction_deg) OVER frames_ AS next_right_knee_adduction_deg,
        lead(right_knee_rotation_deg) OVER frames_ AS next_right_knee_rotation_deg,
        lead(right_ankle_dorsiflexion_deg) OVER frames_ AS next_right_ankle_dorsiflexion_deg,
        lead(right_ankle_inversion_deg) OVER frames_ AS next_right_ankle_inversion_deg,
        lead(right_foot_progression_deg) OVER frames_ AS next_right_foot_progression_deg,
        lead(right_pelvis_obliquity_deg) OVER frames_ AS next_right_pelvis_obliquity_deg,
        lead(right_pelvis_rotation_deg) OVER frames_ AS next_right_pelvis_rotation_deg,
        lead(right_trunk_obliquity_deg) OVER frames_ AS next_right_trunk_obliquity_deg,
        lead(right_trunk_rotation_deg) OVER frames_ AS next_right_trunk_rotation_deg,
        lead(right_trunk_pelvis_obliquity_deg) OVER frames_ AS next_right_trunk_pelvis_obliquity_deg,
        lead(right_trunk_pelvis_rotation_deg) OVER frames_ AS next_right_trunk_pelvis_rotation_deg,
        lead(right_shoulder_flexion_deg) OVER frames_ AS next_right_shoulder_flexion_deg,
        lead(right_shoulder_adduction_deg) OVER frames_ AS next_right_shoulder_adduction_deg,
        lead(right_elbow_flexion_deg) OVER frames_ AS next_right_elbow_flexion_deg,
        lead(pelvis_tilt_rel_deg) OVER frames_ AS next_pelvis_tilt_rel_deg,
        lead(trunk_pelvis_tilt_rel_deg) OVER frames_ AS next_trunk_pelvis_tilt_rel_deg,
        lead(left_hip_flexion_rel_deg) OVER frames_ AS next_left_hip_flexion_rel_deg,
        lead(left_hip_adduction_rel_deg) OVER frames_ AS next_left_hip_adduction_rel_deg,
        lead(left_hip_rotation_rel_deg) OVER frames_ AS next_left_hip_rotation_rel_deg,
        lead(left_pelvis_obliquity_rel_deg) OVER frames_ AS next_left_pelvis_obliquity_rel_deg,
        lead(left_pelvis_rotation_rel_deg) OVER frames_ AS next_left_pelvis_rotation_rel_deg,
        lead(left_trunk_pelvis_obliquity_rel_deg) OVER frames_ AS next_left_trunk_pelvis_obliquity_rel_deg,
        lead(left_trunk_pelvis_rotation_rel_deg) OVER frames_ AS next_left_trunk_pelvis_rotation_rel_deg,
        lead(right_hip_flexion_rel_deg) OVER frames_ AS next_right_hip_flexion_rel_deg,
        lead(right_hip_adduction_rel_deg) OVER frames_ AS next_right_hip_adduction_rel_deg,
        lead(right_hip_rotation_rel_deg) OVER frames_ AS next_right_hip_rotation_rel_deg,
        lead(right_pelvis_obliquity_rel_deg) OVER frames_ AS next_right_pelvis_obliquity_rel_deg,
        lead(right_pelvis_rotation_rel_deg) OVER frames_ AS next_right_pelvis_rotation_rel_deg,
        lead(right_trunk_pelvis_obliquity_rel_deg) OVER frames_ AS next_right_trunk_pelvis_obliquity_rel_deg,
        lead(right_trunk_pelvis_rotation_rel_deg) OVER frames_ AS next_right_trunk_pelvis_rotation_rel_deg
    FROM joint_angles
    WINDOW frames_ AS (PARTITION BY subject, session, trial, person ORDER BY time_s)
),

-- A join with a hundred and one rows, not unnest(): DuckDB takes unnest() to make no rows, thinks that few cycles are
-- few points, and then compares each point with each frame.
points AS (
    SELECT
        strides.subject,
        strides.session,
        strides.trial,
        strides.person,
        strides.cycle,
        strides.side,
        strides.is_steady,
        strides.start_s,
        strides.end_s,
        percents.percent::INTEGER AS percent
    FROM query_table(cycles) AS strides
    CROSS JOIN range(101) AS percents (percent)
),

timed AS (
    SELECT
        *,
        start_s + (end_s - start_s) * percent / 100.0 AS time_s
    FROM points
),

placed AS (
    SELECT
        timed.*,
        frames.* EXCLUDE (subject, session, trial, person),
        CASE
            WHEN frames.next_s - frames.frame_s <= 0.1
                THEN (timed.time_s - frames.frame_s) / (frames.next_s - frames.frame_s)
        END
            AS share
    FROM timed
    ASOF LEFT JOIN frames
        ON
            timed.subject = frames.subject
            AND timed.session = frames.session
            AND timed.trial = frames.trial
            AND timed.person = frames.person
            AND timed.time_s >= frames.frame_s
)

SELECT
    subject,
    session,
    trial,
    person,
    cycle,
    side,
    percent,
    is_steady,
    pelvis_tilt_deg + share * (next_pelvis_tilt_deg - pelvis_tilt_deg) AS pelvis_tilt_deg,
    trunk_tilt_deg + share * (next_trunk_tilt_deg - trunk_tilt_deg) AS trunk_tilt_deg,
    trunk_pelvis_tilt_deg + share * (next_trunk_pelvis_tilt_deg - trunk_pelvis_tilt_deg) AS trunk_pelvis_tilt_deg,
    left_hip_flexion_deg + share * (next_left_hip_flexion_deg - left_hip_flexion_deg) AS left_hip_flexion_deg,
    left_hip_adduction_deg + share * (next_left_hip_adduction_deg - left_hip_adduction_deg) AS left_hip_adduction_deg,
    left_hip_rotation_deg + share * (next_left_hip_rotation_deg - left_hip_rotation_deg) AS left_hip_rotation_deg,
    left_knee_flexion_deg + share * (next_left_knee_flexion_deg - left_knee_flexion_deg) AS left_knee_flexion_deg,
    left_knee_adduction_deg + share * (next_left_knee_adduction_deg - left_knee_adduction_deg)
        AS left_knee_adduction_deg,
    left_knee_rotation_deg + share * (next_left_knee_rotation_deg - left_knee_rotation_deg) AS left_knee_rotation_deg,
    left_ankle_dorsiflexion_deg + share * (next_left_ankle_dorsiflexion_deg - left_ankle_dorsiflexion_deg)
        AS left_ankle_dorsiflexion_deg,
    left_ankle_inversion_deg + share * (next_left_ankle_inversion_deg - left_ankle_inversion_deg)
        AS left_ankle_inversion_deg,
    left_foot_progression_deg + share * (next_left_foot_progression_deg - left_foot_progression_deg)
        AS left_foot_progression_deg,
    left_pelvis_obliquity_deg + share * (next_left_pelvis_obliquity_deg - left_pelvis_obliquity_deg)
        AS left_pelvis_obliquity_deg,
    left_pelvis_rotation_deg + share * (next_left_pelvis_rotation_deg - left_pelvis_rotation_deg)
        AS left_pelvis_rotation_deg,
    left_trunk_obliquity_deg + share * (next_left_trunk_obliquity_deg - left_trunk_obliquity_deg)
        AS left_trunk_obliquity_deg,
    left_trunk_rotation_deg + share * (next_left_trunk_rotation_deg - left_trunk_rotation_deg)
        AS left_trunk_rotation_deg,
    left_trunk_pelvis_obliquity_deg + share * (next_left_trunk_pelvis_obliquity_deg - left_trunk_pelvis_obliquity_deg)
        AS left_trunk_pelvis_obliquity_deg,
    left_trunk_pelvis_rotation_deg + share * (next_left_trunk_pelvis_rotation_deg - left_trunk_pelvis_rotation_deg)
        AS left_trunk_pelvis_rotation_deg,
    left_shoulder_flexion_deg + share * (next_left_shoulder_flexion_deg - left_shoulder_flexion_deg)
        AS left_shoulder_flexion_deg,
    left_shoulder_adduction_deg + share * (next_left_shoulder_adduction_deg - left_shoulder_adduction_deg)
        AS left_shoulder_adduction_deg,
    left_elbow_flexion_deg + share * (next_left_elbow_flexion_deg - left_elbow_flexion_deg) AS left_elbow_flexion_deg,
    right_hip_flexion_deg + share * (next_right_hip_flexion_deg - right_hip_flexion_deg) AS right_hip_flexion_deg,
    right_hip_adduction_deg + share * (next_right_hip_adduction_deg - right_hip_adduction_deg)
        AS right_hip_adduction_deg,
    right_hip_rotation_deg + share * (next_right_hip_rotation_deg - right_hip_rotation_deg) AS right_hip_rotation_deg,
    right_knee_flexion_deg + share * (next_right_knee_flexion_deg - right_knee_flexion_deg) AS right_knee_flexion_deg,
    right_knee_adduction_deg + share * (next_right_knee_adduction_deg - right_knee_adduction_deg)
        AS right_knee_adduction_deg,
    right_knee_rotation_deg + share * (next_right_knee_rotation_deg - right_knee_rotation_deg)
        AS right_knee_rotation_deg,
    right_ankle_dorsiflexion_deg + share * (next_right_ankle_dorsiflexion_deg - right_ankle_dorsiflexion_deg)
        AS right_ankle_dorsiflexion_deg,
    right_ankle_inversion_deg + share * (next_right_ankle_inversion_deg - right_ankle_inversion_deg)
        AS right_ankle_inversion_deg,
    right_foot_progression_deg + share * (next_right_foot_progression_deg - right_foot_progression_deg)
        AS right_foot_progression_deg,
    right_pelvis_obliquity_deg + share * (next_right_pelvis_obliquity_deg - right_pelvis_obliquity_deg)
        AS right_pelvis_obliquity_deg,
    right_pelvis_rotation_deg + share * (next_right_pelvis_rotation_deg - right_pelvis_rotation_deg)
        AS right_pelvis_rotation_deg,
    right_trunk_obliquity_deg + share * (next_right_trunk_obliquity_deg - right_trunk_obliquity_deg)
        AS right_trunk_obliquity_deg,
    right_trunk_rotation_deg + share * (next_right_trunk_rotation_deg - right_trunk_rotation_deg)
        AS right_trunk_rotation_deg,
    right_trunk_pelvis_obliquity_deg
    + share * (next_right_trunk_pelvis_obliquity_deg - right_trunk_pelvis_obliquity_deg)
        AS right_trunk_pelvis_obliquity_deg,
    right_trunk_pelvis_rotation_deg + share * (next_right_trunk_pelvis_rotation_deg - right_trunk_pelvis_rotation_deg)
        AS right_trunk_pelvis_rotation_deg,
    right_shoulder_flexion_deg + share * (next_right_shoulder_flexion_deg - right_shoulder_flexion_deg)
        AS right_shoulder_flexion_deg,
    right_shoulder_adduction_deg + share * (next_right_shoulder_adduction_deg - right_shoulder_adduction_deg)
        AS right_shoulder_adduction_deg,
    right_elbow_flexion_deg + share * (next_right_elbow_flexion_deg - right_elbow_flexion_deg)
        AS right_elbow_flexion_deg,
    pelvis_tilt_rel_deg + share * (next_pelvis_tilt_rel_deg - pelvis_tilt_rel_deg) AS pelvis_tilt_rel_deg,
    trunk_pelvis_tilt_rel_deg + share * (next_trunk_pelvis_tilt_rel_deg - trunk_pelvis_tilt_rel_deg)
        AS trunk_pelvis_tilt_rel_deg,
    left_hip_flexion_rel_deg + share * (next_left_hip_flexion_rel_deg - left_hip_flexion_rel_deg)
        AS left_hip_flexion_rel_deg,
    left_hip_adduction_rel_deg + share * (next_left_hip_adduction_rel_deg - left_hip_adduction_rel_deg)
        AS left_hip_adduction_rel_deg,
    left_hip_rotation_rel_deg + share * (next_left_hip_rotation_rel_deg - left_hip_rotation_rel_deg)
        AS left_hip_rotation_rel_deg,
    left_pelvis_obliquity_rel_deg + share * (next_left_pelvis_obliquity_rel_deg - left_pelvis_obliquity_rel_deg)
        AS left_pelvis_obliquity_rel_deg,
    left_pelvis_rotation_rel_deg + share * (next_left_pelvis_rotation_rel_deg - left_pelvis_rotation_rel_deg)
        AS left_pelvis_rotation_rel_deg,
    left_trunk_pelvis_obliquity_rel_deg
    + share * (next_left_trunk_pelvis_obliquity_rel_deg - left_trunk_pelvis_obliquity_rel_deg)
        AS left_trunk_pelvis_obliquity_rel_deg,
    left_trunk_pelvis_rotation_rel_deg
    + share * (next_left_trunk_pelvis_rotation_rel_deg - left_trunk_pelvis_rotation_rel_deg)
        AS left_trunk_pelvis_rotation_rel_deg,
    right_hip_flexion_rel_deg + share * (next_right_hip_flexion_rel_deg - right_hip_flexion_rel_deg)
        AS right_hip_flexion_rel_deg,
    right_hip_adduction_rel_deg + share * (next_right_hip_adduction_rel_deg - right_hip_adduction_rel_deg)
        AS right_hip_adduction_rel_deg,
    right_hip_rotation_rel_deg + share * (next_right_hip_rotation_rel_deg - right_hip_rotation_rel_deg)
        AS right_hip_rotation_rel_deg,
    right_pelvis_obliquity_rel_deg + share * (next_right_pelvis_obliquity_rel_deg - right_pelvis_obliquity_rel_deg)
        AS right_pelvis_obliquity_rel_deg,
    right_pelvis_rotation_rel_deg + share * (next_right_pelvis_rotation_rel_deg - right_pelvis_rotation_rel_deg)
        AS right_pelvis_rotation_rel_deg,
    right_trunk_pelvis_obliquity_rel_deg
    + share * (next_right_trunk_pelvis_obliquity_rel_deg - right_trunk_pelvis_obliquity_rel_deg)
        AS right_trunk_pelvis_obliquity_rel_deg,
    right_trunk_pelvis_rotation_rel_deg
    + share * (next_right_trunk_pelvis_rotation_rel_deg - right_trunk_pelvis_rotation_rel_deg)
        AS right_trunk_pelvis_rotation_rel_deg
FROM placed
