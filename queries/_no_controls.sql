-- One row: never; the columns are those of _control_curves.
-- Inputs: none.
SELECT
    NULL::VARCHAR AS subject,
    NULL::VARCHAR AS session,
    NULL::VARCHAR AS side,
    NULL::VARCHAR AS skeleton,
    NULL::VARCHAR AS kind,
    NULL::INTEGER AS percent,
    NULL::VARCHAR AS angle,
    NULL::DOUBLE AS mean_deg,
    NULL::BIGINT AS n_cycles,
    NULL::VARCHAR AS speed_band
WHERE false
