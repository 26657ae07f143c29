-- One row: a force platform of a trial with the axes from its middle to the middles of two of its edges.
-- Inputs: force_plates. mm. centre: the middle of its surface. is_step: it is higher than another platform of the
-- trial, like a step of stairs.
SELECT
    subject,
    session,
    trial,
    plate,
    side AS stated_side,
    centre,
    returns_to_zero,
    coalesce(contradicts_body, false) AS contradicts_body,
    corners IS NOT NULL AS has_corners,
    coalesce(
        corners[2] + corners[5] + corners[8] + corners[11]
        > min(corners[2] + corners[5] + corners[8] + corners[11]) OVER (PARTITION BY subject, session, trial)
        + 4 * _step_height_mm(),
        false
    ) AS is_step,
    {
        'ax': (corners[1] + corners[10] - corners[4] - corners[7]) / 4,
        'az': (corners[3] + corners[12] - corners[6] - corners[9]) / 4,
        'bx': (corners[1] + corners[4] - corners[7] - corners[10]) / 4,
        'bz': (corners[3] + corners[6] - corners[9] - corners[12]) / 4
    } AS half
FROM force_plates
