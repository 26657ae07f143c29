-- One row: as _ground_reaction; there is none, because no trial has a force platform.
-- Arguments: motion. Not read.
SELECT
    NULL::VARCHAR AS subject,
    NULL::VARCHAR AS session,
    NULL::VARCHAR AS trial,
    NULL::INTEGER AS frame,
    NULL::DOUBLE AS time_s,
    NULL::VARCHAR AS side,
    NULL::INTEGER[] AS plates,
    NULL::BOOLEAN AS is_on_plate,
    NULL::INTEGER AS plate_run,
    NULL::VARCHAR AS reason,
    NULL::DOUBLE AS fx,
    NULL::DOUBLE AS fy,
    NULL::DOUBLE AS fz,
    NULL::DOUBLE AS mx,
    NULL::DOUBLE AS my,
    NULL::DOUBLE AS mz,
    NULL::DOUBLE AS gx,
    NULL::DOUBLE AS gy,
    NULL::DOUBLE AS gz,
    NULL::DOUBLE AS nx,
    NULL::DOUBLE AS ny,
    NULL::DOUBLE AS nz,
    NULL::DOUBLE AS surface_mm
WHERE motion IS NULL
