-- One row: a side of a subject's session (left, right, both) compared with a reference.
-- Inputs: _mean_curves, _speed_band, _profiles. Stands in for gait_profile where _mean_curves is stored.
SELECT *
FROM _profiles('_mean_curves', '_speed_band')
