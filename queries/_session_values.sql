-- One row: a parameter of one side of a subject's session and condition; the GPS has no condition.
-- Inputs: _foot_motion, _all_cycles, _summaries, _curve_means, _spatiotemporal, _speed_bands, _profiles,
-- _parameter_values.
-- Summaries and profiles share the cycles: separately, events and cycles would be planned and computed three times.
-- If results are stored, they are read instead (queries/from_results).
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
),

summaries AS (
    SELECT * FROM _summaries('motion', 'measured')
),

profiles AS (
    SELECT * FROM _profiles('means', 'bands')
)

SELECT *
FROM _parameter_values('summaries', 'profiles')
