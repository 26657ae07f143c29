-- One row: a subject's session with a leg length, for scaling (Hof 1996, doi 10.1016/0966-6362(95)01057-2).
-- Inputs: calibrations, subjects. Metres, the mean of both sides.
-- The first source that exists: file, participants, static, neutral pose, estimated. Without any, 0.53 of the
-- subject's height (Winter 2009, table 4.1), with source 'height'.
WITH ranked AS (
    SELECT
        subject,
        session,
        source,
        avg(CASE unit WHEN 'mm' THEN value / 1000.0 WHEN 'cm' THEN value / 100.0 ELSE value END) AS leg_length_m,
        min(
            CASE source
                WHEN 'file' THEN 1
                WHEN 'participants' THEN 2
                WHEN 'static' THEN 3
                WHEN 'neutral_pose' THEN 4
                ELSE 5
            END
        ) AS rank
    FROM calibrations
    WHERE parameter = 'leg_length' AND value > 0
    GROUP BY subject, session, source
),

best AS (
    SELECT
        subject,
        session,
        arg_min(leg_length_m, rank) AS leg_length_m,
        arg_min(source, rank) AS leg_length_source
    FROM ranked
    GROUP BY subject, session
)

SELECT
    sessions.subject,
    sessions.session,
    coalesce(best.leg_length_m, _leg_share_of_height() * subjects.height_m) AS leg_length_m,
    coalesce(best.leg_length_source, CASE WHEN subjects.height_m IS NOT NULL THEN 'height' END) AS leg_length_source
FROM (SELECT DISTINCT
    subject,
    session
FROM trials) AS sessions
LEFT JOIN best USING (subject, session)
LEFT JOIN subjects USING (subject)
