-- One row: a frame and a side of the subject with the net moments of hip, knee and ankle, as joint_kinetics shows them.
-- Arguments: reaction, inertia, axes, smoothing. The name of a relation like _ground_reaction; 'de_leva' or
-- 'dempster'; 'distal', 'proximal', 'joint' or 'lab'; 'same' (forces filtered like the landmarks) or 'none'.
-- Inputs: landmarks, trials, _body_mass, _segment_inertia. Metres, N, Nm, W.
-- Moment of a joint on the segments i below it (Winter 2009, chapter 5):
--     M = sum_i [(c_i - j) x m_i (a_i - g) + I_i u_i x u_i''] - (moment of the ground about j)
-- c_i: centre of mass; u_i: direction of the segment; I_i: its transverse inertia (rotation about the long axis is
-- neglected); j: the joint. Power is M times the angular velocity of the segment below minus that of the segment
-- above. The shank's axes are those of the knee at the knee (without tibial torsion) and those of the ankle at the
-- ankle. The foot is the line from heel to toe in de Leva's tables, and from ankle to toe in Dempster's as used by
-- Plug-in Gait.
WITH sides AS (
    SELECT
        landmarks.subject,
        landmarks.session,
        landmarks.trial,
        landmarks.frame,
        landmarks.time_s,
        landmarks.facing_deg,
        unnest([
            {
                'side': 'left',
                'hip': left_hip,
                'knee': left_knee,
                'ankle': left_ankle,
                'heel': coalesce(left_heel, left_ankle),
                'toe': coalesce(left_toe, left_metatarsal_5, left_metatarsal_1),
                'pelvis_q': coalesce(pelvis_rotation, pelvis_neutral_rotation, pelvis_line_rotation),
                'thigh_q': coalesce(left_thigh_rotation, left_thigh_line_rotation),
                'shank_q': coalesce(left_shank_rotation, left_shank_line_rotation),
                'foot_q': coalesce(left_foot_rotation, left_foot_line_rotation),
                'half_torsion': radians(coalesce(left_tibial_torsion_deg, 0)) / 2
            },
            {
                'side': 'right',
                'hip': right_hip,
                'knee': right_knee,
                'ankle': right_ankle,
                'heel': coalesce(right_heel, right_ankle),
                'toe': coalesce(right_toe, right_metatarsal_5, right_metatarsal_1),
                'pelvis_q': coalesce(pelvis_rotation, pelvis_neutral_rotation, pelvis_line_rotation),
                'thigh_q': coalesce(right_thigh_rotation, right_thigh_line_rotation),
                'shank_q': coalesce(right_shank_rotation, right_shank_line_rotation),
                'foot_q': coalesce(right_foot_rotation, right_foot_line_rotation),
                'half_torsion': radians(-coalesce(right_tibial_torsion_deg, 0)) / 2
            }
        ]) AS leg
    FROM landmarks
    WHERE
        landmarks.person = 0
        AND (landmarks.subject, landmarks.session, landmarks.trial) IN (
            SELECT (force_plates.subject, force_plates.session, force_plates.trial) FROM force_plates
        )
),

moving AS (
    SELECT
        *,
        lag(leg) OVER leg_ AS leg_before,
        lead(leg) OVER leg_ AS leg_after,
        (lead(time_s) OVER leg_ - lag(time_s) OVER leg_) / 2 AS step_s,
        lead(frame) OVER leg_ - lag(frame) OVER leg_ AS n_step
    FROM sides
    WINDOW leg_ AS (PARTITION BY subject, session, trial, leg.side ORDER BY frame)
),

legs AS (
    SELECT
        subject,
        session,
        trial,
        frame,
        time_s,
        facing_deg,
        leg.*,
        _acceleration(leg_before.hip, leg.hip, leg_after.hip, step_s) AS hip_a,
        _acceleration(leg_before.knee, leg.knee, leg_after.knee, step_s) AS knee_a,
        _acceleration(leg_before.ankle, leg.ankle, leg_after.ankle, step_s) AS ankle_a,
        _acceleration(leg_before.heel, leg.heel, leg_after.heel, step_s) AS heel_a,
        _acceleration(leg_before.toe, leg.toe, leg_after.toe, step_s) AS toe_a,
        _angular_velocity(leg_before.pelvis_q, leg_after.pelvis_q, step_s) AS pelvis_w,
        _angular_velocity(leg_before.thigh_q, leg_after.thigh_q, step_s) AS thigh_w,
        _angular_velocity(leg_before.shank_q, leg_after.shank_q, step_s) AS shank_w,
        _angular_velocity(leg_before.foot_q, leg_after.foot_q, step_s) AS foot_w
    FROM moving
    WHERE n_step = 2
),

