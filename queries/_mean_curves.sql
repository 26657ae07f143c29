-- One row: an angle of one side of a subject's session at an even percent of the cycle: the mean over steady cycles.
-- Inputs: _foot_motion, _judge, _cycle_curves, trials. Degrees; angle is the column of joint_angles without side and
-- unit.
-- The nine variables of the gait profile (Baker et al. 2009, doi 10.1016/j.gaitpost.2009.05.020), 51 points each.
-- Where up is only that of a level camera, pelvis and foot progression are left out unless accept_camera_level is
-- true.
WITH motion AS MATERIALIZED (
    SELECT * FROM _foot_motion
),

judged AS MATERIALIZED (
    SELECT * FROM _judge('motion')
    WHERE is_steady AND person = 0
),

points AS (
    SELECT
        curves.*,
        trials.skeleton,
        trials.kind,
        (
            coalesce(trials.up_source, '') != 'camera_level'
            OR coalesce(getvariable('accept_camera_level')::BOOLEAN, false)
        ) AS is_level
    FROM _cycle_curves('judged') AS curves
    INNER JOIN trials USING (subject, session, trial)
    WHERE curves.percent % 2 = 0
),

angles AS (
    SELECT
        subject,
        session,
        trial,
        cycle,
        side,
        skeleton,
        kind,
        percent,
        unnest([
            { 'angle': 'pelvis_tilt', 'value_deg': CASE WHEN is_level THEN pelvis_tilt_deg END },
            {
                'angle': 'pelvis_obliquity',
                'value_deg': CASE
                    WHEN is_level THEN CASE side
                        WHEN 'left' THEN left_pelvis_obliquity_deg
                        ELSE right_pelvis_obliquity_deg
                    END
                END
            },
            {
                'angle': 'pelvis_rotation',
                'value_deg': CASE
                    WHEN is_level THEN CASE side
                        WHEN 'left' THEN left_pelvis_rotation_deg
                        ELSE right_pelvis_rotation_deg
                    END
                END
            },
            {
                'angle': 'hip_flexion',
                'value_deg': CASE side
                    WHEN 'left' THEN left_hip_flexion_deg
                    ELSE right_hip_flexion_deg
                END
            },
            {
                'angle': 'hip_adduction',
                'value_deg': CASE side
                    WHEN 'left' THEN left_hip_adduction_deg
                    ELSE right_hip_adduction_deg
                END
            },
            {
                'angle': 'hip_rotation',
                'value_deg': CASE side
                    WHEN 'left' THEN left_hip_rotation_deg
                    ELSE right_hip_rotation_deg
                END
            },
            {
                'angle': 'knee_flexion',
                'value_deg': CASE side
                    WHEN 'left' THEN left_knee_flexion_deg
                    ELSE right_knee_flexion_deg
                END
            },
            {
                'angle': 'ankle_dorsiflexion',
                'value_deg': CASE side
                    WHEN 'left' THEN left_ankle_dorsiflexion_deg
                    ELSE right_ankle_dorsiflexion_deg
                END
            },
            {
                'angle': 'foot_progression',
                'value_deg': CASE
                    WHEN is_level THEN CASE side
                        WHEN 'left' THEN left_foot_progression_deg
                        ELSE right_foot_progression_deg
                    END
                END
            }
        ], recursive := true)
    FROM points
)

SELECT
    subject,
    session,
    side,
    skeleton,
    kind,
    angle,
    percent,
    avg(value_deg) AS mean_deg,
    count(value_deg) AS n_cycles
FROM angles
GROUP BY subject, session, side, skeleton, kind, angle, percent
