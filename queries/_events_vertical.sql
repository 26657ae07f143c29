-- One row: a candidate for a foot strike or foot off by vertical velocity.
-- Arguments: motion. The name of a relation like _foot_motion. Inputs: only these.
-- Foot strike: a minimum of the velocity of the midpoint of heel and toe (foot velocity algorithm, O'Connor et al.
-- 2007, doi 10.1016/j.gaitpost.2006.05.016). Foot off: at 0.6 of the time from the toe's largest upward acceleration
-- to its largest upward velocity. On files of six laboratories, the peak of the acceleration is 18 to 39 ms before
-- the operators' marks and that of the velocity 5 to 32 ms after them, each within 5 to 7 ms in one laboratory; 0.6
-- gives the smallest bias over laboratories. (The peak of the midpoint of heel and toe is between 45 ms early and 5
-- ms late.)
-- value is the velocity in m/s, positive upward; extremes closer to zero than 0.05 m/s are left out. A stride has
-- several candidates; gait_events uses the one that belongs to the event of the coordinate method. Times are refined
-- below frame resolution by a parabola through three frames.
WITH neighbours AS NOT MATERIALIZED ( -- DuckDB pushes no filter into a materialized CTE that contains another one
    SELECT
        *,
        lag(time_s) OVER frames_ - time_s AS a,
        lead(time_s) OVER frames_ - time_s AS b,
        lag(middle_up_m_s) OVER frames_ - middle_up_m_s AS middle_before,
        lead(middle_up_m_s) OVER frames_ - middle_up_m_s AS middle_after,
        lag(toe_up_m_s) OVER frames_ - toe_up_m_s AS toe_before,
        lead(toe_up_m_s) OVER frames_ - toe_up_m_s AS toe_after,
        (lead(toe_up_m_s) OVER frames_ - lag(toe_up_m_s) OVER frames_)
        / (lead(time_s) OVER frames_ - lag(time_s) OVER frames_) AS lift_m_s2
    FROM query_table(motion)
    WINDOW frames_ AS (PARTITION BY subject, session, trial, person, side ORDER BY time_s)
),

sloped AS (
    SELECT
        *,
        lag(lift_m_s2) OVER frames_ - lift_m_s2 AS lift_before,
        lead(lift_m_s2) OVER frames_ - lift_m_s2 AS lift_after
    FROM neighbours
    WINDOW frames_ AS (PARTITION BY subject, session, trial, person, side ORDER BY time_s)
),

lifted AS (
    SELECT
        *,
        arg_max(
            {
                't': time_s,
                'a': a,
                'b': b,
                'ya': lift_before,
                'yb': lift_after
            },
            lift_m_s2
        ) OVER (
            PARTITION BY subject, session, trial, person, side
            ORDER BY time_s RANGE BETWEEN 0.15 PRECEDING AND CURRENT ROW
        ) AS lift
    FROM sloped
),

timed AS (
    SELECT
        *,
        lift.t + CASE
            WHEN lift.ya <= 0 AND lift.yb <= 0
                THEN
                    coalesce(
                        (lift.yb * lift.a ^ 2 - lift.ya * lift.b ^ 2)
                        / nullif(2 * (lift.yb * lift.a - lift.ya * lift.b), 0),
                        0
                    )
            ELSE 0
        END AS lift_s
    FROM lifted
)

SELECT
    subject,
    session,
    trial,
    person,
    side,
    'foot_strike' AS event,
    time_s + coalesce(
        (middle_after * a ^ 2 - middle_before * b ^ 2) / nullif(2 * (middle_after * a - middle_before * b), 0), 0
    ) AS time_s,
    middle_up_m_s AS value
FROM neighbours
WHERE middle_up_m_s < -0.05 AND middle_before > 0 AND middle_after >= 0
UNION ALL
SELECT
    subject,
    session,
    trial,
    person,
    side,
    'foot_off' AS event,
    0.4 * lift_s + 0.6 * (
        time_s + coalesce((toe_after * a ^ 2 - toe_before * b ^ 2) / nullif(2 * (toe_after * a - toe_before * b), 0), 0)
    ) AS time_s,
    toe_up_m_s AS value
FROM timed
WHERE toe_up_m_s > 0.05 AND toe_before < 0 AND toe_after <= 0
