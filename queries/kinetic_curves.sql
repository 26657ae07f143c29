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
        COLUMNS('^(.*_moment_nm)$') / moments.mass_kg AS "\1_kg",
        COLUMNS('^(.*_power_w)$') / moments.mass_kg AS "\1_kg",
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
        subject,
        session,
        trial,
        side,
        cycle,
        is_steady,
        time_s,
        lead(time_s) OVER foot_ AS next_s,
        bool_or(is_on_plate) OVER (PARTITION BY subject, session, trial, side, cycle) AS has_plate,
        { 'here': COLUMNS('_kg$'), 'next': lead(COLUMNS('_kg$')) OVER foot_ } AS "\0"
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
    count(knee_flexion_moment_nm_kg.here + part * (knee_flexion_moment_nm_kg.next - knee_flexion_moment_nm_kg.here))
        OVER (PARTITION BY subject, session, trial, side, cycle)
    >= 99 AS is_valid,
    COLUMNS('_kg$').here + part * (COLUMNS('_kg$').next - COLUMNS('_kg$').here) AS "\0"
FROM placed
WHERE has_plate
