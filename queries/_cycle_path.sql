-- One row: a gait cycle with values from its frames: positions of heels and pelvis at its events, gaps, clearance,
-- ground speed.
-- Arguments: motion, cycles. The names of relations like _foot_motion and _cycles. Inputs: only these.
-- Metres, seconds.
-- Each frame belongs to the last cycle of its side that began before it, so the cost is linear. Positions at the
-- ends are those of the nearest frame inside the cycle, extrapolated to the event with the foot's velocity, which the
-- first and the last frame of a trial do not have.
-- heading_x, heading_z: displacement of the pelvis from start to end, or the mean facing of the hips if the person
-- stays in place (treadmill, root-relative poses).
-- turn_deg: angle between the facing of the hips at start and end, which are the same instant of the gait cycle.
WITH frames AS (
    SELECT
        subject,
        session,
        trial,
        person,
        side,
        time_s,
        has_heel,
        has_toe,
        is_in_place,
        is_root_relative,
        heel_x_m,
        heel_y_m,
        heel_z_m,
        heel_x_m_s,
        heel_z_m_s,
        heel_forward_m_s,
        toe_y_m,
        other_x_m,
        other_z_m,
        origin_x_m,
        origin_z_m,
        hips_x,
        hips_z,
        since_seen_s,
        -before_s AS step_s
    FROM query_table(motion)
),

strides AS (
    SELECT * FROM query_table(cycles)
),

assigned AS (
    SELECT
        frames.*,
        strides.* EXCLUDE (subject, session, trial, person, side)
    FROM frames
    ASOF INNER JOIN strides
        ON
            frames.subject = strides.subject
            AND frames.session = strides.session
            AND frames.trial = strides.trial
            AND frames.person = strides.person
            AND frames.side = strides.side
            AND frames.time_s >= strides.start_s
    WHERE frames.time_s <= strides.end_s
),

seen AS (
    SELECT
        subject,
        session,
        trial,
        person,
        cycle,
        side,
        any_value(source) AS source,
        start_s,
        end_s,
        any_value(n_between) AS n_between,
        any_value(foot_off_s) AS foot_off_s,
        any_value(opposite_off_s) AS opposite_off_s,
        any_value(opposite_strike_s) AS opposite_strike_s,
        any_value(has_heel) AS has_heel,
        any_value(has_toe) AS has_toe,
        any_value(is_in_place) AS is_in_place,
        any_value(is_root_relative) AS is_root_relative,
        max(greatest(since_seen_s, step_s)) AS gap_s,
        arg_min(
            {
                'x': heel_x_m + coalesce(heel_x_m_s * (start_s - time_s), 0),
                'y': heel_y_m,
                'z': heel_z_m + coalesce(heel_z_m_s * (start_s - time_s), 0)
            },
            time_s
        ) AS heel_start,
        arg_max(
            {
                'x': heel_x_m + coalesce(heel_x_m_s * (end_s - time_s), 0),
                'y': heel_y_m,
                'z': heel_z_m + coalesce(heel_z_m_s * (end_s - time_s), 0)
            },
            time_s
        ) AS heel_end,
        arg_min({ 'x': other_x_m, 'z': other_z_m }, abs(time_s - opposite_strike_s)) AS other_strike,
        arg_min({ 'x': origin_x_m, 'z': origin_z_m }, time_s) FILTER (origin_x_m IS NOT NULL) AS pelvis_start,
        arg_max({ 'x': origin_x_m, 'z': origin_z_m }, time_s) FILTER (origin_x_m IS NOT NULL) AS pelvis_end,
        arg_min({ 'x': hips_x, 'z': hips_z }, time_s) FILTER (hips_x IS NOT NULL) AS facing_start,
        arg_max({ 'x': hips_x, 'z': hips_z }, time_s) FILTER (hips_x IS NOT NULL) AS facing_end,
        avg(hips_x) AS facing_x,
        avg(hips_z) AS facing_z,
        -- The ground under the foot: its backward speed in the middle half of stance.
        -median(heel_forward_m_s) FILTER (
            time_s BETWEEN 0.75 * start_s + 0.25 * foot_off_s AND 0.5 * start_s + 0.5 * foot_off_s
        ) AS stance_back_m_s,
        -- Lowest point of the toe between its two maxima in swing: second and third quarter of swing.
        1000.0 * (
            min(toe_y_m) FILTER (
                time_s BETWEEN 0.70 * foot_off_s + 0.30 * end_s AND 0.30 * foot_off_s + 0.70 * end_s
            )
            - min(toe_y_m) FILTER (time_s < foot_off_s)
        ) AS clearance_mm
    FROM assigned
    GROUP BY subject, session, trial, person, cycle, side, start_s, end_s
),

headed AS (
    SELECT
        *,
        CASE WHEN is_in_place THEN facing_x ELSE pelvis_end.x - pelvis_start.x END AS way_x,
        CASE WHEN is_in_place THEN facing_z ELSE pelvis_end.z - pelvis_start.z END AS way_z
    FROM seen
)

SELECT
    * EXCLUDE (way_x, way_z, facing_start, facing_end, pelvis_start, pelvis_end),
    way_x / nullif(sqrt(way_x ^ 2 + way_z ^ 2), 0) AS heading_x,
    way_z / nullif(sqrt(way_x ^ 2 + way_z ^ 2), 0) AS heading_z,
    sqrt(way_x ^ 2 + way_z ^ 2) AS pelvis_travel_m,
    degrees(
        atan2(
            facing_end.x * facing_start.z - facing_end.z * facing_start.x,
            facing_end.x * facing_start.x + facing_end.z * facing_start.z
        )
    ) AS turn_deg
FROM headed
