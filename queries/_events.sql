-- One row: a foot strike or foot off, computed or from the source file, as shown by gait_events.
-- Arguments: motion. The name of a relation like _foot_motion.
-- Inputs: _events_zeni, _events_vertical, _events_speed, _events_impact, source_events. Seconds, ms.
-- This is a macro, so that a view that also needs the motion computes it only once.
-- The coordinate method detects the events. They count if one of the other two methods confirms that the foot moved
-- and stopped (a squat moves the pelvis over feet that do not move). The time of a foot strike is the mean of the
-- vertical-velocity and the speed method: on files of six laboratories the first is 3 ms early to 12 ms late, the
-- second 16 ms early to 6 ms late, the coordinate method 27 to 50 ms early. If the two differ by more than 80 ms,
-- the one closer to 45 ms after the coordinate method is used. If the heel hits the ground within _impact_before_s()
-- before to _impact_after_s() after that, the foot strike is half-way between it and _impact_delay_s() before the
-- impact; within _impact_fades_s() of either limit it is less than half-way, down to nothing, so that an impact at
-- the limit makes no jump. The time of a foot off is that of the vertical
-- method, but no more than 0.015 s before and 0.03 s after that of the coordinate method; if the two differ by more
-- than 60 ms, it is that of the coordinate method (in six laboratories one pair of 65 does).
-- The extreme of the vertical method and the first crossing of the speed method are searched from 0.06 s before to
-- 0.20 s after a foot strike of the coordinate method, and from 0.20 s before to 0.10 s after a foot off.
-- spread_ms: range of the times that were combined (NULL if there is only one). confidence: share of the three
-- methods that found the event, times (1 - spread / 100 ms). near_end: within 0.15 s of an end of the data of that
-- foot. Marks of the file beyond the frames (of a recording that was cropped) are left out: no cycle can use them.
-- A foot off and a foot strike of one foot less than 0.15 s apart are not a swing (exchanged sides in a video)
-- and are left out.
WITH candidates AS (
    SELECT
        subject,
        session,
        trial,
        person,
        side,
        event,
        time_s,
        'zeni' AS rule,
        method,
        first_s,
        last_s,
        NULL::DOUBLE AS value
    FROM _events_zeni(motion)
    UNION ALL
    SELECT
        subject,
        session,
        trial,
        person,
        side,
        event,
        time_s,
        'vertical' AS rule,
        NULL AS method,
        NULL AS first_s,
        NULL AS last_s,
        value
    FROM _events_vertical(motion)
    UNION ALL
    SELECT
        subject,
        session,
        trial,
        person,
        side,
        event,
        time_s,
        'speed' AS rule,
        NULL AS method,
        NULL AS first_s,
        NULL AS last_s,
        NULL AS value
    FROM _events_speed(motion)
    UNION ALL
    SELECT
        subject,
        session,
        trial,
        person,
        side,
        event,
        time_s,
        'impact' AS rule,
        NULL AS method,
        NULL AS first_s,
        NULL AS last_s,
        value
    FROM _events_impact(motion)
),

gathered AS (
    SELECT
        *,
        CASE
            WHEN event = 'foot_strike' THEN arg_min(time_s, value) FILTER (rule = 'vertical') OVER strike_
            ELSE arg_max(time_s, value) FILTER (rule = 'vertical') OVER off_
        END AS vertical_s,
        CASE
            WHEN event = 'foot_strike' THEN min(time_s) FILTER (rule = 'speed') OVER strike_
            ELSE min(time_s) FILTER (rule = 'speed') OVER off_
        END AS speed_s,
        list({ 'time_s': time_s, 'value': value }) FILTER (rule = 'impact') OVER strike_ AS impacts
    FROM candidates
    WINDOW
        strike_ AS (
            PARTITION BY subject, session, trial, person, side, event
            ORDER BY time_s RANGE BETWEEN _strike_earlier_s() PRECEDING AND _strike_later_s() FOLLOWING
        ),
        off_ AS (
            PARTITION BY subject, session, trial, person, side, event
            ORDER BY time_s RANGE BETWEEN _off_earlier_s() PRECEDING AND _off_later_s() FOLLOWING
        )
),