placed AS (
    SELECT
        legs.* EXCLUDE (facing_deg),
        ground.reason,
        mass.mass_kg,
        inertia.*,
        coalesce(mass.mass_kg, 0) AS body_kg,
        radians((legs.facing_deg - 90) / 2) AS half_turn,
        CASE
            WHEN smoothing = 'same' THEN { 'x': ground.gx, 'y': ground.gy, 'z': ground.gz }
            ELSE { 'x': ground.fx, 'y': ground.fy, 'z': ground.fz }
        END AS ground_force,
        CASE
            WHEN smoothing = 'same' THEN { 'x': ground.nx, 'y': ground.ny, 'z': ground.nz }
            ELSE { 'x': ground.mx, 'y': ground.my, 'z': ground.mz }
        END AS ground_moment
    FROM legs
    INNER JOIN query_table(reaction) AS ground
        ON
            legs.subject = ground.subject
            AND legs.session = ground.session
            AND legs.trial = ground.trial
            AND legs.frame = ground.frame
            AND legs.side = ground.side
    LEFT JOIN _body_mass AS mass
        ON legs.subject = mass.subject AND legs.session = mass.session AND legs.trial = mass.trial
    LEFT JOIN _segment_inertia AS inertia
        ON
            inertia.inertia_table = inertia
            AND inertia.sex = CASE WHEN mass.sex IN ('f', 'w') THEN 'f' WHEN mass.sex = 'm' THEN 'm' ELSE 'u' END
    WHERE ground.side != ''
),

-- Each step is materialised: otherwise DuckDB expands the vectors of all steps into one expression, which takes minutes
-- to plan. side != '' is always true: a filter on a subject passes a materialised step only where a filter already is.
in_metres AS MATERIALIZED (
    SELECT
        * REPLACE (
            _metres(hip) AS hip,
            _metres(knee) AS knee,
            _metres(ankle) AS ankle,
            _metres(heel) AS heel,
            _metres(toe) AS toe
        )
    FROM placed
),

footed AS (
    SELECT
        *,
        CASE WHEN foot_from_heel THEN heel ELSE ankle END AS sole,
        CASE WHEN foot_from_heel THEN heel_a ELSE ankle_a END AS sole_a
    FROM in_metres
    WHERE side != ''
),

-- The centre of mass of each segment and the line from its upper to its lower end, with the accelerations of both.
segments AS MATERIALIZED (
    SELECT
        *,
        _on_the_way(hip, knee, thigh_centre) AS thigh,
        _on_the_way(hip_a, knee_a, thigh_centre) AS thigh_a,
        _minus(knee, hip) AS thigh_line,
        _minus(knee_a, hip_a) AS thigh_line_a,
        _on_the_way(knee, ankle, shank_centre) AS shank,
        _on_the_way(knee_a, ankle_a, shank_centre) AS shank_a,
        _minus(ankle, knee) AS shank_line,
        _minus(ankle_a, knee_a) AS shank_line_a,
        _on_the_way(sole, toe, foot_centre) AS foot,
        _on_the_way(sole_a, toe_a, foot_centre) AS foot_a,
        _minus(toe, sole) AS foot_line,
        _minus(toe_a, sole_a) AS foot_line_a
    FROM footed
),

pulled AS MATERIALIZED (
    SELECT
        *,
        _segment_force(body_kg * thigh_mass, thigh_a) AS thigh_f,
        _segment_spin(body_kg * thigh_mass, thigh_radius, thigh_line, thigh_line_a) AS thigh_h,
        _segment_force(body_kg * shank_mass, shank_a) AS shank_f,
        _segment_spin(body_kg * shank_mass, shank_radius, shank_line, shank_line_a) AS shank_h,
        _segment_force(body_kg * foot_mass, foot_a) AS foot_f,
        _segment_spin(body_kg * foot_mass, foot_radius, foot_line, foot_line_a) AS foot_h
    FROM segments
    WHERE side != ''
),

moved AS MATERIALIZED (
    SELECT
        *,
        _moment_about(ankle, foot, foot_f, foot_h) AS foot_about_ankle,
        _moment_about(knee, foot, foot_f, foot_h) AS foot_about_knee,
        _moment_about(hip, foot, foot_f, foot_h) AS foot_about_hip,
        _moment_about(knee, shank, shank_f, shank_h) AS shank_about_knee,
        _moment_about(hip, shank, shank_f, shank_h) AS shank_about_hip,
        _moment_about(hip, thigh, thigh_f, thigh_h) AS thigh_about_hip,
        _less_ground(ankle, ground_force, ground_moment) AS less_ground_ankle,
        _less_ground(knee, ground_force, ground_moment) AS less_ground_knee,
        _less_ground(hip, ground_force, ground_moment) AS less_ground_hip
    FROM pulled
    WHERE side != ''
),

