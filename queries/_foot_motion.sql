-- One row: a frame of one foot of a person, with the quantities that the event methods need.
-- Inputs: _pelvis_path. Metres, seconds, metres per second; ahead means along the direction of progression.
-- If a skeleton has no heel, the ankle is used instead (has_heel is false); if it has no toe, the toe is NULL.
-- ahead_m is the midpoint of heel and toe; if one of them is missing, it is half the foot's length from the other.
-- Speeds are relative to the surface on which the foot stands: on a treadmill and in root-relative poses, the ground
-- moves backward at ground_m_s, the median over the trial of the slower foot's backward speed. A trial that does not
-- say whether it is on a treadmill is treated as one if the pelvis hardly moves (below 0.2 m/s) and that ground
-- moves (above 0.15 m/s).
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

ground AS (
    SELECT
        * EXCLUDE (slower_m_s),
        -median(slower_m_s) OVER person_ AS back_m_s,
        median(speed_m_s) OVER person_ AS travel_m_s
    FROM slower
    WINDOW person_ AS (PARTITION BY subject, session, trial, person)
),

placed AS (
    SELECT
        * EXCLUDE (back_m_s, travel_m_s),
        is_root_relative
        OR coalesce(is_treadmill, travel_m_s < _in_place_travel_m_s() AND back_m_s > _in_place_ground_m_s())
            AS is_in_place,
        greatest(coalesce(back_m_s, 0), 0) AS back_m_s
    FROM ground
),

sides AS (
    SELECT
        * EXCLUDE (left_foot, right_foot, back_m_s),
        CASE WHEN is_in_place THEN back_m_s ELSE 0 END AS ground_m_s,
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
    FROM placed
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
        (foot.own.toe_after.z - foot.own.toe_before.z) / (1e3 * span_s) AS toe_z_m_s
    FROM sides
),

ahead AS (
    SELECT
        *,
        speed_m_s + ground_m_s AS walking_m_s,
        (heel_x_m - origin_x_m) * forward_x + (heel_z_m - origin_z_m) * forward_z AS heel_ahead_m,
        (toe_x_m - origin_x_m) * forward_x + (toe_z_m - origin_z_m) * forward_z AS toe_ahead_m,
        heel_x_m_s * forward_x + heel_z_m_s * forward_z AS heel_forward_m_s,
        toe_x_m_s * forward_x + toe_z_m_s * forward_z AS toe_forward_m_s
    FROM metres
)

SELECT
    * EXCLUDE (length_m, span_s, is_treadmill, toe_x_m, toe_z_m, toe_x_m_s, toe_z_m_s),
    sqrt((heel_forward_m_s + ground_m_s) ^ 2 + heel_up_m_s ^ 2) AS heel_speed_m_s,
    sqrt((toe_forward_m_s + ground_m_s) ^ 2 + toe_up_m_s ^ 2) AS toe_speed_m_s,
    coalesce(
        (heel_ahead_m + toe_ahead_m) / 2, heel_ahead_m + coalesce(length_m / 2, 0), toe_ahead_m - length_m / 2
    ) AS ahead_m,
    (heel_up_m_s + coalesce(toe_up_m_s, heel_up_m_s)) / 2 AS middle_up_m_s
FROM ahead
