-- One row: a subject's session with its band of dimensionless walking speed (Schwartz et al. 2008, doi
-- 10.1016/j.jbiomech.2008.03.015); NULL if speed or leg length is unknown.
-- Inputs: spatiotemporal, _speed_bands.
SELECT *
FROM _speed_bands('spatiotemporal')
