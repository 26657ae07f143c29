-- One row: a foot strike or foot off, computed, from a force platform or from the source file, as in gait_events.
-- Arguments: motion. The name of a relation like _foot_motion.
-- Inputs: _events, _ground_reaction, _force_events, _decisions, _shown_reviews. Seconds, ms.
-- If platforms time some of a person's foot strikes (or foot offs) in a session, the computed ones of all its trials
-- are shifted by the sum of force minus computed over the person's other matched events, divided by their number plus
-- one: a single step differs by chance as much as a person does, so that a shift from one step alone is halved. Their
-- method then ends in '+plate'. An event is never corrected by itself, so event_agreement evaluates our methods and
-- not the platform.
-- The query uses windows and no joins, so that a filter on a subject reaches the scan. Changes by a review (move,
-- rename, delete, add) are applied last, whatever the source: method 'review'.
-- noqa: disable=RF01
WITH reaction AS (
    SELECT * FROM _ground_reaction(motion)
),

together AS (
    SELECT * FROM _events(motion)
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
        time_s - data_first_s < _near_end_s() OR data_last_s - time_s < _near_end_s() AS near_end
    FROM _force_events('reaction')
),

around AS (
    SELECT
        *,
        max(CASE WHEN source = 'force' THEN time_s END) OVER (
            PARTITION BY subject, session, trial, person, side, event
            ORDER BY time_s RANGE BETWEEN _same_event_s() PRECEDING AND CURRENT ROW
        ) AS force_before_s,
        min(CASE WHEN source = 'force' THEN time_s END) OVER (
            PARTITION BY subject, session, trial, person, side, event
            ORDER BY time_s RANGE BETWEEN CURRENT ROW AND _same_event_s() FOLLOWING
        ) AS force_after_s
    FROM together
),

late AS (
    SELECT
        * EXCLUDE (force_before_s, force_after_s),
        CASE
            WHEN source != 'computed' OR person != 0 THEN NULL
            WHEN force_after_s IS NULL OR time_s - force_before_s <= force_after_s - time_s THEN force_before_s - time_s
            ELSE force_after_s - time_s
        END AS late_s
    FROM around
),

counted AS (
    SELECT
        * EXCLUDE (late_s),
        sum(late_s) OVER kind_ - coalesce(late_s, 0) AS sum_s,
        count(late_s) OVER kind_ - (late_s IS NOT NULL)::INTEGER AS n_others
    FROM late
    WINDOW kind_ AS (PARTITION BY subject, session, person, event)
),

corrected AS (
    SELECT
        * EXCLUDE (sum_s, n_others),
        CASE WHEN source = 'computed' AND person = 0 AND n_others > 0 THEN sum_s / (n_others + 1) END AS shift_s
    FROM counted
),

found AS (
    SELECT
        * EXCLUDE (shift_s)
        REPLACE (
            time_s + coalesce(shift_s, 0) AS time_s,
            CASE WHEN shift_s IS NULL THEN method ELSE concat(method, '+plate') END AS method
        )
    FROM corrected
),

sources AS ( -- reads tables only, so that found is computed once
    SELECT
        subject,
        session,
        trial,
        'computed' AS source
    FROM trials
    UNION ALL
    SELECT DISTINCT
        subject,
        session,
        trial,
        'file' AS source
    FROM source_events
    UNION ALL
    SELECT DISTINCT
        subject,
        session,
        trial,
        'force' AS source
    FROM force_plates
),

added AS (
    SELECT
        reviews.subject,
        reviews.session,
        reviews.trial,
        0 AS person,
        reviews.side,
        reviews.event,
        reviews.time_s,
        sources.source,
        'review' AS method,
        1.0 AS confidence,
        false AS near_end
    FROM _shown_reviews AS reviews
    INNER JOIN sources USING (subject, session, trial)
    WHERE
        reviews.action = 'add_event'
        AND coalesce(reviews.source = sources.source, sources.source != 'force')
),

edited AS (
    SELECT
        every.*,
        CASE
            WHEN person = 0
                THEN
                    list_filter(
                        decisions.edits,
                        LAMBDA e: e.side = side AND e.event = event AND abs(e.time_s - time_s) <= 0.025
                        AND coalesce(e.source = source, true)
                    )[1]
        END AS edit
    FROM (
        SELECT * FROM found
        UNION ALL BY NAME
        SELECT * FROM added
    ) AS every
    LEFT JOIN _decisions AS decisions USING (subject, session, trial)
)

SELECT
    * EXCLUDE (edit)
    REPLACE (
        coalesce(edit.new_side, side) AS side,
        coalesce(edit.new_event, event) AS event,
        coalesce(edit.new_time_s, time_s) AS time_s,
        CASE WHEN edit IS NOT NULL THEN 'review' ELSE method END AS method
    )
FROM edited
WHERE edit IS NULL OR edit.action != 'delete_event'
