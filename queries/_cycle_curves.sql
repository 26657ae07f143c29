-- One row: a gait cycle at a percent of its duration, as shown by cycle_curves.
-- Arguments: cycles, step_pct. The name of a relation like gait_cycles; the step between percents, 1 in cycle_curves.
-- Inputs: joint_angles, landmarks (which have the same frames). Degrees, linear interpolation between frames.
-- This is a macro, so that a view that also needs the cycles computes them only once.
-- The frame before a point is found by its time alone: an ASOF join sorts its frames, and sorting them with their
-- angles took 40 % of the time. Both frames' angles are then found by a join: lead() over every angle sorts all frames
-- with their angles and takes twice as long. Every angle is named, because COLUMNS cannot pair the columns of two
-- relations.
-- noqa: disable=LT05
WITH frames AS (
    SELECT
        subject,
        session,
        trial,
        person,
        time_s AS frame_s,
        lead(time_s) OVER (PARTITION BY subject, session, trial, person ORDER BY time_s) AS next_s
    FROM landmarks
),

angles AS MATERIALIZED (
    SELECT
        subject,
        session,
        trial,
        person,
        time_s,
        COLUMNS('_deg$')
    FROM joint_angles
),

-- A join with the percents instead of unnest(), and 505 numbers of which at most 101 are kept: DuckDB estimates that
-- unnest() gives no rows and that a filter keeps a fifth. Where it expects fewer than 64 points, as of 51 percents of
-- one subject, it compares each point with each frame (docs/decisions/speed-against-the-flat-build.md).
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
    CROSS JOIN range(505) AS percents (percent)
    WHERE percents.percent <= 100 AND percents.percent % step_pct = 0
),

timed AS (
    SELECT
        *,
        start_s + (end_s - start_s) * percent / 100.0 AS time_s
    FROM points
),

