-- One row: an angle of a trial that the source file also contains, ours compared with the source's.
-- Inputs: joint_angles, source_angles (with our sign). Degrees; bias is ours minus source; r is Pearson's
-- correlation.
-- Plug-in Gait's shoulder (source_angles.component is not empty) turns first about the forward axis of the trunk, then
-- flexes: ours is converted to that order before it is compared. Differences of whole turns are removed. Our angle is
-- interpolated linearly at the source's times; n_frames is the number of times at which both exist.
WITH stated AS (
    SELECT DISTINCT
        subject,
        session,
        trial
    FROM source_angles
    WHERE angle IS NOT NULL
),

ours AS (
    UNPIVOT (
        SELECT
            joint_angles.* EXCLUDE (person, frame),
            _abduction_first_flexion_deg(left_shoulder_flexion_deg, left_shoulder_adduction_deg)
                AS model_left_shoulder_flexion_deg,
            _abduction_first_adduction_deg(left_shoulder_flexion_deg, left_shoulder_adduction_deg)
                AS model_left_shoulder_adduction_deg,
            _abduction_first_flexion_deg(right_shoulder_flexion_deg, right_shoulder_adduction_deg)
                AS model_right_shoulder_flexion_deg,
            _abduction_first_adduction_deg(right_shoulder_flexion_deg, right_shoulder_adduction_deg)
                AS model_right_shoulder_adduction_deg
        FROM joint_angles
        INNER JOIN stated USING (subject, session, trial)
        WHERE joint_angles.person = 0
    )
    ON COLUMNS('_deg$')
    INTO NAME angle VALUE ours_deg
),

spans AS (
    SELECT
        *,
        lead(time_s) OVER angle_ AS next_s,
        lead(ours_deg) OVER angle_ AS next_deg
    FROM ours
    WINDOW angle_ AS (PARTITION BY subject, session, trial, angle ORDER BY time_s)
),

beside AS (
    SELECT
        source.subject,
        source.session,
        source.trial,
        source.angle,
        source.value_deg,
        CASE
            WHEN abs(source.time_s - spans.time_s) < 1e-6 THEN spans.ours_deg
            WHEN spans.next_s - spans.time_s <= _longest_gap_s()
                THEN
                    spans.ours_deg
                    + (spans.next_deg - spans.ours_deg) * (source.time_s - spans.time_s) / (spans.next_s - spans.time_s)
        END AS ours_deg
    FROM (
        SELECT
            *,
            CASE WHEN component != '' AND contains(angle, '_shoulder_') THEN 'model_' ELSE '' END || angle AS ours
        FROM source_angles
        WHERE angle IS NOT NULL AND NOT isnan(value_deg)
    ) AS source
    ASOF INNER JOIN spans
        ON
            source.subject = spans.subject
            AND source.session = spans.session
            AND source.trial = spans.trial
            AND source.ours = spans.angle
            AND source.time_s + 1e-6 >= spans.time_s
)

SELECT
    subject,
    session,
    trial,
    angle,
    sqrt(avg((ours_deg - value_deg - 360 * round((ours_deg - value_deg) / 360)) ^ 2)) AS rmse_deg,
    avg(ours_deg - value_deg - 360 * round((ours_deg - value_deg) / 360)) AS bias_deg,
    CASE WHEN stddev_pop(ours_deg) > 0 AND stddev_pop(value_deg) > 0 THEN corr(ours_deg, value_deg) END AS r,
    count(*) AS n_frames
FROM beside
WHERE ours_deg IS NOT NULL
GROUP BY subject, session, trial, angle
