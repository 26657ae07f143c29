-- One row: a side of a subject's session (left, right, both) compared with a reference, as shown by gait_profile.
-- Arguments: means, bands. The names of relations like _mean_curves and _speed_band.
-- Inputs: _control_curves, _no_controls, _gait_profiles, _excluded_trials, subjects, trials. Degrees.
-- An angle is scored if the side has at least 3 steady cycles of it. A side or session with fewer has its row too,
-- without a score, and note says why.
-- GVS: root mean square over the cycle of the difference between the mean curve and the reference's mean. MAP: the
-- nine GVS. GPS: root mean square of the nine, or for both sides of fifteen (the pelvis once, from the left side)
-- (Baker et al. 2009, doi 10.1016/j.gaitpost.2009.05.020). GPS is NULL unless all its variables exist. A difference
-- of 1.6 degrees is clinically relevant (Baker et al. 2012).
-- Reference: SET VARIABLE reference = 'control' uses that group of subjects, with the same model and kind of source,
-- without the subject; otherwise Schwartz 2008 at the subject's dimensionless speed (children, Plug-in Gait: not a
-- limit for adults).
-- GDI*: 100 - 10 (ln GPS - A) / B, where A and B are the mean and SD of ln GPS of at least 20 controls of the same
-- model, each left out of its own reference; otherwise NULL (Schwartz & Rozumalski 2008, doi
-- 10.1016/j.gaitpost.2008.05.001).
WITH own AS (
    SELECT
        curves.* REPLACE (CASE WHEN curves.n_cycles >= _least_scored_cycles() THEN curves.mean_deg END AS mean_deg),
        banded.speed_band
    FROM query_table(means) AS curves
    LEFT JOIN query_table(bands) AS banded USING (subject, session)
    UNION ALL BY NAME
    -- Both sides of every session that may have steps, so that no side is missing.
    SELECT DISTINCT
        moving.subject,
        moving.session,
        moving.skeleton,
        moving.kind,
        0 AS n_cycles,
        unnest(['left', 'right']) AS side
    FROM trials AS moving
    ANTI JOIN _excluded_trials USING (subject, session, trial)
    WHERE moving.kind NOT IN ('static', 'angles', 'curves')
),

-- Chosen by name before the query is planned: without a group, curves and events are not planned for controls too, and
-- a filter on a subject reaches the files.
controls AS MATERIALIZED (
    SELECT *
    FROM query_table(CASE WHEN getvariable('reference') IS NULL THEN '_no_controls' ELSE '_control_curves' END)
),

profiles AS (
    SELECT
        *,
        n_scored > 0 OR n_cycles >= _least_scored_cycles() AS is_compared
    FROM _gait_profiles('own', 'controls')
),

-- One value per control: the mean of its sessions.
control_logs AS (
    SELECT
        subject,
        side,
        skeleton,
        kind,
        avg(ln(gps_deg)) AS log_gps
    FROM _gait_profiles('controls', 'controls')
    WHERE gps_deg > 0
    GROUP BY subject, side, skeleton, kind
),

spread AS (
    SELECT
        side,
        skeleton,
        kind,
        avg(log_gps) AS a,
        stddev_samp(log_gps) AS b,
        count(*) AS n_controls
    FROM control_logs
    GROUP BY side, skeleton, kind
)

SELECT
    profiles.subject,
    profiles.session,
    profiles.side,
    coalesce(profiles.reference, 'Schwartz 2008') AS reference,
    CASE WHEN profiles.reference IS NULL AND profiles.is_compared THEN coalesce(profiles.speed_band, 'free') END
        AS speed_band,
    profiles.skeleton AS model,
    profiles.n_cycles,
    profiles.n_reference,
    profiles.gvs_pelvis_tilt_deg,
    profiles.gvs_pelvis_obliquity_deg,
    profiles.gvs_pelvis_rotation_deg,
    profiles.gvs_hip_flexion_deg,
    profiles.gvs_hip_adduction_deg,
    profiles.gvs_hip_rotation_deg,
    profiles.gvs_knee_flexion_deg,
    profiles.gvs_ankle_dorsiflexion_deg,
    profiles.gvs_foot_progression_deg,
    profiles.gps_deg,
    CASE
        WHEN spread.n_controls >= _least_controls()
            THEN 100 - 10 * (ln(profiles.gps_deg) - spread.a) / nullif(spread.b, 0)
    END
        AS gdi_star,
    nullif(
        concat_ws(
            '; ',
            CASE
                WHEN profiles.n_cycles < _least_scored_cycles()
                    THEN concat(
                        'needs 3 steady cycles',
                        CASE profiles.side WHEN 'both' THEN ' of each side' END,
                        ' with angles, found ',
                        profiles.n_cycles
                    )
            END,
            CASE
                WHEN profiles.is_compared AND profiles.reference IS NULL
                    THEN 'the norm is of children under Plug-in Gait'
            END,
            CASE
                WHEN profiles.is_compared AND profiles.reference IS NULL AND profiles.speed_band IS NULL
                    THEN 'no leg length or speed: compared at free speed'
            END,
            CASE
                WHEN
                    profiles.is_compared AND profiles.reference IS NOT NULL AND coalesce(profiles.n_reference, 0) = 0
                    THEN 'no control of this model'
            END,
            CASE
                WHEN profiles.gps_deg IS NULL AND profiles.n_cycles >= _least_scored_cycles()
                    THEN 'GPS needs all nine variables'
            END,
            CASE
                WHEN profiles.is_compared AND coalesce(spread.n_controls, 0) < _least_controls()
                    THEN 'GDI* needs 20 controls of the same model'
            END
        ),
        ''
    ) AS note
FROM profiles
LEFT JOIN spread USING (side, skeleton, kind)
WHERE
    CASE
        WHEN getvariable('reference') IS NULL THEN true
        WHEN getvariable('reference')::VARCHAR IN (SELECT "group" FROM subjects) THEN true
        ELSE _refused_name(
            'reference',
            getvariable('reference')::VARCHAR,
            (SELECT list(DISTINCT "group"::VARCHAR ORDER BY "group"::VARCHAR) FROM subjects)
        )
    END
-- Leaves out a second model of a session without cycles, such as a video of its walks.
QUALIFY
    max(profiles.n_cycles) OVER (
        PARTITION BY profiles.subject, profiles.session, profiles.skeleton, profiles.kind
    ) > 0
    OR max(profiles.n_cycles) OVER (PARTITION BY profiles.subject, profiles.session) = 0
