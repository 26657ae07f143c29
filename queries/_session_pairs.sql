-- One row: a parameter of one side of a subject in two sessions of the same condition (all pairs, the earlier
-- session first; by name if the order is unknown: order_source is then NULL and missing says why).
-- Inputs: subject_summary, gait_profile (GPS, which has no condition), _session_order. Sessions are collected in a
-- list, so that a filter on the subject reaches the files; a join of the table with itself would prevent this.
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
            { 'parameter': 'mean_foot_progression_deg', 'value': mean_foot_progression_deg },
            { 'parameter': 'first_vertical_peak_n_kg', 'value': first_vertical_peak_n_kg },
            { 'parameter': 'vertical_valley_n_kg', 'value': vertical_valley_n_kg },
            { 'parameter': 'second_vertical_peak_n_kg', 'value': second_vertical_peak_n_kg },
            { 'parameter': 'peak_braking_n_kg', 'value': peak_braking_n_kg },
            { 'parameter': 'peak_propulsion_n_kg', 'value': peak_propulsion_n_kg },
            { 'parameter': 'braking_impulse_n_s_kg', 'value': braking_impulse_n_s_kg },
            { 'parameter': 'propulsion_impulse_n_s_kg', 'value': propulsion_impulse_n_s_kg },
            { 'parameter': 'peak_hip_extensor_moment_nm_kg', 'value': peak_hip_extensor_moment_nm_kg },
            { 'parameter': 'peak_hip_flexor_moment_nm_kg', 'value': peak_hip_flexor_moment_nm_kg },
            { 'parameter': 'peak_hip_abductor_moment_nm_kg', 'value': peak_hip_abductor_moment_nm_kg },
            { 'parameter': 'peak_knee_extensor_moment_nm_kg', 'value': peak_knee_extensor_moment_nm_kg },
            { 'parameter': 'peak_knee_flexor_moment_nm_kg', 'value': peak_knee_flexor_moment_nm_kg },
            { 'parameter': 'first_knee_abductor_peak_nm_kg', 'value': first_knee_abductor_peak_nm_kg },
            { 'parameter': 'second_knee_abductor_peak_nm_kg', 'value': second_knee_abductor_peak_nm_kg },
            { 'parameter': 'knee_adduction_impulse_nm_s_kg', 'value': knee_adduction_impulse_nm_s_kg },
            { 'parameter': 'peak_ankle_plantarflexor_moment_nm_kg', 'value': peak_ankle_plantarflexor_moment_nm_kg },
            { 'parameter': 'hip_h1_w_kg', 'value': hip_h1_w_kg },
            { 'parameter': 'hip_h2_w_kg', 'value': hip_h2_w_kg },
            { 'parameter': 'hip_h3_w_kg', 'value': hip_h3_w_kg },
            { 'parameter': 'knee_k1_w_kg', 'value': knee_k1_w_kg },
            { 'parameter': 'knee_k2_w_kg', 'value': knee_k2_w_kg },
            { 'parameter': 'knee_k3_w_kg', 'value': knee_k3_w_kg },
            { 'parameter': 'knee_k4_w_kg', 'value': knee_k4_w_kg },
            { 'parameter': 'ankle_a1_w_kg', 'value': ankle_a1_w_kg },
            { 'parameter': 'ankle_a2_w_kg', 'value': ankle_a2_w_kg },
            { 'parameter': 'hip_positive_work_j_kg', 'value': hip_positive_work_j_kg },
            { 'parameter': 'hip_negative_work_j_kg', 'value': hip_negative_work_j_kg },
            { 'parameter': 'knee_positive_work_j_kg', 'value': knee_positive_work_j_kg },
            { 'parameter': 'knee_negative_work_j_kg', 'value': knee_negative_work_j_kg },
            { 'parameter': 'ankle_positive_work_j_kg', 'value': ankle_positive_work_j_kg },
            { 'parameter': 'ankle_negative_work_j_kg', 'value': ankle_negative_work_j_kg }
        ], recursive := true)
    FROM subject_summary
    UNION ALL BY NAME
    SELECT
        subject,
        session,
        side,
        'gps_deg' AS parameter,
        gps_deg AS value
    FROM gait_profile
),

gathered AS (
    SELECT
        subject,
        condition,
        side,
        parameter,
        any_value(order_source) AS order_source,
        any_value(missing) AS missing,
        list({ 'session': session, 'value': value } ORDER BY position, session) AS sessions
    FROM cells
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
