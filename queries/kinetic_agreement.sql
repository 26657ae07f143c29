-- One row: a moment or power of a trial that the source file states too, ours beside the source's, and the vertical force.
-- Inputs: _foot_motion, _ground_reaction, _joint_moments, _wide_kinetics, _body_mass, source_kinetics. Nm/kg, W/kg, N/kg;
-- bias is ours less the source's; r is Pearson's. Ours are computed by the rules of the file's model, Plug-in Gait: Dempster's
-- inertias, axes of the distal segment, forces as measured; quantity is the column of joint_kinetics or of ground_reaction.
-- Frames in which the foot is on valid platforms, and the swing after them, count.
WITH stated AS (
    SELECT * FROM source_kinetics
    WHERE quantity IS NOT NULL
),

motion AS MATERIALIZED (
    SELECT * FROM _foot_motion
),

reaction AS MATERIALIZED (
    SELECT found.*
    FROM _ground_reaction('motion') AS found
    WHERE (found.subject, found.session, found.trial) IN (SELECT (stated.subject, stated.session, stated.trial) FROM stated)
),

moments AS (
    SELECT * FROM _joint_moments('reaction', 'dempster', 'distal', 'none')
),

wide AS (
    SELECT * FROM _wide_kinetics('moments')
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

stance AS (
    SELECT
        subject,
        session,
        trial,
        frame,
        side
    FROM reaction
    WHERE reason IS NULL AND is_on_plate
)

SELECT
    ours.subject,
    ours.session,
    ours.trial,
    ours.quantity,
    sqrt(avg((ours.ours - stated.value) ^ 2)) AS rmse,
    avg(ours.ours - stated.value) AS bias,
    CASE WHEN count(*) > 2 AND stddev_pop(ours.ours) > 0 AND stddev_pop(stated.value) > 0 THEN corr(ours.ours, stated.value) END AS r,
    count(*) AS n_frames
FROM ours
INNER JOIN stated USING (subject, session, trial, frame, quantity)
INNER JOIN stance
    ON
        ours.subject = stance.subject
        AND ours.session = stance.session
        AND ours.trial = stance.trial
        AND ours.frame = stance.frame
        AND starts_with(ours.quantity, stance.side)
GROUP BY ours.subject, ours.session, ours.trial, ours.quantity
