-- One row: a foot strike or foot off by the coordinate method of Zeni et al. 2008 (doi
-- 10.1016/j.gaitpost.2007.07.007).
-- Arguments: motion. The name of a relation like _foot_motion. Inputs: only these.
-- Foot strike: the heel is farthest in front of the sacrum (or pelvis). Foot off: the toe is farthest behind it.
-- time_s is refined below frame resolution by a parabola through three frames.
-- The position of a foot has a range over +-1.5 s. The foot counts as in front above the middle of this range plus
-- 15 %, and as behind below the middle minus 15 %; in between, its state does not change. Each period in front
-- contains one foot strike and each period behind one foot off, so that noise and pauses add no events. A range
-- below 0.08 m is standing. Foot strikes are 27 to 50 ms before the operators' marks in laboratory files, so
-- gait_events uses this method for detection, not for timing.
-- strike_s and off_s are NULL in frames in which the heel or toe is not further than in the frames before and after.
-- ahead_s, behind_s and standing_s are the times at which each state was last reached: the latest is the foot's
-- state, the latest of the others names the period.
WITH stated AS (
    SELECT
        subject,
        session,
        trial,
        person,
        side,
        time_s,
        has_heel,
        first_s,
        last_s,
        heel_ahead_m,
        toe_ahead_m,
        CASE
            WHEN heel_ahead_before <= 0 AND heel_ahead_after <= 0
                THEN time_s + _vertex_s(before_s, after_s, heel_ahead_before, heel_ahead_after)
        END AS strike_s,
        CASE
            WHEN toe_ahead_before >= 0 AND toe_ahead_after >= 0
                THEN time_s + _vertex_s(before_s, after_s, -toe_ahead_before, -toe_ahead_after)
        END AS off_s,
        last_value(CASE WHEN state = 1 THEN time_s END IGNORE NULLS) OVER so_far_ AS ahead_s,
        last_value(CASE WHEN state = -1 THEN time_s END IGNORE NULLS) OVER so_far_ AS behind_s,
        last_value(CASE WHEN state = 0 THEN time_s END IGNORE NULLS) OVER so_far_ AS standing_s
    FROM query_table(motion)
    WINDOW
        so_far_ AS (
            PARTITION BY subject, session, trial, person, side ORDER BY time_s ROWS UNBOUNDED PRECEDING
        )
),

stretched AS (
    SELECT
        *,
        ahead_s > coalesce(greatest(behind_s, standing_s), -1e9) AS is_ahead,
        CASE
            WHEN ahead_s > coalesce(greatest(behind_s, standing_s), -1e9) THEN greatest(behind_s, standing_s)
            ELSE greatest(ahead_s, standing_s)
        END AS since_s
    FROM stated
    WHERE
        ahead_s > coalesce(greatest(behind_s, standing_s), -1e9)
        OR behind_s > coalesce(greatest(ahead_s, standing_s), -1e9)
),

extreme AS (
    SELECT
        subject,
        session,
        trial,
        person,
        side,
        is_ahead,
        any_value(has_heel) AS has_heel,
        any_value(first_s) AS first_s,
        any_value(last_s) AS last_s,
        CASE
            WHEN is_ahead THEN arg_max({ 'time_s': strike_s }, heel_ahead_m)
            ELSE arg_min({ 'time_s': off_s }, toe_ahead_m)
        END AS peak
    FROM stretched
    GROUP BY subject, session, trial, person, side, since_s, is_ahead
)

SELECT
    subject,
    session,
    trial,
    person,
    side,
    CASE WHEN is_ahead THEN 'foot_strike' ELSE 'foot_off' END AS event,
    peak.time_s AS time_s,
    CASE WHEN is_ahead AND NOT has_heel THEN 'zeni_ankle' ELSE 'zeni' END AS method,
    first_s,
    last_s
FROM extreme
WHERE peak.time_s IS NOT NULL
