-- One row: a force platform of a trial with figures of the quality of its signal, from its unloaded and loaded samples.
-- Inputs: plate_frames, _plate_geometry, _plate_landmarks. N, seconds, percent. drift_n: slope of the vertical force
-- over the frames in which the platform is unloaded, times the length of the trial; at least half a second of them is
-- needed.
-- beyond_edge_pct: share of the frames with at least 50 N in which the centre of pressure is further than 10 mm
-- outside the corners: the foot, or what it stands on, also stands beside the platform. foreign_s: the longest load
-- of at least 50 N with no heel, toe or ankle of the person within 300 mm of the centre of pressure: a stick, a
-- frame, another person; 0 where the person's feet are not known.
-- noqa: disable=RF01
WITH frames AS (
    SELECT
        plate_frames.subject,
        plate_frames.session,
        plate_frames.trial,
        plate_frames.plate,
        plate_frames.frame,
        plate_frames.time_s,
        plate_frames.force.y AS up_n,
        plate_frames.force.y >= _loaded_n() AS is_loaded,
        abs(plate_frames.force.y) < _contact_n() AS is_unloaded,
        1000.0 * plate_frames.moment.z / plate_frames.force.y AS off_x,
        -1000.0 * plate_frames.moment.x / plate_frames.force.y AS off_z,
        plate_frames.centre.x AS centre_x,
        plate_frames.centre.z AS centre_z
    FROM plate_frames
),

feet AS (
    SELECT
        landmarks.subject,
        landmarks.session,
        landmarks.trial,
        landmarks.frame,
        [left_heel, left_toe, left_ankle, right_heel, right_toe, right_ankle] AS points
    FROM _plate_landmarks AS landmarks
),

placed AS (
    SELECT
        frames.*,
        frames.is_loaded
        AND geometry.has_corners
        AND NOT _is_over(off_x, off_z, geometry.half) AS is_beyond,
        frames.is_loaded
        AND list_min(
            list_transform(
                list_filter(feet.points, LAMBDA p: p.x IS NOT NULL),
                LAMBDA p: sqrt((p.x - centre_x - off_x) ^ 2 + (p.z - centre_z - off_z) ^ 2)
            )
        ) > 300 AS is_foreign
    FROM frames
    INNER JOIN _plate_geometry AS geometry USING (subject, session, trial, plate)
    LEFT JOIN feet USING (subject, session, trial, frame)
),

runs AS (
    SELECT
        *,
        frame - row_number() OVER (
            PARTITION BY subject, session, trial, plate, coalesce(is_foreign, false)
            ORDER BY frame
        ) AS run
    FROM placed
),

foreign_runs AS (
    SELECT
        subject,
        session,
        trial,
        plate,
        run,
        max(time_s) - min(time_s) AS length_s
    FROM runs
    WHERE is_foreign
    GROUP BY subject, session, trial, plate, run
),

longest AS (
    SELECT
        subject,
        session,
        trial,
        plate,
        max(length_s) AS foreign_s
    FROM foreign_runs
    GROUP BY subject, session, trial, plate
),

figures AS (
    SELECT
        subject,
        session,
        trial,
        plate,
        CASE
            WHEN
                max(time_s) FILTER (is_unloaded) - min(time_s) FILTER (is_unloaded) >= 0.5
                AND count(*) FILTER (is_unloaded) >= 10
                THEN
                    regr_slope(up_n, time_s) FILTER (is_unloaded) * (max(time_s) - min(time_s))
        END AS drift_n,
        100.0 * count(*) FILTER (is_beyond) / nullif(count(*) FILTER (is_loaded), 0) AS beyond_edge_pct
    FROM runs
    GROUP BY subject, session, trial, plate
)

SELECT
    figures.*,
    coalesce(longest.foreign_s, 0) AS foreign_s
FROM figures
LEFT JOIN longest USING (subject, session, trial, plate)
