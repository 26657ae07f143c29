-- One row: a frame of the subject with the moments and powers of both legs, as shown by joint_kinetics.
-- Arguments: legs. The name of a relation like _frame_moments.
-- Inputs: none. Nm and Nm/kg, W and W/kg.
SELECT
    subject,
    session,
    trial,
    0 AS person,
    frame,
    time_s,
    COLUMNS('^(left_.*_moment_nm|left_.*_power_w)$') / mass_kg AS "\1_kg",
    COLUMNS('^(right_.*_moment_nm|right_.*_power_w)$') / mass_kg AS "\1_kg",
    COLUMNS('^left_.*_(moment_nm|power_w)$'),
    COLUMNS('^right_.*_(moment_nm|power_w)$'),
    left_reason,
    right_reason,
    CASE
        WHEN mass_kg IS NULL THEN 'no body mass: nothing per kilogram, and the segments weigh nothing in Nm and W'
    END AS mass_reason
FROM query_table(legs)
