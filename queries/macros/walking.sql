-- Limits of the speed method (_events_speed). A macro may call only those that are created before it: files come in
-- the order of their names.

-- The speed of heel or toe in the plane of progression, relative to a ground that moves backward.
CREATE OR REPLACE MACRO _over_ground_m_s(forward_m_s, up_m_s, ground_m_s) AS
sqrt((forward_m_s + ground_m_s) * (forward_m_s + ground_m_s) + up_m_s * up_m_s);
-- A heel that is slower has stopped; an ankle in its place still moves while the foot rolls over the heel.
CREATE OR REPLACE MACRO _heel_limit_m_s(has_heel, walking_m_s) AS greatest(
    CASE
        WHEN has_heel THEN least(_heel_stopped_share() * walking_m_s, _heel_stopped_m_s())
        ELSE least(_ankle_stopped_share() * walking_m_s, _ankle_stopped_m_s())
    END,
    _least_event_speed_m_s()
);
-- A toe that is faster has left the ground.
CREATE OR REPLACE MACRO _toe_limit_m_s(walking_m_s) AS
greatest(_toe_left_share() * walking_m_s, _least_event_speed_m_s());
