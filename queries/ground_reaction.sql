-- One row: a frame of the subject and a side, with the ground reaction force on that foot, for trials with
-- platforms.
-- Inputs: _foot_speeds, _ground_reaction (see there), _body_mass. N and N/kg, lab frame, Y up; mm.
WITH motion AS MATERIALIZED (
    SELECT * FROM _foot_speeds
)

SELECT
    found.subject,
    found.session,
    found.trial,
    0 AS person,
    found.frame,
    found.time_s,
    found.side,
    CASE WHEN found.reason IS NULL THEN { 'x': found.fx, 'y': found.fy, 'z': found.fz } END AS force,
    CASE
        WHEN found.reason IS NULL
            THEN { 'x': found.fx / mass.mass_kg, 'y': found.fy / mass.mass_kg, 'z': found.fz / mass.mass_kg }
    END AS force_n_kg,
    CASE WHEN found.reason IS NULL THEN found.fy / mass.mass_kg END AS vertical_force_n_kg,
    CASE
        WHEN found.reason IS NULL AND found.fy >= _contact_n()
            THEN {
                'x': 1000 * (found.mz + found.surface_mm / 1000 * found.fx) / found.fy,
                'y': found.surface_mm,
                'z': 1000 * (found.surface_mm / 1000 * found.fz - found.mx) / found.fy
            }
    END AS cop,
    CASE
        WHEN found.reason IS NULL AND found.fy >= _contact_n()
            THEN
                found.my
                - (
                    (found.surface_mm / 1000 * found.fz - found.mx) * found.fx
                    - (found.mz + found.surface_mm / 1000 * found.fx) * found.fz
                ) / found.fy
    END AS free_moment_nm,
    found.plates,
    found.reason IS NULL AS is_valid,
    found.reason
FROM _ground_reaction('motion') AS found
LEFT JOIN _body_mass AS mass USING (subject, session, trial)
