-- One row: as in _mean_curves, of the subjects in the group that SET VARIABLE reference names; speed_band is NULL.
-- Inputs: _mean_curves, subjects. Degrees. At least 3 steady cycles of the side are needed.
SELECT
    curves.*,
    NULL::VARCHAR AS speed_band
FROM _mean_curves AS curves
INNER JOIN subjects USING (subject)
WHERE curves.n_cycles >= _least_scored_cycles() AND subjects."group" = getvariable('reference')::VARCHAR
