-- One row: a gait cycle at a percent, 0 to 100, as shown by kinetic_curves.
-- Arguments: motion, cycles. The names of relations like _foot_motion and _all_cycles.
-- Inputs: _ground_reaction, _chosen_moments. Nm/kg, W/kg, N/kg; linear interpolation between frames.
-- side != '' is always true: a filter on a subject passes a materialised step only where a filter already is.
WITH reaction AS MATERIALIZED (
    SELECT * FROM _ground_reaction(motion)
),

strides AS MATERIALIZED (
    SELECT
        measured.subject,
        measured.session,
        measured.trial,
        measured.cycle,
        measured.side,
        measured.start_s,
        measured.end_s,
        measured.is_steady,
        measured.heading_x,
        measured.heading_z
    FROM query_table(cycles) AS measured
    WHERE measured.person = 0
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
    WHERE reaction.side != ''
),

within_cycles AS (
    SELECT
        together.*,
        strides.cycle,
        strides.is_steady,
        together.fx * strides.heading_x + together.fz * strides.heading_z AS anterior_force_n_kg
    FROM together
    INNER JOIN strides
        ON
            together.subject = strides.subject
            AND together.session = strides.session
            AND together.trial = strides.trial
            AND together.side = strides.side
            AND together.time_s BETWEEN strides.start_s - 0.05 AND strides.end_s + 0.05
    WHERE strides.side != ''
),

spans AS (
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

-- 505 numbers of which 101 are kept, as in _cycle_curves: DuckDB expects few points of unnest(), and then compares each
-- with every frame.
points AS (
    SELECT
        strides.*,
        percents.percent::INTEGER AS percent,
        strides.start_s + percents.percent / 100.0 * (strides.end_s - strides.start_s) AS at_s
    FROM strides
    CROSS JOIN range(505) AS percents (percent)
    WHERE strides.side != '' AND percents.percent <= 100
),

-- The keys are those of the left side: DuckDB passes filters on these, and on no others, to both sides of an ASOF join.
placed AS (
    SELECT
        points.subject,
        points.session,
        points.trial,
        points.side,
        points.cycle,
        points.percent,
        spans.* EXCLUDE (subject, session, trial, side, cycle),
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
    >= _least_whole_points() AS is_valid,
    struct_extract(COLUMNS('_kg$'), 'here')
    + part * (struct_extract(COLUMNS('_kg$'), 'next') - struct_extract(COLUMNS('_kg$'), 'here')) AS "\0"
FROM placed
WHERE has_plate
