-- One row: a frame of the subject and a side with the net moments of hip, knee and ankle, as shown by
-- joint_kinetics.
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
        coalesce(pelvis_rotation, pelvis_neutral_rotation, pelvis_line_rotation) AS pelvis_q,
        unnest([
            {
                'side': 'left',
                'hip': left_hip,
                'knee': left_knee,
                'ankle': left_ankle,
                'heel': coalesce(left_heel, left_ankle),
                'toe': coalesce(left_toe, left_metatarsal_5, left_metatarsal_1),
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
        lag(leg.hip) OVER leg_ AS hip_before,
        lead(leg.hip) OVER leg_ AS hip_after,
        lag(leg.knee) OVER leg_ AS knee_before,
        lead(leg.knee) OVER leg_ AS knee_after,
        lag(leg.ankle) OVER leg_ AS ankle_before,
        lead(leg.ankle) OVER leg_ AS ankle_after,
        lag(leg.heel) OVER leg_ AS heel_before,
        lead(leg.heel) OVER leg_ AS heel_after,
        lag(leg.toe) OVER leg_ AS toe_before,
        lead(leg.toe) OVER leg_ AS toe_after,
        lag(leg.thigh_q) OVER leg_ AS thigh_q_before,
        lead(leg.thigh_q) OVER leg_ AS thigh_q_after,
        lag(leg.shank_q) OVER leg_ AS shank_q_before,
        lead(leg.shank_q) OVER leg_ AS shank_q_after,
        lag(leg.foot_q) OVER leg_ AS foot_q_before,
        lead(leg.foot_q) OVER leg_ AS foot_q_after,
        lag(pelvis_q) OVER leg_ AS pelvis_q_before,
        lead(pelvis_q) OVER leg_ AS pelvis_q_after,
        (lead(time_s) OVER leg_ - lag(time_s) OVER leg_) / 2 AS step_s,
        lead(frame) OVER leg_ - lag(frame) OVER leg_ AS n_step
    FROM sides
    WINDOW leg_ AS (PARTITION BY subject, session, trial, leg.side ORDER BY frame)
),

placed AS MATERIALIZED (
    SELECT
        moving.subject,
        moving.session,
        moving.trial,
        moving.frame,
        moving.time_s,
        moving.leg.side AS side,
        ground.reason,
        mass.mass_kg,
        inertia.*,
        radians((moving.facing_deg - 90) / 2) AS half_turn,
        moving.leg.half_torsion AS half_torsion,
        moving.pelvis_q,
        moving.leg.thigh_q AS thigh_q,
        moving.leg.shank_q AS shank_q,
        moving.leg.foot_q AS foot_q,
        CASE WHEN smoothing = 'same' THEN ground.gx ELSE ground.fx END AS fx,
        CASE WHEN smoothing = 'same' THEN ground.gy ELSE ground.fy END AS fy,
        CASE WHEN smoothing = 'same' THEN ground.gz ELSE ground.fz END AS fz,
        CASE WHEN smoothing = 'same' THEN ground.nx ELSE ground.mx END AS mx,
        CASE WHEN smoothing = 'same' THEN ground.ny ELSE ground.my END AS my,
        CASE WHEN smoothing = 'same' THEN ground.nz ELSE ground.mz END AS mz,
        moving.leg.hip.x / 1000 AS hip_x,
        moving.leg.hip.y / 1000 AS hip_y,
        moving.leg.hip.z / 1000 AS hip_z,
        moving.leg.knee.x / 1000 AS knee_x,
        moving.leg.knee.y / 1000 AS knee_y,
        moving.leg.knee.z / 1000 AS knee_z,
        moving.leg.ankle.x / 1000 AS ankle_x,
        moving.leg.ankle.y / 1000 AS ankle_y,
        moving.leg.ankle.z / 1000 AS ankle_z,
        moving.leg.heel.x / 1000 AS heel_x,
        moving.leg.heel.y / 1000 AS heel_y,
        moving.leg.heel.z / 1000 AS heel_z,
        moving.leg.toe.x / 1000 AS toe_x,
        moving.leg.toe.y / 1000 AS toe_y,
        moving.leg.toe.z / 1000 AS toe_z,
        (moving.hip_after.x - 2 * moving.leg.hip.x + moving.hip_before.x) / (1000 * moving.step_s ^ 2) AS hip_ax,
        (moving.hip_after.y - 2 * moving.leg.hip.y + moving.hip_before.y) / (1000 * moving.step_s ^ 2) AS hip_ay,
        (moving.hip_after.z - 2 * moving.leg.hip.z + moving.hip_before.z) / (1000 * moving.step_s ^ 2) AS hip_az,
        (moving.knee_after.x - 2 * moving.leg.knee.x + moving.knee_before.x) / (1000 * moving.step_s ^ 2) AS knee_ax,
        (moving.knee_after.y - 2 * moving.leg.knee.y + moving.knee_before.y) / (1000 * moving.step_s ^ 2) AS knee_ay,
        (moving.knee_after.z - 2 * moving.leg.knee.z + moving.knee_before.z) / (1000 * moving.step_s ^ 2) AS knee_az,
        (moving.ankle_after.x - 2 * moving.leg.ankle.x + moving.ankle_before.x) / (1000 * moving.step_s ^ 2) AS ankle_ax,
        (moving.ankle_after.y - 2 * moving.leg.ankle.y + moving.ankle_before.y) / (1000 * moving.step_s ^ 2) AS ankle_ay,
        (moving.ankle_after.z - 2 * moving.leg.ankle.z + moving.ankle_before.z) / (1000 * moving.step_s ^ 2) AS ankle_az,
        (moving.heel_after.x - 2 * moving.leg.heel.x + moving.heel_before.x) / (1000 * moving.step_s ^ 2) AS heel_ax,
        (moving.heel_after.y - 2 * moving.leg.heel.y + moving.heel_before.y) / (1000 * moving.step_s ^ 2) AS heel_ay,
        (moving.heel_after.z - 2 * moving.leg.heel.z + moving.heel_before.z) / (1000 * moving.step_s ^ 2) AS heel_az,
        (moving.toe_after.x - 2 * moving.leg.toe.x + moving.toe_before.x) / (1000 * moving.step_s ^ 2) AS toe_ax,
        (moving.toe_after.y - 2 * moving.leg.toe.y + moving.toe_before.y) / (1000 * moving.step_s ^ 2) AS toe_ay,
        (moving.toe_after.z - 2 * moving.leg.toe.z + moving.toe_before.z) / (1000 * moving.step_s ^ 2) AS toe_az,
        (moving.pelvis_q_after.x * moving.pelvis_q_before.w - moving.pelvis_q_after.w * moving.pelvis_q_before.x - moving.pelvis_q_after.y * moving.pelvis_q_before.z + moving.pelvis_q_after.z * moving.pelvis_q_before.y)
        * sign((moving.pelvis_q_after.w * moving.pelvis_q_before.w + moving.pelvis_q_after.x * moving.pelvis_q_before.x + moving.pelvis_q_after.y * moving.pelvis_q_before.y + moving.pelvis_q_after.z * moving.pelvis_q_before.z)) / moving.step_s AS pelvis_wx,
        (moving.pelvis_q_after.y * moving.pelvis_q_before.w - moving.pelvis_q_after.w * moving.pelvis_q_before.y - moving.pelvis_q_after.z * moving.pelvis_q_before.x + moving.pelvis_q_after.x * moving.pelvis_q_before.z)
        * sign((moving.pelvis_q_after.w * moving.pelvis_q_before.w + moving.pelvis_q_after.x * moving.pelvis_q_before.x + moving.pelvis_q_after.y * moving.pelvis_q_before.y + moving.pelvis_q_after.z * moving.pelvis_q_before.z)) / moving.step_s AS pelvis_wy,
        (moving.pelvis_q_after.z * moving.pelvis_q_before.w - moving.pelvis_q_after.w * moving.pelvis_q_before.z - moving.pelvis_q_after.x * moving.pelvis_q_before.y + moving.pelvis_q_after.y * moving.pelvis_q_before.x)
        * sign((moving.pelvis_q_after.w * moving.pelvis_q_before.w + moving.pelvis_q_after.x * moving.pelvis_q_before.x + moving.pelvis_q_after.y * moving.pelvis_q_before.y + moving.pelvis_q_after.z * moving.pelvis_q_before.z)) / moving.step_s AS pelvis_wz,
        (moving.thigh_q_after.x * moving.thigh_q_before.w - moving.thigh_q_after.w * moving.thigh_q_before.x - moving.thigh_q_after.y * moving.thigh_q_before.z + moving.thigh_q_after.z * moving.thigh_q_before.y)
        * sign((moving.thigh_q_after.w * moving.thigh_q_before.w + moving.thigh_q_after.x * moving.thigh_q_before.x + moving.thigh_q_after.y * moving.thigh_q_before.y + moving.thigh_q_after.z * moving.thigh_q_before.z)) / moving.step_s AS thigh_wx,
        (moving.thigh_q_after.y * moving.thigh_q_before.w - moving.thigh_q_after.w * moving.thigh_q_before.y - moving.thigh_q_after.z * moving.thigh_q_before.x + moving.thigh_q_after.x * moving.thigh_q_before.z)
        * sign((moving.thigh_q_after.w * moving.thigh_q_before.w + moving.thigh_q_after.x * moving.thigh_q_before.x + moving.thigh_q_after.y * moving.thigh_q_before.y + moving.thigh_q_after.z * moving.thigh_q_before.z)) / moving.step_s AS thigh_wy,
        (moving.thigh_q_after.z * moving.thigh_q_before.w - moving.thigh_q_after.w * moving.thigh_q_before.z - moving.thigh_q_after.x * moving.thigh_q_before.y + moving.thigh_q_after.y * moving.thigh_q_before.x)
        * sign((moving.thigh_q_after.w * moving.thigh_q_before.w + moving.thigh_q_after.x * moving.thigh_q_before.x + moving.thigh_q_after.y * moving.thigh_q_before.y + moving.thigh_q_after.z * moving.thigh_q_before.z)) / moving.step_s AS thigh_wz,
        (moving.shank_q_after.x * moving.shank_q_before.w - moving.shank_q_after.w * moving.shank_q_before.x - moving.shank_q_after.y * moving.shank_q_before.z + moving.shank_q_after.z * moving.shank_q_before.y)
        * sign((moving.shank_q_after.w * moving.shank_q_before.w + moving.shank_q_after.x * moving.shank_q_before.x + moving.shank_q_after.y * moving.shank_q_before.y + moving.shank_q_after.z * moving.shank_q_before.z)) / moving.step_s AS shank_wx,
        (moving.shank_q_after.y * moving.shank_q_before.w - moving.shank_q_after.w * moving.shank_q_before.y - moving.shank_q_after.z * moving.shank_q_before.x + moving.shank_q_after.x * moving.shank_q_before.z)
        * sign((moving.shank_q_after.w * moving.shank_q_before.w + moving.shank_q_after.x * moving.shank_q_before.x + moving.shank_q_after.y * moving.shank_q_before.y + moving.shank_q_after.z * moving.shank_q_before.z)) / moving.step_s AS shank_wy,
        (moving.shank_q_after.z * moving.shank_q_before.w - moving.shank_q_after.w * moving.shank_q_before.z - moving.shank_q_after.x * moving.shank_q_before.y + moving.shank_q_after.y * moving.shank_q_before.x)
        * sign((moving.shank_q_after.w * moving.shank_q_before.w + moving.shank_q_after.x * moving.shank_q_before.x + moving.shank_q_after.y * moving.shank_q_before.y + moving.shank_q_after.z * moving.shank_q_before.z)) / moving.step_s AS shank_wz,
        (moving.foot_q_after.x * moving.foot_q_before.w - moving.foot_q_after.w * moving.foot_q_before.x - moving.foot_q_after.y * moving.foot_q_before.z + moving.foot_q_after.z * moving.foot_q_before.y)
        * sign((moving.foot_q_after.w * moving.foot_q_before.w + moving.foot_q_after.x * moving.foot_q_before.x + moving.foot_q_after.y * moving.foot_q_before.y + moving.foot_q_after.z * moving.foot_q_before.z)) / moving.step_s AS foot_wx,
        (moving.foot_q_after.y * moving.foot_q_before.w - moving.foot_q_after.w * moving.foot_q_before.y - moving.foot_q_after.z * moving.foot_q_before.x + moving.foot_q_after.x * moving.foot_q_before.z)
        * sign((moving.foot_q_after.w * moving.foot_q_before.w + moving.foot_q_after.x * moving.foot_q_before.x + moving.foot_q_after.y * moving.foot_q_before.y + moving.foot_q_after.z * moving.foot_q_before.z)) / moving.step_s AS foot_wy,
        (moving.foot_q_after.z * moving.foot_q_before.w - moving.foot_q_after.w * moving.foot_q_before.z - moving.foot_q_after.x * moving.foot_q_before.y + moving.foot_q_after.y * moving.foot_q_before.x)
        * sign((moving.foot_q_after.w * moving.foot_q_before.w + moving.foot_q_after.x * moving.foot_q_before.x + moving.foot_q_after.y * moving.foot_q_before.y + moving.foot_q_after.z * moving.foot_q_before.z)) / moving.step_s AS foot_wz
    FROM moving
    INNER JOIN query_table(reaction) AS ground
        ON
            moving.subject = ground.subject
            AND moving.session = ground.session
            AND moving.trial = ground.trial
            AND moving.frame = ground.frame
            AND moving.leg.side = ground.side
    LEFT JOIN _body_mass AS mass
        ON moving.subject = mass.subject AND moving.session = mass.session AND moving.trial = mass.trial
    LEFT JOIN _segment_inertia AS inertia
        ON inertia.inertia_table = inertia AND inertia.sex = CASE WHEN mass.sex IN ('f', 'w') THEN 'f' WHEN mass.sex = 'm' THEN 'm' ELSE 'u' END
    WHERE moving.n_step = 2
),

segments AS (
    SELECT
        *,
        coalesce(mass_kg, 0) AS body_kg,
        hip_x + thigh_centre * (knee_x - hip_x) AS thigh_x,
        hip_ax + thigh_centre * (knee_ax - hip_ax) AS thigh_ax,
        hip_y + thigh_centre * (knee_y - hip_y) AS thigh_y,
        hip_ay + thigh_centre * (knee_ay - hip_ay) AS thigh_ay,
        hip_z + thigh_centre * (knee_z - hip_z) AS thigh_z,
        hip_az + thigh_centre * (knee_az - hip_az) AS thigh_az,
        knee_x + shank_centre * (ankle_x - knee_x) AS shank_x,
        knee_ax + shank_centre * (ankle_ax - knee_ax) AS shank_ax,
        knee_y + shank_centre * (ankle_y - knee_y) AS shank_y,
        knee_ay + shank_centre * (ankle_ay - knee_ay) AS shank_ay,
        knee_z + shank_centre * (ankle_z - knee_z) AS shank_z,
        knee_az + shank_centre * (ankle_az - knee_az) AS shank_az,
        CASE WHEN foot_from_heel THEN heel_x ELSE ankle_x END AS sole_x,
        CASE WHEN foot_from_heel THEN heel_ax ELSE ankle_ax END AS sole_ax,
        CASE WHEN foot_from_heel THEN heel_y ELSE ankle_y END AS sole_y,
        CASE WHEN foot_from_heel THEN heel_ay ELSE ankle_ay END AS sole_ay,
        CASE WHEN foot_from_heel THEN heel_z ELSE ankle_z END AS sole_z,
        CASE WHEN foot_from_heel THEN heel_az ELSE ankle_az END AS sole_az
    FROM placed
),

footed AS MATERIALIZED (
    SELECT
        *,
        sole_x + foot_centre * (toe_x - sole_x) AS foot_x,
        sole_ax + foot_centre * (toe_ax - sole_ax) AS foot_ax,
        sole_y + foot_centre * (toe_y - sole_y) AS foot_y,
        sole_ay + foot_centre * (toe_ay - sole_ay) AS foot_ay,
        sole_z + foot_centre * (toe_z - sole_z) AS foot_z,
        sole_az + foot_centre * (toe_az - sole_az) AS foot_az
    FROM segments
),

pulled AS MATERIALIZED (
    SELECT
        *,
        body_kg * foot_mass * foot_radius ^ 2
        * ((toe_y - sole_y) * (toe_az - sole_az) - (toe_z - sole_z) * (toe_ay - sole_ay)) AS foot_hx,
        body_kg * foot_mass * (foot_ax) AS foot_fx,
        body_kg * foot_mass * foot_radius ^ 2
        * ((toe_z - sole_z) * (toe_ax - sole_ax) - (toe_x - sole_x) * (toe_az - sole_az)) AS foot_hy,
        body_kg * foot_mass * (foot_ay + 9.81) AS foot_fy,
        body_kg * foot_mass * foot_radius ^ 2
        * ((toe_x - sole_x) * (toe_ay - sole_ay) - (toe_y - sole_y) * (toe_ax - sole_ax)) AS foot_hz,
        body_kg * foot_mass * (foot_az) AS foot_fz,
        body_kg * shank_mass * shank_radius ^ 2
        * ((ankle_y - knee_y) * (ankle_az - knee_az) - (ankle_z - knee_z) * (ankle_ay - knee_ay)) AS shank_hx,
        body_kg * shank_mass * (shank_ax) AS shank_fx,
        body_kg * shank_mass * shank_radius ^ 2
        * ((ankle_z - knee_z) * (ankle_ax - knee_ax) - (ankle_x - knee_x) * (ankle_az - knee_az)) AS shank_hy,
        body_kg * shank_mass * (shank_ay + 9.81) AS shank_fy,
        body_kg * shank_mass * shank_radius ^ 2
        * ((ankle_x - knee_x) * (ankle_ay - knee_ay) - (ankle_y - knee_y) * (ankle_ax - knee_ax)) AS shank_hz,
        body_kg * shank_mass * (shank_az) AS shank_fz,
        body_kg * thigh_mass * thigh_radius ^ 2
        * ((knee_y - hip_y) * (knee_az - hip_az) - (knee_z - hip_z) * (knee_ay - hip_ay)) AS thigh_hx,
        body_kg * thigh_mass * (thigh_ax) AS thigh_fx,
        body_kg * thigh_mass * thigh_radius ^ 2
        * ((knee_z - hip_z) * (knee_ax - hip_ax) - (knee_x - hip_x) * (knee_az - hip_az)) AS thigh_hy,
        body_kg * thigh_mass * (thigh_ay + 9.81) AS thigh_fy,
        body_kg * thigh_mass * thigh_radius ^ 2
        * ((knee_x - hip_x) * (knee_ay - hip_ay) - (knee_y - hip_y) * (knee_ax - hip_ax)) AS thigh_hz,
        body_kg * thigh_mass * (thigh_az) AS thigh_fz
    FROM footed
),

moments AS MATERIALIZED (
    SELECT
        *,
        foot_hx + (foot_y - ankle_y) * foot_fz - (foot_z - ankle_z) * foot_fy
        - (mx - (ankle_y * fz - ankle_z * fy)) AS ankle_mx,
        foot_hy + (foot_z - ankle_z) * foot_fx - (foot_x - ankle_x) * foot_fz
        - (my - (ankle_z * fx - ankle_x * fz)) AS ankle_my,
        foot_hz + (foot_x - ankle_x) * foot_fy - (foot_y - ankle_y) * foot_fx
        - (mz - (ankle_x * fy - ankle_y * fx)) AS ankle_mz,
        foot_hx + (foot_y - knee_y) * foot_fz - (foot_z - knee_z) * foot_fy
        + shank_hx + (shank_y - knee_y) * shank_fz - (shank_z - knee_z) * shank_fy
        - (mx - (knee_y * fz - knee_z * fy)) AS knee_mx,
        foot_hy + (foot_z - knee_z) * foot_fx - (foot_x - knee_x) * foot_fz
        + shank_hy + (shank_z - knee_z) * shank_fx - (shank_x - knee_x) * shank_fz
        - (my - (knee_z * fx - knee_x * fz)) AS knee_my,
        foot_hz + (foot_x - knee_x) * foot_fy - (foot_y - knee_y) * foot_fx
        + shank_hz + (shank_x - knee_x) * shank_fy - (shank_y - knee_y) * shank_fx
        - (mz - (knee_x * fy - knee_y * fx)) AS knee_mz,
        foot_hx + (foot_y - hip_y) * foot_fz - (foot_z - hip_z) * foot_fy
        + shank_hx + (shank_y - hip_y) * shank_fz - (shank_z - hip_z) * shank_fy
        + thigh_hx + (thigh_y - hip_y) * thigh_fz - (thigh_z - hip_z) * thigh_fy
        - (mx - (hip_y * fz - hip_z * fy)) AS hip_mx,
        foot_hy + (foot_z - hip_z) * foot_fx - (foot_x - hip_x) * foot_fz
        + shank_hy + (shank_z - hip_z) * shank_fx - (shank_x - hip_x) * shank_fz
        + thigh_hy + (thigh_z - hip_z) * thigh_fx - (thigh_x - hip_x) * thigh_fz
        - (my - (hip_z * fx - hip_x * fz)) AS hip_my,
        foot_hz + (foot_x - hip_x) * foot_fy - (foot_y - hip_y) * foot_fx
        + shank_hz + (shank_x - hip_x) * shank_fy - (shank_y - hip_y) * shank_fx
        + thigh_hz + (thigh_x - hip_x) * thigh_fy - (thigh_y - hip_y) * thigh_fx
        - (mz - (hip_x * fy - hip_y * fx)) AS hip_mz
    FROM pulled
),

-- the quaternions in whose axes each joint's moment is given: rotated about y by the torsion at the knee
framed AS (
    SELECT
        *,
        {
            'w': shank_q.w * cos(half_torsion) - shank_q.y * sin(half_torsion),
            'x': shank_q.x * cos(half_torsion) - shank_q.z * sin(half_torsion),
            'y': shank_q.y * cos(half_torsion) + shank_q.w * sin(half_torsion),
            'z': shank_q.z * cos(half_torsion) + shank_q.x * sin(half_torsion)
        } AS knee_q,
        {'w': cos(half_turn), 'x': 0.0, 'y': sin(half_turn), 'z': 0.0} AS lab_q
    FROM moments
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
    FROM framed
),

axes_of AS MATERIALIZED (
    SELECT
        *,
        2 * (hip_y_q.x * hip_y_q.y - hip_y_q.w * hip_y_q.z) AS hip_yx,
        1 - 2 * (hip_y_q.x * hip_y_q.x + hip_y_q.z * hip_y_q.z) AS hip_yy,
        2 * (hip_y_q.y * hip_y_q.z + hip_y_q.w * hip_y_q.x) AS hip_yz,
        2 * (hip_z_q.x * hip_z_q.z + hip_z_q.w * hip_z_q.y) AS hip_zx,
        2 * (hip_z_q.y * hip_z_q.z - hip_z_q.w * hip_z_q.x) AS hip_zy,
        1 - 2 * (hip_z_q.x * hip_z_q.x + hip_z_q.y * hip_z_q.y) AS hip_zz,
        2 * (knee_y_q.x * knee_y_q.y - knee_y_q.w * knee_y_q.z) AS knee_yx,
        1 - 2 * (knee_y_q.x * knee_y_q.x + knee_y_q.z * knee_y_q.z) AS knee_yy,
        2 * (knee_y_q.y * knee_y_q.z + knee_y_q.w * knee_y_q.x) AS knee_yz,
        2 * (knee_z_q.x * knee_z_q.z + knee_z_q.w * knee_z_q.y) AS knee_zx,
        2 * (knee_z_q.y * knee_z_q.z - knee_z_q.w * knee_z_q.x) AS knee_zy,
        1 - 2 * (knee_z_q.x * knee_z_q.x + knee_z_q.y * knee_z_q.y) AS knee_zz,
        2 * (ankle_y_q.x * ankle_y_q.y - ankle_y_q.w * ankle_y_q.z) AS ankle_yx,
        1 - 2 * (ankle_y_q.x * ankle_y_q.x + ankle_y_q.z * ankle_y_q.z) AS ankle_yy,
        2 * (ankle_y_q.y * ankle_y_q.z + ankle_y_q.w * ankle_y_q.x) AS ankle_yz,
        2 * (ankle_z_q.x * ankle_z_q.z + ankle_z_q.w * ankle_z_q.y) AS ankle_zx,
        2 * (ankle_z_q.y * ankle_z_q.z - ankle_z_q.w * ankle_z_q.x) AS ankle_zy,
        1 - 2 * (ankle_z_q.x * ankle_z_q.x + ankle_z_q.y * ankle_z_q.y) AS ankle_zz
    FROM chosen
),

crossed AS MATERIALIZED (
    SELECT
        *,
        hip_yy * hip_zz - hip_yz * hip_zy AS hip_xx,
        hip_yz * hip_zx - hip_yx * hip_zz AS hip_xy,
        hip_yx * hip_zy - hip_yy * hip_zx AS hip_xz,
        knee_yy * knee_zz - knee_yz * knee_zy AS knee_xx,
        knee_yz * knee_zx - knee_yx * knee_zz AS knee_xy,
        knee_yx * knee_zy - knee_yy * knee_zx AS knee_xz,
        ankle_yy * ankle_zz - ankle_yz * ankle_zy AS ankle_xx,
        ankle_yz * ankle_zx - ankle_yx * ankle_zz AS ankle_xy,
        ankle_yx * ankle_zy - ankle_yy * ankle_zx AS ankle_xz
    FROM axes_of
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
        WHEN hip_mx IS NULL AND knee_mx IS NULL AND ankle_mx IS NULL THEN 'no joint centres'
    END AS reason,
    CASE WHEN reason IS NULL THEN -(hip_mx * hip_zx + hip_my * hip_zy + hip_mz * hip_zz) END AS hip_flexion_moment_nm,
    CASE WHEN reason IS NULL THEN CASE WHEN side = 'left' THEN 1 ELSE -1 END * (hip_mx * hip_xx + hip_my * hip_xy + hip_mz * hip_xz)
        / nullif(sqrt(hip_xx ^ 2 + hip_xy ^ 2 + hip_xz ^ 2), 0) END AS hip_adduction_moment_nm,
    CASE WHEN reason IS NULL THEN CASE WHEN side = 'left' THEN 1 ELSE -1 END * (hip_mx * hip_yx + hip_my * hip_yy + hip_mz * hip_yz) END AS hip_rotation_moment_nm,
    CASE
        WHEN reason IS NULL
            THEN
                hip_mx * (thigh_wx - pelvis_wx) + hip_my * (thigh_wy - pelvis_wy) + hip_mz * (thigh_wz - pelvis_wz)
    END AS hip_power_w,
    CASE WHEN reason IS NULL THEN (knee_mx * knee_zx + knee_my * knee_zy + knee_mz * knee_zz) END AS knee_flexion_moment_nm,
    CASE WHEN reason IS NULL THEN CASE WHEN side = 'left' THEN 1 ELSE -1 END * (knee_mx * knee_xx + knee_my * knee_xy + knee_mz * knee_xz)
        / nullif(sqrt(knee_xx ^ 2 + knee_xy ^ 2 + knee_xz ^ 2), 0) END AS knee_adduction_moment_nm,
    CASE WHEN reason IS NULL THEN CASE WHEN side = 'left' THEN 1 ELSE -1 END * (knee_mx * knee_yx + knee_my * knee_yy + knee_mz * knee_yz) END AS knee_rotation_moment_nm,
    CASE
        WHEN reason IS NULL
            THEN
                knee_mx * (shank_wx - thigh_wx) + knee_my * (shank_wy - thigh_wy) + knee_mz * (shank_wz - thigh_wz)
    END AS knee_power_w,
    CASE WHEN reason IS NULL THEN -(ankle_mx * ankle_zx + ankle_my * ankle_zy + ankle_mz * ankle_zz) END AS ankle_flexion_moment_nm,
    CASE WHEN reason IS NULL THEN CASE WHEN side = 'left' THEN 1 ELSE -1 END * (ankle_mx * ankle_xx + ankle_my * ankle_xy + ankle_mz * ankle_xz)
        / nullif(sqrt(ankle_xx ^ 2 + ankle_xy ^ 2 + ankle_xz ^ 2), 0) END AS ankle_adduction_moment_nm,
    CASE WHEN reason IS NULL THEN CASE WHEN side = 'left' THEN 1 ELSE -1 END * (ankle_mx * ankle_yx + ankle_my * ankle_yy + ankle_mz * ankle_yz) END AS ankle_rotation_moment_nm,
    CASE
        WHEN reason IS NULL
            THEN
                ankle_mx * (foot_wx - shank_wx) + ankle_my * (foot_wy - shank_wy) + ankle_mz * (foot_wz - shank_wz)
    END AS ankle_power_w
FROM crossed
