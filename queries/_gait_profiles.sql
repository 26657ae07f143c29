-- One row: a side of a subject's session (left, right, both) with its gait variable scores and its profile score.
-- Arguments: curves, controls. The names of two relations like _mean_curves with speed_band: those to be scored, and
-- the controls (no rows if the reference is the norm). A row of curves without an angle makes sure that its side is
-- listed.
-- Inputs: _norm. Degrees. The scores are explained in gait_profile.
-- n_cycles: of the scored angle with the fewest; without a scored angle, of the one with the most; for both sides, of
-- the side with fewer.
WITH persons AS (
    SELECT
        subject,
        side,
        skeleton,
        kind,
        angle,
        percent,
        avg(mean_deg) AS mean_deg
    FROM query_table(controls)
    GROUP BY subject, side, skeleton, kind, angle, percent
),

sums AS (
    SELECT
        side,
        skeleton,
        kind,
        angle,
        percent,
        sum(mean_deg) AS sum_deg,
        count(*) AS n
    FROM persons
    GROUP BY side, skeleton, kind, angle, percent
),

compared AS (
    SELECT
        own.subject,
        own.session,
        own.side,
        own.skeleton,
        own.kind,
        own.angle,
        own.n_cycles,
        getvariable('reference')::VARCHAR AS reference,
        CASE WHEN getvariable('reference')::VARCHAR IS NULL THEN own.speed_band END AS speed_band,
        CASE
            WHEN getvariable('reference')::VARCHAR IS NOT NULL
                THEN sums.n - (persons.subject IS NOT NULL)::INTEGER
        END AS n_reference,
        own.mean_deg - CASE
            WHEN getvariable('reference')::VARCHAR IS NULL THEN norm.mean_deg
            ELSE
                (sums.sum_deg - coalesce(persons.mean_deg, 0))
                / nullif(sums.n - (persons.subject IS NOT NULL)::INTEGER, 0)
        END AS difference_deg
    FROM query_table(curves) AS own
    LEFT JOIN sums USING (side, skeleton, kind, angle, percent)
    LEFT JOIN persons USING (subject, side, skeleton, kind, angle, percent)
    LEFT JOIN _norm AS norm
        ON
            own.angle = norm.angle
            AND own.percent = norm.percent
            AND norm.speed = coalesce(own.speed_band, 'free')
),

-- Each score for its side, and for both sides with the pelvis once.
variables AS (
    SELECT
        subject,
        session,
        side,
        skeleton,
        kind,
        angle,
        reference,
        any_value(speed_band) AS speed_band,
        min(n_cycles) AS n_cycles,
        min(n_reference) AS n_reference,
        CASE WHEN count(difference_deg) = 51 THEN sqrt(avg(difference_deg ^ 2)) END AS gvs_deg,
        unnest(CASE WHEN side = 'right' AND angle LIKE 'pelvis%' THEN [side] ELSE [side, 'both'] END) AS scored_side
    FROM compared
    GROUP BY subject, session, side, skeleton, kind, angle, reference
),

sided AS (
    SELECT
        subject,
        session,
        scored_side AS side,
        skeleton,
        kind,
        angle,
        reference,
        any_value(speed_band) AS speed_band,
        max(n_cycles) FILTER (side = 'left') AS n_left,
        max(n_cycles) FILTER (side = 'right') AS n_right,
        min(n_cycles) FILTER (gvs_deg IS NOT NULL) AS n_cycles,
        min(n_reference) AS n_reference,
        CASE WHEN scored_side = 'both' AND angle NOT LIKE 'pelvis%' THEN 2 ELSE 1 END AS n_sides,
        CASE WHEN count(gvs_deg) = n_sides THEN sqrt(avg(gvs_deg ^ 2)) END AS gvs_deg
    FROM variables
    GROUP BY subject, session, scored_side, skeleton, kind, angle, reference
)

SELECT
    subject,
    session,
    side,
    skeleton,
    kind,
    reference,
    any_value(speed_band) AS speed_band,
    least(max(n_left), max(n_right), min(n_cycles) FILTER (gvs_deg IS NOT NULL)) AS n_cycles,
    min(n_reference) AS n_reference,
    count(gvs_deg) AS n_scored,
    max(gvs_deg) FILTER (angle = 'pelvis_tilt') AS gvs_pelvis_tilt_deg,
    max(gvs_deg) FILTER (angle = 'pelvis_obliquity') AS gvs_pelvis_obliquity_deg,
    max(gvs_deg) FILTER (angle = 'pelvis_rotation') AS gvs_pelvis_rotation_deg,
    max(gvs_deg) FILTER (angle = 'hip_flexion') AS gvs_hip_flexion_deg,
    max(gvs_deg) FILTER (angle = 'hip_adduction') AS gvs_hip_adduction_deg,
    max(gvs_deg) FILTER (angle = 'hip_rotation') AS gvs_hip_rotation_deg,
    max(gvs_deg) FILTER (angle = 'knee_flexion') AS gvs_knee_flexion_deg,
    max(gvs_deg) FILTER (angle = 'ankle_dorsiflexion') AS gvs_ankle_dorsiflexion_deg,
    max(gvs_deg) FILTER (angle = 'foot_progression') AS gvs_foot_progression_deg,
    CASE WHEN count(gvs_deg) = 9 THEN sqrt(sum(n_sides * gvs_deg ^ 2) / sum(n_sides) FILTER (gvs_deg IS NOT NULL)) END
        AS gps_deg
FROM sided
GROUP BY subject, session, side, skeleton, kind, reference
