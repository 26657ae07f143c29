-- One row: a frame of a person, with the position of the pelvis, the direction of progression, and both feet.
-- Inputs: landmarks (mm), trials. Metres, seconds; x and z are horizontal, y is up. The points of the feet are
-- passed on in mm, with those of the frames before and after, so that one sort is enough. n_earlier and n_later are the
-- numbers of frames within 1.5 s before and after, so that a window over these frames need not search for their times.
-- forefoot_rise of a foot is the rise in mm, from the frame before to the frame after, of a point on the line from the
-- ankle through the toe. Its distance from the ankle is _forefoot_share_of_leg() of leg length (both are averaged over
-- the trial), or that of the toe if it is further away: see _events_vertical.
-- origin_* is the sacrum if it is present as often as the pelvis, otherwise the pelvis (midpoint of the hip
-- centres). If it is missing (is_origin_seen is false), it is extrapolated along its path over the second around the
-- frame, if at least 0.25 s of that second are known, because markers of pelvis and feet rarely disappear together
-- at the ends of a capture.
-- forward_* is the unit vector of the direction of progression: the path of the pelvis over the second around the
-- frame (about a stride), or the direction that the hips face if the pelvis hardly moves: on a treadmill, in
-- root-relative poses, below 0.1 m/s. Between 0.1 and 0.3 m/s the two are blended. Zeni et al. 2008 (doi
-- 10.1016/j.gaitpost.2007.07.007) use the path of the whole walk, which fails in turns.
WITH persons AS (
    SELECT
        subject,
        session,
        trial,
        person,
        count(sacrum.x) >= count(pelvis.x) AS is_sacrum,
        count(left_heel) > 0 AND 2 * count(left_heel) >= count(left_ankle) AS left_has_heel,
        count(left_toe) > 0 AS left_has_toe,
        greatest(
            _forefoot_share_of_leg()
            * avg(_distance(left_hip, left_knee) + _distance(left_knee, left_ankle))
            / avg(_distance(left_toe, left_ankle))
            - 1,
            0
        ) AS left_beyond,
        max(
            sqrt(
                (left_toe.x - coalesce(left_heel, left_ankle).x) ^ 2
                + (left_toe.z - coalesce(left_heel, left_ankle).z) ^ 2
            )
        ) AS left_length_mm,
        count(right_heel) > 0 AND 2 * count(right_heel) >= count(right_ankle) AS right_has_heel,
        count(right_toe) > 0 AS right_has_toe,
        greatest(
            _forefoot_share_of_leg()
            * avg(_distance(right_hip, right_knee) + _distance(right_knee, right_ankle))
            / avg(_distance(right_toe, right_ankle))
            - 1,
            0
        ) AS right_beyond,
        max(
            sqrt(
                (right_toe.x - coalesce(right_heel, right_ankle).x) ^ 2
                + (right_toe.z - coalesce(right_heel, right_ankle).z) ^ 2
            )
        ) AS right_length_mm
    FROM landmarks
    GROUP BY subject, session, trial, person
),

seen AS (
    SELECT
        persons.*,
        landmarks.time_s,
        landmarks.left_toe,
        landmarks.left_ankle.y AS left_ankle_y,
        CASE WHEN persons.left_has_heel THEN landmarks.left_heel ELSE landmarks.left_ankle END AS left_heel,
        landmarks.right_toe,
        landmarks.right_ankle.y AS right_ankle_y,
        CASE WHEN persons.right_has_heel THEN landmarks.right_heel ELSE landmarks.right_ankle END AS right_heel,
        CASE
            WHEN persons.is_sacrum
                THEN
                    CASE
                        WHEN landmarks.sacrum.x IS NOT NULL
                            THEN { 't': landmarks.time_s, 'x': landmarks.sacrum.x / 1e3, 'z': landmarks.sacrum.z / 1e3 }
                    END
            WHEN landmarks.pelvis.x IS NOT NULL
                THEN { 't': landmarks.time_s, 'x': landmarks.pelvis.x / 1e3, 'z': landmarks.pelvis.z / 1e3 }
        END AS place,
        -- The line from the right to the left hip, turned by a quarter, points forward.
        (landmarks.right_hip.z - landmarks.left_hip.z) / 1e3 AS hips_x,
        (landmarks.left_hip.x - landmarks.right_hip.x) / 1e3 AS hips_z,
        trials.is_treadmill,
        coalesce(trials.position_basis = 'root_relative', false) AS is_root_relative
    FROM landmarks
    INNER JOIN trials USING (subject, session, trial)
    INNER JOIN persons USING (subject, session, trial, person)
),

