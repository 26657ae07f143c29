-- One row: a frame of one foot of a person, with what the event rules look at.
-- Inputs: _pelvis_path. Units: metres, seconds, metres per second; ahead is along the direction of progression.
-- The heel is the ankle where a skeleton has no heel (has_heel false); the toe is NULL where it has none.
-- Speeds are relative to what the foot stands on: on a treadmill and in root-relative poses the ground moves back at
-- ground_m_s, the median over the trial of the slower foot's backward speed. A trial that does not say is taken for a
-- treadmill where the pelvis hardly travels (below 0.2 m/s) and that ground moves (above 0.3 m/s).
WITH sides AS (
    SELECT
        * EXCLUDE (left_heel, left_toe, left_ankle, right_heel, right_toe, right_ankle),
        unnest([
            {
                'side': 'left', 'heel': left_heel, 'toe': left_toe, 'ankle': left_ankle,
                'other_heel': right_heel, 'other_ankle': right_ankle
            },
            {
                'side': 'right', 'heel': right_heel, 'toe': right_toe, 'ankle': right_ankle,
                'other_heel': left_heel, 'other_ankle': left_ankle
            }
        ]) AS foot
    FROM _pelvis_path
),

counted AS (
    SELECT
        * EXCLUDE (foot),
        foot.side AS side,
        foot.heel AS heel,
        foot.toe AS toe,
        foot.ankle AS ankle,
        foot.other_heel AS other_heel,
        foot.other_ankle AS other_ankle,
        2 * count(foot.heel.x) OVER foot_ >= count(foot.ankle.x) OVER foot_ AND count(foot.heel.x) OVER foot_ > 0
            AS has_heel,
        count(foot.toe.x) OVER foot_ > 0 AS has_toe
    FROM sides
    WINDOW foot_ AS (PARTITION BY subject, session, trial, person, foot.side)
),

placed AS (
    SELECT
        * EXCLUDE (heel, toe, ankle, other_heel, other_ankle),
        (CASE WHEN has_heel THEN heel.x ELSE ankle.x END) / 1e3 AS heel_x_m,
        (CASE WHEN has_heel THEN heel.y ELSE ankle.y END) / 1e3 AS heel_y_m,
        (CASE WHEN has_heel THEN heel.z ELSE ankle.z END) / 1e3 AS heel_z_m,
        (CASE WHEN has_heel THEN other_heel.x ELSE other_ankle.x END) / 1e3 AS other_x_m,
        (CASE WHEN has_heel THEN other_heel.z ELSE other_ankle.z END) / 1e3 AS other_z_m,
        toe.x / 1e3 AS toe_x_m,
        toe.y / 1e3 AS toe_y_m,
        toe.z / 1e3 AS toe_z_m
    FROM counted
),

neighbours AS (
    SELECT
        *,
        (heel_x_m - origin_x_m) * forward_x + (heel_z_m - origin_z_m) * forward_z AS heel_ahead_m,
        (toe_x_m - origin_x_m) * forward_x + (toe_z_m - origin_z_m) * forward_z AS toe_ahead_m,
        lead(time_s) OVER foot_ - lag(time_s) OVER foot_ AS span_s,
        lead(heel_x_m) OVER foot_ - lag(heel_x_m) OVER foot_ AS heel_dx,
        lead(heel_y_m) OVER foot_ - lag(heel_y_m) OVER foot_ AS heel_dy,
        lead(heel_z_m) OVER foot_ - lag(heel_z_m) OVER foot_ AS heel_dz,
        lead(toe_x_m) OVER foot_ - lag(toe_x_m) OVER foot_ AS toe_dx,
        lead(toe_y_m) OVER foot_ - lag(toe_y_m) OVER foot_ AS toe_dy,
        lead(toe_z_m) OVER foot_ - lag(toe_z_m) OVER foot_ AS toe_dz
    FROM placed
    WINDOW foot_ AS (PARTITION BY subject, session, trial, person, side ORDER BY time_s)
),

velocities AS (
    SELECT
        * EXCLUDE (heel_dx, heel_dy, heel_dz, toe_dx, toe_dy, toe_dz, span_s),
        heel_dx / span_s AS heel_x_m_s,
        heel_dz / span_s AS heel_z_m_s,
        (heel_dx * forward_x + heel_dz * forward_z) / span_s AS heel_forward_m_s,
        heel_dy / span_s AS heel_up_m_s,
        (toe_dx * forward_x + toe_dz * forward_z) / span_s AS toe_forward_m_s,
        toe_dy / span_s AS toe_up_m_s
    FROM neighbours
),

slower AS (
    SELECT
        *,
        least(heel_forward_m_s, lead(heel_forward_m_s) OVER frame_) AS slower_m_s
    FROM velocities
    WINDOW frame_ AS (PARTITION BY subject, session, trial, person ORDER BY time_s, side)
),

ground AS (
    SELECT
        * EXCLUDE (slower_m_s),
        -median(slower_m_s) FILTER (side = 'left') OVER person_ AS back_m_s,
        median(speed_m_s) OVER person_ AS travel_m_s
    FROM slower
    WINDOW person_ AS (PARTITION BY subject, session, trial, person)
),

judged AS (
    SELECT
        * EXCLUDE (back_m_s, travel_m_s),
        CASE
            WHEN is_in_place THEN greatest(coalesce(back_m_s, 0), 0)
            ELSE 0
        END AS ground_m_s
    FROM (
        SELECT
            *,
            is_root_relative OR coalesce(is_treadmill, travel_m_s < 0.2 AND back_m_s > 0.3) AS is_in_place
        FROM ground
    ) AS placed
)

SELECT
    *,
    speed_m_s + ground_m_s AS walking_m_s,
    sqrt((heel_forward_m_s + ground_m_s) ^ 2 + heel_up_m_s ^ 2) AS heel_speed_m_s,
    sqrt((toe_forward_m_s + ground_m_s) ^ 2 + toe_up_m_s ^ 2) AS toe_speed_m_s,
    (heel_up_m_s + coalesce(toe_up_m_s, heel_up_m_s)) / 2 AS middle_up_m_s
FROM judged
