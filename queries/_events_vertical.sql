-- One row: a candidate for a foot strike or foot off by vertical velocity.
-- Arguments: motion. The name of a relation like _foot_motion. Inputs: only these.
-- Foot strike: a minimum of the velocity of the midpoint of heel and toe (foot velocity algorithm, O'Connor et al.
-- 2007, doi 10.1016/j.gaitpost.2006.05.016). Foot off: half-way between the largest upward acceleration of the
-- forefoot and its largest upward velocity. The foot rolls over the forefoot, so a toe marker that is placed further
-- back rises earlier: the marker is therefore extended along the line from the ankle until it is a fifth of the leg's
-- length from it, between the ball of the foot (0.16) and the tip of the toes (0.23; Winter 2009, table 4.1). On files
-- of six laboratories, whose toe markers are at 0.11 to 0.18, the half-way point is then between 8 ms before and 5 ms
-- after the marks (without the extension between 16 ms before and 3 ms after).
-- value is the velocity in m/s, positive upward; extremes closer to zero than 0.05 m/s are left out. A stride has
-- several candidates; gait_events uses the one that belongs to the event of the coordinate method. Times are refined
-- below frame resolution by a parabola through three frames. lift_s is the time of the forefoot's largest upward
-- acceleration in the 0.15 s before the frame.
WITH candidates AS (
    SELECT
        *,
        unnest([
            {
                'event': 'foot_strike',
                'is_one': middle_up_m_s < -0.05 AND middle_up_before > 0 AND middle_up_after >= 0,
                'time_s': time_s + _vertex_s(before_s, after_s, middle_up_before, middle_up_after),
                'value': middle_up_m_s
            },
            {
                'event': 'foot_off',
                'is_one': forefoot_up_m_s > 0.05 AND forefoot_up_before < 0 AND forefoot_up_after <= 0,
                'time_s': (lift_s + time_s + _vertex_s(before_s, after_s, forefoot_up_before, forefoot_up_after)) / 2,
                'value': forefoot_up_m_s
            }
        ]) AS peak
    FROM query_table(motion)
    WHERE
        (middle_up_m_s < -0.05 AND middle_up_before > 0 AND middle_up_after >= 0)
        OR (forefoot_up_m_s > 0.05 AND forefoot_up_before < 0 AND forefoot_up_after <= 0)
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
