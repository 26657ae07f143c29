-- One row: a parameter of one side of a subject in two sessions of the same condition (all pairs, the earlier
-- session first; by name if the order is unknown: order_source is then NULL and missing says why).
-- Inputs: _session_values, _session_order. Sessions are collected in a list, so that a filter on the subject reaches
-- the files; a join of the table with itself would prevent this.
WITH gathered AS (
    SELECT
        subject,
        condition,
        side,
        parameter,
        any_value(order_source) AS order_source,
        any_value(missing) AS missing,
        list({ 'session': session, 'value': value } ORDER BY position, session) AS sessions
    FROM _session_values
    LEFT JOIN _session_order USING (subject, session)
    WHERE value IS NOT NULL
    GROUP BY subject, condition, side, parameter
),

firsts AS (
    SELECT
        *,
        unnest(range(1, len(sessions))) AS i
    FROM gathered
),

pairs AS (
    SELECT
        *,
        unnest(range(i + 1, len(sessions) + 1)) AS j
    FROM firsts
)

SELECT
    subject,
    sessions[i].session AS session_a,
    sessions[j].session AS session_b,
    condition,
    side,
    parameter,
    sessions[i].value AS value_a,
    sessions[j].value AS value_b,
    sessions[j].value - sessions[i].value AS difference,
    order_source,
    missing
FROM pairs
