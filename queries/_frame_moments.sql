-- One row: a frame of the subject with the moments and powers of both legs, for trials with platforms.
-- Inputs: _foot_speeds, _ground_reaction, _chosen_moments, _both_legs. Nm, W, kg.
-- joint_kinetics divides by mass_kg; without a body mass the segments weigh nothing.
WITH motion AS MATERIALIZED (
    SELECT * FROM _foot_speeds
),

reaction AS MATERIALIZED (
    SELECT * FROM _ground_reaction('motion')
),

moments AS (
    SELECT * FROM _chosen_moments('reaction')
)

SELECT *
FROM _both_legs('moments')
