-- One row: a candidate for a foot strike by the impact of the heel: its upward acceleration has a maximum (Hreljac &
-- Marshall 2000, doi 10.1016/S0021-9290(00)00014-2).
-- Arguments: motion. The name of a relation like _foot_motion. Inputs: only these.
-- value is the acceleration in m/s2; maxima below _least_impact_m_s2() are left out: a heel that is lowered slowly has
-- no impact. An ankle that stands in for the heel has none either. time_s is refined below frame resolution by a
-- parabola through three frames. On files of five laboratories with platforms the maximum is 1 ms before to 17 ms
-- after the 20 N, because the heel pad is compressed first. gait_events uses the candidate at the other two methods.
SELECT
    subject,
    session,
    trial,
    person,
    side,
    'foot_strike' AS event,
    time_s + _vertex_s(before_s, after_s, heel_gain_before, heel_gain_after) AS time_s,
    heel_gain_m_s2 AS value
FROM query_table(motion)
WHERE has_heel AND heel_gain_m_s2 >= _least_impact_m_s2() AND heel_gain_before <= 0 AND heel_gain_after < 0
