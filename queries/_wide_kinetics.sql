-- One row: a frame of the subject with the moments and powers of both legs. Inputs: the name of a relation
-- like _joint_moments. Nm and Nm/kg, W and W/kg.
-- Arguments: moments.
SELECT
    subject,
    session,
    trial,
    0 AS person,
    frame,
    any_value(time_s) AS time_s,
    any_value(COLUMNS('^(.*_(moment_nm|power_w))$') / mass_kg) FILTER (side = 'left') AS "left_\1_kg",
    any_value(COLUMNS('^(.*_(moment_nm|power_w))$') / mass_kg) FILTER (side = 'right') AS "right_\1_kg",
    any_value(COLUMNS('^(.*_(moment_nm|power_w))$')) FILTER (side = 'left') AS "left_\1",
    any_value(COLUMNS('^(.*_(moment_nm|power_w))$')) FILTER (side = 'right') AS "right_\1",
    any_value(reason) FILTER (side = 'left') AS left_reason,
    any_value(reason) FILTER (side = 'right') AS right_reason,
    CASE
        WHEN
            any_value(mass_kg) IS NULL
            THEN 'no body mass: nothing per kilogram, and the segments weigh nothing in Nm and W'
    END AS mass_reason
FROM query_table(moments)
GROUP BY subject, session, trial, frame
