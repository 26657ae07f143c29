-- One row: a frame of the subject and a side with the moments for the choices moment_frame, inertia and
-- force_filter.
-- Arguments: reaction. The name of a relation like _ground_reaction.
-- Inputs: _joint_moments.
SELECT *
FROM _joint_moments(
    reaction,
    _inertia(),
    _moment_frame(),
    _force_filter()
)
