-- One row: a frame of the subject and a side, with the force and moment of the ground on that foot, as shown by
-- ground_reaction.
-- Arguments: motion. The name of a relation like _foot_motion or _foot_speeds.
-- Inputs: _plate_contacts, landmarks. N, Nm about the lab's origin, mm.
-- Only trials with a force platform. A stance phase is a run of frames in which platforms of that foot are loaded
-- (their forces are added), or in which heel or toe stand for 0.2 s with no platform under them. A stance phase is
-- valid as a whole or not at all. In single support the platforms of the standing foot carry the whole body: if they
-- carry less for a while, and the sole may reach over an edge, the toes or the heel are beside them.
-- Between stance phases the foot is in the air and its force is zero.
WITH frames AS (
    SELECT
        subject,
        session,
        trial,
        frame,
        time_s,
        (left_hip.y + right_hip.y) / 2000 AS height_m
    FROM landmarks
    WHERE
        person = 0
        AND (subject, session, trial) IN (
            SELECT (force_plates.subject, force_plates.session, force_plates.trial) FROM force_plates
        )
),

rising AS (
    SELECT
        * EXCLUDE (height_m),
        2 * (
            (last_value(height_m) OVER around_ - height_m) / (last_value(time_s) OVER around_ - time_s)
            - (height_m - first_value(height_m) OVER around_) / (time_s - first_value(time_s) OVER around_)
        ) / (last_value(time_s) OVER around_ - first_value(time_s) OVER around_) AS rise_m_s2
    FROM frames
    WINDOW around_ AS (
        PARTITION BY subject, session, trial
        ORDER BY time_s RANGE BETWEEN _rise_s() PRECEDING AND _rise_s() FOLLOWING
    )
),

on_plates AS (
    SELECT
        subject,
        session,
        trial,
        frame,
        side,
        list(plate ORDER BY plate) FILTER (is_own) AS plates,
        bool_or(is_shared) FILTER (is_own) AS is_shared,
        bool_and(returns_to_zero) FILTER (is_own) AS returns_to_zero,
        bool_or(contradicts_body) FILTER (is_own) AS contradicts_body,
        bool_or(is_heel_over) FILTER (is_own) AS is_heel_over,
        bool_or(is_toe_over) FILTER (is_own) AS is_toe_over,
        bool_or(is_sole_over) FILTER (is_own) AS is_sole_over,
        sum(force.x) FILTER (is_own) AS fx,
        sum(force.y) FILTER (is_own) AS fy,
        sum(force.z) FILTER (is_own) AS fz,
        sum(moment.x + (centre.y * force.z - centre.z * force.y) / 1000) FILTER (is_own) AS mx,
        sum(moment.y + (centre.z * force.x - centre.x * force.z) / 1000) FILTER (is_own) AS my,
        sum(moment.z + (centre.x * force.y - centre.y * force.x) / 1000) FILTER (is_own) AS mz,
        sum(filtered_force.x) FILTER (is_own) AS gx,
        sum(filtered_force.y) FILTER (is_own) AS gy,
        sum(filtered_force.z) FILTER (is_own) AS gz,
        sum(filtered_moment.x + (centre.y * filtered_force.z - centre.z * filtered_force.y) / 1000)
        FILTER (is_own) AS nx,
        sum(filtered_moment.y + (centre.z * filtered_force.x - centre.x * filtered_force.z) / 1000)
        FILTER (is_own) AS ny,
        sum(filtered_moment.z + (centre.x * filtered_force.y - centre.y * filtered_force.x) / 1000)
        FILTER (is_own) AS nz,
        sum(centre.y * force.y) FILTER (is_own) / sum(force.y) FILTER (is_own) AS surface_mm,
        bool_or(is_guest) AS is_guest
    FROM _plate_contacts(motion)
    WHERE is_own OR is_guest
    GROUP BY subject, session, trial, frame, side
),

feet AS (
    SELECT
        moving.subject,
        moving.session,
        moving.trial,
        rising.frame,
        moving.time_s,
        moving.side,
        rising.rise_m_s2,
        on_plates.* EXCLUDE (subject, session, trial, frame, side),
        on_plates.fy IS NOT NULL AS is_on_plate,
        moving.heel_speed_m_s < _still_m_s() AS is_heel_still,
        coalesce(moving.toe_speed_m_s, moving.heel_speed_m_s) < _still_m_s() AS is_toe_still,
        coalesce(is_heel_still OR is_toe_still, false) AND NOT is_on_plate AS is_still_beside,
        least(moving.heel_speed_m_s, moving.toe_speed_m_s) > _swinging_m_s() AND NOT is_on_plate AS is_in_air
    FROM query_table(motion) AS moving
    INNER JOIN rising USING (subject, session, trial, time_s)
    LEFT JOIN on_plates
        ON
            moving.subject = on_plates.subject
            AND moving.session = on_plates.session
            AND moving.trial = on_plates.trial
            AND rising.frame = on_plates.frame
            AND moving.side = on_plates.side
    WHERE moving.person = 0
),

