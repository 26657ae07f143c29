-- One row: a gait cycle at a percent, 0 to 100, with the moments and powers of its side and the force under its
-- foot.
-- Inputs: _foot_motion, _all_cycles, _kinetic_curves. Nm/kg, W/kg, N/kg; linear interpolation between frames.
-- anterior_force is along the direction of progression. A value is NULL if joint_kinetics has none. is_valid: the
-- whole cycle has values and the foot was on a platform.
WITH motion AS MATERIALIZED (
    SELECT * FROM _foot_motion
),

measured AS MATERIALIZED (
    SELECT * FROM _all_cycles('motion')
    WHERE person = 0
)

SELECT *
FROM _kinetic_curves('motion', 'measured')
