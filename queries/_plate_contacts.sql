-- One row: a frame of a loaded force platform and a foot, with the foot that the contact belongs to.
-- Arguments: motion. The name of a relation like _foot_motion.
-- Inputs: plate_frames, _plate_geometry, _plate_landmarks. N, Nm, mm.
-- A contact is a run of frames with at least 20 N (gaps of one frame are filled), at least 0.06 s long and 50 N
-- high. gap_mm is the distance of the centre of pressure from the line from heel to toe, weighted by force over the
-- contact. The foot within 120 mm owns the contact, or the closer foot if both are; if the platform states a side, that
-- foot does, unless it is 240 mm away (sides exchanged). The other foot is also on the
-- platform if its midpoint is over it and it stands (heel or toe below 0.5 m/s, relative to the belt) for more than
-- 0.05 s of the contact. A part of the foot beyond the edge of a platform that is higher than another one (a step of
-- stairs) touches nothing and counts as over the platform, and so does a part over another platform that is
-- unloaded in that frame: nothing is missing there. is_sole_over: so are the tips of the toes and the back of the
-- shoe, as far as they may reach beyond the markers. is_guest: the foot stands on the platform, but the contact
-- belongs to the other foot.
-- noqa: disable=RF01
WITH loaded AS (
    SELECT
        frames.subject,
        frames.session,
        frames.trial,
        frames.plate,
        frames.frame,
        frames.time_s,
        frames.force,
        frames.moment,
        frames.filtered_force,
        frames.filtered_moment,
        frames.centre,
        frames.centre.x + 1000.0 * frames.moment.z / frames.force.y AS cop_x,
        frames.centre.z - 1000.0 * frames.moment.x / frames.force.y AS cop_z,
        frames.frame - lag(frames.frame) OVER plate_ AS n_since,
        list(frames.plate) OVER (
            PARTITION BY frames.subject, frames.session, frames.trial, frames.frame
        ) AS loaded_plates
    FROM plate_frames AS frames
    WHERE frames.force.y >= _contact_n()
    WINDOW plate_ AS (PARTITION BY frames.subject, frames.session, frames.trial, frames.plate ORDER BY frames.frame)
),

runs AS (
    SELECT
        * EXCLUDE (n_since),
        sum((coalesce(n_since, 99) > 2)::INTEGER) OVER (
            PARTITION BY subject, session, trial, plate
            ORDER BY frame
        ) AS contact
    FROM loaded
),

contacts AS (
    SELECT runs.*
    FROM runs
    WINDOW contact_ AS (PARTITION BY subject, session, trial, plate, contact)
    QUALIFY
        max(time_s) OVER contact_ - min(time_s) OVER contact_ >= 0.06
        AND max(force.y) OVER contact_ >= _loaded_n()
),

feet AS (
    SELECT
        landmarks.subject,
        landmarks.session,
        landmarks.trial,
        landmarks.frame,
        unnest([
            {
                'side': 'left',
                'heel': coalesce(left_heel, left_ankle),
                'toe': coalesce(
                    left_toe,
                    CASE
                        WHEN left_metatarsal_1.x IS NOT NULL AND left_metatarsal_5.x IS NOT NULL
                            THEN {
                                'x': (left_metatarsal_1.x + left_metatarsal_5.x) / 2,
                                'y': (left_metatarsal_1.y + left_metatarsal_5.y) / 2,
                                'z': (left_metatarsal_1.z + left_metatarsal_5.z) / 2
                            }
                    END,
                    left_metatarsal_5,
                    left_metatarsal_1,
                    left_ankle
                )
            },
            {
                'side': 'right',
                'heel': coalesce(right_heel, right_ankle),
                'toe': coalesce(
                    right_toe,
                    CASE
                        WHEN right_metatarsal_1.x IS NOT NULL AND right_metatarsal_5.x IS NOT NULL
                            THEN {
                                'x': (right_metatarsal_1.x + right_metatarsal_5.x) / 2,
                                'y': (right_metatarsal_1.y + right_metatarsal_5.y) / 2,
                                'z': (right_metatarsal_1.z + right_metatarsal_5.z) / 2
                            }
                    END,
                    right_metatarsal_5,
                    right_metatarsal_1,
                    right_ankle
                )
            }
        ]) AS foot
    FROM _plate_landmarks AS landmarks
),

surfaces AS (
    SELECT
        subject,
        session,
        trial,
        list({ 'plate': plate, 'centre': centre, 'half': half }) AS surfaces
    FROM _plate_geometry
    WHERE has_corners AND returns_to_zero AND NOT contradicts_body
    GROUP BY subject, session, trial
),

speeds AS (
    SELECT
        subject,
        session,
        trial,
        time_s,
        side,
        heel_speed_m_s,
        coalesce(toe_speed_m_s, heel_speed_m_s) AS toe_speed_m_s
    FROM query_table(motion)
    WHERE person = 0
),

