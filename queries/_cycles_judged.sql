-- One row: a gait cycle with its lengths and whether it is steady walking, and if not why.
-- Inputs: _foot_motion, _judge (which says how). A view that keeps the cycles for several uses calls _judge itself:
-- DuckDB pushes no filter into a materialized CTE that has another one inside.
WITH motion AS MATERIALIZED (
    SELECT * FROM _foot_motion
)

SELECT *
FROM _judge('motion')
