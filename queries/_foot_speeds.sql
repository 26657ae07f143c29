-- One row: a frame of one foot of a person, with the columns of _foot_motion that _ground_reaction reads.
-- Inputs: _foot_motion. Metres per second relative to the surface; the other windows of _foot_motion are not computed.
SELECT
    subject,
    session,
    trial,
    person,
    time_s,
    side,
    heel_speed_m_s,
    toe_speed_m_s
FROM _foot_motion
