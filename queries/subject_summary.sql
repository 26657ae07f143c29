-- One row: a side of a subject in one session and condition, over the steady cycles of all its trials.
-- Inputs: _foot_motion, _judge, _summaries (see there for the statistics and symmetry).
WITH motion AS MATERIALIZED (
    SELECT * FROM _foot_motion
),

judged AS MATERIALIZED (
    SELECT * FROM _judge('motion')
    WHERE is_steady AND person = 0
)

SELECT *
FROM _summaries('motion', 'judged')
