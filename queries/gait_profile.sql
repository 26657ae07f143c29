-- One row: a side of a subject's session (left, right, both) scored against a reference.
-- Inputs: _mean_curves, _speed_band, subjects, _norm. Degrees. Needs at least 3 steady cycles of the side.
-- GVS: root mean square over the cycle of the mean curve less the reference's mean; MAP: the nine GVS; GPS: root mean
-- square of the nine, for both sides of fifteen (the pelvis once, from the left) (Baker et al. 2009, doi
-- 10.1016/j.gaitpost.2009.05.020). GPS is NULL unless all its variables exist. A difference of 1.6 degrees matters in
-- the clinic (Baker et al. 2012).
-- Reference: SET VARIABLE reference = 'control' takes that group of subjects, of the same model and kind of source,
-- without the subject itself; else Schwartz 2008 at the subject's dimensionless speed (children, Plug-in Gait: not a
-- limit for adults).
-- GDI*: 100 - 10 (ln GPS - A) / B, A and B the mean and SD of ln GPS of at least 20 controls of the same model, each
-- left out of its own reference; else NULL (Schwartz & Rozumalski 2008, doi 10.1016/j.gaitpost.2008.05.001).
WITH means AS MATERIALIZED (
    SELECT
        curves.*,
        subjects."group" AS subject_group,
        getvariable('reference')::VARCHAR AS reference,
        coalesce(subjects."group" = getvariable('reference')::VARCHAR, false) AS is_control
    FROM _mean_curves AS curves
    LEFT JOIN subjects USING (subject)
    WHERE curves.n_cycles >= 3
),

controls AS (
    SELECT
        subject,
        side,
        skeleton,
        kind,
        angle,
        percent,
        avg(mean_deg) AS mean_deg
    FROM means
    WHERE is_control
    GROUP BY subject, side, skeleton, kind, angle, percent
),

control_sums AS (
    SELECT
        side,
        skeleton,
        kind,
        angle,
        percent,
        sum(mean_deg) AS sum_deg,
        count(*) AS n
    FROM controls
    GROUP BY side, skeleton, kind, angle, percent
),

compared AS (
    SELECT
        means.subject,
        means.session,
        means.side,
        means.skeleton,
        means.kind,
        means.angle,
        means.n_cycles,
        means.is_control,
        means.reference,
        CASE WHEN means.reference IS NULL THEN banded.speed_band END AS speed_band,
        CASE WHEN means.reference IS NULL THEN NULL ELSE control_sums.n - (controls.subject IS NOT NULL)::INTEGER END
            AS n_reference,
        means.mean_deg - CASE
            WHEN means.reference IS NULL THEN norm.mean_deg
            ELSE
                (control_sums.sum_deg - coalesce(controls.mean_deg, 0))
                / nullif(control_sums.n - (controls.subject IS NOT NULL)::INTEGER, 0)
        END AS difference_deg
    FROM means
    LEFT JOIN _speed_band AS banded USING (subject, session)
    LEFT JOIN control_sums USING (side, skeleton, kind, angle, percent)
    LEFT JOIN controls USING (subject, side, skeleton, kind, angle, percent)
    LEFT JOIN _norm AS norm
        ON
            means.angle = norm.angle
            AND means.percent = norm.percent
            AND norm.speed = coalesce(banded.speed_band, 'free')
),

variables AS (
    SELECT
        subject,
        session,
        side,
        skeleton,
        kind,
        angle,
        is_control,
        reference,
        any_value(speed_band) AS speed_band,
        min(n_cycles) AS n_cycles,
        min(n_reference) AS n_reference,
        CASE WHEN count(difference_deg) = 51 THEN sqrt(avg(difference_deg ^ 2)) END AS gvs_deg
    FROM compared
    GROUP BY subject, session, side, skeleton, kind, angle, is_control, reference
),

