-- One row: a gait cycle at a percent of its duration, 0 to 100 (101 points), with every angle of joint_angles.
-- Inputs: gait_cycles, _cycle_curves (which says how). Degrees, linear between frames; NULL where a frame on either
-- side lacks the angle or the frames are over 0.1 s apart. The cycle's side owns its columns: read left angles from
-- left cycles and right angles from right ones.
SELECT *
FROM _cycle_curves('gait_cycles')
