-- One row: a parameter of one side of a subject in two sessions (all pairs, the earlier session first).
-- Inputs: _session_pairs, _retest, _no_retest, subjects, _published_mdc. The unit is part of the parameter's name.
-- difference is session_b minus session_a, later minus earlier, by acq_time or by session_order of cohort.toml
-- (order_source). If neither exists, difference is NULL and note says what is missing. SEM and MDC95 = 1.96 sqrt(2)
-- SEM come from test-retest data if SET VARIABLE retest_group = 'control' names a group with enough of them (_retest);
-- otherwise MDC95 is the published value with its citation and population, if there is one; otherwise NULL. It is never
-- computed from strides within a session. is_beyond_mdc: the absolute difference is larger than MDC95.
-- The relation of retests is chosen by name before the query is planned: without a group, the pairs of sessions, with
-- all events and angles behind them, are planned once and not twice.
WITH with_mdc AS (
    SELECT
        pairs.*,
        coalesce(own.sem, published.mdc95 / (1.96 * sqrt(2))) AS sem,
        coalesce(1.96 * sqrt(2) * own.sem, published.mdc95) AS mdc95,
        CASE WHEN own.sem IS NOT NULL THEN 'test-retest in this lake' ELSE published.citation END AS mdc_source,
        own.n_retest
    FROM _session_pairs AS pairs
    LEFT JOIN
        query_table(CASE WHEN getvariable('retest_group') IS NULL THEN '_no_retest' ELSE '_retest' END) AS own
        ON pairs.parameter = own.parameter AND (pairs.side = 'both') = own.is_both
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
FROM with_mdc
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
