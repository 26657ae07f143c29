-- Thresholds of the gait views, each named once; views, twins and docs read them here.
-- Nearer to an end of the foot's data, an event is marked near_end, seconds.
CREATE OR REPLACE MACRO _near_end_s() AS 0.15;
-- A shorter swing is none: the sides have changed places in a video, seconds.
CREATE OR REPLACE MACRO _least_swing_s() AS 0.15;
-- A longer gap between frames is not bridged, by cycles and curves alike.
CREATE OR REPLACE MACRO _longest_gap_s() AS 0.1;
-- A cycle is steady within this share of the trial's median stride time and speed.
CREATE OR REPLACE MACRO _steady_share() AS 0.2;
-- A cycle is steady below this change of heading, degrees.
CREATE OR REPLACE MACRO _steady_turn_deg() AS 10;
-- A longer stride has a stand in it, seconds.
CREATE OR REPLACE MACRO _longest_stand_s() AS 4;
-- Less of the way along the pelvis's heading is sideways or backwards walking, share (the cosine of 45 degrees).
CREATE OR REPLACE MACRO _ahead_share() AS 0.7;
-- A steady stride goes further forwards than this, metres.
CREATE OR REPLACE MACRO _least_stride_m() AS 0.1;
-- A steady stride rises or falls by no more than this, metres.
CREATE OR REPLACE MACRO _most_rise_m() AS 0.1;
-- Slower, the pelvis hardly travels; without a word in the file it may be a treadmill, metres per second.
CREATE OR REPLACE MACRO _in_place_travel_m_s() AS 0.2;
-- Faster, the ground under the slower foot moves: a treadmill, metres per second.
CREATE OR REPLACE MACRO _in_place_ground_m_s() AS 0.15;
-- An event of the file and one of ours further apart than this are not the same, seconds.
CREATE OR REPLACE MACRO _same_event_s() AS 0.1;
-- GDI* needs this many controls of the same model.
CREATE OR REPLACE MACRO _least_controls() AS 20;
-- Leg length as a share of height where nothing better is known (Winter 2009, table 4.1).
CREATE OR REPLACE MACRO _leg_share_of_height() AS 0.53;
-- Acceleration of gravity for dimensionless speed and cadence (Hof 1996), metres per second squared.
CREATE OR REPLACE MACRO _gravity_m_s2() AS 9.81;
-- A platform that is higher than another of its trial by more than this is a step of stairs, millimetres.
CREATE OR REPLACE MACRO _step_height_mm() AS 50;
-- A marker of the foot this far beyond a platform's edge is still over it (the marker's radius, skin, the plate's corners), millimetres.
CREATE OR REPLACE MACRO _plate_edge_mm() AS 10;
