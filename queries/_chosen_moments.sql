-- One row: a frame of the subject and a side with the moments for the choices moment_frame, inertia and
-- force_filter.
-- Arguments: reaction. The name of a relation like _ground_reaction.
-- Inputs: _joint_moments.
SELECT *
FROM _joint_moments(
    reaction,
    CASE coalesce(getvariable('inertia')::VARCHAR, 'de_leva')
        WHEN 'de_leva' THEN 'de_leva'
        WHEN 'dempster' THEN 'dempster'
        ELSE error('inertia is ''de_leva'' or ''dempster''')
    END,
    CASE
        WHEN coalesce(getvariable('moment_frame')::VARCHAR, 'distal') IN ('distal', 'proximal', 'joint', 'lab')
            THEN coalesce(getvariable('moment_frame')::VARCHAR, 'distal')
        ELSE error('moment_frame is ''distal'', ''proximal'', ''joint'' or ''lab''')
    END,
    CASE coalesce(getvariable('force_filter')::VARCHAR, 'same')
        WHEN 'same' THEN 'same'
        WHEN 'none' THEN 'none'
        ELSE error('force_filter is ''same'' or ''none''')
    END
)
