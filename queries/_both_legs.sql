-- One row: a frame of the subject with the moments and powers of both legs.
-- Arguments: moments. The name of a relation like _joint_moments.
-- Inputs: none. Nm, W, kg.
-- Grouped, not joined: a filter on a subject would not pass a relation that is read twice and itself a join.
SELECT
    subject,
    session,
    trial,
    frame,
    any_value(time_s) AS time_s,
    any_value(mass_kg) AS mass_kg,
    any_value(COLUMNS('^(.*_moment_nm|.*_power_w|reason)$')) FILTER (side = 'left') AS "left_\1",
    any_value(COLUMNS('^(.*_moment_nm|.*_power_w|reason)$')) FILTER (side = 'right') AS "right_\1"
FROM query_table(moments)
GROUP BY subject, session, trial, frame
