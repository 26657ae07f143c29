-- Thresholds of the gait views. Each is defined here once; views, twins and docs read them from this file.
-- An event closer than this to an end of the foot's data is marked near_end, seconds.
CREATE OR REPLACE MACRO _near_end_s() AS 0.15;
-- A shorter swing is not a swing but exchanged sides in a video, seconds.
CREATE OR REPLACE MACRO _least_swing_s() AS 0.15;
-- A longer gap between frames is not bridged, in cycles and in curves, seconds.
CREATE OR REPLACE MACRO _longest_gap_s() AS 0.1;
-- A steady cycle differs from the trial's median stride time and speed by less than this share.
CREATE OR REPLACE MACRO _steady_share() AS 0.2;
-- A steady cycle changes its heading by less than this, degrees.
CREATE OR REPLACE MACRO _steady_turn_deg() AS 10;
-- A longer stride contains a period of standing, seconds.
CREATE OR REPLACE MACRO _longest_stand_s() AS 4;
-- With a smaller share of the path along the pelvis's facing, walking is sideways or backwards (cosine of 45 degrees).
CREATE OR REPLACE MACRO _ahead_share() AS 0.7;
-- A steady stride is longer than this in the forward direction, metres.
CREATE OR REPLACE MACRO _least_stride_m() AS 0.1;
-- A steady stride changes its height by no more than this, metres.
CREATE OR REPLACE MACRO _most_rise_m() AS 0.1;
-- A slower pelvis counts as staying in place: possibly a treadmill if the file does not say, metres per second.
CREATE OR REPLACE MACRO _in_place_travel_m_s() AS 0.2;
-- If the ground under the slower foot moves faster, it is a treadmill, metres per second.
CREATE OR REPLACE MACRO _in_place_ground_m_s() AS 0.15;
-- A file's event and a computed event that are further apart than this are different events, seconds.
CREATE OR REPLACE MACRO _same_event_s() AS 0.1;
-- A knee axis turned by more than this (adduction follows flexion) is doubtful in walking, degrees.
CREATE OR REPLACE MACRO _most_axis_turned_deg() AS 17;
-- If mean rotations of the knees or hips in walking differ by more, a wand or a cluster may have moved, degrees.
CREATE OR REPLACE MACRO _most_rotation_difference_deg() AS 25;
-- Number of steady cycles of a side that a score of the gait profile needs.
CREATE OR REPLACE MACRO _least_scored_cycles() AS 3;
-- If left and right thigh, shank or foot differ by more (docs/gait.md), a marker may be misplaced, percent.
CREATE OR REPLACE MACRO _most_segment_difference_pct() AS 8;
-- Number of controls of the same model that GDI* needs.
CREATE OR REPLACE MACRO _least_controls() AS 20;
-- Leg length as a share of body height if nothing better is known (Winter 2009, table 4.1).
CREATE OR REPLACE MACRO _leg_share_of_height() AS 0.53;
-- Acceleration of gravity for dimensionless speed and cadence (Hof 1996), metres per second squared.
CREATE OR REPLACE MACRO _gravity_m_s2() AS 9.81;
-- A platform that is higher than another platform of the trial by more than this is a step of stairs, millimetres.
CREATE OR REPLACE MACRO _step_height_mm() AS 50;
-- A platform counts as touched from this vertical force on, newtons (20 N in most of the literature).
CREATE OR REPLACE MACRO _contact_n() AS 20;
-- At a foot strike or foot off, the mean force over this time must also count as contact, seconds.
CREATE OR REPLACE MACRO _sustained_s() AS 0.015;
-- The second derivative of a contact's force reaches this share of its maximum, unless low-passed, per second squared.
CREATE OR REPLACE MACRO _sharp_force_per_s2() AS 400;
-- Heel or toe count as standing while they are slower than this relative to the ground, metres per second.
CREATE OR REPLACE MACRO _still_m_s() AS 0.5;
-- A foot beside a platform, or another foot on it, for no longer than this does not affect a stance, seconds.
CREATE OR REPLACE MACRO _passing_s() AS 0.05;
-- A foot further than this from the centre of pressure is not the foot of the contact, millimetres.
CREATE OR REPLACE MACRO _own_contact_mm() AS 120;
-- A file's mark within this time of a computed event confirms it, even near an end of the data, seconds.
CREATE OR REPLACE MACRO _confirmed_s() AS 0.05;
-- A foot marker up to this far beyond a platform's edge is still over it (marker radius, skin, corners), millimetres.
CREATE OR REPLACE MACRO _plate_edge_mm() AS 10;
-- Motion is never recorded at a lower rate; ingest refuses it, frames per second.
CREATE OR REPLACE MACRO _least_rate_hz() AS 1;
-- Motion is never recorded at a higher rate; ingest refuses it, frames per second.
CREATE OR REPLACE MACRO _most_rate_hz() AS 2000;
-- A coordinate further from the origin is an error and counts as missing (float32 resolves 0.008 mm there), metres.
CREATE OR REPLACE MACRO _most_coordinate_m() AS 100;
-- No standing person is shorter (the length of a newborn), metres.
CREATE OR REPLACE MACRO _least_stature_m() AS 0.5;
-- Hardly any person is taller, metres.
CREATE OR REPLACE MACRO _most_stature_m() AS 2.5;
-- No thigh or shank is shorter (a newborn's; its legs are a third of its length, an adult's a half), metres.
CREATE OR REPLACE MACRO _least_leg_segment_m() AS 0.07;
-- No thigh or shank is longer (0.246 of the greatest stature, Winter 2009, plus a fifth for joint centres), metres.
CREATE OR REPLACE MACRO _most_leg_segment_m() AS 0.74;
-- Hip centres, including those from trochanter markers, are no further apart, metres.
CREATE OR REPLACE MACRO _most_hips_apart_m() AS 0.45;
-- Hip centres are no nearer to each other (a newborn's are 50 mm apart): positions in a plane, without depth, metres.
CREATE OR REPLACE MACRO _least_hips_apart_m() AS 0.03;
-- Hip centres are no nearer than this share of the body's height (seen: 0.084 to 0.168): depth is compressed.
CREATE OR REPLACE MACRO _least_hips_share() AS 0.065;
-- Steps per second times sqrt(leg / g): adults' fastest walk has 0.73, race walking 1.0; more is a wrong frame rate.
CREATE OR REPLACE MACRO _most_cadence_norm() AS 1.0;
-- If the unit was judged from a body height between this and the next limit, no other unit fits, metres.
CREATE OR REPLACE MACRO _least_judged_m() AS 1.0;
-- The upper limit of that height, metres.
CREATE OR REPLACE MACRO _most_judged_m() AS 2.1;
-- No walking person measures less (a child who begins to walk, 0.75 m tall, is 0.6 to 0.7 from ankles to head), metres.
CREATE OR REPLACE MACRO _least_usual_stature_m() AS 0.6;
-- So few people are taller that a wrong scale is likelier, metres.
CREATE OR REPLACE MACRO _most_usual_stature_m() AS 2.1;
-- A body is not measured as shorter than this share of the height that participants.tsv states.
CREATE OR REPLACE MACRO _least_share_of_stated_height() AS 0.75;
-- Nor as taller than this share of it.
CREATE OR REPLACE MACRO _most_share_of_stated_height() AS 1.25;
-- Symmetry is not computed from a smaller mean of both sides, metres.
CREATE OR REPLACE MACRO _least_symmetric_m() AS 0.05;
-- Symmetry is not computed from a smaller mean of both sides, seconds.
CREATE OR REPLACE MACRO _least_symmetric_s() AS 0.05;
-- Symmetry is not computed from a smaller mean of both sides, percent.
CREATE OR REPLACE MACRO _least_symmetric_pct() AS 5;
-- Symmetry is not computed from a smaller mean of both sides, millimetres.
CREATE OR REPLACE MACRO _least_symmetric_mm() AS 5;
-- Symmetry is not computed from a smaller mean of both sides, degrees.
CREATE OR REPLACE MACRO _least_symmetric_deg() AS 5;
-- Symmetry is not computed from a smaller mean of both sides (a twentieth of body weight), newtons per kilogram.
CREATE OR REPLACE MACRO _least_symmetric_n_kg() AS 0.5;
-- Symmetry is not computed from a smaller mean of both sides (a tenth of normal), newton seconds per kilogram.
CREATE OR REPLACE MACRO _least_symmetric_n_s_kg() AS 0.02;
-- A knee that bends further backwards must be checked; people in files of laboratories stand with up to 11, degrees.
CREATE OR REPLACE MACRO _most_recurvatum_deg() AS 15;
-- The lowest toe rises or falls by no more during a trial (laboratory floors tilt by up to 75), millimetres.
CREATE OR REPLACE MACRO _most_floor_drift_mm() AS 100;
-- The lowest toe is no further above or below the floor, millimetres.
CREATE OR REPLACE MACRO _most_off_floor_mm() AS 100;
-- With fewer steady cycles per side, a session gives no scores.
CREATE OR REPLACE MACRO _least_session_cycles() AS 3;
-- The force of an unloaded platform changes by no more during a trial; half the force that counts as contact, newtons.
CREATE OR REPLACE MACRO _most_plate_drift_n() AS 10;
-- An unloaded platform reads no more; half the force that counts as contact, newtons.
CREATE OR REPLACE MACRO _most_plate_offset_n() AS 10;
-- If the centre of pressure is beyond the edge in more of the loaded frames, a foot is partly beside it, percent.
CREATE OR REPLACE MACRO _most_beyond_edge_pct() AS 10;
-- If the feet carry less of the weight over whole cycles, a rail or stick helps or the mass is wrong, percent.
CREATE OR REPLACE MACRO _least_carried_pct() AS 90;
-- Feet cannot carry more than the weight over whole cycles: the mass is wrong, percent.
CREATE OR REPLACE MACRO _most_carried_pct() AS 110;
-- If they carry less, or more than the above, moments per kilogram are doubtful (a mass in pounds: 45 %), percent.
CREATE OR REPLACE MACRO _hardly_carried_pct() AS 60;
-- The heel has stopped when it is slower than this share of the walking speed (six laboratories, docs/gait.md).
CREATE OR REPLACE MACRO _heel_stopped_share() AS 0.4;
-- The heel has stopped when it is slower than this, however fast the walk, metres per second.
CREATE OR REPLACE MACRO _heel_stopped_m_s() AS 0.6;
-- An ankle used in place of the heel has stopped when it is slower than this share of the walking speed.
CREATE OR REPLACE MACRO _ankle_stopped_share() AS 0.5;
-- An ankle used in place of the heel has stopped when it is slower than this, metres per second.
CREATE OR REPLACE MACRO _ankle_stopped_m_s() AS 0.75;
-- The toe has left the ground when it is faster than this share of the walking speed.
CREATE OR REPLACE MACRO _toe_left_share() AS 0.66;
-- The limits of a foot's speed are never lower, however slow the walk, metres per second.
CREATE OR REPLACE MACRO _least_event_speed_m_s() AS 0.1;
-- The forefoot has left the ground when its upward velocity passes this share of its next maximum (docs/gait.md).
CREATE OR REPLACE MACRO _lifted_share() AS 0.8;
-- A foot off is no earlier before the toe is farthest behind the pelvis, seconds.
CREATE OR REPLACE MACRO _off_before_s() AS 0.015;
-- A foot off is no later after the toe is farthest behind the pelvis, seconds.
CREATE OR REPLACE MACRO _off_after_s() AS 0.03;
-- If the coordinate and the vertical method are further apart, the first alone times a foot off, seconds.
CREATE OR REPLACE MACRO _off_apart_s() AS 0.06;
-- A foot rolls over its forefoot, which is at least this share of leg length in front of the ankle.
CREATE OR REPLACE MACRO _forefoot_share_of_leg() AS 0.2;
-- Impossible angles or speeds in more than this share of the frames are flagged, percent.
CREATE OR REPLACE MACRO _most_impossible_pct() AS 5;
-- Sides that are exchanged in more than this share of the frames are exchanged in the whole trial, percent.
CREATE OR REPLACE MACRO _exchanged_pct() AS 80;
-- If the shoulders face the opposite way to the hips in more of the frames, they are exchanged, percent.
CREATE OR REPLACE MACRO _shoulders_exchanged_pct() AS 95;
-- A foot that moves less than this to and fro along the walk stands still, metres.
CREATE OR REPLACE MACRO _ahead_range_m() AS 0.08;
-- A foot is in front above this share of its range along the walk.
CREATE OR REPLACE MACRO _ahead_part() AS 0.65;
-- A foot is behind below this share of its range along the walk.
CREATE OR REPLACE MACRO _behind_part() AS 0.35;
-- Two rules that place a foot strike within this of each other agree, seconds.
CREATE OR REPLACE MACRO _rules_agree_s() AS 0.08;
-- A rule may place a foot strike earlier than that of Zeni by up to this, seconds.
CREATE OR REPLACE MACRO _strike_earlier_s() AS 0.06;
-- A rule may place a foot strike later than that of Zeni by up to this, seconds.
CREATE OR REPLACE MACRO _strike_later_s() AS 0.2;
-- A rule may place a foot off earlier than that of Zeni by up to this, seconds.
CREATE OR REPLACE MACRO _off_earlier_s() AS 0.2;
-- A rule may place a foot off later than that of Zeni by up to this, seconds.
CREATE OR REPLACE MACRO _off_later_s() AS 0.1;
-- A smaller upward acceleration of the heel is no impact (laboratories: 1.5 to 5), metres per second squared.
CREATE OR REPLACE MACRO _least_impact_m_s2() AS 1;
-- The heel's impact belongs to a foot strike if it is no earlier than this before the other rules, seconds.
CREATE OR REPLACE MACRO _impact_before_s() AS 0.02;
-- The heel's impact belongs to a foot strike if it is no later than this after the other rules, seconds.
CREATE OR REPLACE MACRO _impact_after_s() AS 0.06;
-- Within this of these two limits an impact moves a foot strike less, seconds.
CREATE OR REPLACE MACRO _impact_fades_s() AS 0.015;
-- The heel's acceleration is largest this much after the first contact (five laboratories: -1 to 17 ms), seconds.
CREATE OR REPLACE MACRO _impact_delay_s() AS 0.01;
-- A foot strike is usually this much later than that of Zeni, which decides between rules that disagree, seconds.
CREATE OR REPLACE MACRO _usual_strike_s() AS 0.045;
-- A curve of 101 points with fewer values than this is not whole.
CREATE OR REPLACE MACRO _least_whole_points() AS 99;
-- Fewer persons than this give no standard error of measurement.
CREATE OR REPLACE MACRO _least_retest_persons() AS 10;
-- A smaller mass is not that of a person, kilograms.
CREATE OR REPLACE MACRO _least_mass_kg() AS 2;
-- A larger mass is not that of a person, kilograms.
CREATE OR REPLACE MACRO _most_mass_kg() AS 400;
-- A platform with more vertical force than this carries somebody, newtons.
CREATE OR REPLACE MACRO _loaded_n() AS 50;
-- In a smaller range of knee adduction, its correlation with flexion says nothing of the knee axis, degrees.
CREATE OR REPLACE MACRO _least_crosstalk_range_deg() AS 10;
-- Knee adduction that shares more of its variance with flexion shows a turned knee axis.
CREATE OR REPLACE MACRO _most_crosstalk_r2() AS 0.5;
-- A knee rotated by more than this is impossible, degrees.
CREATE OR REPLACE MACRO _most_knee_rotation_deg() AS 60;
-- A knee adducted or abducted by more than this is impossible, degrees.
CREATE OR REPLACE MACRO _most_knee_adduction_deg() AS 30;
-- An elbow extended beyond straight by more than this is impossible, degrees.
CREATE OR REPLACE MACRO _most_elbow_hyperextension_deg() AS 10;
-- An ankle flexed in either direction by more than this is impossible, degrees.
CREATE OR REPLACE MACRO _most_dorsiflexion_deg() AS 60;
-- A hip extended by more than this is impossible, degrees.
CREATE OR REPLACE MACRO _most_hip_extension_deg() AS 75;
-- A hip flexed by more than this is impossible, degrees.
CREATE OR REPLACE MACRO _most_hip_flexion_deg() AS 150;
-- A pelvis faster than this is impossible, metres per second.
CREATE OR REPLACE MACRO _most_pelvis_speed_m_s() AS 13;
-- A person whose ankles move less than this in a trial stands, millimetres.
CREATE OR REPLACE MACRO _standing_mm() AS 50;
-- Segments whose lengths vary by more than this are flagged, coefficient of variation in percent.
CREATE OR REPLACE MACRO _most_bone_change_pct() AS 5;
-- Legs whose lengths differ by more than this are flagged, percent.
CREATE OR REPLACE MACRO _most_leg_difference_pct() AS 10;
-- A joint that is missing in more of the frames is flagged, percent.
CREATE OR REPLACE MACRO _most_gap_pct() AS 10;
-- A file that was cut off and lacks more of its frames is flagged, percent.
CREATE OR REPLACE MACRO _most_missing_frames_pct() AS 5;
-- A trial of which more does not move at all is flagged, percent of its frames.
CREATE OR REPLACE MACRO _most_frozen_pct() AS 5;
-- Angles of both legs that differ by more than this while a person stands are flagged, degrees.
CREATE OR REPLACE MACRO _most_stance_difference_deg() AS 15;
-- Head or hips less far above the feet than this share of the body's length mean that a person lies.
CREATE OR REPLACE MACRO _least_upright_share() AS 0.6;
-- A person who walked further than this did not lie, millimetres.
CREATE OR REPLACE MACRO _least_lying_travel_mm() AS 1000;
-- A person faster than this faces where the walk goes, metres per second.
CREATE OR REPLACE MACRO _faces_walk_m_s() AS 0.3;
-- A person slower than this faces where the pelvis does, metres per second.
CREATE OR REPLACE MACRO _faces_pelvis_m_s() AS 0.1;
-- A shorter stride gives no direction for the width of its steps, metres.
CREATE OR REPLACE MACRO _least_straight_stride_m() AS 0.2;
-- The toes may reach beyond the toe marker by this share of the distance of the heel's and the toe's marker.
CREATE OR REPLACE MACRO _toes_share() AS 0.6;
-- The shoe may reach behind the heel's marker by this share of that distance.
CREATE OR REPLACE MACRO _behind_heel_share() AS 0.2;
-- Less than this share of the mass carried by the step in single support: part of the foot is beside the platform.
CREATE OR REPLACE MACRO _least_carried_share() AS 0.82;
-- The mass that a step carries is averaged over pieces of this length, seconds.
CREATE OR REPLACE MACRO _carried_piece_s() AS 0.05;
-- A foot whose heel and toe are both faster than this swings, metres per second.
CREATE OR REPLACE MACRO _swinging_m_s() AS 1;
-- Single support tells what a step carries only below this acceleration of the pelvis, metres per second squared.
CREATE OR REPLACE MACRO _most_rise_m_s2() AS 5;
-- The acceleration of the pelvis is computed over this time before and after a frame, seconds.
CREATE OR REPLACE MACRO _rise_s() AS 0.05;
-- A foot that stands beside the platforms for longer is on none of them, seconds.
CREATE OR REPLACE MACRO _least_beside_s() AS 0.2;
-- A slower walk is very slow (Schwartz 2008), dimensionless.
CREATE OR REPLACE MACRO _below_norm_very_slow() AS 0.227;
-- A slower walk is slow (Schwartz 2008), dimensionless.
CREATE OR REPLACE MACRO _below_norm_slow() AS 0.363;
-- A slower walk is free (Schwartz 2008), dimensionless.
CREATE OR REPLACE MACRO _below_norm_free() AS 0.5;
-- A slower walk is fast (Schwartz 2008), dimensionless.
CREATE OR REPLACE MACRO _below_norm_fast() AS 0.636;
-- A stated force above this is one of a foot on a platform, newtons per kilogram.
CREATE OR REPLACE MACRO _least_stated_n_kg() AS 0.2;
