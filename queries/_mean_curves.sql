-- One row: an angle of one side of a subject's session at an even percent of the cycle: the mean over steady cycles.
-- Inputs: _foot_motion, _all_cycles, _curve_means (see there). Degrees.
WITH motion AS MATERIALIZED (
    SELECT * FROM _foot_motion
),

measured AS MATERIALIZED (
    SELECT * FROM _all_cycles('motion')
    WHERE is_steady AND person = 0
)

SELECT *
FROM _curve_means('measured')
