-- One row: a frame of the subject with the internal moments and powers of hip, knee and ankle, for trials with
-- platforms.
-- Inputs: _foot_motion, _ground_reaction, _joint_moments (see there), _wide_kinetics. Nm/kg, W/kg, and also Nm and
-- W.
-- Signs are Plug-in Gait's: positive moments extend (plantarflex), abduct and rotate outward. Choices: moment_frame,
-- inertia, force_filter.
WITH motion AS MATERIALIZED (
    SELECT * FROM _foot_motion
),

reaction AS MATERIALIZED (
    SELECT * FROM _ground_reaction('motion')
),

moments AS (
    SELECT * FROM _chosen_moments('reaction')
)

SELECT *
FROM _wide_kinetics('moments')
