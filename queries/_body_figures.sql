-- One row: a trial that has landmarks, with figures of the body: lengths of its segments, gaps, steps between frames,
-- and the shares of frames in which the points cannot be those of a body. See _trial_flags.
-- Inputs: landmarks (person 0). Millimetres, percent of the frames that have the points, metres (farthest_m).
-- Limits: shoulders that face the other way than the hips; right knee and ankle to the left of the left ones (legs
-- crossed, or names exchanged); a pelvis whose front is behind it while the toes point forward (ASIS and PSIS
-- exchanged); toes and the front of the pelvis that show left and right exchanged; a pelvis faster than 13 m/s (the
-- fastest sprinters reach 12.4).
-- height_mm is the median distance between head and ankles (without a head: leg length divided by 0.49, the ratio of
-- hip height to stature, Drillis & Contini 1966); height_of_leg_mm is the longer leg divided by it.
WITH steps AS ( -- what windows need, and nothing else: they sort every column that passes through them
    SELECT
        subject,
        session,
        trial,
        pelvis,
        left_ankle,
        right_ankle,
        least(coalesce(left_toe, left_ankle).y, coalesce(right_toe, right_ankle).y) AS lowest,
        lag(pelvis) OVER frames_ AS last_pelvis,
        lag(left_ankle) OVER frames_ AS last_left,
        lag(right_ankle) OVER frames_ AS last_right,
        (time_s - min(time_s) OVER trial_) / nullif(max(time_s) OVER trial_ - min(time_s) OVER trial_, 0) AS part,
        time_s - lag(time_s) OVER frames_ AS step_s
    FROM landmarks
    WHERE person = 0
    WINDOW
        trial_ AS (PARTITION BY subject, session, trial),
        frames_ AS (PARTITION BY subject, session, trial ORDER BY time_s)
),

distances AS (
    SELECT
        *,
        _distance(pelvis, last_pelvis) AS pelvis_step,
        _distance(left_ankle, last_left) AS left_step,
        _distance(right_ankle, last_right) AS right_step,
        _distance(left_ankle, last_right) AS left_from_right,
        _distance(right_ankle, last_left) AS right_from_left
    FROM steps
),

moving AS (
    SELECT
        subject,
        session,
        trial,
        100.0 * count(*) FILTER (greatest(pelvis_step, left_step, right_step) < 0.01)
        / nullif(count(greatest(pelvis_step, left_step, right_step)), 0) AS frozen_pct,
        count(*) FILTER (
            left_from_right < 0.3 * left_step AND right_from_left < 0.3 * right_step AND left_step > 50
        ) AS n_swaps,
        quantile_cont(lowest, 0.05) AS lowest_toe_mm,
        quantile_cont(lowest, 0.05) FILTER (part > 0.67) - quantile_cont(lowest, 0.05) FILTER (part < 0.33)
            AS floor_drift_mm,
        100.0 * count(*) FILTER (pelvis_step / nullif(1000 * step_s, 0) > _most_pelvis_speed_m_s())
        / nullif(count(pelvis_step / nullif(1000 * step_s, 0)), 0) AS too_fast_pct
    FROM distances
    GROUP BY subject, session, trial
),

lengths AS (
    SELECT
        subject,
        session,
        trial,
        pelvis,
        left_hip,
        right_hip,
        left_knee,
        right_knee,
        left_ankle,
        right_ankle,
        left_toe,
        right_toe,
        coalesce(head, neck, thorax) AS high,
        _distance(left_hip, left_knee) AS left_thigh,
        _distance(right_hip, right_knee) AS right_thigh,
        _distance(left_knee, left_ankle) AS left_shank,
        _distance(right_knee, right_ankle) AS right_shank,
        _distance(left_heel, left_toe) AS left_foot,
        _distance(right_heel, right_toe) AS right_foot,
        (right_hip.x - left_hip.x) * (right_shoulder.x - left_shoulder.x)
        + (right_hip.y - left_hip.y) * (right_shoulder.y - left_shoulder.y)
        + (right_hip.z - left_hip.z) * (right_shoulder.z - left_shoulder.z) AS shoulders_along_hips,
        (right_hip.x - left_hip.x) * ((right_knee.x - left_knee.x) + (right_ankle.x - left_ankle.x))
        + (right_hip.y - left_hip.y) * ((right_knee.y - left_knee.y) + (right_ankle.y - left_ankle.y))
        + (right_hip.z - left_hip.z) * ((right_knee.z - left_knee.z) + (right_ankle.z - left_ankle.z))
            AS legs_along_hips,
        _distance(right_hip, left_hip) AS hips_apart,
        -- Forward x up = right: negative if the body is mirrored.
        -- Without heels the toes are ahead of the ankles.
        (right_hip.x - left_hip.x) * -(
            (left_toe.z - coalesce(left_heel.z, left_ankle.z)) + (right_toe.z - coalesce(right_heel.z, right_ankle.z))
        )
        + (right_hip.z - left_hip.z) * (
            (left_toe.x - coalesce(left_heel.x, left_ankle.x)) + (right_toe.x - coalesce(right_heel.x, right_ankle.x))
        ) AS toes_ahead,
        (right_hip.x - left_hip.x) * -((left_asis.z + right_asis.z) / 2 - sacrum.z)
        + (right_hip.z - left_hip.z) * ((left_asis.x + right_asis.x) / 2 - sacrum.x) AS pelvis_ahead
    FROM landmarks
    WHERE person = 0
),

