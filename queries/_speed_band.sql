-- One row: a subject's session with its band of dimensionless walking speed (Schwartz et al. 2008, doi
-- 10.1016/j.jbiomech.2008.03.015); NULL if speed or leg length is unknown.
-- Inputs: subject_summary.
WITH speeds AS (
    SELECT
        subject,
        session,
        median(walking_speed_norm) AS speed_norm
    FROM subject_summary
    GROUP BY subject, session
)

SELECT
    *,
    CASE
        WHEN speed_norm < 0.227 THEN 'very_slow'
        WHEN speed_norm < 0.363 THEN 'slow'
        WHEN speed_norm < 0.500 THEN 'free'
        WHEN speed_norm < 0.636 THEN 'fast'
        WHEN speed_norm IS NOT NULL THEN 'very_fast'
    END AS speed_band
FROM speeds