around AS (
    SELECT
        *,
        first_value(place IGNORE NULLS) OVER second_ AS place_before,
        last_value(place IGNORE NULLS) OVER second_ AS place_after,
        avg(hips_x) OVER second_ AS facing_x,
        avg(hips_z) OVER second_ AS facing_z,
        lead(time_s) OVER frames_ - lag(time_s) OVER frames_ AS span_s,
        count(*) OVER earlier_ - 1 AS n_earlier,
        count(*) OVER later_ - 1 AS n_later,
        lag(left_heel) OVER frames_ AS left_heel_before,
        lead(left_heel) OVER frames_ AS left_heel_after,
        lag(left_toe) OVER frames_ AS left_toe_before,
        lead(left_toe) OVER frames_ AS left_toe_after,
        lag(left_ankle_y) OVER frames_ AS left_ankle_y_before,
        lead(left_ankle_y) OVER frames_ AS left_ankle_y_after,
        lag(right_heel) OVER frames_ AS right_heel_before,
        lead(right_heel) OVER frames_ AS right_heel_after,
        lag(right_toe) OVER frames_ AS right_toe_before,
        lead(right_toe) OVER frames_ AS right_toe_after,
        lag(right_ankle_y) OVER frames_ AS right_ankle_y_before,
        lead(right_ankle_y) OVER frames_ AS right_ankle_y_after
    FROM seen
    WINDOW
        frames_ AS (PARTITION BY subject, session, trial, person ORDER BY time_s),
        second_ AS (
            PARTITION BY subject, session, trial, person ORDER BY time_s
            RANGE BETWEEN 0.5 PRECEDING AND 0.5 FOLLOWING
        ),
        earlier_ AS (
            PARTITION BY subject, session, trial, person ORDER BY time_s RANGE BETWEEN 1.5 PRECEDING AND CURRENT ROW
        ),
        later_ AS (
            PARTITION BY subject, session, trial, person ORDER BY time_s RANGE BETWEEN CURRENT ROW AND 1.5 FOLLOWING
        )
),

origin AS (
    SELECT
        subject,
        session,
        trial,
        person,
        time_s,
        span_s,
        n_earlier,
        n_later,
        is_treadmill,
        is_root_relative,
        hips_x,
        hips_z,
        facing_x,
        facing_z,
        sqrt(facing_x * facing_x + facing_z * facing_z) AS facing_size,
        place,
        place_before,
        place_after,
        {
            'side': 'left',
            'has_heel': left_has_heel,
            'has_toe': left_has_toe,
            'length': left_length_mm,
            'heel': left_heel,
            'heel_before': left_heel_before,
            'heel_after': left_heel_after,
            'toe': left_toe,
            'toe_before': left_toe_before,
            'toe_after': left_toe_after,
            'forefoot_rise': left_toe_after.y
            - left_toe_before.y
            + coalesce(
                left_beyond
                * (left_toe_after.y - left_ankle_y_after - left_toe_before.y + left_ankle_y_before),
                0
            )
        } AS left_foot,
        {
            'side': 'right',
            'has_heel': right_has_heel,
            'has_toe': right_has_toe,
            'length': right_length_mm,
            'heel': right_heel,
            'heel_before': right_heel_before,
            'heel_after': right_heel_after,
            'toe': right_toe,
            'toe_before': right_toe_before,
            'toe_after': right_toe_after,
            'forefoot_rise': right_toe_after.y
            - right_toe_before.y
            + coalesce(
                right_beyond
                * (right_toe_after.y - right_ankle_y_after - right_toe_before.y + right_ankle_y_before),
                0
            )
        } AS right_foot
    FROM around
),

moved AS (
    SELECT
        *,
        (place_after.x - place_before.x) / nullif(place_after.t - place_before.t, 0) AS velocity_x,
        (place_after.z - place_before.z) / nullif(place_after.t - place_before.t, 0) AS velocity_z
    FROM origin
),

weighed AS (
    SELECT
        *,
        sqrt(velocity_x * velocity_x + velocity_z * velocity_z) AS speed_m_s,
        CASE
            WHEN facing_size IS NULL THEN 0
            WHEN coalesce(is_treadmill, false) OR is_root_relative THEN 1
            ELSE greatest(
                least(
                    (_faces_walk_m_s() - sqrt(velocity_x * velocity_x + velocity_z * velocity_z))
                    / (_faces_walk_m_s() - _faces_pelvis_m_s()),
                    1
                ),
                0
            )
        END AS facing_share
    FROM moved
),

directed AS (
    SELECT
        *,
        CASE WHEN facing_share > 0 THEN facing_share * facing_x / facing_size ELSE 0 END
        + CASE WHEN facing_share < 1 THEN (1 - facing_share) * velocity_x / nullif(speed_m_s, 0) ELSE 0 END
            AS direction_x,
        CASE WHEN facing_share > 0 THEN facing_share * facing_z / facing_size ELSE 0 END
        + CASE WHEN facing_share < 1 THEN (1 - facing_share) * velocity_z / nullif(speed_m_s, 0) ELSE 0 END
            AS direction_z
    FROM weighed
)

SELECT
    subject,
    session,
    trial,
    person,
    time_s,
    span_s,
    n_earlier,
    n_later,
    is_treadmill,
    is_root_relative,
    left_foot,
    right_foot,
    place IS NOT NULL AS is_origin_seen,
    CASE
        WHEN place IS NOT NULL THEN place.x
        WHEN place_after.t - place_before.t >= 0.25 THEN place_before.x + velocity_x * (time_s - place_before.t)
    END AS origin_x_m,
    CASE
        WHEN place IS NOT NULL THEN place.z
        WHEN place_after.t - place_before.t >= 0.25 THEN place_before.z + velocity_z * (time_s - place_before.t)
    END AS origin_z_m,
    speed_m_s,
    hips_x,
    hips_z,
    direction_x / nullif(sqrt(direction_x * direction_x + direction_z * direction_z), 0) AS forward_x,
    direction_z / nullif(sqrt(direction_x * direction_x + direction_z * direction_z), 0) AS forward_z
FROM directed