shaped AS (
    SELECT
        subject,
        session,
        trial,
        count(*) AS n_seen,
        max(greatest(
            abs(pelvis.x), abs(pelvis.y), abs(pelvis.z), abs(left_ankle.x), abs(left_ankle.y), abs(left_ankle.z),
            abs(right_ankle.x), abs(right_ankle.y), abs(right_ankle.z)
        )) / 1000 AS farthest_m,
        least(median(left_thigh), median(right_thigh), median(left_shank), median(right_shank)) AS shortest_segment_mm,
        greatest(median(left_thigh), median(right_thigh), median(left_shank), median(right_shank))
            AS longest_segment_mm,
        100.0 * greatest(
            stddev_pop(left_thigh) / nullif(avg(left_thigh), 0),
            stddev_pop(right_thigh) / nullif(avg(right_thigh), 0),
            stddev_pop(left_shank) / nullif(avg(left_shank), 0),
            stddev_pop(right_shank) / nullif(avg(right_shank), 0)
        ) AS bone_length_cv_pct,
        200.0 * abs(median(left_thigh + left_shank) - median(right_thigh + right_shank))
        / nullif(median(left_thigh + left_shank) + median(right_thigh + right_shank), 0) AS leg_difference_pct,
        greatest(
            _difference_pct(median(left_thigh), median(right_thigh)),
            _difference_pct(median(left_shank), median(right_shank)),
            _difference_pct(median(left_foot), median(right_foot))
        ) AS segment_difference_pct,
        [
            { 'gap': 100.0 - 100.0 * count(pelvis.x) / count(*), 'landmark': 'pelvis' },
            { 'gap': 100.0 - 100.0 * count(left_knee.x) / count(*), 'landmark': 'left_knee' },
            { 'gap': 100.0 - 100.0 * count(right_knee.x) / count(*), 'landmark': 'right_knee' },
            { 'gap': 100.0 - 100.0 * count(left_ankle.x) / count(*), 'landmark': 'left_ankle' },
            { 'gap': 100.0 - 100.0 * count(right_ankle.x) / count(*), 'landmark': 'right_ankle' },
            { 'gap': 100.0 - 100.0 * count(left_toe.x) / count(*), 'landmark': 'left_toe' },
            { 'gap': 100.0 - 100.0 * count(right_toe.x) / count(*), 'landmark': 'right_toe' }
        ] AS gaps,
        median(high.y) - median((left_ankle.y + right_ankle.y) / 2) AS head_above_feet_mm,
        median((left_hip.y + right_hip.y - left_ankle.y - right_ankle.y) / 2) AS hips_above_feet_mm,
        median(left_thigh + left_shank) AS leg_mm,
        greatest(max(pelvis.x) - min(pelvis.x), max(pelvis.z) - min(pelvis.z)) AS travel_mm,
        greatest(max(left_ankle.x) - min(left_ankle.x), max(left_ankle.z) - min(left_ankle.z)) < _standing_mm()
        AND greatest(max(right_ankle.x) - min(right_ankle.x), max(right_ankle.z) - min(right_ankle.z)) < _standing_mm()
            AS is_static,
        100.0 * count(*) FILTER (shoulders_along_hips < 0) / nullif(count(shoulders_along_hips), 0) AS crossed_pct,
        100.0 * count(*) FILTER (toes_ahead < 0 AND coalesce(pelvis_ahead < 0, true))
        / nullif(count(toes_ahead), 0)
            AS mirrored_pct,
        100.0 * count(*) FILTER (legs_along_hips < 0) / nullif(count(legs_along_hips), 0) AS legs_crossed_pct,
        -- At least 20 mm behind: if a person lies, the front of the pelvis is above it, neither in front nor behind.
        100.0 * count(*) FILTER (toes_ahead > 0 AND pelvis_ahead < -20 * hips_apart)
        / nullif(count(pelvis_ahead), 0)
            AS pelvis_reversed_pct,
        median(hips_apart) AS hips_apart_mm,
        coalesce(
            median(sqrt(
                (high.x - (left_ankle.x + right_ankle.x) / 2) ^ 2
                + (high.y - (left_ankle.y + right_ankle.y) / 2) ^ 2
                + (high.z - (left_ankle.z + right_ankle.z) / 2) ^ 2
            )),
            median(left_thigh + left_shank) / 0.49
        ) AS height_mm,
        greatest(median(left_thigh + left_shank), median(right_thigh + right_shank)) / 0.49 AS height_of_leg_mm
    FROM lengths
    GROUP BY subject, session, trial
)

SELECT *
FROM shaped
INNER JOIN moving USING (subject, session, trial)
