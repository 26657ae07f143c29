-- One row: a moment, power or vertical force of a trial that the source file also contains, ours compared with the
-- source's.
-- Inputs: _foot_speeds, _ground_reaction, _joint_moments, _both_legs, _per_kilogram, _body_mass, source_kinetics.
-- Nm/kg, W/kg, N/kg; bias is ours minus source; r is Pearson's correlation. Ours follow the conventions of the file's
-- model, Plug-in Gait: Dempster's inertias, axes of the distal segment, forces as measured; quantity is the column of
-- joint_kinetics or of ground_reaction. Only frames in which the foot is on valid platforms are compared, in our
-- data and, if the file contains a ground reaction, in the file. rmse_smooth is the difference after a moving mean of
-- 0.1 s over both: some files contain moments of trajectories that were never filtered, and noise is not a difference
-- between methods.
WITH stated AS (
    SELECT * FROM source_kinetics
    WHERE quantity IS NOT NULL
),

motion AS MATERIALIZED (
    SELECT * FROM _foot_speeds
),

reaction AS MATERIALIZED (
    SELECT found.*
    FROM _ground_reaction('motion') AS found
    WHERE
        (found.subject, found.session, found.trial) IN (
            SELECT (stated.subject, stated.session, stated.trial) FROM stated
        )
),

moments AS (
    SELECT * FROM _joint_moments('reaction', 'dempster', 'distal', 'none')
),

legs AS (
    SELECT * FROM _both_legs('moments')
),

wide AS (
    SELECT * FROM _per_kilogram('legs')
),

ours AS (
    SELECT
        subject,
        session,
        trial,
        frame,
        quantity,
        ours
    FROM (
        UNPIVOT (
            SELECT
                subject,
                session,
                trial,
                frame,
                COLUMNS('_nm_kg$|_w_kg$')
            FROM wide
        )
        ON COLUMNS('_nm_kg$|_w_kg$')
        INTO NAME quantity VALUE ours
    )
    UNION ALL
    SELECT
        reaction.subject,
        reaction.session,
        reaction.trial,
        reaction.frame,
        concat(reaction.side, '_vertical_force_n_kg') AS quantity,
        reaction.fy / mass.mass_kg AS ours
    FROM reaction
    INNER JOIN _body_mass AS mass USING (subject, session, trial)
    WHERE reaction.reason IS NULL AND reaction.is_on_plate
),

their_force AS (
    SELECT
        subject,
        session,
        trial,
        frame,
        split_part(quantity, '_', 1) AS side,
        value AS up_n_kg
    FROM stated
    WHERE quantity IN ('left_vertical_force_n_kg', 'right_vertical_force_n_kg')
),

-- A file's model may ignore platforms that we read: its moments for such a step are those of a foot in the air.
stance AS (
    SELECT
        reaction.subject,
        reaction.session,
        reaction.trial,
        reaction.frame,
        reaction.side
    FROM reaction
    LEFT JOIN their_force USING (subject, session, trial, frame, side)
    WHERE
        reaction.reason IS NULL
        AND reaction.is_on_plate
        AND (
            their_force.up_n_kg > _least_stated_n_kg()
            OR (reaction.subject, reaction.session, reaction.trial) NOT IN (
                SELECT (known.subject, known.session, known.trial) FROM their_force AS known
            )
        )
),

paired AS (
    SELECT
        ours.subject,
        ours.session,
        ours.trial,
        ours.frame,
        ours.quantity,
        ours.ours,
        stated.value AS theirs,
        avg(ours.ours) OVER around_ AS ours_smooth,
        avg(stated.value) OVER around_ AS theirs_smooth
    FROM ours
    INNER JOIN stated USING (subject, session, trial, frame, quantity)
    WINDOW around_ AS (
        PARTITION BY ours.subject, ours.session, ours.trial, ours.quantity
        ORDER BY stated.time_s RANGE BETWEEN 0.05 PRECEDING AND 0.05 FOLLOWING
    )
)

SELECT
    paired.subject,
    paired.session,
    paired.trial,
    paired.quantity,
    sqrt(avg((paired.ours - paired.theirs) ^ 2)) AS rmse,
    avg(paired.ours - paired.theirs) AS bias,
    CASE
        WHEN
            count(*) > 2 AND stddev_pop(paired.ours) > 0 AND stddev_pop(paired.theirs) > 0
            THEN corr(paired.ours, paired.theirs)
    END AS r,
    sqrt(avg((paired.ours_smooth - paired.theirs_smooth) ^ 2)) AS rmse_smooth,
    count(*) AS n_frames
FROM paired
INNER JOIN stance
    ON
        paired.subject = stance.subject
        AND paired.session = stance.session
        AND paired.trial = stance.trial
        AND paired.frame = stance.frame
        AND starts_with(paired.quantity, stance.side)
GROUP BY paired.subject, paired.session, paired.trial, paired.quantity