placed AS (
    SELECT
        timed.* EXCLUDE (time_s),
        frames.frame_s,
        frames.next_s,
        CASE
            WHEN frames.next_s - frames.frame_s <= _longest_gap_s()
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
    placed.subject,
    placed.session,
    placed.trial,
    placed.person,
    placed.cycle,
    placed.side,
    placed.percent,
    placed.is_steady,
    here.pelvis_tilt_deg + placed.share * (later.pelvis_tilt_deg - here.pelvis_tilt_deg) AS pelvis_tilt_deg,
    here.trunk_tilt_deg + placed.share * (later.trunk_tilt_deg - here.trunk_tilt_deg) AS trunk_tilt_deg,
    here.trunk_pelvis_tilt_deg + placed.share * (later.trunk_pelvis_tilt_deg - here.trunk_pelvis_tilt_deg) AS trunk_pelvis_tilt_deg,
    here.left_hip_flexion_deg + placed.share * (later.left_hip_flexion_deg - here.left_hip_flexion_deg) AS left_hip_flexion_deg,
    here.left_hip_adduction_deg + placed.share * (later.left_hip_adduction_deg - here.left_hip_adduction_deg) AS left_hip_adduction_deg,
    here.left_hip_rotation_deg + placed.share * (later.left_hip_rotation_deg - here.left_hip_rotation_deg) AS left_hip_rotation_deg,
    here.left_knee_flexion_deg + placed.share * (later.left_knee_flexion_deg - here.left_knee_flexion_deg) AS left_knee_flexion_deg,
    here.left_knee_adduction_deg + placed.share * (later.left_knee_adduction_deg - here.left_knee_adduction_deg) AS left_knee_adduction_deg,
    here.left_knee_rotation_deg + placed.share * (later.left_knee_rotation_deg - here.left_knee_rotation_deg) AS left_knee_rotation_deg,
    here.left_ankle_dorsiflexion_deg + placed.share * (later.left_ankle_dorsiflexion_deg - here.left_ankle_dorsiflexion_deg) AS left_ankle_dorsiflexion_deg,
    here.left_ankle_inversion_deg + placed.share * (later.left_ankle_inversion_deg - here.left_ankle_inversion_deg) AS left_ankle_inversion_deg,
    here.left_foot_progression_deg + placed.share * (later.left_foot_progression_deg - here.left_foot_progression_deg) AS left_foot_progression_deg,
    here.left_pelvis_obliquity_deg + placed.share * (later.left_pelvis_obliquity_deg - here.left_pelvis_obliquity_deg) AS left_pelvis_obliquity_deg,
    here.left_pelvis_rotation_deg + placed.share * (later.left_pelvis_rotation_deg - here.left_pelvis_rotation_deg) AS left_pelvis_rotation_deg,
    here.left_trunk_obliquity_deg + placed.share * (later.left_trunk_obliquity_deg - here.left_trunk_obliquity_deg) AS left_trunk_obliquity_deg,
    here.left_trunk_rotation_deg + placed.share * (later.left_trunk_rotation_deg - here.left_trunk_rotation_deg) AS left_trunk_rotation_deg,
    here.left_trunk_pelvis_obliquity_deg + placed.share * (later.left_trunk_pelvis_obliquity_deg - here.left_trunk_pelvis_obliquity_deg) AS left_trunk_pelvis_obliquity_deg,
    here.left_trunk_pelvis_rotation_deg + placed.share * (later.left_trunk_pelvis_rotation_deg - here.left_trunk_pelvis_rotation_deg) AS left_trunk_pelvis_rotation_deg,
    here.left_shoulder_flexion_deg + placed.share * (later.left_shoulder_flexion_deg - here.left_shoulder_flexion_deg) AS left_shoulder_flexion_deg,
    here.left_shoulder_adduction_deg + placed.share * (later.left_shoulder_adduction_deg - here.left_shoulder_adduction_deg) AS left_shoulder_adduction_deg,
    here.left_elbow_flexion_deg + placed.share * (later.left_elbow_flexion_deg - here.left_elbow_flexion_deg) AS left_elbow_flexion_deg,
    here.right_hip_flexion_deg + placed.share * (later.right_hip_flexion_deg - here.right_hip_flexion_deg) AS right_hip_flexion_deg,
    here.right_hip_adduction_deg + placed.share * (later.right_hip_adduction_deg - here.right_hip_adduction_deg) AS right_hip_adduction_deg,
    here.right_hip_rotation_deg + placed.share * (later.right_hip_rotation_deg - here.right_hip_rotation_deg) AS right_hip_rotation_deg,
    here.right_knee_flexion_deg + placed.share * (later.right_knee_flexion_deg - here.right_knee_flexion_deg) AS right_knee_flexion_deg,
    here.right_knee_adduction_deg + placed.share * (later.right_knee_adduction_deg - here.right_knee_adduction_deg) AS right_knee_adduction_deg,
    here.right_knee_rotation_deg + placed.share * (later.right_knee_rotation_deg - here.right_knee_rotation_deg) AS right_knee_rotation_deg,
    here.right_ankle_dorsiflexion_deg + placed.share * (later.right_ankle_dorsiflexion_deg - here.right_ankle_dorsiflexion_deg) AS right_ankle_dorsiflexion_deg,
    here.right_ankle_inversion_deg + placed.share * (later.right_ankle_inversion_deg - here.right_ankle_inversion_deg) AS right_ankle_inversion_deg,
    here.right_foot_progression_deg + placed.share * (later.right_foot_progression_deg - here.right_foot_progression_deg) AS right_foot_progression_deg,
    here.right_pelvis_obliquity_deg + placed.share * (later.right_pelvis_obliquity_deg - here.right_pelvis_obliquity_deg) AS right_pelvis_obliquity_deg,
    here.right_pelvis_rotation_deg + placed.share * (later.right_pelvis_rotation_deg - here.right_pelvis_rotation_deg) AS right_pelvis_rotation_deg,
    here.right_trunk_obliquity_deg + placed.share * (later.right_trunk_obliquity_deg - here.right_trunk_obliquity_deg) AS right_trunk_obliquity_deg,
    here.right_trunk_rotation_deg + placed.share * (later.right_trunk_rotation_deg - here.right_trunk_rotation_deg) AS right_trunk_rotation_deg,
    here.right_trunk_pelvis_obliquity_deg + placed.share * (later.right_trunk_pelvis_obliquity_deg - here.right_trunk_pelvis_obliquity_deg) AS right_trunk_pelvis_obliquity_deg,
    here.right_trunk_pelvis_rotation_deg + placed.share * (later.right_trunk_pelvis_rotation_deg - here.right_trunk_pelvis_rotation_deg) AS right_trunk_pelvis_rotation_deg,
    here.right_shoulder_flexion_deg + placed.share * (later.right_shoulder_flexion_deg - here.right_shoulder_flexion_deg) AS right_shoulder_flexion_deg,
    here.right_shoulder_adduction_deg + placed.share * (later.right_shoulder_adduction_deg - here.right_shoulder_adduction_deg) AS right_shoulder_adduction_deg,
    here.right_elbow_flexion_deg + placed.share * (later.right_elbow_flexion_deg - here.right_elbow_flexion_deg) AS right_elbow_flexion_deg,
    here.pelvis_tilt_rel_deg + placed.share * (later.pelvis_tilt_rel_deg - here.pelvis_tilt_rel_deg) AS pelvis_tilt_rel_deg,
    here.trunk_pelvis_tilt_rel_deg + placed.share * (later.trunk_pelvis_tilt_rel_deg - here.trunk_pelvis_tilt_rel_deg) AS trunk_pelvis_tilt_rel_deg,
    here.left_hip_flexion_rel_deg + placed.share * (later.left_hip_flexion_rel_deg - here.left_hip_flexion_rel_deg) AS left_hip_flexion_rel_deg,
    here.left_hip_adduction_rel_deg + placed.share * (later.left_hip_adduction_rel_deg - here.left_hip_adduction_rel_deg) AS left_hip_adduction_rel_deg,
    here.left_hip_rotation_rel_deg + placed.share * (later.left_hip_rotation_rel_deg - here.left_hip_rotation_rel_deg) AS left_hip_rotation_rel_deg,
    here.left_pelvis_obliquity_rel_deg + placed.share * (later.left_pelvis_obliquity_rel_deg - here.left_pelvis_obliquity_rel_deg) AS left_pelvis_obliquity_rel_deg,
    here.left_pelvis_rotation_rel_deg + placed.share * (later.left_pelvis_rotation_rel_deg - here.left_pelvis_rotation_rel_deg) AS left_pelvis_rotation_rel_deg,
    here.left_trunk_pelvis_obliquity_rel_deg + placed.share * (later.left_trunk_pelvis_obliquity_rel_deg - here.left_trunk_pelvis_obliquity_rel_deg) AS left_trunk_pelvis_obliquity_rel_deg,
    here.left_trunk_pelvis_rotation_rel_deg + placed.share * (later.left_trunk_pelvis_rotation_rel_deg - here.left_trunk_pelvis_rotation_rel_deg) AS left_trunk_pelvis_rotation_rel_deg,
    here.right_hip_flexion_rel_deg + placed.share * (later.right_hip_flexion_rel_deg - here.right_hip_flexion_rel_deg) AS right_hip_flexion_rel_deg,
    here.right_hip_adduction_rel_deg + placed.share * (later.right_hip_adduction_rel_deg - here.right_hip_adduction_rel_deg) AS right_hip_adduction_rel_deg,
    here.right_hip_rotation_rel_deg + placed.share * (later.right_hip_rotation_rel_deg - here.right_hip_rotation_rel_deg) AS right_hip_rotation_rel_deg,
    here.right_pelvis_obliquity_rel_deg + placed.share * (later.right_pelvis_obliquity_rel_deg - here.right_pelvis_obliquity_rel_deg) AS right_pelvis_obliquity_rel_deg,
    here.right_pelvis_rotation_rel_deg + placed.share * (later.right_pelvis_rotation_rel_deg - here.right_pelvis_rotation_rel_deg) AS right_pelvis_rotation_rel_deg,
    here.right_trunk_pelvis_obliquity_rel_deg + placed.share * (later.right_trunk_pelvis_obliquity_rel_deg - here.right_trunk_pelvis_obliquity_rel_deg) AS right_trunk_pelvis_obliquity_rel_deg,
    here.right_trunk_pelvis_rotation_rel_deg + placed.share * (later.right_trunk_pelvis_rotation_rel_deg - here.right_trunk_pelvis_rotation_rel_deg) AS right_trunk_pelvis_rotation_rel_deg
FROM placed
LEFT JOIN angles AS here
    ON
        placed.subject = here.subject
        AND placed.session = here.session
        AND placed.trial = here.trial
        AND placed.person = here.person
        AND placed.frame_s = here.time_s
LEFT JOIN angles AS later
    ON
        placed.subject = later.subject
        AND placed.session = later.session
        AND placed.trial = later.trial
        AND placed.person = later.person
        AND placed.next_s = later.time_s
