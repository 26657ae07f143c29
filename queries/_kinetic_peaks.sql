-- One row: a gait cycle with its peaks, impulses and work.
-- Arguments: curves, cycles. The names of relations like kinetic_curves and gait_cycles.
-- Inputs: only these. N/kg, Nm/kg, W/kg; impulses Ns/kg and Nms/kg, work J/kg (trapezoids over the 101 points).
-- phase is the share of stance from 0 to 1, and 1 plus the share of swing from 1 to 2. The power bursts are those of
-- Winter (1991, The biomechanics and motor control of human gait) and Eng and Winter (1995, J Biomech 28:753-758).
-- A quantity counts only in cycles that have it at 99 or more of the 101 points; otherwise all values from it are NULL.
-- The positive part of x is (abs(x) + x) / 2, because greatest() ignores NULL.
WITH offs AS (
    SELECT
        subject,
        session,
        trial,
        person,
        cycle,
        side,
        end_s - start_s AS cycle_s,
        100.0 * (foot_off_s - start_s) / (end_s - start_s) AS off_pct
    FROM query_table(cycles)
),

whole AS (
    SELECT
        points.subject,
        points.session,
        points.trial,
        points.person,
        points.cycle,
        points.side,
        points.percent,
        CASE WHEN count(COLUMNS('_kg$')) OVER cycle_ >= _least_whole_points() THEN COLUMNS('_kg$') END AS "\0"
    FROM query_table(curves) AS points
    WINDOW cycle_ AS (
        PARTITION BY points.subject, points.session, points.trial, points.person, points.cycle, points.side
    )
),

timed AS (
    SELECT
        whole.*,
        CASE
            WHEN whole.percent <= offs.off_pct THEN whole.percent / offs.off_pct
            ELSE 1 + (whole.percent - offs.off_pct) / (100 - offs.off_pct)
        END AS phase,
        offs.cycle_s / 100 * CASE WHEN whole.percent IN (0, 100) THEN 0.5 ELSE 1 END AS weight_s
    FROM whole
    INNER JOIN offs USING (subject, session, trial, person, cycle, side)
),

-- Windows and not a second reading of the curves, so that a filter on the subject reaches the files.
own AS (
    SELECT
        *,
        arg_max(percent, vertical_force_n_kg) FILTER (phase BETWEEN 0 AND 0.5) OVER cycle_ AS first_peak_pct,
        arg_max(percent, vertical_force_n_kg) FILTER (phase BETWEEN 0.5 AND 1) OVER cycle_ AS second_peak_pct
    FROM timed
    WINDOW cycle_ AS (PARTITION BY subject, session, trial, person, cycle, side)
)

SELECT
    own.subject,
    own.session,
    own.trial,
    own.person,
    own.cycle,
    own.side,
    max(own.vertical_force_n_kg) FILTER (own.phase BETWEEN 0 AND 0.5) AS first_vertical_peak_n_kg,
    min(own.vertical_force_n_kg) FILTER (
        own.percent BETWEEN own.first_peak_pct AND own.second_peak_pct
    ) AS vertical_valley_n_kg,
    max(own.vertical_force_n_kg) FILTER (own.phase BETWEEN 0.5 AND 1) AS second_vertical_peak_n_kg,
    -min(own.anterior_force_n_kg) FILTER (own.phase BETWEEN 0 AND 1) AS peak_braking_n_kg,
    max(own.anterior_force_n_kg) FILTER (own.phase BETWEEN 0 AND 1) AS peak_propulsion_n_kg,
    sum((abs(own.anterior_force_n_kg) - own.anterior_force_n_kg) / 2 * own.weight_s) AS braking_impulse_n_s_kg,
    sum((abs(own.anterior_force_n_kg) + own.anterior_force_n_kg) / 2 * own.weight_s) AS propulsion_impulse_n_s_kg,
    max(own.hip_flexion_moment_nm_kg) FILTER (own.phase BETWEEN 0 AND 1) AS peak_hip_extensor_moment_nm_kg,
    -min(own.hip_flexion_moment_nm_kg) FILTER (own.phase BETWEEN 0 AND 1) AS peak_hip_flexor_moment_nm_kg,
    max(own.hip_adduction_moment_nm_kg) FILTER (own.phase BETWEEN 0 AND 1) AS peak_hip_abductor_moment_nm_kg,
    max(own.knee_flexion_moment_nm_kg) FILTER (own.phase BETWEEN 0 AND 0.5) AS peak_knee_extensor_moment_nm_kg,
    -min(own.knee_flexion_moment_nm_kg) FILTER (own.phase BETWEEN 0.3 AND 1) AS peak_knee_flexor_moment_nm_kg,
    max(own.knee_adduction_moment_nm_kg) FILTER (own.phase BETWEEN 0 AND 0.5) AS first_knee_abductor_peak_nm_kg,
    max(own.knee_adduction_moment_nm_kg) FILTER (own.phase BETWEEN 0.5 AND 1) AS second_knee_abductor_peak_nm_kg,
    sum((abs(own.knee_adduction_moment_nm_kg) + own.knee_adduction_moment_nm_kg) / 2 * own.weight_s) FILTER (
        own.phase <= 1
    )
        AS knee_adduction_impulse_nm_s_kg,
    max(own.ankle_flexion_moment_nm_kg) FILTER (own.phase BETWEEN 0 AND 1) AS peak_ankle_plantarflexor_moment_nm_kg,
    max(own.hip_power_w_kg) FILTER (own.phase BETWEEN 0 AND 0.5) AS hip_h1_w_kg,
    min(own.hip_power_w_kg) FILTER (own.phase BETWEEN 0.33 AND 1) AS hip_h2_w_kg,
    max(own.hip_power_w_kg) FILTER (own.phase BETWEEN 0.67 AND 1.5) AS hip_h3_w_kg,
    min(own.knee_power_w_kg) FILTER (own.phase BETWEEN 0 AND 0.33) AS knee_k1_w_kg,
    max(own.knee_power_w_kg) FILTER (own.phase BETWEEN 0.17 AND 0.67) AS knee_k2_w_kg,
    min(own.knee_power_w_kg) FILTER (own.phase BETWEEN 0.67 AND 1.5) AS knee_k3_w_kg,
    min(own.knee_power_w_kg) FILTER (own.phase BETWEEN 1.5 AND 2) AS knee_k4_w_kg,
    min(own.ankle_power_w_kg) FILTER (own.phase BETWEEN 0 AND 1) AS ankle_a1_w_kg,
    max(own.ankle_power_w_kg) FILTER (own.phase BETWEEN 0.5 AND 1) AS ankle_a2_w_kg,
    sum((abs(own.hip_power_w_kg) + own.hip_power_w_kg) / 2 * own.weight_s) AS hip_positive_work_j_kg,
    sum((own.hip_power_w_kg - abs(own.hip_power_w_kg)) / 2 * own.weight_s) AS hip_negative_work_j_kg,
    sum((abs(own.knee_power_w_kg) + own.knee_power_w_kg) / 2 * own.weight_s) AS knee_positive_work_j_kg,
    sum((own.knee_power_w_kg - abs(own.knee_power_w_kg)) / 2 * own.weight_s) AS knee_negative_work_j_kg,
    sum((abs(own.ankle_power_w_kg) + own.ankle_power_w_kg) / 2 * own.weight_s) AS ankle_positive_work_j_kg,
    sum((own.ankle_power_w_kg - abs(own.ankle_power_w_kg)) / 2 * own.weight_s) AS ankle_negative_work_j_kg
FROM own
GROUP BY own.subject, own.session, own.trial, own.person, own.cycle, own.side
