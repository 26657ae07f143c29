-- One row: a gait cycle at a percent of its duration, 0 to 100 (101 points), with every angle of joint_angles.
-- Inputs: gait_cycles, _cycle_curves (see there), _source_cycles (curves of data sets). Degrees, linear interpolation
-- between frames; NULL if the frame before or after lacks the angle, or if the two are more than 0.1 s apart. Read left
-- angles from left cycles and right angles from right cycles.
SELECT *
FROM _cycle_curves('gait_cycles', 1)
UNION ALL BY NAME
SELECT *
FROM _source_cycles
