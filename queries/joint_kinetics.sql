-- One row: a frame of the subject with the internal moments and powers of hip, knee and ankle, for trials with
-- platforms.
-- Inputs: _frame_moments, which a lake stores, and _per_kilogram. Nm/kg, W/kg, and also Nm and W.
-- Signs are Plug-in Gait's: positive moments extend (plantarflex), abduct and rotate outward. Choices: moment_frame,
-- inertia, force_filter.
SELECT *
FROM _per_kilogram('_frame_moments')
