-- One row: a side of a subject in one session and condition, over the steady cycles of all its trials.
-- Inputs: _foot_motion, _all_cycles, _summaries (see there for the statistics and symmetry).
WITH motion AS MATERIALIZED (
    SELECT * FROM _foot_motion
),

measured AS MATERIALIZED (
    SELECT * FROM _all_cycles('motion')
    WHERE is_steady AND person = 0
)

SELECT *
FROM _summaries('motion', 'measured')
