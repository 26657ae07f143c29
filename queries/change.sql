-- One row: a parameter of one side of a subject in two sessions (every pair, the earlier name first).
-- Inputs: subject_summary, subjects, _published_mdc. Units are in the parameter's name. difference is second less
-- first. SEM and MDC95 = 1.96 sqrt(2) SEM come from test-retest: SET VARIABLE retest_group = 'control' says whose
-- sessions no treatment parts; with at least 10 such persons SEM = SD of their differences / sqrt(2) (Weir 2005, doi
-- 10.1519/15184.1). Else the published value with its citation and people, where there is one; else NULL. Never from
-- strides within a session. is_beyond_mdc says whether the size of the difference is above MDC95.
WITH cells AS (
    SELECT
        subject,
        session,
        condition,
        side,
        unnest([
            { 'parameter': 'walking_speed_m_s', 'value': walking_speed_m_s },
            { 'parameter': 'cadence_steps_min', 'value': cadence_steps_min },
            { 'parameter': 'stride_length_m', 'value': stride_length_m },
            { 'parameter': 'step_length_m', 'value': step_length_m },
            { 'parameter': 'step_width_m', 'value': step_width_m },
            { 'parameter': 'stride_time_s', 'value': stride_time_s },
            { 'parameter': 'step_time_s', 'value': step_time_s },
            { 'parameter': 'stance_pct', 'value': stance_pct },
            { 'parameter': 'swing_pct', 'value': swing_pct },
            { 'parameter': 'single_support_pct', 'value': single_support_pct },
            { 'parameter': 'initial_double_support_pct', 'value': initial_double_support_pct },
            { 'parameter': 'terminal_double_support_pct', 'value': terminal_double_support_pct },
            { 'parameter': 'foot_clearance_mm', 'value': foot_clearance_mm },
            { 'parameter': 'peak_swing_knee_flexion_deg', 'value': peak_swing_knee_flexion_deg },
            { 'parameter': 'knee_flexion_at_strike_deg', 'value': knee_flexion_at_strike_deg },
            { 'parameter': 'min_stance_knee_flexion_deg', 'value': min_stance_knee_flexion_deg },
            { 'parameter': 'knee_flexion_range_deg', 'value': knee_flexion_range_deg },
            { 'parameter': 'peak_hip_flexion_deg', 'value': peak_hip_flexion_deg },
            { 'parameter': 'min_hip_flexion_deg', 'value': min_hip_flexion_deg },
            { 'parameter': 'hip_flexion_range_deg', 'value': hip_flexion_range_deg },
            { 'parameter': 'dorsiflexion_at_strike_deg', 'value': dorsiflexion_at_strike_deg },
            { 'parameter': 'peak_stance_dorsiflexion_deg', 'value': peak_stance_dorsiflexion_deg },
            { 'parameter': 'peak_swing_dorsiflexion_deg', 'value': peak_swing_dorsiflexion_deg },
            { 'parameter': 'mean_pelvis_tilt_deg', 'value': mean_pelvis_tilt_deg },
            { 'parameter': 'mean_foot_progression_deg', 'value': mean_foot_progression_deg }
        ], recursive := true)
    FROM subject_summary
),

pairs AS (
    SELECT
        a.subject,
        a.session AS session_a,
        b.session AS session_b,
        a.condition,
        a.side,
        a.parameter,
        a.value AS value_a,
        b.value AS value_b,
        b.value - a.value AS difference
    FROM cells AS a
    INNER JOIN cells AS b
        ON
            a.subject = b.subject
            AND a.side = b.side
            AND a.parameter = b.parameter
            AND a.condition IS NOT DISTINCT FROM b.condition
            AND a.session < b.session
    WHERE a.value IS NOT NULL AND b.value IS NOT NULL
),

-- Each retest person once a parameter: the first pair of sessions, both sides as one mean.
retest AS (
    SELECT
        pairs.parameter,
        pairs.subject,
        avg(pairs.difference) AS difference
    FROM pairs
    INNER JOIN subjects USING (subject)
    WHERE subjects."group" = getvariable('retest_group')::VARCHAR
    GROUP BY pairs.parameter, pairs.subject, pairs.session_a, pairs.session_b
    QUALIFY
        row_number() OVER (
            PARTITION BY pairs.parameter, pairs.subject ORDER BY pairs.session_a, pairs.session_b
        ) = 1
),

own AS (
    SELECT
        parameter,
        stddev_samp(difference) / sqrt(2) AS sem,
        count(*) AS n_retest
    FROM retest
    GROUP BY parameter
    HAVING count(*) >= 10
),

judged AS (
    SELECT
        pairs.*,
        coalesce(own.sem, published.mdc95 / (1.96 * sqrt(2))) AS sem,
        coalesce(1.96 * sqrt(2) * own.sem, published.mdc95) AS mdc95,
        CASE WHEN own.sem IS NOT NULL THEN 'test-retest in this lake' ELSE published.citation END AS mdc_source,
        own.n_retest
    FROM pairs
    LEFT JOIN own USING (parameter)
    LEFT JOIN _published_mdc AS published
        ON
            pairs.parameter = published.parameter
            AND pairs.value_a >= published.from_value
            AND pairs.value_a < published.below_value
)

SELECT
    *,
    abs(difference) > mdc95 AS is_beyond_mdc
FROM judged
