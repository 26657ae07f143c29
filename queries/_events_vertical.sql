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
-- below frame resolution by a parabola through three frames. lift_s is the time of the toe's largest upward
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
                'is_one': toe_up_m_s > 0.05 AND toe_up_before < 0 AND toe_up_after <= 0,
                'time_s': 0.4 * lift_s + 0.6 * (time_s + _vertex_s(before_s, after_s, toe_up_before, toe_up_after)),
                'value': toe_up_m_s
            }
        ]) AS peak
    FROM query_table(motion)
    WHERE
        (middle_up_m_s < -0.05 AND middle_up_before > 0 AND middle_up_after >= 0)
        OR (toe_up_m_s > 0.05 AND toe_up_before < 0 AND toe_up_after <= 0)
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