-- The last frame before a run is the same for every frame of the run, so it identifies the run.
bounds AS (
    SELECT
        *,
        coalesce(max(CASE WHEN NOT is_on_plate THEN frame END) OVER so_far_, -1) AS plate_run,
        coalesce(max(CASE WHEN NOT is_still_beside THEN frame END) OVER so_far_, -1) AS still_run,
        -- the mass that the platforms carry in single support, kg
        CASE
            WHEN is_on_plate AND bool_or(is_in_air) OVER frame_ AND abs(rise_m_s2) < _most_rise_m_s2()
                THEN fy / (_gravity_m_s2() + rise_m_s2)
        END AS carried_kg
    FROM feet
    WINDOW
        so_far_ AS (PARTITION BY subject, session, trial, side ORDER BY frame ROWS UNBOUNDED PRECEDING),
        frame_ AS (PARTITION BY subject, session, trial, frame)
),

-- Windows and no second reference to bounds: DuckDB would materialize it, and no filter would reach the scans.
pieces AS (
    SELECT
        *,
        CASE
            WHEN
                frame = min(frame) FILTER (carried_kg IS NOT NULL) OVER piece_
                AND max(time_s) FILTER (carried_kg IS NOT NULL) OVER piece_
                - min(time_s) FILTER (carried_kg IS NOT NULL) OVER piece_ >= _carried_piece_s() / 2
                THEN avg(carried_kg) OVER piece_
        END AS piece_kg
    FROM bounds
    WINDOW piece_ AS (
        PARTITION BY subject, session, trial, side, plate_run, floor(time_s / _carried_piece_s())
    )
),

runs AS (
    SELECT
        * EXCLUDE (still_run, carried_kg, piece_kg),
        min(piece_kg) OVER plate_ / median(piece_kg) OVER plate_ AS least_share,
        CASE WHEN is_on_plate THEN plate_run WHEN is_still_beside THEN still_run ELSE -1 END AS run
    FROM pieces
    WINDOW plate_ AS (PARTITION BY subject, session, trial, side, plate_run)
),

reasoned AS (
    SELECT
        *,
        CASE
            WHEN is_still_beside AND max(time_s) OVER run_ - min(time_s) OVER run_ >= _least_beside_s()
                THEN CASE WHEN bool_or(is_guest) OVER run_ THEN 'two feet on one plate' ELSE 'no plate' END
            WHEN NOT is_on_plate THEN NULL
            WHEN NOT bool_and(returns_to_zero) OVER run_ THEN 'plate never returns to zero'
            WHEN bool_or(contradicts_body) OVER run_ THEN 'plate contradicts the body'
            WHEN bool_or(is_shared) OVER run_ THEN 'two feet on one plate'
            WHEN
                greatest(
                    count(*) FILTER (is_heel_still AND NOT is_heel_over) OVER run_,
                    count(*) FILTER (is_toe_still AND NOT is_toe_over) OVER run_
                ) * (max(time_s) OVER run_ - min(time_s) OVER run_) / count(*) OVER run_
                > _passing_s()
                OR (
                    least_share < _least_carried_share()
                    AND count(*) FILTER ((is_heel_still OR is_toe_still) AND NOT is_sole_over) OVER run_ > 0
                )
                THEN 'part of the foot beside it'
        END AS reason
    FROM runs
    WINDOW run_ AS (PARTITION BY subject, session, trial, side, is_on_plate, is_still_beside, run)
)

SELECT
    subject,
    session,
    trial,
    frame,
    time_s,
    side,
    CASE WHEN is_on_plate THEN plates ELSE [] END AS plates,
    is_on_plate,
    plate_run,
    reason,
    coalesce(fx, 0) AS fx,
    coalesce(fy, 0) AS fy,
    coalesce(fz, 0) AS fz,
    coalesce(mx, 0) AS mx,
    coalesce(my, 0) AS my,
    coalesce(mz, 0) AS mz,
    coalesce(gx, 0) AS gx,
    coalesce(gy, 0) AS gy,
    coalesce(gz, 0) AS gz,
    coalesce(nx, 0) AS nx,
    coalesce(ny, 0) AS ny,
    coalesce(nz, 0) AS nz,
    surface_mm
FROM reasoned
