-- One row: a gait cycle at a percent, 0 to 100, with the moments and powers of its side and the force under its
-- foot.
-- Inputs: _foot_motion, _judge, _ground_reaction, _chosen_moments. Nm/kg, W/kg, N/kg; linear interpolation between
-- frames.
-- anterior_force is along the direction of progression. A value is NULL if joint_kinetics has none. is_valid: the
-- whole cycle has values and the foot was on a platform.
WITH motion AS MATERIALIZED (
    SELECT * FROM _foot_motion
),

reaction AS MATERIALIZED (
    SELECT * FROM _ground_reaction('motion')
),

cycles AS MATERIALIZED (
    SELECT
        judged.subject,
        judged.session,
        judged.trial,
        judged.cycle,
        judged.side,
        judged.start_s,
        judged.end_s,
        judged.is_steady,
        judged.heading_x,
        judged.heading_z
    FROM _judge('motion') AS judged
    WHERE judged.person = 0
),

together AS (
    SELECT
        moments.subject,
        moments.session,
        moments.trial,
        moments.side,
        moments.time_s,
        moments.hip_flexion_moment_nm / moments.mass_kg AS hip_flexion_moment_nm_kg,
        moments.hip_adduction_moment_nm / moments.mass_kg AS hip_adduction_moment_nm_kg,
        moments.hip_rotation_moment_nm / moments.mass_kg AS hip_rotation_moment_nm_kg,
        moments.knee_flexion_moment_nm / moments.mass_kg AS knee_flexion_moment_nm_kg,
        moments.knee_adduction_moment_nm / moments.mass_kg AS knee_adduction_moment_nm_kg,
        moments.knee_rotation_moment_nm / moments.mass_kg AS knee_rotation_moment_nm_kg,
        moments.ankle_flexion_moment_nm / moments.mass_kg AS ankle_flexion_moment_nm_kg,
        moments.ankle_adduction_moment_nm / moments.mass_kg AS ankle_adduction_moment_nm_kg,
        moments.ankle_rotation_moment_nm / moments.mass_kg AS ankle_rotation_moment_nm_kg,
        moments.hip_power_w / moments.mass_kg AS hip_power_w_kg,
        moments.knee_power_w / moments.mass_kg AS knee_power_w_kg,
        moments.ankle_power_w / moments.mass_kg AS ankle_power_w_kg,
        CASE WHEN reaction.reason IS NULL THEN reaction.fx / moments.mass_kg END AS fx,
        CASE WHEN reaction.reason IS NULL THEN reaction.fy / moments.mass_kg END AS vertical_force_n_kg,
        CASE WHEN reaction.reason IS NULL THEN reaction.fz / moments.mass_kg END AS fz,
        reaction.is_on_plate
    FROM _chosen_moments('reaction') AS moments
    INNER JOIN reaction USING (subject, session, trial, frame, side)
),

within_cycles AS (
    SELECT
        together.*,
        cycles.cycle,
        cycles.is_steady,
        together.fx * cycles.heading_x + together.fz * cycles.heading_z AS anterior_force_n_kg
    FROM together
    INNER JOIN cycles
        ON
            together.subject = cycles.subject
            AND together.session = cycles.session
            AND together.trial = cycles.trial
            AND together.side = cycles.side
            AND together.time_s BETWEEN cycles.start_s - 0.05 AND cycles.end_s + 0.05
),

spans AS MATERIALIZED (
    SELECT
        *,
        lead(time_s) OVER foot_ AS next_s,
        bool_or(is_on_plate) OVER (PARTITION BY subject, session, trial, side, cycle) AS has_plate,
        lead(hip_flexion_moment_nm_kg) OVER foot_ AS next_hip_flexion_moment_nm_kg,
        lead(hip_adduction_moment_nm_kg) OVER foot_ AS next_hip_adduction_moment_nm_kg,
        lead(hip_rotation_moment_nm_kg) OVER foot_ AS next_hip_rotation_moment_nm_kg,
        lead(knee_flexion_moment_nm_kg) OVER foot_ AS next_knee_flexion_moment_nm_kg,
        lead(knee_adduction_moment_nm_kg) OVER foot_ AS next_knee_adduction_moment_nm_kg,
        lead(knee_rotation_moment_nm_kg) OVER foot_ AS next_knee_rotation_moment_nm_kg,
        lead(ankle_flexion_moment_nm_kg) OVER foot_ AS next_ankle_flexion_moment_nm_kg,
        lead(ankle_adduction_moment_nm_kg) OVER foot_ AS next_ankle_adduction_moment_nm_kg,
        lead(ankle_rotation_moment_nm_kg) OVER foot_ AS next_ankle_rotation_moment_nm_kg,
        lead(hip_power_w_kg) OVER foot_ AS next_hip_power_w_kg,
        lead(knee_power_w_kg) OVER foot_ AS next_knee_power_w_kg,
        lead(ankle_power_w_kg) OVER foot_ AS next_ankle_power_w_kg,
        lead(vertical_force_n_kg) OVER foot_ AS next_vertical_force_n_kg,
        lead(anterior_force_n_kg) OVER foot_ AS next_anterior_force_n_kg
    FROM within_cycles
    WINDOW foot_ AS (PARTITION BY subject, session, trial, side, cycle ORDER BY time_s)
),

