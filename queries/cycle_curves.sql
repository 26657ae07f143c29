-- One row: a gait cycle at a percent of its duration, 0 to 100 (101 points), with every angle of joint_angles.
-- Inputs: gait_cycles, joint_angles. Degrees, linear between frames; NULL where a frame on either side lacks the angle or the
-- frames are over 0.1 s apart. The cycle's side owns its columns: read left angles from left cycles, right from right ones.
WITH frames AS (
    SELECT
        subject,
        session,
        trial,
        person,
        time_s,
        joint_angles AS angle_now,
        lead(time_s) OVER frames_ AS next_s,
        lead(joint_angles) OVER frames_ AS angle_next
    FROM joint_angles
    WINDOW frames_ AS (PARTITION BY subject, session, trial, person ORDER BY time_s)
),

points AS (
    SELECT
        subject,
        session,
        trial,
        person,
        cycle,
        side,
        is_steady,
        start_s,
        end_s,
        unnest(range(101))::INTEGER AS percent
    FROM gait_cycles
),

timed AS (
    SELECT
        * EXCLUDE (start_s, end_s),
        start_s + (end_s - start_s) * percent / 100.0 AS time_s
    FROM points
),

placed AS (
    SELECT
        timed.*,
        frames.angle_now,
        CASE WHEN timed.time_s = frames.time_s THEN frames.angle_now ELSE frames.angle_next END AS angle_next,
        CASE
            WHEN timed.time_s = frames.time_s THEN 0
            WHEN frames.next_s - frames.time_s <= 0.1 THEN (timed.time_s - frames.time_s) / (frames.next_s - frames.time_s)
        END AS share
    FROM timed
    ASOF LEFT JOIN frames
        ON
            timed.subject = frames.subject
            AND timed.session = frames.session
            AND timed.trial = frames.trial
            AND timed.person = frames.person
            AND timed.time_s >= frames.time_s
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
    angle_now.pelvis_tilt_deg + share * (angle_next.pelvis_tilt_deg - angle_now.pelvis_tilt_deg) AS pelvis_tilt_deg,
    angle_now.trunk_tilt_deg + share * (angle_next.trunk_tilt_deg - angle_now.trunk_tilt_deg) AS trunk_tilt_deg,
    angle_now.left_hip_flexion_deg + share * (angle_next.left_hip_flexion_deg - angle_now.left_hip_flexion_deg) AS left_hip_flexion_deg,
    angle_now.left_hip_adduction_deg + share * (angle_next.left_hip_adduction_deg - angle_now.left_hip_adduction_deg) AS left_hip_adduction_deg,
    angle_now.left_hip_rotation_deg + share * (angle_next.left_hip_rotation_deg - angle_now.left_hip_rotation_deg) AS left_hip_rotation_deg,
    angle_now.left_knee_flexion_deg + share * (angle_next.left_knee_flexion_deg - angle_now.left_knee_flexion_deg) AS left_knee_flexion_deg,
    angle_now.left_knee_adduction_deg + share * (angle_next.left_knee_adduction_deg - angle_now.left_knee_adduction_deg) AS left_knee_adduction_deg,
    angle_now.left_knee_rotation_deg + share * (angle_next.left_knee_rotation_deg - angle_now.left_knee_rotation_deg) AS left_knee_rotation_deg,
    angle_now.left_ankle_dorsiflexion_deg + share * (angle_next.left_ankle_dorsiflexion_deg - angle_now.left_ankle_dorsiflexion_deg) AS left_ankle_dorsiflexion_deg,
    angle_now.left_ankle_inversion_deg + share * (angle_next.left_ankle_inversion_deg - angle_now.left_ankle_inversion_deg) AS left_ankle_inversion_deg,
    angle_now.left_foot_progression_deg + share * (angle_next.left_foot_progression_deg - angle_now.left_foot_progression_deg) AS left_foot_progression_deg,
    angle_now.left_pelvis_obliquity_deg + share * (angle_next.left_pelvis_obliquity_deg - angle_now.left_pelvis_obliquity_deg) AS left_pelvis_obliquity_deg,
    angle_now.left_pelvis_rotation_deg + share * (angle_next.left_pelvis_rotation_deg - angle_now.left_pelvis_rotation_deg) AS left_pelvis_rotation_deg,
    angle_now.left_trunk_obliquity_deg + share * (angle_next.left_trunk_obliquity_deg - angle_now.left_trunk_obliquity_deg) AS left_trunk_obliquity_deg,
    angle_now.left_trunk_rotation_deg + share * (angle_next.left_trunk_rotation_deg - angle_now.left_trunk_rotation_deg) AS left_trunk_rotation_deg,
    angle_now.left_shoulder_flexion_deg + share * (angle_next.left_shoulder_flexion_deg - angle_now.left_shoulder_flexion_deg) AS left_shoulder_flexion_deg,
    angle_now.left_shoulder_adduction_deg + share * (angle_next.left_shoulder_adduction_deg - angle_now.left_shoulder_adduction_deg) AS left_shoulder_adduction_deg,
    angle_now.left_elbow_flexion_deg + share * (angle_next.left_elbow_flexion_deg - angle_now.left_elbow_flexion_deg) AS left_elbow_flexion_deg,
    angle_now.right_hip_flexion_deg + share * (angle_next.right_hip_flexion_deg - angle_now.right_hip_flexion_deg) AS right_hip_flexion_deg,
    angle_now.right_hip_adduction_deg + share * (angle_next.right_hip_adduction_deg - angle_now.right_hip_adduction_deg) AS right_hip_adduction_deg,
    angle_now.right_hip_rotation_deg + share * (angle_next.right_hip_rotation_deg - angle_now.right_hip_rotation_deg) AS right_hip_rotation_deg,
    angle_now.right_knee_flexion_deg + share * (angle_next.right_knee_flexion_deg - angle_now.right_knee_flexion_deg) AS right_knee_flexion_deg,
    angle_now.right_knee_adduction_deg + share * (angle_next.right_knee_adduction_deg - angle_now.right_knee_adduction_deg) AS right_knee_adduction_deg,
    angle_now.right_knee_rotation_deg + share * (angle_next.right_knee_rotation_deg - angle_now.right_knee_rotation_deg) AS right_knee_rotation_deg,
    angle_now.right_ankle_dorsiflexion_deg + share * (angle_next.right_ankle_dorsiflexion_deg - angle_now.right_ankle_dorsiflexion_deg) AS right_ankle_dorsiflexion_deg,
    angle_now.right_ankle_inversion_deg + share * (angle_next.right_ankle_inversion_deg - angle_now.right_ankle_inversion_deg) AS right_ankle_inversion_deg,
    angle_now.right_foot_progression_deg + share * (angle_next.right_foot_progression_deg - angle_now.right_foot_progression_deg) AS right_foot_progression_deg,
    angle_now.right_pelvis_obliquity_deg + share * (angle_next.right_pelvis_obliquity_deg - angle_now.right_pelvis_obliquity_deg) AS right_pelvis_obliquity_deg,
    angle_now.right_pelvis_rotation_deg + share * (angle_next.right_pelvis_rotation_deg - angle_now.right_pelvis_rotation_deg) AS right_pelvis_rotation_deg,
    angle_now.right_trunk_obliquity_deg + share * (angle_next.right_trunk_obliquity_deg - angle_now.right_trunk_obliquity_deg) AS right_trunk_obliquity_deg,
    angle_now.right_trunk_rotation_deg + share * (angle_next.right_trunk_rotation_deg - angle_now.right_trunk_rotation_deg) AS right_trunk_rotation_deg,
    angle_now.right_shoulder_flexion_deg + share * (angle_next.right_shoulder_flexion_deg - angle_now.right_shoulder_flexion_deg) AS right_shoulder_flexion_deg,
    angle_now.right_shoulder_adduction_deg + share * (angle_next.right_shoulder_adduction_deg - angle_now.right_shoulder_adduction_deg) AS right_shoulder_adduction_deg,
    angle_now.right_elbow_flexion_deg + share * (angle_next.right_elbow_flexion_deg - angle_now.right_elbow_flexion_deg) AS right_elbow_flexion_deg,
    angle_now.pelvis_tilt_rel_deg + share * (angle_next.pelvis_tilt_rel_deg - angle_now.pelvis_tilt_rel_deg) AS pelvis_tilt_rel_deg,
    angle_now.left_hip_flexion_rel_deg + share * (angle_next.left_hip_flexion_rel_deg - angle_now.left_hip_flexion_rel_deg) AS left_hip_flexion_rel_deg,
    angle_now.left_hip_adduction_rel_deg + share * (angle_next.left_hip_adduction_rel_deg - angle_now.left_hip_adduction_rel_deg) AS left_hip_adduction_rel_deg,
    angle_now.left_hip_rotation_rel_deg + share * (angle_next.left_hip_rotation_rel_deg - angle_now.left_hip_rotation_rel_deg) AS left_hip_rotation_rel_deg,
    angle_now.left_pelvis_obliquity_rel_deg + share * (angle_next.left_pelvis_obliquity_rel_deg - angle_now.left_pelvis_obliquity_rel_deg) AS left_pelvis_obliquity_rel_deg,
    angle_now.left_pelvis_rotation_rel_deg + share * (angle_next.left_pelvis_rotation_rel_deg - angle_now.left_pelvis_rotation_rel_deg) AS left_pelvis_rotation_rel_deg,
    angle_now.right_hip_flexion_rel_deg + share * (angle_next.right_hip_flexion_rel_deg - angle_now.right_hip_flexion_rel_deg) AS right_hip_flexion_rel_deg,
    angle_now.right_hip_adduction_rel_deg + share * (angle_next.right_hip_adduction_rel_deg - angle_now.right_hip_adduction_rel_deg) AS right_hip_adduction_rel_deg,
    angle_now.right_hip_rotation_rel_deg + share * (angle_next.right_hip_rotation_rel_deg - angle_now.right_hip_rotation_rel_deg) AS right_hip_rotation_rel_deg,
    angle_now.right_pelvis_obliquity_rel_deg + share * (angle_next.right_pelvis_obliquity_rel_deg - angle_now.right_pelvis_obliquity_rel_deg) AS right_pelvis_obliquity_rel_deg,
    angle_now.right_pelvis_rotation_rel_deg + share * (angle_next.right_pelvis_rotation_rel_deg - angle_now.right_pelvis_rotation_rel_deg) AS right_pelvis_rotation_rel_deg
FROM placed
