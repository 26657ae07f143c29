-- One row: a gait cycle with its lengths, whether it is steady walking, and the reason if it is not.
-- Inputs: _foot_motion, _all_cycles (see there). A view that uses the cycles several times calls _all_cycles itself,
-- because DuckDB pushes no filter into a materialized CTE that contains another one.
WITH motion AS MATERIALIZED (
    SELECT * FROM _foot_motion
)

SELECT *
FROM _all_cycles('motion')
