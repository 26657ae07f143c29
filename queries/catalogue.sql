-- One row: a column of a table or view, with its unit, sign, meaning and source.
-- Inputs: _declared_columns, the table that views.register creates from schemas/tables/*.toml and
-- schemas/views/*.toml.
SELECT
    name AS table_name,
    kind,
    column_name,
    type,
    unit,
    sign,
    meaning,
    source
FROM _declared_columns
ORDER BY kind, name, position
