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
WITH ranged AS (
    SELECT
        subject,
        session,
        trial,
        person,
        side,
        time_s,
        has_heel,
        heel_ahead_m,
        toe_ahead_m,
        ahead_m,
        max(ahead_m) OVER around_ AS high_m,
        min(ahead_m) OVER around_ AS low_m,
        min(time_s) FILTER (ahead_m IS NOT NULL) OVER foot_ AS first_s,
        max(time_s) FILTER (ahead_m IS NOT NULL) OVER foot_ AS last_s,
        lag(time_s) OVER frames_ - time_s AS before_s,
        lead(time_s) OVER frames_ - time_s AS after_s,
        lag(heel_ahead_m) OVER frames_ - heel_ahead_m AS heel_before_m,
        lead(heel_ahead_m) OVER frames_ - heel_ahead_m AS heel_after_m,
        lag(toe_ahead_m) OVER frames_ - toe_ahead_m AS toe_before_m,
        lead(toe_ahead_m) OVER frames_ - toe_ahead_m AS toe_after_m
    FROM query_table(motion)
    WINDOW
        frames_ AS (PARTITION BY subject, session, trial, person, side ORDER BY time_s),
        foot_ AS (
            PARTITION BY subject, session, trial, person, side ORDER BY time_s
            ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
        ),
        around_ AS (
            PARTITION BY subject, session, trial, person, side
            ORDER BY time_s RANGE BETWEEN 1.5 PRECEDING AND 1.5 FOLLOWING
        )
),

stated AS (
    SELECT
        *,
        CASE
            WHEN ahead_m IS NULL THEN NULL
            WHEN high_m - low_m < 0.08 THEN 0
            WHEN ahead_m > 0.65 * high_m + 0.35 * low_m THEN 1
            WHEN ahead_m < 0.35 * high_m + 0.65 * low_m THEN -1
        END AS state
    FROM ranged
),

-- Time at which each state was last reached: the latest is the foot's state, the latest of the others names the period.
met AS (
    SELECT
        *,
        last_value(CASE WHEN state = 1 THEN time_s END IGNORE NULLS) OVER so_far_ AS ahead_s,
        last_value(CASE WHEN state = -1 THEN time_s END IGNORE NULLS) OVER so_far_ AS behind_s,
        last_value(CASE WHEN state = 0 THEN time_s END IGNORE NULLS) OVER so_far_ AS standing_s
    FROM stated
    WINDOW so_far_ AS (
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
    FROM met
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
            WHEN is_ahead
                THEN
                    arg_max(
                        {
                            't': time_s,
                            'a': before_s,
                            'b': after_s,
                            'ya': heel_before_m,
                            'yb': heel_after_m
                        },
                        heel_ahead_m
                    )
            ELSE
                arg_min(
                    {
                        't': time_s,
                        'a': before_s,
                        'b': after_s,
                        'ya': -toe_before_m,
                        'yb': -toe_after_m
                    },
                    toe_ahead_m
                )
        END AS peak
    FROM stretched
    GROUP BY subject, session, trial, person, side, since_s, is_ahead
)

-- The parabola through (a, ya), (0, 0), (b, yb) with a < 0 < b has its vertex at
-- (yb a^2 - ya b^2) / (2 (a yb - b ya)); a maximum needs ya <= 0 and yb <= 0.
SELECT
    subject,
    session,
    trial,
    person,
    side,
    CASE WHEN is_ahead THEN 'foot_strike' ELSE 'foot_off' END AS event,
    peak.t
    + coalesce(
        (peak.yb * peak.a ^ 2 - peak.ya * peak.b ^ 2) / nullif(2 * (peak.yb * peak.a - peak.ya * peak.b), 0), 0
    ) AS time_s,
    CASE WHEN is_ahead AND NOT has_heel THEN 'zeni_ankle' ELSE 'zeni' END AS method,
    first_s,
    last_s
FROM extreme
WHERE peak.ya <= 0 AND peak.yb <= 0
