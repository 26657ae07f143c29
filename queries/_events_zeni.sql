-- One row: a foot strike or foot off by the coordinate rule of Zeni et al. 2008 (doi 10.1016/j.gaitpost.2007.07.007).
-- Foot strike: the heel is farthest ahead of the sacrum (or pelvis); foot off: the toe is farthest behind it.
-- Arguments: motion. Inputs: the name of a relation like _foot_motion. time_s is refined below frame resolution by a
-- parabola through three frames. A foot counts as ahead above the middle of its range within 1.5 s plus 15 % of that
-- range, as behind below it minus 15 %; in between it stays what it was. Each stretch ahead holds one strike, each
-- stretch behind one off, so that noise and pauses make no second one. A range below 0.08 m is standing. Strikes come
-- 45 to 50 ms before the operators' marks on lab files: gait_events uses them to find, not to time.
WITH foot AS (
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
        (heel_ahead_m + coalesce(toe_ahead_m, heel_ahead_m)) / 2 AS ahead_m
    FROM query_table(motion)
),

ranged AS (
    SELECT
        *,
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
    FROM foot
    WINDOW
        foot_ AS (PARTITION BY subject, session, trial, person, side),
        frames_ AS (PARTITION BY subject, session, trial, person, side ORDER BY time_s),
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

carried AS (
    SELECT
        *,
        coalesce(last_value(state IGNORE NULLS) OVER so_far_, 0) AS kept_state
    FROM stated
    WINDOW so_far_ AS (
        PARTITION BY subject, session, trial, person, side ORDER BY time_s ROWS UNBOUNDED PRECEDING
    )
),

changed AS (
    SELECT
        *,
        coalesce(kept_state, -9) != coalesce(lag(kept_state) OVER frames_, -9) AS is_new
    FROM carried
    WINDOW frames_ AS (PARTITION BY subject, session, trial, person, side ORDER BY time_s)
),

stretched AS (
    SELECT
        *,
        count(*) FILTER (is_new) OVER so_far_ AS stretch
    FROM changed
    WINDOW so_far_ AS (
        PARTITION BY subject, session, trial, person, side ORDER BY time_s ROWS UNBOUNDED PRECEDING
    )
),

extreme AS (
    SELECT
        subject,
        session,
        trial,
        person,
        side,
        kept_state,
        any_value(has_heel) AS has_heel,
        any_value(first_s) AS first_s,
        any_value(last_s) AS last_s,
        CASE
            WHEN kept_state = 1
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
    WHERE kept_state != 0
    GROUP BY subject, session, trial, person, side, stretch, kept_state
)

-- The parabola through (a, ya), (0, 0), (b, yb) with a < 0 < b has its vertex at
-- (yb a^2 - ya b^2) / (2 (a yb - b ya)); a top needs ya <= 0 and yb <= 0.
SELECT
    subject,
    session,
    trial,
    person,
    side,
    CASE WHEN kept_state = 1 THEN 'foot_strike' ELSE 'foot_off' END AS event,
    peak.t
    + coalesce(
        (peak.yb * peak.a ^ 2 - peak.ya * peak.b ^ 2) / nullif(2 * (peak.yb * peak.a - peak.ya * peak.b), 0), 0
    ) AS time_s,
    CASE WHEN kept_state = 1 AND NOT has_heel THEN 'zeni_ankle' ELSE 'zeni' END AS method,
    first_s,
    last_s
FROM extreme
WHERE peak.ya <= 0 AND peak.yb <= 0
