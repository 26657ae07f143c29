-- One row: a trial with force platforms, with their problems in words and the share of the body weight they carry.
-- Inputs: force_plates, _plate_quality, kinetic_curves. Over whole cycles the left and the right foot together carry
-- the whole weight, whatever the gait.
WITH platforms AS (
    SELECT
        force_plates.subject,
        force_plates.session,
        force_plates.trial,
        array_to_string(list(plate ORDER BY plate) FILTER (NOT returns_to_zero), ', ') AS bad_plates,
        array_to_string(list(plate ORDER BY plate) FILTER (contradicts_body), ', ') AS contradicting_plates,
        array_to_string(
            list(plate || ' (' || round(drift_n)::INTEGER || ' N)' ORDER BY plate) FILTER (
                abs(drift_n) > _most_plate_drift_n() AND beyond_edge_pct IS NOT NULL
            ), ', '
        ) AS drifting_plates,
        array_to_string(
            list(plate || ' (' || round(baseline_n)::INTEGER || ' N)' ORDER BY plate) FILTER (
                returns_to_zero AND abs(baseline_n) > _most_plate_offset_n()
            ), ', '
        ) AS offset_plates,
        array_to_string(
            list(plate ORDER BY plate) FILTER (beyond_edge_pct > _most_beyond_edge_pct()), ', '
        ) AS edge_plates,
        array_to_string(list(plate ORDER BY plate) FILTER (foreign_s > _passing_s()), ', ') AS foreign_plates
    FROM force_plates
    LEFT JOIN _plate_quality USING (subject, session, trial, plate)
    GROUP BY force_plates.subject, force_plates.session, force_plates.trial
),

feet_means AS (
    SELECT
        subject,
        session,
        trial,
        side,
        cycle,
        avg(vertical_force_n_kg) AS mean_n_kg
    FROM kinetic_curves
    WHERE is_steady
    GROUP BY subject, session, trial, side, cycle
    HAVING count(vertical_force_n_kg) >= _least_whole_points()
),

weights AS (
    SELECT
        subject,
        session,
        trial,
        100.0 * (avg(mean_n_kg) FILTER (side = 'left') + avg(mean_n_kg) FILTER (side = 'right')) / _gravity_m_s2()
            AS carried_pct
    FROM feet_means
    GROUP BY subject, session, trial
)

SELECT
    platforms.*,
    weights.carried_pct
FROM platforms
LEFT JOIN weights USING (subject, session, trial)
