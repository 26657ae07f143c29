-- One row: a side of a subject's session (left, right, both) compared with a reference.
-- Inputs: _foot_motion, _all_cycles, _curve_means, _spatiotemporal, _speed_bands, _profiles (see there for the scores).
-- Curves and speeds share the cycles, which are computed once. If results are stored, they are read instead
-- (queries/from_results).
WITH motion AS MATERIALIZED (
    SELECT * FROM _foot_motion
),

measured AS MATERIALIZED (
    SELECT * FROM _all_cycles('motion')
    WHERE is_steady AND person = 0
),

means AS (
    SELECT * FROM _curve_means('measured')
),

cycles AS (
    SELECT * FROM _spatiotemporal('measured')
),

bands AS (
    SELECT * FROM _speed_bands('cycles')
)

SELECT *
FROM _profiles('means', 'bands')
