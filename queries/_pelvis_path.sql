-- One row: a frame of a person, with where the pelvis is and which way the person goes.
-- Inputs: landmarks (mm), trials. Units: metres, seconds; x and z are the floor, y is up. The points of the feet are
-- passed on as they are (mm), so that no later step has to join landmarks again.
-- origin_* is the sacrum where it is seen as often as the pelvis, else the pelvis (mid-point of the hip centres).
-- forward_* is the unit direction of progression: the path of the pelvis over the second around the frame (about a
-- stride), or the way the hips face where the pelvis hardly travels: on a treadmill, in root-relative poses, below
-- 0.2 m/s. Zeni et al. 2008 (doi 10.1016/j.gaitpost.2007.07.007) use the path of the whole walk, which fails in
-- turns.
WITH seen AS (
    SELECT
        landmarks.subject,
        landmarks.session,
        landmarks.trial,
        landmarks.person,
        landmarks.frame,
        landmarks.time_s,
        landmarks.sacrum,
        landmarks.pelvis,
        landmarks.left_heel,
        landmarks.left_toe,
        landmarks.left_ankle,
        landmarks.right_heel,
        landmarks.right_toe,
        landmarks.right_ankle,
        -- The line from the right to the left hip, turned by a quarter, points forward.
        (landmarks.right_hip.z - landmarks.left_hip.z) / 1e3 AS hips_x,
        (landmarks.left_hip.x - landmarks.right_hip.x) / 1e3 AS hips_z,
        trials.is_treadmill,
        coalesce(trials.position_basis = 'root_relative', false) AS is_root_relative,
        count(landmarks.sacrum.x) OVER person_ >= count(landmarks.pelvis.x) OVER person_ AS is_sacrum
    FROM landmarks
    INNER JOIN trials USING (subject, session, trial)
    WINDOW person_ AS (PARTITION BY landmarks.subject, landmarks.session, landmarks.trial, landmarks.person)
),

origin AS (
    SELECT
        * EXCLUDE (sacrum, pelvis),
        (CASE WHEN is_sacrum THEN sacrum.x ELSE pelvis.x END) / 1e3 AS origin_x_m,
        (CASE WHEN is_sacrum THEN sacrum.z ELSE pelvis.z END) / 1e3 AS origin_z_m
    FROM seen
),

placed AS (
    SELECT
        *,
        CASE WHEN origin_x_m IS NOT NULL THEN { 't': time_s, 'x': origin_x_m, 'z': origin_z_m } END AS place
    FROM origin
),

around AS (
    SELECT
        * EXCLUDE (place),
        first_value(place IGNORE NULLS) OVER second_ AS place_before,
        last_value(place IGNORE NULLS) OVER second_ AS place_after,
        avg(hips_x) OVER second_ AS facing_x,
        avg(hips_z) OVER second_ AS facing_z
    FROM placed
    WINDOW second_ AS (
        PARTITION BY subject, session, trial, person ORDER BY time_s RANGE BETWEEN 0.5 PRECEDING AND 0.5 FOLLOWING
    )
),

moved AS (
    SELECT
        * EXCLUDE (place_before, place_after),
        (place_after.x - place_before.x) / nullif(place_after.t - place_before.t, 0) AS velocity_x,
        (place_after.z - place_before.z) / nullif(place_after.t - place_before.t, 0) AS velocity_z
    FROM around
),

chosen AS (
    SELECT
        *,
        sqrt(velocity_x ^ 2 + velocity_z ^ 2) AS speed_m_s,
        (coalesce(is_treadmill, false) OR is_root_relative OR sqrt(velocity_x ^ 2 + velocity_z ^ 2) < 0.2)
        AND facing_x IS NOT NULL AS is_facing
    FROM moved
),

directed AS (
    SELECT
        *,
        CASE WHEN is_facing THEN facing_x ELSE velocity_x END AS direction_x,
        CASE WHEN is_facing THEN facing_z ELSE velocity_z END AS direction_z
    FROM chosen
)

SELECT
    subject,
    session,
    trial,
    person,
    frame,
    time_s,
    is_treadmill,
    is_root_relative,
    left_heel,
    left_toe,
    left_ankle,
    right_heel,
    right_toe,
    right_ankle,
    origin_x_m,
    origin_z_m,
    speed_m_s,
    hips_x,
    hips_z,
    direction_x / nullif(sqrt(direction_x ^ 2 + direction_z ^ 2), 0) AS forward_x,
    direction_z / nullif(sqrt(direction_x ^ 2 + direction_z ^ 2), 0) AS forward_z
FROM directed
