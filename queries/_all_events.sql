-- One row: a foot strike or foot off, computed, by a force platform or as the source file states it: what gait_events shows.
-- Arguments: motion. Inputs: the name of a relation like _foot_motion; _events, _ground_reaction, _force_events. Seconds, ms.
-- Where platforms time some of a person's strikes (or offs) in a session, the computed ones of all its trials are moved by the
-- mean of force less computed over the person's other matched events; their method then ends in '+plate'. An event is never
-- corrected by itself, so that event_agreement judges our rules and not the platform.
WITH reaction AS MATERIALIZED (
    SELECT * FROM _ground_reaction(motion)
),

by_force AS (
    SELECT * FROM _force_events('reaction')
),

found AS (
    SELECT * FROM _events(motion)
),

matched AS (
    SELECT
        found.subject,
        found.session,
        found.trial,
        found.side,
        found.event,
        found.time_s,
        arg_min(by_force.time_s - found.time_s, abs(by_force.time_s - found.time_s)) AS late_s
    FROM found
    INNER JOIN by_force
        ON
            found.subject = by_force.subject
            AND found.session = by_force.session
            AND found.trial = by_force.trial
            AND found.side = by_force.side
            AND found.event = by_force.event
            AND abs(by_force.time_s - found.time_s) <= 0.1
    WHERE found.source = 'computed' AND found.person = 0
    GROUP BY ALL
),

people AS (
    SELECT
        subject,
        session,
        event,
        sum(late_s) AS late_s,
        count(*) AS n
    FROM matched
    GROUP BY subject, session, event
),

corrected AS (
    SELECT
        found.*,
        CASE
            WHEN found.source = 'computed' AND found.person = 0
                THEN
                    (people.late_s - coalesce(matched.late_s, 0))
                    / nullif(people.n - (matched.late_s IS NOT NULL)::INTEGER, 0)
        END AS shift_s
    FROM found
    LEFT JOIN people USING (subject, session, event)
    LEFT JOIN matched
        ON
            found.subject = matched.subject
            AND found.session = matched.session
            AND found.trial = matched.trial
            AND found.side = matched.side
            AND found.event = matched.event
            AND found.time_s = matched.time_s
            AND found.source = 'computed'
)

SELECT
    * EXCLUDE (shift_s)
    REPLACE (
        time_s + coalesce(shift_s, 0) AS time_s,
        CASE WHEN shift_s IS NULL THEN method ELSE concat(method, '+plate') END AS method
    )
FROM corrected
UNION ALL BY NAME
SELECT
    subject,
    session,
    trial,
    0 AS person,
    side,
    event,
    time_s,
    'force' AS source,
    'force_20_n' AS method,
    1.0 AS confidence,
    time_s - data_first_s < 0.15 OR data_last_s - time_s < 0.15 AS near_end
FROM by_force
