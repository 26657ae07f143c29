-- One row: a frame of the subject with the internal moments and powers of hip, knee and ankle, where the trial has
-- platforms.
-- Inputs: _foot_motion, _ground_reaction, _joint_moments (which says how), _wide_kinetics. Nm/kg, W/kg; Nm and W
-- beside them. Signs are Plug-in Gait's: positive moments extend (plantarflex), abduct and rotate outward. Choices:
-- moment_frame, inertia, force_filter.
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