beside AS (
    SELECT
        contacts.* EXCLUDE (loaded_plates),
        list_filter(surfaces.surfaces, LAMBDA s: NOT list_contains(contacts.loaded_plates, s.plate)) AS unloaded,
        geometry.stated_side,
        geometry.returns_to_zero,
        geometry.contradicts_body,
        geometry.is_step,
        feet.foot.side AS side,
        speeds.heel_speed_m_s < _still_m_s() AS is_heel_still,
        speeds.toe_speed_m_s < _still_m_s() AS is_toe_still,
        NOT geometry.has_corners
        OR _is_over(
            feet.foot.heel.x - contacts.centre.x, feet.foot.heel.z - contacts.centre.z, geometry.half
        ) AS is_heel_over,
        NOT geometry.has_corners
        OR _is_over(
            feet.foot.toe.x - contacts.centre.x, feet.foot.toe.z - contacts.centre.z, geometry.half
        ) AS is_toe_over,
        NOT geometry.has_corners
        OR (
            _is_over(
                feet.foot.toe.x + _toes_share() * (feet.foot.toe.x - feet.foot.heel.x) - contacts.centre.x,
                feet.foot.toe.z + _toes_share() * (feet.foot.toe.z - feet.foot.heel.z) - contacts.centre.z,
                geometry.half
            )
            AND _is_over(
                feet.foot.heel.x - _behind_heel_share() * (feet.foot.toe.x - feet.foot.heel.x) - contacts.centre.x,
                feet.foot.heel.z - _behind_heel_share() * (feet.foot.toe.z - feet.foot.heel.z) - contacts.centre.z,
                geometry.half
            )
        ) AS is_sole_over,
        least(greatest(
            (
                (cop_x - feet.foot.heel.x) * (feet.foot.toe.x - feet.foot.heel.x)
                + (cop_z - feet.foot.heel.z) * (feet.foot.toe.z - feet.foot.heel.z)
            ) / greatest(
                (feet.foot.toe.x - feet.foot.heel.x) ^ 2 + (feet.foot.toe.z - feet.foot.heel.z) ^ 2, 1
            ), 0
        ), 1) AS along,
        feet.foot.heel AS heel,
        feet.foot.toe AS toe
    FROM contacts
    INNER JOIN _plate_geometry AS geometry USING (subject, session, trial, plate)
    INNER JOIN feet USING (subject, session, trial, frame)
    LEFT JOIN surfaces USING (subject, session, trial)
    LEFT JOIN speeds
        ON
            contacts.subject = speeds.subject
            AND contacts.session = speeds.session
            AND contacts.trial = speeds.trial
            AND contacts.time_s = speeds.time_s
            AND feet.foot.side = speeds.side
),

far AS (
    SELECT
        * EXCLUDE (along, heel, toe, unloaded),
        len(
            list_filter(unloaded, LAMBDA s: _is_over(heel.x - s.centre.x, heel.z - s.centre.z, s.half))
        ) > 0 AS is_heel_over_unloaded,
        len(
            list_filter(unloaded, LAMBDA s: _is_over(toe.x - s.centre.x, toe.z - s.centre.z, s.half))
        ) > 0 AS is_toe_over_unloaded,
        force.y * sqrt(
            (cop_x - heel.x - along * (toe.x - heel.x)) ^ 2 + (cop_z - heel.z - along * (toe.z - heel.z)) ^ 2
        ) AS newton_mm,
        CASE WHEN heel.x IS NOT NULL AND toe.x IS NOT NULL THEN force.y END AS newton,
        (is_heel_over AND is_toe_over AND (is_heel_still OR is_toe_still))::INTEGER AS is_standing
    FROM beside
),

-- Values of both feet over the contact: both use the same partition, so one sort is enough.
summed AS (
    SELECT
        * EXCLUDE (newton_mm, newton),
        sum(newton_mm) FILTER (side = 'left') OVER contact_ / sum(newton) FILTER (side = 'left') OVER contact_
            AS left_gap_mm,
        sum(newton_mm) FILTER (side = 'right') OVER contact_ / sum(newton) FILTER (side = 'right') OVER contact_
            AS right_gap_mm,
        -- Each frame of the contact occurs twice, once for each foot.
        (max(time_s) OVER contact_ - min(time_s) OVER contact_) / greatest(count(*) OVER contact_ / 2 - 1, 1)
            AS frame_s,
        sum(is_standing) FILTER (side = 'left') OVER contact_ AS n_left_standing,
        sum(is_standing) FILTER (side = 'right') OVER contact_ AS n_right_standing
    FROM far
    WINDOW contact_ AS (PARTITION BY subject, session, trial, plate, contact)
),

paired AS (
    SELECT
        * EXCLUDE (left_gap_mm, right_gap_mm, n_left_standing, n_right_standing, frame_s),
        CASE WHEN side = 'left' THEN left_gap_mm ELSE right_gap_mm END AS gap_mm,
        CASE WHEN side = 'left' THEN right_gap_mm ELSE left_gap_mm END AS other_gap_mm,
        frame_s * CASE WHEN side = 'left' THEN n_right_standing ELSE n_left_standing END AS other_standing_s
    FROM summed
)

SELECT
    subject,
    session,
    trial,
    plate,
    contact,
    frame,
    time_s,
    side,
    force,
    moment,
    filtered_force,
    filtered_moment,
    centre,
    is_heel_still,
    is_toe_still,
    is_heel_over OR is_step OR coalesce(is_heel_over_unloaded, false) AS is_heel_over,
    is_toe_over OR is_step OR coalesce(is_toe_over_unloaded, false) AS is_toe_over,
    is_sole_over OR is_step AS is_sole_over,
    returns_to_zero,
    contradicts_body,
    gap_mm,
    coalesce(
        stated_side = side AND coalesce(gap_mm <= 2 * _own_contact_mm(), true),
        gap_mm <= _own_contact_mm() AND (other_gap_mm IS NULL OR gap_mm <= other_gap_mm)
    ) AS is_own,
    stated_side IS NULL AND coalesce(other_standing_s, 0) > _passing_s() AS is_shared,
    NOT coalesce(is_own, false) AND is_standing = 1 AS is_guest
FROM paired
WHERE stated_side = side OR (stated_side IS NULL AND (gap_mm <= _own_contact_mm() OR is_standing = 1))
