-- One row: a parameter of one side of a subject in two sessions (all pairs, the earlier session first).
-- Inputs: _session_pairs, subjects, _published_mdc. The unit is part of the parameter's name.
-- difference is session_b minus session_a, later minus earlier, by acq_time or by session_order of cohort.toml
-- (order_source). If neither exists, difference is NULL and note says what is missing. SEM and MDC95 = 1.96 sqrt(2)
-- SEM come from test-retest data: SET VARIABLE retest_group = 'control' names a group without treatment between its
-- sessions. With at least 10 such people, SEM = SD of their differences of a side / sqrt(2), pooled over left and right
-- (Weir 2005, doi 10.1519/15184.1); for GPS of both sides from these.
-- Otherwise the published value with its citation and population, if there is one; otherwise NULL. It is never
-- computed from strides within a session. is_beyond_mdc: the absolute difference is larger than MDC95.
WITH retest AS ( -- each retest person once per parameter and side: the first pair of sessions
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
    HAVING count(*) >= 10
),

own AS ( -- left and right are one kind of measurement; GPS of both sides is another
    SELECT
        parameter,
        side = 'both' AS is_both,
        sqrt(avg(variance) / 2) AS sem,
        min(n_retest) AS n_retest
    FROM of_a_side
    GROUP BY parameter, is_both
),

judged AS (
    SELECT
        pairs.*,
        coalesce(own.sem, published.mdc95 / (1.96 * sqrt(2))) AS sem,
        coalesce(1.96 * sqrt(2) * own.sem, published.mdc95) AS mdc95,
        CASE WHEN own.sem IS NOT NULL THEN 'test-retest in this lake' ELSE published.citation END AS mdc_source,
        own.n_retest
    FROM _session_pairs AS pairs
    LEFT JOIN own ON pairs.parameter = own.parameter AND (pairs.side = 'both') = own.is_both
    LEFT JOIN _published_mdc AS published
        ON
            pairs.parameter = published.parameter
            AND pairs.value_a >= published.from_value
            AND pairs.value_a < published.below_value
)

SELECT
    subject,
    session_a,
    session_b,
    condition,
    side,
    parameter,
    value_a,
    value_b,
    CASE WHEN order_source IS NOT NULL THEN difference END AS difference,
    sem,
    mdc95,
    mdc_source,
    n_retest,
    abs(difference) > mdc95 AS is_beyond_mdc,
    order_source,
    CASE WHEN order_source IS NULL THEN 'which session came first is not known: ' || missing END AS note
FROM judged
WHERE
    CASE
        WHEN getvariable('retest_group') IS NULL THEN true
        WHEN getvariable('retest_group')::VARCHAR IN (SELECT "group" FROM subjects) THEN true
        ELSE _refused_name(
            'retest_group',
            getvariable('retest_group')::VARCHAR,
            (SELECT list(DISTINCT "group"::VARCHAR ORDER BY "group"::VARCHAR) FROM subjects)
        )
    END
