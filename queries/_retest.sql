-- One row: a parameter, of one side or of both, with its standard error of measurement in test-retest data.
-- Inputs: _session_pairs, subjects. The unit is part of the parameter's name.
-- SET VARIABLE retest_group = 'control' names a group without treatment between its sessions. With at least 10 such
-- people, SEM = SD of their differences of a side / sqrt(2), pooled over left and right (Weir 2005, doi
-- 10.1519/15184.1); for GPS of both sides from these.
WITH retest AS ( -- each person once per parameter and side: the first pair of sessions
    SELECT
        pairs.parameter,
        pairs.side,
        pairs.subject,
        avg(pairs.difference) AS difference
    FROM _session_pairs AS pairs
    INNER JOIN subjects USING (subject)
    WHERE subjects."group" = getvariable('retest_group')::VARCHAR
    GROUP BY pairs.parameter, pairs.side, pairs.subject, pairs.session_a, pairs.session_b
    QUALIFY
        row_number() OVER (
            PARTITION BY pairs.parameter, pairs.side, pairs.subject ORDER BY pairs.session_a, pairs.session_b
        ) = 1
),

of_a_side AS (
    SELECT
        parameter,
        side,
        var_samp(difference) AS variance,
        count(*) AS n_retest
    FROM retest
    GROUP BY parameter, side
    HAVING count(*) >= _least_retest_persons()
)

-- Left and right are one kind of measurement; GPS of both sides is another.
SELECT
    parameter,
    side = 'both' AS is_both,
    sqrt(avg(variance) / 2) AS sem,
    min(n_retest) AS n_retest
FROM of_a_side
GROUP BY parameter, is_both
