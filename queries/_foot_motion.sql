-- One row: a frame of one foot of a person, with the quantities that the event methods need.
-- Inputs: _pelvis_path. Metres, seconds, metres per second; ahead means along the direction of progression.
-- If a skeleton has no heel, the ankle is used instead (has_heel is false); if it has no toe, the toe is NULL.
-- ahead_m is the midpoint of heel and toe; if one of them is missing, it is half the foot's length from the other.
-- Speeds are relative to the surface on which the foot stands: on a treadmill and in root-relative poses, the ground
-- moves backward at ground_m_s, the median over the trial of the slower foot's backward speed. A trial that does not
-- say whether it is on a treadmill is treated as one if the pelvis hardly moves (below 0.2 m/s) and that ground
-- moves (above 0.15 m/s).
-- heel_gain_m_s2 is the heel's upward acceleration.
-- One sort of the frames serves all methods. <quantity>_before and <quantity>_after are differences: the frame before
-- or after, minus this frame. before_s, after_s: the same of the time. heel_over_before, toe_over_before: of the frame
-- before, computed from its speeds. Windows that one method needs alone are in its file, over the columns and rows that
-- it needs: the columns here are many, and a window sorts all of them. The columns of a method are explained in its
-- file.
WITH slower AS (
    SELECT
        *,
        least(
            (left_foot.heel_after.x - left_foot.heel_before.x) * forward_x
            + (left_foot.heel_after.z - left_foot.heel_before.z) * forward_z,
            (right_foot.heel_after.x - right_foot.heel_before.x) * forward_x
            + (right_foot.heel_after.z - right_foot.heel_before.z) * forward_z
        ) / (1e3 * span_s) AS slower_m_s
    FROM _pelvis_path
),

sides AS (
    SELECT
        * EXCLUDE (left_foot, right_foot),
        unnest([
            {
                'own': left_foot,
                'other': right_foot.heel
            },
            {
                'own': right_foot,
                'other': left_foot.heel
            }
        ]) AS foot
    FROM slower
),

metres AS (
    SELECT
        * EXCLUDE (foot),
        foot.own.side AS side,
        foot.own.has_heel AS has_heel,
        foot.own.has_toe AS has_toe,
        foot.own.length / 1e3 AS length_m,
        foot.own.heel.x / 1e3 AS heel_x_m,
        foot.own.heel.y / 1e3 AS heel_y_m,
        foot.own.heel.z / 1e3 AS heel_z_m,
        foot.own.toe.x / 1e3 AS toe_x_m,
        foot.own.toe.y / 1e3 AS toe_y_m,
        foot.own.toe.z / 1e3 AS toe_z_m,
        foot.other.x / 1e3 AS other_x_m,
        foot.other.z / 1e3 AS other_z_m,
        (foot.own.heel_after.x - foot.own.heel_before.x) / (1e3 * span_s) AS heel_x_m_s,
        (foot.own.heel_after.y - foot.own.heel_before.y) / (1e3 * span_s) AS heel_up_m_s,
        (foot.own.heel_after.z - foot.own.heel_before.z) / (1e3 * span_s) AS heel_z_m_s,
        (foot.own.toe_after.x - foot.own.toe_before.x) / (1e3 * span_s) AS toe_x_m_s,
        (foot.own.toe_after.y - foot.own.toe_before.y) / (1e3 * span_s) AS toe_up_m_s,
        (foot.own.toe_after.z - foot.own.toe_before.z) / (1e3 * span_s) AS toe_z_m_s,
        foot.own.forefoot_rise / (1e3 * span_s) AS forefoot_up_m_s,
        4 * (foot.own.heel_after.y - 2 * foot.own.heel.y + foot.own.heel_before.y) / (1e3 * span_s * span_s)
            AS heel_gain_m_s2
    FROM sides
),

along AS (
    SELECT
        * EXCLUDE (toe_x_m, toe_z_m, toe_x_m_s, toe_z_m_s),
        (heel_x_m - origin_x_m) * forward_x + (heel_z_m - origin_z_m) * forward_z AS heel_ahead_m,
        (toe_x_m - origin_x_m) * forward_x + (toe_z_m - origin_z_m) * forward_z AS toe_ahead_m,
        heel_x_m_s * forward_x + heel_z_m_s * forward_z AS heel_forward_m_s,
        toe_x_m_s * forward_x + toe_z_m_s * forward_z AS toe_forward_m_s,
        (heel_up_m_s + coalesce(toe_up_m_s, heel_up_m_s)) / 2 AS middle_up_m_s,
        heel_x_m IS NOT NULL AND is_origin_seen AND (toe_y_m IS NOT NULL OR NOT has_toe) AS is_seen
    FROM metres
),

ahead AS (
    SELECT
        * EXCLUDE (length_m),
        coalesce(
            (heel_ahead_m + toe_ahead_m) / 2, heel_ahead_m + coalesce(length_m / 2, 0), toe_ahead_m - length_m / 2
        ) AS ahead_m
    FROM along
),

