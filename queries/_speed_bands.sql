-- One row: a subject's session with its band of dimensionless walking speed (Schwartz et al. 2008, doi
-- 10.1016/j.jbiomech.2008.03.015); NULL if speed or leg length is unknown.
-- Arguments: cycles. The name of a relation like spatiotemporal.
-- Inputs: trials. The speed is the median, over conditions and sides, of the medians over their steady cycles. It
-- equals that of subject_summary, which is not read because it also computes peaks, moments and powers.
WITH medians AS (
    SELECT
        strides.subject,
        strides.session,
        median(strides.walking_speed_norm) AS speed_norm
    FROM query_table(cycles) AS strides
    INNER JOIN trials USING (subject, session, trial)
    WHERE strides.is_steady AND strides.person = 0
    GROUP BY strides.subject, strides.session, trials.condition, strides.side
),

speeds AS (
    SELECT
        subject,
        session,
        median(speed_norm) AS speed_norm
    FROM medians
    GROUP BY subject, session
)

SELECT
    *,
    CASE
        WHEN speed_norm < _below_norm_very_slow() THEN 'very_slow'
        WHEN speed_norm < _below_norm_slow() THEN 'slow'
        WHEN speed_norm < _below_norm_free() THEN 'free'
        WHEN speed_norm < _below_norm_fast() THEN 'fast'
        WHEN speed_norm IS NOT NULL THEN 'very_fast'
    END AS speed_band
FROM speeds
