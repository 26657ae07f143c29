-- One row: as _joint_moments; there is none, because no trial has a force platform.
-- Arguments: reaction, inertia, axes, smoothing. Not read, but checked by _chosen_moments.
SELECT
    NULL::VARCHAR AS subject,
    NULL::VARCHAR AS session,
    NULL::VARCHAR AS trial,
    NULL::INTEGER AS frame,
    NULL::DOUBLE AS time_s,
    NULL::VARCHAR AS side,
    NULL::DOUBLE AS mass_kg,
    NULL::VARCHAR AS reason,
    NULL::DOUBLE AS hip_flexion_moment_nm,
    NULL::DOUBLE AS hip_adduction_moment_nm,
    NULL::DOUBLE AS hip_rotation_moment_nm,
    NULL::DOUBLE AS hip_power_w,
    NULL::DOUBLE AS knee_flexion_moment_nm,
    NULL::DOUBLE AS knee_adduction_moment_nm,
    NULL::DOUBLE AS knee_rotation_moment_nm,
    NULL::DOUBLE AS knee_power_w,
    NULL::DOUBLE AS ankle_flexion_moment_nm,
    NULL::DOUBLE AS ankle_adduction_moment_nm,
    NULL::DOUBLE AS ankle_rotation_moment_nm,
    NULL::DOUBLE AS ankle_power_w
WHERE coalesce(reaction, inertia, axes, smoothing) IS NULL