-- Both sides: the pelvis once; the root mean square of left and right elsewhere.
sided AS (
    SELECT
        * EXCLUDE (gvs_deg),
        gvs_deg,
        1 AS n_expected,
        (gvs_deg IS NOT NULL)::INTEGER AS n_found
    FROM variables
    UNION ALL
    SELECT
        subject,
        session,
        'both' AS side,
        skeleton,
        kind,
        angle,
        is_control,
        reference,
        any_value(speed_band) AS speed_band,
        min(n_cycles) AS n_cycles,
        min(n_reference) AS n_reference,
        sqrt(avg(gvs_deg ^ 2)) AS gvs_deg,
        CASE WHEN angle LIKE 'pelvis%' THEN 1 ELSE 2 END AS n_expected,
        count(gvs_deg) AS n_found
    FROM variables
    WHERE side = 'left' OR angle NOT LIKE 'pelvis%'
    GROUP BY subject, session, skeleton, kind, angle, is_control, reference
    HAVING count(DISTINCT side) = CASE WHEN angle LIKE 'pelvis%' THEN 1 ELSE 2 END
),

profiles AS (
    SELECT
        subject,
        session,
        side,
        skeleton,
        kind,
        is_control,
        reference,
        any_value(speed_band) AS speed_band,
        min(n_cycles) AS n_cycles,
        min(n_reference) AS n_reference,
        max(gvs_deg) FILTER (angle = 'pelvis_tilt') AS gvs_pelvis_tilt_deg,
        max(gvs_deg) FILTER (angle = 'pelvis_obliquity') AS gvs_pelvis_obliquity_deg,
        max(gvs_deg) FILTER (angle = 'pelvis_rotation') AS gvs_pelvis_rotation_deg,
        max(gvs_deg) FILTER (angle = 'hip_flexion') AS gvs_hip_flexion_deg,
        max(gvs_deg) FILTER (angle = 'hip_adduction') AS gvs_hip_adduction_deg,
        max(gvs_deg) FILTER (angle = 'hip_rotation') AS gvs_hip_rotation_deg,
        max(gvs_deg) FILTER (angle = 'knee_flexion') AS gvs_knee_flexion_deg,
        max(gvs_deg) FILTER (angle = 'ankle_dorsiflexion') AS gvs_ankle_dorsiflexion_deg,
        max(gvs_deg) FILTER (angle = 'foot_progression') AS gvs_foot_progression_deg,
        CASE
            WHEN count(gvs_deg) = 9 AND sum(n_found) = sum(n_expected)
                THEN sqrt(sum(n_found * gvs_deg ^ 2) / sum(n_found))
        END AS gps_deg
    FROM sided
    GROUP BY subject, session, side, skeleton, kind, is_control, reference
),

-- One value a control: the mean of its sessions.
control_logs AS (
    SELECT
        subject,
        side,
        skeleton,
        kind,
        avg(ln(gps_deg)) AS log_gps
    FROM profiles
    WHERE is_control AND gps_deg > 0
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
    CASE WHEN profiles.reference IS NULL THEN coalesce(profiles.speed_band, 'free') END AS speed_band,
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
    CASE WHEN spread.n_controls >= 20 THEN 100 - 10 * (ln(profiles.gps_deg) - spread.a) / nullif(spread.b, 0) END
        AS gdi_star,
    nullif(
        concat_ws(
            '; ',
            CASE WHEN profiles.reference IS NULL THEN 'the norm is of children under Plug-in Gait' END,
            CASE
                WHEN profiles.reference IS NULL AND profiles.speed_band IS NULL
                    THEN 'no leg length or speed: compared at free speed'
            END,
            CASE
                WHEN profiles.reference IS NOT NULL AND coalesce(profiles.n_reference, 0) = 0
                    THEN 'no control of this model'
            END,
            CASE WHEN profiles.gps_deg IS NULL THEN 'GPS needs all nine variables' END,
            CASE
                WHEN coalesce(spread.n_controls, 0) < 20 THEN 'GDI* needs 20 controls of the same model'
            END
        ),
        ''
    ) AS note
FROM profiles
LEFT JOIN spread USING (side, skeleton, kind)
