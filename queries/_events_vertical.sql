-- One row: a candidate for a foot strike or foot off by the vertical velocity of the middle between heel and toe.
-- Foot strike: a trough; foot off: a peak (foot velocity algorithm, O'Connor et al. 2007, doi
-- 10.1016/j.gaitpost.2006.05.016).
-- Arguments: motion. Inputs: the name of a relation like _foot_motion. value is that velocity in m/s, upwards
-- positive; extremes nearer to zero than 0.05 m/s are left out. One stride has several; gait_events takes the one
-- that belongs to the coordinate rule's event.
WITH frames AS (
    SELECT
        subject,
        session,
        trial,
        person,
        side,
        time_s,
        middle_up_m_s AS value,
        lag(time_s) OVER frames_ - time_s AS a,
        lead(time_s) OVER frames_ - time_s AS b,
        lag(middle_up_m_s) OVER frames_ - middle_up_m_s AS ya,
        lead(middle_up_m_s) OVER frames_ - middle_up_m_s AS yb
    FROM query_table(motion)
    WINDOW frames_ AS (PARTITION BY subject, session, trial, person, side ORDER BY time_s)
)

SELECT
    subject,
    session,
    trial,
    person,
    side,
    CASE WHEN value < 0 THEN 'foot_strike' ELSE 'foot_off' END AS event,
    time_s + coalesce((yb * a ^ 2 - ya * b ^ 2) / nullif(2 * (yb * a - ya * b), 0), 0) AS time_s,
    value
FROM frames
WHERE (value < -0.05 AND ya > 0 AND yb >= 0) OR (value > 0.05 AND ya < 0 AND yb <= 0)
