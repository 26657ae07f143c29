-- One row: a gait cycle, from a foot strike to the next strike of the same foot (cycle counts from 0 per foot).
-- Inputs: _measured_cycles. Seconds on the trial's clock; heading_deg is the direction of progression about the
-- vertical, 0 along +z, 90 along +x. is_steady and reason: docs/gait.md.
SELECT
    subject,
    session,
    trial,
    person,
    cycle,
    side,
    start_s,
    end_s,
    foot_off_s,
    opposite_off_s,
    opposite_strike_s,
    degrees(atan2(heading_x, heading_z)) AS heading_deg,
    is_steady,
    reason,
    source AS event_source
FROM _measured_cycles