-- Adds the quaternions in whose axes each joint's moment is given; at the knee, rotated about y by the torsion.
moments AS MATERIALIZED (
    SELECT
        *,
        _sum(foot_about_ankle, less_ground_ankle) AS ankle_m,
        _sum(foot_about_knee, shank_about_knee, less_ground_knee) AS knee_m,
        _sum(foot_about_hip, shank_about_hip, thigh_about_hip, less_ground_hip) AS hip_m,
        _turned_about_y(shank_q, half_torsion) AS knee_q,
        { 'w': cos(half_turn), 'x': 0.0, 'y': sin(half_turn), 'z': 0.0 } AS lab_q
    FROM moved
    WHERE side != ''
),

chosen AS (
    SELECT
        *,
        CASE WHEN axes = 'lab' THEN lab_q WHEN axes = 'proximal' THEN pelvis_q ELSE thigh_q END AS hip_y_q,
        CASE WHEN axes = 'lab' THEN lab_q WHEN axes IN ('proximal', 'joint') THEN pelvis_q ELSE thigh_q END AS hip_z_q,
        CASE WHEN axes = 'lab' THEN lab_q WHEN axes = 'proximal' THEN thigh_q ELSE knee_q END AS knee_y_q,
        CASE WHEN axes = 'lab' THEN lab_q WHEN axes IN ('proximal', 'joint') THEN thigh_q ELSE knee_q END AS knee_z_q,
        CASE WHEN axes = 'lab' THEN lab_q WHEN axes = 'proximal' THEN shank_q ELSE foot_q END AS ankle_y_q,
        CASE WHEN axes = 'lab' THEN lab_q WHEN axes IN ('proximal', 'joint') THEN shank_q ELSE foot_q END AS ankle_z_q
    FROM moments
    WHERE side != ''
),

axes_of AS MATERIALIZED (
    SELECT
        *,
        _y_axis(hip_y_q) AS hip_y,
        _z_axis(hip_z_q) AS hip_z,
        _y_axis(knee_y_q) AS knee_y,
        _z_axis(knee_z_q) AS knee_z,
        _y_axis(ankle_y_q) AS ankle_y,
        _z_axis(ankle_z_q) AS ankle_z
    FROM chosen
),

crossed AS MATERIALIZED (
    SELECT
        *,
        CASE WHEN side = 'left' THEN 1 ELSE -1 END AS outward,
        _cross(hip_y, hip_z) AS hip_x,
        _cross(knee_y, knee_z) AS knee_x,
        _cross(ankle_y, ankle_z) AS ankle_x,
        _minus(thigh_w, pelvis_w) AS hip_w,
        _minus(shank_w, thigh_w) AS knee_w,
        _minus(foot_w, shank_w) AS ankle_w
    FROM axes_of
    WHERE side != ''
),

resolved AS (
    SELECT
        *,
        -_dot(hip_m, hip_z) AS hip_flexion_moment_nm,
        outward * _part_along(hip_m, hip_x) AS hip_adduction_moment_nm,
        outward * _dot(hip_m, hip_y) AS hip_rotation_moment_nm,
        _dot(hip_m, hip_w) AS hip_power_w,
        _dot(knee_m, knee_z) AS knee_flexion_moment_nm,
        outward * _part_along(knee_m, knee_x) AS knee_adduction_moment_nm,
        outward * _dot(knee_m, knee_y) AS knee_rotation_moment_nm,
        _dot(knee_m, knee_w) AS knee_power_w,
        -_dot(ankle_m, ankle_z) AS ankle_flexion_moment_nm,
        outward * _part_along(ankle_m, ankle_x) AS ankle_adduction_moment_nm,
        outward * _dot(ankle_m, ankle_y) AS ankle_rotation_moment_nm,
        _dot(ankle_m, ankle_w) AS ankle_power_w
    FROM crossed
    WHERE side != ''
)

SELECT
    subject,
    session,
    trial,
    frame,
    time_s,
    side,
    mass_kg,
    CASE
        WHEN reason IS NOT NULL THEN reason
        WHEN hip_m.x IS NULL AND knee_m.x IS NULL AND ankle_m.x IS NULL THEN 'no joint centres'
    END AS reason,
    CASE WHEN reason IS NULL THEN COLUMNS('^(.*_(moment_nm|power_w))$') END AS "\1"
FROM resolved
