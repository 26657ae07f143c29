-- One row: an angle of one side of a subject's session at an even percent of the cycle, as in _mean_curves.
-- Arguments: measured. The name of a relation of steady cycles like _all_cycles.
-- Inputs: _cycle_curves, trials, source_curves. Degrees; angle is the column of joint_angles without side and unit.
-- The nine variables of the gait profile (Baker et al. 2009, doi 10.1016/j.gaitpost.2009.05.020), 51 points each.
-- If the vertical axis is only that of a level camera, pelvis and foot progression are left out unless
-- accept_camera_level is true.
WITH points AS (
    SELECT
        curves.*,
        trials.skeleton,
        trials.kind,
        (
            coalesce(trials.up_source, '') != 'camera_level'
            OR _accept_camera_level()
        ) AS is_level
    FROM _cycle_curves(measured, 2) AS curves
    INNER JOIN trials USING (subject, session, trial)
),

angles AS (
    SELECT
        subject,
        session,
        side,
        skeleton,
        kind,
        percent,
        CASE WHEN is_level THEN pelvis_tilt_deg END AS pelvis_tilt,
        CASE
            WHEN is_level THEN CASE side WHEN 'left' THEN left_pelvis_obliquity_deg ELSE right_pelvis_obliquity_deg END
        END AS pelvis_obliquity,
        CASE
            WHEN is_level THEN CASE side WHEN 'left' THEN left_pelvis_rotation_deg ELSE right_pelvis_rotation_deg END
        END AS pelvis_rotation,
        CASE side WHEN 'left' THEN left_hip_flexion_deg ELSE right_hip_flexion_deg END AS hip_flexion,
        CASE side WHEN 'left' THEN left_hip_adduction_deg ELSE right_hip_adduction_deg END AS hip_adduction,
        CASE side WHEN 'left' THEN left_hip_rotation_deg ELSE right_hip_rotation_deg END AS hip_rotation,
        CASE side WHEN 'left' THEN left_knee_flexion_deg ELSE right_knee_flexion_deg END AS knee_flexion,
        CASE side WHEN 'left' THEN left_ankle_dorsiflexion_deg ELSE right_ankle_dorsiflexion_deg END
            AS ankle_dorsiflexion,
        CASE
            WHEN is_level THEN CASE side WHEN 'left' THEN left_foot_progression_deg ELSE right_foot_progression_deg END
        END AS foot_progression
    FROM points
),

-- Means first, then one row per angle: nine rows for every point of a cycle would be most of the work.
means AS (
    SELECT
        subject,
        session,
        side,
        skeleton,
        kind,
        percent,
        { 'mean_deg': avg(pelvis_tilt), 'n_cycles': count(pelvis_tilt) } AS pelvis_tilt,
        { 'mean_deg': avg(pelvis_obliquity), 'n_cycles': count(pelvis_obliquity) } AS pelvis_obliquity,
        { 'mean_deg': avg(pelvis_rotation), 'n_cycles': count(pelvis_rotation) } AS pelvis_rotation,
        { 'mean_deg': avg(hip_flexion), 'n_cycles': count(hip_flexion) } AS hip_flexion,
        { 'mean_deg': avg(hip_adduction), 'n_cycles': count(hip_adduction) } AS hip_adduction,
        { 'mean_deg': avg(hip_rotation), 'n_cycles': count(hip_rotation) } AS hip_rotation,
        { 'mean_deg': avg(knee_flexion), 'n_cycles': count(knee_flexion) } AS knee_flexion,
        { 'mean_deg': avg(ankle_dorsiflexion), 'n_cycles': count(ankle_dorsiflexion) } AS ankle_dorsiflexion,
        { 'mean_deg': avg(foot_progression), 'n_cycles': count(foot_progression) } AS foot_progression
    FROM angles
    GROUP BY subject, session, side, skeleton, kind, percent
),

own AS (
    SELECT
        subject,
        session,
        side,
        skeleton,
        kind,
        percent,
        unnest(
            [
                { 'angle': 'pelvis_tilt', 'mean_deg': pelvis_tilt.mean_deg, 'n_cycles': pelvis_tilt.n_cycles },
                {
                    'angle': 'pelvis_obliquity',
                    'mean_deg': pelvis_obliquity.mean_deg,
                    'n_cycles': pelvis_obliquity.n_cycles
                },
                {
                    'angle': 'pelvis_rotation',
                    'mean_deg': pelvis_rotation.mean_deg,
                    'n_cycles': pelvis_rotation.n_cycles
                },
                { 'angle': 'hip_flexion', 'mean_deg': hip_flexion.mean_deg, 'n_cycles': hip_flexion.n_cycles },
                { 'angle': 'hip_adduction', 'mean_deg': hip_adduction.mean_deg, 'n_cycles': hip_adduction.n_cycles },
                { 'angle': 'hip_rotation', 'mean_deg': hip_rotation.mean_deg, 'n_cycles': hip_rotation.n_cycles },
                { 'angle': 'knee_flexion', 'mean_deg': knee_flexion.mean_deg, 'n_cycles': knee_flexion.n_cycles },
                {
                    'angle': 'ankle_dorsiflexion',
                    'mean_deg': ankle_dorsiflexion.mean_deg,
                    'n_cycles': ankle_dorsiflexion.n_cycles
                },
                {
                    'angle': 'foot_progression',
                    'mean_deg': foot_progression.mean_deg,
                    'n_cycles': foot_progression.n_cycles
                }
            ],
            recursive := true
        )
    FROM means
),

-- Curves that a data set states, each weighted by the number of cycles it is the mean of. If the session has recordings
-- of the same model, only the recordings are used.
named AS (
    SELECT
        *,
        regexp_replace(angle, '^(left_|right_)|_deg$', '', 'g') AS plain_angle
    FROM source_curves AS curves
    WHERE
        percent % 2 = 0
        AND NOT EXISTS (
            SELECT 1 FROM trials
            WHERE
                trials.subject = curves.subject
                AND trials.session = curves.session
                AND trials.skeleton = curves.model
                AND trials.kind = curves.recorded_by
        )
),

stated AS (
    SELECT
        subject,
        session,
        side,
        model AS skeleton,
        recorded_by AS kind,
        percent,
        plain_angle AS angle,
        sum(value_deg * n_cycles) / sum(n_cycles) FILTER (value_deg IS NOT NULL) AS mean_deg,
        coalesce(sum(n_cycles) FILTER (value_deg IS NOT NULL), 0)::BIGINT AS n_cycles
    FROM named
    WHERE
        plain_angle IN (
            'pelvis_tilt', 'pelvis_obliquity', 'pelvis_rotation', 'hip_flexion', 'hip_adduction', 'hip_rotation',
            'knee_flexion', 'ankle_dorsiflexion', 'foot_progression'
        )
    GROUP BY subject, session, side, model, recorded_by, percent, plain_angle
)

SELECT
    subject,
    session,
    side,
    skeleton,
    kind,
    percent,
    angle,
    mean_deg,
    n_cycles
FROM own
UNION ALL
SELECT
    subject,
    session,
    side,
    skeleton,
    kind,
    percent,
    angle,
    mean_deg,
    n_cycles
FROM stated
