-- One row: an event of one source with the matching event of another, or without a match. Three pairs of sources are
-- compared: computed events with the file's marks, computed events with force platforms, and platforms with marks
-- (columns source and against).
-- Inputs: gait_events. Seconds; difference_ms is source minus against. Each event is matched with the nearest one.
-- status: matched (within 0.1 s of each other); missed (an event of the second source, at least 0.15 s from both
-- ends, with none of the first within 0.1 s); missed_near_end; invented (an event of the first source between that
-- foot's first and last mark, with no mark within 0.1 s). A platform records only some steps, so events outside them
-- are neither missed nor invented.
WITH pairs AS (
    SELECT *
    FROM (VALUES ('computed', 'file'), ('computed', 'force'), ('force', 'file')) AS known (ours, theirs)
),

events AS (
    SELECT
        subject,
        session,
        trial,
        side,
        event,
        time_s,
        source,
        near_end,
        pairs.ours,
        pairs.theirs,
        bool_or(source = pairs.theirs)
            OVER (PARTITION BY subject, session, trial, pairs.ours, pairs.theirs)
            AS is_marked
    FROM gait_events
    INNER JOIN pairs ON gait_events.source IN (pairs.ours, pairs.theirs)
    WHERE person = 0
),

around AS (
    SELECT
        *,
        last_value(CASE WHEN source = ours THEN time_s END IGNORE NULLS) OVER before_ AS ours_before_s,
        first_value(CASE WHEN source = ours THEN time_s END IGNORE NULLS) OVER after_ AS ours_after_s,
        last_value(CASE WHEN source = theirs THEN time_s END IGNORE NULLS) OVER before_ AS mark_before_s,
        first_value(CASE WHEN source = theirs THEN time_s END IGNORE NULLS) OVER after_ AS mark_after_s,
        min(CASE WHEN source = theirs THEN time_s END) OVER foot_ AS first_mark_s,
        max(CASE WHEN source = theirs THEN time_s END) OVER foot_ AS last_mark_s
    FROM events
    WHERE is_marked
    WINDOW
        foot_ AS (PARTITION BY subject, session, trial, ours, theirs, side),
        before_ AS (
            PARTITION BY subject, session, trial, ours, theirs, side, event ORDER BY time_s ROWS UNBOUNDED PRECEDING
        ),
        after_ AS (
            PARTITION BY subject, session, trial, ours, theirs, side, event ORDER BY time_s
            ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
        )
),

nearest AS (
    SELECT
        *,
        CASE
            WHEN ours_after_s IS NULL OR time_s - ours_before_s <= ours_after_s - time_s THEN ours_before_s
            ELSE ours_after_s
        END AS ours_s,
        CASE
            WHEN mark_after_s IS NULL OR time_s - mark_before_s <= mark_after_s - time_s THEN mark_before_s
            ELSE mark_after_s
        END AS mark_s
    FROM around
)

SELECT
    subject,
    session,
    trial,
    side,
    event,
    ours AS source,
    theirs AS against,
    CASE
        WHEN nearest.source = ours THEN time_s
        WHEN abs(ours_s - time_s) <= _same_event_s() THEN ours_s
    END AS time_s,
    CASE WHEN nearest.source = theirs THEN time_s END AS source_time_s,
    CASE
        WHEN nearest.source = theirs AND abs(ours_s - time_s) <= _same_event_s() THEN 1000.0 * (ours_s - time_s)
    END AS difference_ms,
    CASE
        WHEN nearest.source = ours THEN 'invented'
        WHEN abs(ours_s - time_s) <= _same_event_s() THEN 'matched'
        WHEN near_end THEN 'missed_near_end'
        ELSE 'missed'
    END AS status
FROM nearest
WHERE
    (nearest.source = theirs AND (theirs != 'file' OR ours != 'force' OR abs(ours_s - time_s) <= _same_event_s()))
    OR (
        nearest.source = ours
        AND theirs = 'file'
        AND ours = 'computed'
        AND time_s BETWEEN first_mark_s AND last_mark_s
        AND coalesce(abs(mark_s - time_s) > _same_event_s(), true)
    )
