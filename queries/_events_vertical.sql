-- One row: a candidate for a foot strike or foot off by vertical velocity.
-- Arguments: motion. The name of a relation like _foot_motion. Inputs: only these.
-- Foot strike: a minimum of the velocity of the midpoint of heel and toe (foot velocity algorithm, O'Connor et al.
-- 2007, doi 10.1016/j.gaitpost.2006.05.016). Foot off: the forefoot's upward velocity passes 0.8 of its next maximum,
-- forefoot_peak_m_s (NULL or 0 if there is none before a gap). The foot rolls over the forefoot, so a toe marker that
-- is placed further back rises earlier: the marker is therefore extended along the line from the ankle until it is a
-- fifth of the leg's length from it, between the ball of the foot (0.16) and the tip of the toes (0.23; Winter 2009,
-- table 4.1). On files of six laboratories, whose toe markers are at 0.11 to 0.18, this is between 3 ms before and 4
-- ms after the marks; the largest velocity itself is 27 to 42 ms after them.
-- value is the largest velocity in m/s, positive upward; extremes closer to zero than 0.05 m/s are left out. A stride
-- has several candidates; gait_events uses the one that belongs to the event of the coordinate method. Times are
-- interpolated between frames: a parabola through three frames for minima, a line for 0.8 of the maximum.
WITH rows_needed AS ( -- maxima, frames in which the forefoot rises, minima: before the window, which sorts
    SELECT *
    FROM query_table(motion)
    WHERE
        peak_m_s IS NOT NULL
        OR (forefoot_up_m_s > 0 AND forefoot_up_before < 0)
        OR (middle_up_m_s < -0.05 AND middle_up_before > 0 AND middle_up_after >= 0)
),

peaks AS (
    SELECT
        subject,
        session,
        trial,
        person,
        side,
        time_s,
        before_s,
        after_s,
        middle_up_m_s,
        middle_up_before,
        middle_up_after,
        forefoot_up_m_s,
        forefoot_up_before,
        first_value(peak_m_s IGNORE NULLS) OVER (
            PARTITION BY subject, session, trial, person, side
            ORDER BY time_s ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
        ) AS forefoot_peak_m_s
    FROM rows_needed
),

limited AS (
    SELECT
        *,
        _lifted_share() * forefoot_peak_m_s AS lifted_m_s
    FROM peaks
),

judged AS (
    SELECT
        *,
        middle_up_m_s < -0.05 AND middle_up_before > 0 AND middle_up_after >= 0 AS is_strike,
        forefoot_peak_m_s > 0.05
        AND forefoot_up_m_s >= lifted_m_s
        AND forefoot_up_m_s + forefoot_up_before < lifted_m_s AS is_off
    FROM limited
),

candidates AS (
    SELECT
        *,
        unnest([
            {
                'event': 'foot_strike',
                'is_one': is_strike,
                'time_s': time_s + _vertex_s(before_s, after_s, middle_up_before, middle_up_after),
                'value': middle_up_m_s
            },
            {
                'event': 'foot_off',
                'is_one': is_off,
                'time_s': time_s + before_s * (lifted_m_s - forefoot_up_m_s) / forefoot_up_before,
                'value': forefoot_peak_m_s
            }
        ]) AS peak
    FROM judged
    WHERE is_strike OR is_off
)

SELECT
    subject,
    session,
    trial,
    person,
    side,
    peak.event AS event,
    peak.time_s AS time_s,
    peak.value AS value
FROM candidates
WHERE peak.is_one
