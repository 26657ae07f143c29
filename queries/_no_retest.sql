-- One row: never; the columns are those of _retest.
-- Inputs: none.
SELECT
    NULL::VARCHAR AS parameter,
    NULL::BOOLEAN AS is_both,
    NULL::DOUBLE AS sem,
    NULL::BIGINT AS n_retest
WHERE false