timed AS (
    SELECT
        * EXCLUDE (time_s, rule, value),
        time_s AS zeni_s,
        CASE
            WHEN event = 'foot_off' AND abs(vertical_s - time_s) <= _off_apart_s() THEN [time_s, vertical_s]
            WHEN event = 'foot_off' THEN [time_s]
            WHEN vertical_s IS NULL OR speed_s IS NULL OR abs(vertical_s - speed_s) <= _rules_agree_s()
                THEN [vertical_s, speed_s]
            WHEN abs(vertical_s - time_s - _usual_strike_s()) <= abs(speed_s - time_s - _usual_strike_s())
                THEN [vertical_s]
            ELSE [speed_s]
        END AS times
    FROM gathered
    WHERE rule = 'zeni' AND (vertical_s IS NOT NULL OR speed_s IS NOT NULL)
),

struck AS (
    SELECT
        * EXCLUDE (impacts),
        list_avg(times) AS strike_s,
        CASE
            WHEN event = 'foot_strike' THEN list_max(
                [
                    { 'value': i.value, 'time_s': i.time_s } FOR i IN impacts
                    IF i.time_s - list_avg(times) BETWEEN -_impact_before_s() AND _impact_after_s()
                ]
            ).time_s
        END AS impact_s
    FROM timed
),

weighed AS (
    SELECT
        *,
        least(
            (impact_s - strike_s + _impact_before_s()) / _impact_fades_s(),
            (strike_s - impact_s + _impact_after_s()) / _impact_fades_s(),
            1
        ) / 2 AS impact_weight
    FROM struck
),

merged AS (
    SELECT
        * EXCLUDE (times, strike_s, impact_weight),
        CASE
            WHEN event = 'foot_off' AND list_count(times) = 2
                THEN least(greatest(vertical_s, zeni_s - _off_before_s()), zeni_s + _off_after_s())
            WHEN event = 'foot_off' THEN zeni_s
            ELSE strike_s + coalesce(impact_weight * (impact_s - _impact_delay_s() - strike_s), 0)
        END AS time_s,
        CASE WHEN list_count(times) > 1 THEN 1000.0 * (list_max(times) - list_min(times)) END AS spread_ms,
        1 + (vertical_s IS NOT NULL)::INTEGER + (speed_s IS NOT NULL)::INTEGER AS n_methods
    FROM weighed
    WINDOW foot_ AS (PARTITION BY subject, session, trial, person, side ORDER BY zeni_s)
    QUALIFY
        NOT coalesce(
            event = 'foot_off'
            AND lead(event) OVER foot_ = 'foot_strike'
            AND lead(zeni_s) OVER foot_ - zeni_s < _least_swing_s(),
            false
        )
        AND NOT coalesce(
            event = 'foot_strike'
            AND lag(event) OVER foot_ = 'foot_off'
            AND zeni_s - lag(zeni_s) OVER foot_ < _least_swing_s(),
            false
        )
),

ends AS (
    SELECT
        subject,
        session,
        trial,
        min(time_s) AS first_s,
        max(time_s) AS last_s
    FROM query_table(motion)
    WHERE person = 0
    GROUP BY subject, session, trial
)

SELECT
    subject,
    session,
    trial,
    person,
    side,
    event,
    time_s,
    'computed' AS source,
    CASE WHEN method = 'zeni_ankle' THEN method ELSE 'ensemble' END AS method,
    zeni_s,
    vertical_s,
    speed_s,
    impact_s,
    spread_ms,
    n_methods / 3.0 * (1 - least(coalesce(spread_ms, 0) / 100.0, 1)) AS confidence,
    time_s - first_s < _near_end_s() OR last_s - time_s < _near_end_s() AS near_end
FROM merged
UNION ALL
SELECT
    source_events.subject,
    source_events.session,
    source_events.trial,
    0 AS person,
    source_events.side,
    source_events.event,
    source_events.time_s,
    'file' AS source,
    'file' AS method,
    NULL AS zeni_s,
    NULL AS vertical_s,
    NULL AS speed_s,
    NULL AS impact_s,
    NULL AS spread_ms,
    NULL AS confidence,
    source_events.time_s - ends.first_s < _near_end_s()
    OR ends.last_s - source_events.time_s < _near_end_s() AS near_end
FROM source_events
LEFT JOIN ends USING (subject, session, trial)
WHERE
    source_events.event IN ('foot_strike', 'foot_off')
    AND source_events.side IN ('left', 'right')
    AND coalesce(
        source_events.time_s BETWEEN ends.first_s - _confirmed_s() AND ends.last_s + _confirmed_s(),
        true
    )
