-- One row: segment masses and inertia of one table for a sex ('u' is unknown: the mean of both).
-- Inputs: none. mass: share of body mass; centre: share of the length from the upper end; radius: transverse radius
-- of gyration, share of the length.
-- de_leva: de Leva 1996, doi 10.1016/0021-9290(95)00178-6, table 4 and its note on ankle centres; transverse is the
-- mean of the sagittal and transverse radii; the foot is from heel to toe tip (ours ends at the toe marker).
-- dempster: as in Plug-in Gait, after Dempster 1955 in Winter 2009, table 4.1; the foot is from ankle to toe.
SELECT *
FROM (
    VALUES
    ('de_leva', 'm', 0.1416, 0.4095, 0.329, 0.0433, 0.4395, 0.2485, 0.0137, 0.4415, 0.251, true),
    ('de_leva', 'f', 0.1478, 0.3612, 0.3665, 0.0481, 0.4352, 0.265, 0.0129, 0.4014, 0.289, true),
    ('de_leva', 'u', 0.1447, 0.38535, 0.34775, 0.0457, 0.43735, 0.25675, 0.0133, 0.42145, 0.27, true),
    ('dempster', 'm', 0.1, 0.433, 0.323, 0.0465, 0.433, 0.302, 0.0145, 0.5, 0.475, false),
    ('dempster', 'f', 0.1, 0.433, 0.323, 0.0465, 0.433, 0.302, 0.0145, 0.5, 0.475, false),
    ('dempster', 'u', 0.1, 0.433, 0.323, 0.0465, 0.433, 0.302, 0.0145, 0.5, 0.475, false)
) AS known (
    inertia_table,
    sex,
    thigh_mass,
    thigh_centre,
    thigh_radius,
    shank_mass,
    shank_centre,
    shank_radius,
    foot_mass,
    foot_centre,
    foot_radius, foot_from_heel
)
