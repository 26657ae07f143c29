-- One row: as _kinetic_curves; there is none, because no trial has a force platform.
-- Arguments: motion, cycles. Not read.
SELECT
    NULL::VARCHAR AS subject,
    NULL::VARCHAR AS session,
    NULL::VARCHAR AS trial,
    NULL::INTEGER AS person,
    NULL::INTEGER AS cycle,
    NULL::VARCHAR AS side,
    NULL::INTEGER AS percent,
    NULL::BOOLEAN AS is_steady,
    NULL::BOOLEAN AS is_valid,
    NULL::DOUBLE AS hip_flexion_moment_nm_kg,
    NULL::DOUBLE AS hip_adduction_moment_nm_kg,
    NULL::DOUBLE AS hip_rotation_moment_nm_kg,
    NULL::DOUBLE AS knee_flexion_moment_nm_kg,
    NULL::DOUBLE AS knee_adduction_moment_nm_kg,
    NULL::DOUBLE AS knee_rotation_moment_nm_kg,
    NULL::DOUBLE AS ankle_flexion_moment_nm_kg,
    NULL::DOUBLE AS ankle_adduction_moment_nm_kg,
    NULL::DOUBLE AS ankle_rotation_moment_nm_kg,
    NULL::DOUBLE AS hip_power_w_kg,
    NULL::DOUBLE AS knee_power_w_kg,
    NULL::DOUBLE AS ankle_power_w_kg,
    NULL::DOUBLE AS vertical_force_n_kg,
    NULL::DOUBLE AS anterior_force_n_kg
WHERE motion IS NULL AND cycles IS NULL