beside AS (
    SELECT
        *,
        -median(slower_m_s) OVER foot_ AS back_m_s,
        median(speed_m_s) OVER foot_ AS travel_m_s,
        min(time_s) FILTER (ahead_m IS NOT NULL) OVER foot_ AS first_s,
        max(time_s) FILTER (ahead_m IS NOT NULL) OVER foot_ AS last_s,
        max(ahead_m) OVER around_ AS high_m,
        min(ahead_m) OVER around_ AS low_m,
        time_s - last_value(CASE WHEN is_seen THEN time_s END IGNORE NULLS) OVER so_far_ AS since_seen_s,
        lag(time_s) OVER frames_ - time_s AS before_s,
        lead(time_s) OVER frames_ - time_s AS after_s,
        lag(heel_ahead_m) OVER frames_ - heel_ahead_m AS heel_ahead_before,
        lead(heel_ahead_m) OVER frames_ - heel_ahead_m AS heel_ahead_after,
        lag(toe_ahead_m) OVER frames_ - toe_ahead_m AS toe_ahead_before,
        lead(toe_ahead_m) OVER frames_ - toe_ahead_m AS toe_ahead_after,
        lag(middle_up_m_s) OVER frames_ - middle_up_m_s AS middle_up_before,
        lead(middle_up_m_s) OVER frames_ - middle_up_m_s AS middle_up_after,
        lag(heel_gain_m_s2) OVER frames_ - heel_gain_m_s2 AS heel_gain_before,
        lead(heel_gain_m_s2) OVER frames_ - heel_gain_m_s2 AS heel_gain_after,
        lag(forefoot_up_m_s) OVER frames_ - forefoot_up_m_s AS forefoot_up_before,
        lead(forefoot_up_m_s) OVER frames_ - forefoot_up_m_s AS forefoot_up_after,
        lag(heel_forward_m_s) OVER frames_ AS last_heel_forward_m_s,
        lag(heel_up_m_s) OVER frames_ AS last_heel_up_m_s,
        lag(toe_forward_m_s) OVER frames_ AS last_toe_forward_m_s,
        lag(toe_up_m_s) OVER frames_ AS last_toe_up_m_s,
        lag(speed_m_s) OVER frames_ AS last_speed_m_s
    FROM ahead
    WINDOW
        frames_ AS (PARTITION BY subject, session, trial, person, side ORDER BY time_s),
        foot_ AS (
            PARTITION BY subject, session, trial, person, side ORDER BY time_s
            ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
        ),
        so_far_ AS (
            PARTITION BY subject, session, trial, person, side ORDER BY time_s ROWS UNBOUNDED PRECEDING
        ),
        around_ AS (
            PARTITION BY subject, session, trial, person, side
            ORDER BY time_s ROWS BETWEEN n_earlier PRECEDING AND n_later FOLLOWING
        )
),

placed AS (
    SELECT
        * EXCLUDE (slower_m_s, back_m_s, travel_m_s, is_treadmill, span_s, is_seen, n_earlier, n_later),
        is_root_relative
        OR coalesce(is_treadmill, travel_m_s < _in_place_travel_m_s() AND back_m_s > _in_place_ground_m_s())
            AS is_in_place,
        greatest(coalesce(back_m_s, 0), 0) AS back_m_s
    FROM beside
),

grounded AS (
    SELECT
        * EXCLUDE (back_m_s),
        CASE WHEN is_in_place THEN back_m_s ELSE 0 END AS ground_m_s
    FROM placed
),

speeds AS (
    SELECT
        *,
        speed_m_s + ground_m_s AS walking_m_s,
        last_speed_m_s + ground_m_s AS last_walking_m_s,
        _over_ground_m_s(heel_forward_m_s, heel_up_m_s, ground_m_s) AS heel_speed_m_s,
        _over_ground_m_s(toe_forward_m_s, toe_up_m_s, ground_m_s) AS toe_speed_m_s,
        _over_ground_m_s(last_heel_forward_m_s, last_heel_up_m_s, ground_m_s) AS last_heel_speed_m_s,
        _over_ground_m_s(last_toe_forward_m_s, last_toe_up_m_s, ground_m_s) AS last_toe_speed_m_s
    FROM grounded
)

-- Per frame: the state of the coordinate method, the maxima of the vertical method, and the excess over the limits of
-- the speed method.
SELECT
    * EXCLUDE (
        high_m,
        low_m,
        forefoot_up_after,
        last_heel_forward_m_s,
        last_heel_up_m_s,
        last_toe_forward_m_s,
        last_toe_up_m_s,
        last_speed_m_s,
        last_walking_m_s,
        last_heel_speed_m_s,
        last_toe_speed_m_s
    ),
    CASE
        WHEN ahead_m IS NULL THEN NULL
        WHEN high_m - low_m < _ahead_range_m() THEN 0
        WHEN ahead_m > _ahead_part() * high_m + (1 - _ahead_part()) * low_m THEN 1
        WHEN ahead_m < _behind_part() * high_m + (1 - _behind_part()) * low_m THEN -1
    END AS state,
    CASE
        WHEN forefoot_up_m_s IS NULL THEN 0 -- a gap: what is behind it is not the next maximum
        WHEN forefoot_up_before < 0 AND forefoot_up_after <= 0 THEN forefoot_up_m_s
    END AS peak_m_s,
    heel_speed_m_s - _heel_limit_m_s(has_heel, walking_m_s) AS heel_over,
    last_heel_speed_m_s - _heel_limit_m_s(has_heel, last_walking_m_s) AS heel_over_before,
    toe_speed_m_s - _toe_limit_m_s(walking_m_s) AS toe_over,
    last_toe_speed_m_s - _toe_limit_m_s(last_walking_m_s) AS toe_over_before
FROM speeds