percents AS (SELECT unnest(range(101))::INTEGER AS percent),

points AS (
    SELECT
        cycles.*,
        percents.percent,
        cycles.start_s + percents.percent / 100.0 * (cycles.end_s - cycles.start_s) AS at_s
    FROM cycles
    CROSS JOIN percents
),

placed AS (
    SELECT
        spans.*,
        points.percent,
        (points.at_s - spans.time_s) / (spans.next_s - spans.time_s) AS part
    FROM points
    ASOF INNER JOIN spans
        ON
            points.subject = spans.subject
            AND points.session = spans.session
            AND points.trial = spans.trial
            AND points.side = spans.side
            AND points.cycle = spans.cycle
            AND points.at_s + 1e-9 >= spans.time_s
)

SELECT
    subject,
    session,
    trial,
    0 AS person,
    cycle,
    side,
    percent,
    is_steady,
    count(knee_flexion_moment_nm_kg + part * (next_knee_flexion_moment_nm_kg - knee_flexion_moment_nm_kg)) OVER (
        PARTITION BY subject, session, trial, side, cycle
    ) >= 99 AS is_valid,
    hip_flexion_moment_nm_kg + part * (next_hip_flexion_moment_nm_kg - hip_flexion_moment_nm_kg)
        AS hip_flexion_moment_nm_kg,
    hip_adduction_moment_nm_kg + part * (next_hip_adduction_moment_nm_kg - hip_adduction_moment_nm_kg)
        AS hip_adduction_moment_nm_kg,
    hip_rotation_moment_nm_kg + part * (next_hip_rotation_moment_nm_kg - hip_rotation_moment_nm_kg)
        AS hip_rotation_moment_nm_kg,
    knee_flexion_moment_nm_kg + part * (next_knee_flexion_moment_nm_kg - knee_flexion_moment_nm_kg)
        AS knee_flexion_moment_nm_kg,
    knee_adduction_moment_nm_kg + part * (next_knee_adduction_moment_nm_kg - knee_adduction_moment_nm_kg)
        AS knee_adduction_moment_nm_kg,
    knee_rotation_moment_nm_kg + part * (next_knee_rotation_moment_nm_kg - knee_rotation_moment_nm_kg)
        AS knee_rotation_moment_nm_kg,
    ankle_flexion_moment_nm_kg + part * (next_ankle_flexion_moment_nm_kg - ankle_flexion_moment_nm_kg)
        AS ankle_flexion_moment_nm_kg,
    ankle_adduction_moment_nm_kg + part * (next_ankle_adduction_moment_nm_kg - ankle_adduction_moment_nm_kg)
        AS ankle_adduction_moment_nm_kg,
    ankle_rotation_moment_nm_kg + part * (next_ankle_rotation_moment_nm_kg - ankle_rotation_moment_nm_kg)
        AS ankle_rotation_moment_nm_kg,
    hip_power_w_kg + part * (next_hip_power_w_kg - hip_power_w_kg) AS hip_power_w_kg,
    knee_power_w_kg + part * (next_knee_power_w_kg - knee_power_w_kg) AS knee_power_w_kg,
    ankle_power_w_kg + part * (next_ankle_power_w_kg - ankle_power_w_kg) AS ankle_power_w_kg,
    vertical_force_n_kg + part * (next_vertical_force_n_kg - vertical_force_n_kg) AS vertical_force_n_kg,
    anterior_force_n_kg + part * (next_anterior_force_n_kg - anterior_force_n_kg) AS anterior_force_n_kg
FROM placed
WHERE has_plate
