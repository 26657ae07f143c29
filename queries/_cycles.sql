-- One row: a gait cycle, from a foot strike to the next strike of the same foot, before it is evaluated.
-- Arguments: events. The name of a relation like gait_events. Inputs: only these.
-- Seconds. n_between is the number of events of both feet within the cycle: three in walking.
-- The variable event_source chooses the events: 'force' (default) uses an event of a force platform instead of the
-- computed event within 0.1 s of it; 'computed' uses only computed events; 'file' uses those of the source file for
-- every foot that it marks. A computed event within 0.15 s of an end of the data starts or ends a cycle only if all
-- three methods found it, or if the file marks the same event within 0.05 s, so that the two confirm each other.
-- Software crops files to the first and last event. A mark of the file within 0.15 s of an end, without a computed
-- event nearby, is therefore used if the file's other marks agree with the computed events of that trial.
WITH chosen AS (
    SELECT
        subject,
        session,
        trial,
        person,
        side,
        event,
        time_s,
        source,
        near_end,
        near_end AND source = 'computed' AND (vertical_s IS NULL OR speed_s IS NULL)
        AND count(*) FILTER (source = 'file') OVER near_ = 0 AS is_alone_at_end,
        source = 'file' AND count(*) FILTER (source = 'computed') OVER near_ > 0 AS is_vouched_for,
        count(*) FILTER (source = 'computed') OVER around_ AS n_computed_around,
        count(*) FILTER (source = 'force') OVER (
            PARTITION BY subject, session, trial, person, side, event
            ORDER BY time_s RANGE BETWEEN _same_event_s() PRECEDING AND _same_event_s() FOLLOWING
        ) AS n_force,
        count(*) FILTER (source = 'file' AND event = 'foot_strike') OVER (
            PARTITION BY subject, session, trial, person, side
        ) AS n_file
    FROM query_table(events)
    WINDOW
        near_ AS (
            PARTITION BY subject, session, trial, person, side, event
            ORDER BY time_s RANGE BETWEEN _confirmed_s() PRECEDING AND _confirmed_s() FOLLOWING
        ),
        around_ AS (
            PARTITION BY subject, session, trial, person, side, event
            ORDER BY time_s RANGE BETWEEN _near_end_s() PRECEDING AND _near_end_s() FOLLOWING
        )
),

agreed AS (
    SELECT
        *,
        count(*) FILTER (is_vouched_for) OVER (PARTITION BY subject, session, trial, person) AS n_agreed
    FROM chosen
),

used AS (
    SELECT * EXCLUDE (n_file, n_force, near_end, is_vouched_for, n_computed_around, n_agreed)
    FROM agreed
    WHERE
        (
            _event_source() != 'file'
            AND source = 'file'
            AND near_end
            AND n_computed_around = 0
            AND n_force = 0
            AND n_agreed > 1
        )
        OR CASE
            WHEN _event_source() = 'file' AND n_file > 0 THEN source = 'file'
            WHEN _event_source() IN ('computed', 'file') THEN source = 'computed'
            ELSE source = 'force' OR (source = 'computed' AND n_force = 0)
        END
),

numbered AS (
    SELECT
        *,
        row_number() OVER person_ AS nth,
        first_value(CASE WHEN side = 'left' AND event = 'foot_off' THEN time_s END IGNORE NULLS)
            OVER later_ AS left_off_s,
        first_value(CASE WHEN side = 'right' AND event = 'foot_off' THEN time_s END IGNORE NULLS)
            OVER later_ AS right_off_s,
        first_value(CASE WHEN side = 'left' AND event = 'foot_strike' THEN time_s END IGNORE NULLS)
            OVER later_ AS left_strike_s,
        first_value(CASE WHEN side = 'right' AND event = 'foot_strike' THEN time_s END IGNORE NULLS)
            OVER later_ AS right_strike_s
    FROM used
    WINDOW
        person_ AS (PARTITION BY subject, session, trial, person ORDER BY time_s, side, event),
        later_ AS (
            PARTITION BY subject, session, trial, person ORDER BY time_s, side, event
            ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
        )
),

strikes AS (
    SELECT
        *,
        lead(time_s) OVER side_ AS end_s,
        lead(nth) OVER side_ - nth - 1 AS n_between,
        is_alone_at_end OR lead(is_alone_at_end) OVER side_ AS has_end_alone
    FROM numbered
    WHERE event = 'foot_strike'
    WINDOW side_ AS (PARTITION BY subject, session, trial, person, side ORDER BY time_s)
),

sided AS (
    SELECT
        subject,
        session,
        trial,
        person,
        side,
        source,
        time_s AS start_s,
        end_s,
        n_between,
        CASE WHEN side = 'left' THEN left_off_s ELSE right_off_s END AS off_s,
        CASE WHEN side = 'left' THEN right_off_s ELSE left_off_s END AS other_off_s,
        CASE WHEN side = 'left' THEN right_strike_s ELSE left_strike_s END AS other_strike_s
    FROM strikes
    WHERE end_s IS NOT NULL AND NOT has_end_alone
)

SELECT
    subject,
    session,
    trial,
    person,
    (row_number() OVER (PARTITION BY subject, session, trial, person, side ORDER BY start_s) - 1)::INTEGER AS cycle,
    side,
    source,
    start_s,
    end_s,
    n_between,
    CASE WHEN off_s < end_s THEN off_s END AS foot_off_s,
    CASE WHEN other_off_s < end_s THEN other_off_s END AS opposite_off_s,
    CASE WHEN other_strike_s < end_s THEN other_strike_s END AS opposite_strike_s
FROM sided
