-- One row: a side of a subject in one session and condition, as shown by subject_summary.
-- Arguments: motion, measured. The names of relations like _foot_motion and _all_cycles (steady cycles of person 0).
-- Inputs: _spatiotemporal, _cycle_peaks, _kinetic_curves, _kinetic_peaks, trials.
-- Each parameter has its median under its own name, the SD (_sd) and the number of cycles that have it (_n).
-- _cv_pct: SD divided by mean; a reliable value needs 50 cycles (Konig et al. 2014, doi
-- 10.1016/j.gaitpost.2013.06.014). Symmetry is computed from the medians of both sides and is therefore the same in
-- both rows: index (R - L) / (0.5 (R + L)) in %, ratio R / L, angle (45 - atan(L / R)) / 90 in % (Zifchock et al.
-- 2008, doi 10.1016/j.gaitpost.2007.08.006). Near zero (_least_symmetric_* in macros/thresholds.sql) they are NULL and
-- symmetry_note says why. _abs: without the sign, because means over people of signed indices cancel each other.
WITH curves AS (
    SELECT * FROM _kinetic_curves(motion, measured)
),

cycles AS (
    SELECT
        spatiotemporal.*,
        peaks.* EXCLUDE (subject, session, trial, person, cycle, side),
        kinetics.* EXCLUDE (subject, session, trial, person, cycle, side),
        trials.condition
    FROM _spatiotemporal(measured) AS spatiotemporal
    INNER JOIN _cycle_peaks(measured) AS peaks USING (subject, session, trial, person, cycle, side)
    LEFT JOIN _kinetic_peaks('curves', measured) AS kinetics USING (subject, session, trial, person, cycle, side)
    INNER JOIN trials USING (subject, session, trial)
),

summary AS (
    SELECT
        subject,
        session,
        condition,
        side,
        count(*) AS n_strides,
        count(DISTINCT trial) AS n_trials,
        any_value(length_basis) AS length_basis,
        median(COLUMNS('_(m_s|min|m|s|pct|mm|norm|deg|kg)$')) AS "\0",
        stddev_samp(COLUMNS('_(m_s|min|m|s|pct|mm|norm|deg|kg)$')) AS "\0_sd",
        count(COLUMNS('_(m_s|min|m|s|pct|mm|norm|deg|kg)$')) AS "\0_n",
        _cv_pct(stride_time_s) AS stride_time_cv_pct,
        _cv_pct(stride_length_m) AS stride_length_cv_pct,
        _cv_pct(step_length_m) AS step_length_cv_pct,
        _cv_pct(step_width_m) AS step_width_cv_pct,
        _cv_pct(walking_speed_m_s) AS walking_speed_cv_pct
    FROM cycles
    GROUP BY subject, session, condition, side
),

both_sides AS (
    SELECT
        *,
        {
            'l': max(
                COLUMNS(
                    '^(step_(?:length|time)|stance|swing|single_support|foot_clearance|.*_range|'
                    '(?:first|second)_vertical_peak|(?:braking|propulsion)_impulse)_(mm?|s|pct|deg|n_kg|n_s_kg)$'
                )
            ) FILTER (side = 'left') OVER both_,
            'r': max(
                COLUMNS(
                    '^(step_(?:length|time)|stance|swing|single_support|foot_clearance|.*_range|'
                    '(?:first|second)_vertical_peak|(?:braking|propulsion)_impulse)_(mm?|s|pct|deg|n_kg|n_s_kg)$'
                )
            ) FILTER (side = 'right') OVER both_
        } AS "\1"
    FROM summary
    WINDOW both_ AS (PARTITION BY subject, session, condition)
)

SELECT -- noqa: ST06
    subject,
    session,
    condition,
    side,
    n_strides,
    n_trials,
    length_basis,
    leg_length_m,
    -- For each parameter: median, _sd, _n.
    COLUMNS('^walking_speed_m_s(_sd|_n)?$'),
    COLUMNS('^cadence_steps_min(_sd|_n)?$'),
    COLUMNS('^stride_length_m(_sd|_n)?$'),
    COLUMNS('^step_length_m(_sd|_n)?$'),
    COLUMNS('^step_width_m(_sd|_n)?$'),
    COLUMNS('^stride_time_s(_sd|_n)?$'),
    COLUMNS('^step_time_s(_sd|_n)?$'),
    COLUMNS('^stance_pct(_sd|_n)?$'),
    COLUMNS('^swing_pct(_sd|_n)?$'),
    COLUMNS('^single_support_pct(_sd|_n)?$'),
    COLUMNS('^initial_double_support_pct(_sd|_n)?$'),
    COLUMNS('^terminal_double_support_pct(_sd|_n)?$'),
    COLUMNS('^foot_clearance_mm(_sd|_n)?$'),
    COLUMNS('^walking_speed_norm(_sd|_n)?$'),
    COLUMNS('^stride_length_norm(_sd|_n)?$'),
    COLUMNS('^step_length_norm(_sd|_n)?$'),
    COLUMNS('^step_width_norm(_sd|_n)?$'),
    COLUMNS('^cadence_norm(_sd|_n)?$'),
    COLUMNS('^peak_swing_knee_flexion_deg(_sd|_n)?$'),
    COLUMNS('^knee_flexion_at_strike_deg(_sd|_n)?$'),
    COLUMNS('^min_stance_knee_flexion_deg(_sd|_n)?$'),
    COLUMNS('^knee_flexion_range_deg(_sd|_n)?$'),
    COLUMNS('^peak_hip_flexion_deg(_sd|_n)?$'),
    COLUMNS('^min_hip_flexion_deg(_sd|_n)?$'),
    COLUMNS('^hip_flexion_range_deg(_sd|_n)?$'),
    COLUMNS('^dorsiflexion_at_strike_deg(_sd|_n)?$'),
    COLUMNS('^peak_stance_dorsiflexion_deg(_sd|_n)?$'),
    COLUMNS('^peak_swing_dorsiflexion_deg(_sd|_n)?$'),
    COLUMNS('^mean_pelvis_tilt_deg(_sd|_n)?$'),
    COLUMNS('^mean_foot_progression_deg(_sd|_n)?$'),
    COLUMNS('^first_vertical_peak_n_kg(_sd|_n)?$'),
    COLUMNS('^vertical_valley_n_kg(_sd|_n)?$'),
    COLUMNS('^second_vertical_peak_n_kg(_sd|_n)?$'),
    COLUMNS('^peak_braking_n_kg(_sd|_n)?$'),
    COLUMNS('^peak_propulsion_n_kg(_sd|_n)?$'),
    COLUMNS('^braking_impulse_n_s_kg(_sd|_n)?$'),
    COLUMNS('^propulsion_impulse_n_s_kg(_sd|_n)?$'),
    COLUMNS('^peak_hip_extensor_moment_nm_kg(_sd|_n)?$'),
    COLUMNS('^peak_hip_flexor_moment_nm_kg(_sd|_n)?$'),
    COLUMNS('^peak_hip_abductor_moment_nm_kg(_sd|_n)?$'),
    COLUMNS('^peak_knee_extensor_moment_nm_kg(_sd|_n)?$'),
    COLUMNS('^peak_knee_flexor_moment_nm_kg(_sd|_n)?$'),
    COLUMNS('^first_knee_abductor_peak_nm_kg(_sd|_n)?$'),
    COLUMNS('^second_knee_abductor_peak_nm_kg(_sd|_n)?$'),
    COLUMNS('^knee_adduction_impulse_nm_s_kg(_sd|_n)?$'),
    COLUMNS('^peak_ankle_plantarflexor_moment_nm_kg(_sd|_n)?$'),
    COLUMNS('^hip_h1_w_kg(_sd|_n)?$'),
    COLUMNS('^hip_h2_w_kg(_sd|_n)?$'),
    COLUMNS('^hip_h3_w_kg(_sd|_n)?$'),
    COLUMNS('^knee_k1_w_kg(_sd|_n)?$'),
    COLUMNS('^knee_k2_w_kg(_sd|_n)?$'),
    COLUMNS('^knee_k3_w_kg(_sd|_n)?$'),
    COLUMNS('^knee_k4_w_kg(_sd|_n)?$'),
    COLUMNS('^ankle_a1_w_kg(_sd|_n)?$'),
    COLUMNS('^ankle_a2_w_kg(_sd|_n)?$'),
    COLUMNS('^hip_positive_work_j_kg(_sd|_n)?$'),
    COLUMNS('^hip_negative_work_j_kg(_sd|_n)?$'),
    COLUMNS('^knee_positive_work_j_kg(_sd|_n)?$'),
    COLUMNS('^knee_negative_work_j_kg(_sd|_n)?$'),
    COLUMNS('^ankle_positive_work_j_kg(_sd|_n)?$'),
    COLUMNS('^ankle_negative_work_j_kg(_sd|_n)?$'),
    COLUMNS('_cv_pct$'),
    _symmetry_index_pct(step_length, _least_symmetric_m()) AS step_length_symmetry_index_pct,
    abs(_symmetry_index_pct(step_length, _least_symmetric_m())) AS step_length_symmetry_index_abs_pct,
    _symmetry_ratio(step_length, _least_symmetric_m()) AS step_length_ratio,
    _symmetry_angle_pct(step_length, _least_symmetric_m()) AS step_length_symmetry_angle_pct,
    _symmetry_index_pct(step_time, _least_symmetric_s()) AS step_time_symmetry_index_pct,
    abs(_symmetry_index_pct(step_time, _least_symmetric_s())) AS step_time_symmetry_index_abs_pct,
    _symmetry_ratio(step_time, _least_symmetric_s()) AS step_time_ratio,
    _symmetry_angle_pct(step_time, _least_symmetric_s()) AS step_time_symmetry_angle_pct,
    _symmetry_index_pct(stance, _least_symmetric_pct()) AS stance_symmetry_index_pct,
    abs(_symmetry_index_pct(stance, _least_symmetric_pct())) AS stance_symmetry_index_abs_pct,
    _symmetry_ratio(stance, _least_symmetric_pct()) AS stance_ratio,
    _symmetry_angle_pct(stance, _least_symmetric_pct()) AS stance_symmetry_angle_pct,
    _symmetry_index_pct(swing, _least_symmetric_pct()) AS swing_symmetry_index_pct,
    abs(_symmetry_index_pct(swing, _least_symmetric_pct())) AS swing_symmetry_index_abs_pct,
    _symmetry_ratio(swing, _least_symmetric_pct()) AS swing_ratio,
    _symmetry_angle_pct(swing, _least_symmetric_pct()) AS swing_symmetry_angle_pct,
    _symmetry_index_pct(single_support, _least_symmetric_pct()) AS single_support_symmetry_index_pct,
    abs(_symmetry_index_pct(single_support, _least_symmetric_pct())) AS single_support_symmetry_index_abs_pct,
    _symmetry_ratio(single_support, _least_symmetric_pct()) AS single_support_ratio,
    _symmetry_angle_pct(single_support, _least_symmetric_pct()) AS single_support_symmetry_angle_pct,
    _symmetry_index_pct(foot_clearance, _least_symmetric_mm()) AS foot_clearance_symmetry_index_pct,
    abs(_symmetry_index_pct(foot_clearance, _least_symmetric_mm())) AS foot_clearance_symmetry_index_abs_pct,
    _symmetry_ratio(foot_clearance, _least_symmetric_mm()) AS foot_clearance_ratio,
    _symmetry_angle_pct(foot_clearance, _least_symmetric_mm()) AS foot_clearance_symmetry_angle_pct,
    _symmetry_index_pct(knee_flexion_range, _least_symmetric_deg()) AS knee_flexion_range_symmetry_index_pct,
    abs(_symmetry_index_pct(knee_flexion_range, _least_symmetric_deg())) AS knee_flexion_range_symmetry_index_abs_pct,
    _symmetry_ratio(knee_flexion_range, _least_symmetric_deg()) AS knee_flexion_range_ratio,
    _symmetry_angle_pct(knee_flexion_range, _least_symmetric_deg()) AS knee_flexion_range_symmetry_angle_pct,
    _symmetry_index_pct(hip_flexion_range, _least_symmetric_deg()) AS hip_flexion_range_symmetry_index_pct,
    abs(_symmetry_index_pct(hip_flexion_range, _least_symmetric_deg())) AS hip_flexion_range_symmetry_index_abs_pct,
    _symmetry_ratio(hip_flexion_range, _least_symmetric_deg()) AS hip_flexion_range_ratio,
    _symmetry_angle_pct(hip_flexion_range, _least_symmetric_deg()) AS hip_flexion_range_symmetry_angle_pct,
    _symmetry_index_pct(first_vertical_peak, _least_symmetric_n_kg()) AS first_vertical_peak_symmetry_index_pct,
    abs(_symmetry_index_pct(first_vertical_peak, _least_symmetric_n_kg()))
        AS first_vertical_peak_symmetry_index_abs_pct,
    _symmetry_ratio(first_vertical_peak, _least_symmetric_n_kg()) AS first_vertical_peak_ratio,
    _symmetry_angle_pct(first_vertical_peak, _least_symmetric_n_kg()) AS first_vertical_peak_symmetry_angle_pct,
    _symmetry_index_pct(second_vertical_peak, _least_symmetric_n_kg()) AS second_vertical_peak_symmetry_index_pct,
    abs(_symmetry_index_pct(second_vertical_peak, _least_symmetric_n_kg()))
        AS second_vertical_peak_symmetry_index_abs_pct,
    _symmetry_ratio(second_vertical_peak, _least_symmetric_n_kg()) AS second_vertical_peak_ratio,
    _symmetry_angle_pct(second_vertical_peak, _least_symmetric_n_kg()) AS second_vertical_peak_symmetry_angle_pct,
    _symmetry_index_pct(braking_impulse, _least_symmetric_n_s_kg()) AS braking_impulse_symmetry_index_pct,
    abs(_symmetry_index_pct(braking_impulse, _least_symmetric_n_s_kg())) AS braking_impulse_symmetry_index_abs_pct,
    _symmetry_ratio(braking_impulse, _least_symmetric_n_s_kg()) AS braking_impulse_ratio,
    _symmetry_angle_pct(braking_impulse, _least_symmetric_n_s_kg()) AS braking_impulse_symmetry_angle_pct,
    _symmetry_index_pct(propulsion_impulse, _least_symmetric_n_s_kg()) AS propulsion_impulse_symmetry_index_pct,
    abs(_symmetry_index_pct(propulsion_impulse, _least_symmetric_n_s_kg()))
        AS propulsion_impulse_symmetry_index_abs_pct,
    _symmetry_ratio(propulsion_impulse, _least_symmetric_n_s_kg()) AS propulsion_impulse_ratio,
    _symmetry_angle_pct(propulsion_impulse, _least_symmetric_n_s_kg()) AS propulsion_impulse_symmetry_angle_pct,
    nullif(concat_ws(
        '; ',
        _symmetry_reason(step_length, _least_symmetric_m(), 'step length', ' m'),
        _symmetry_reason(step_time, _least_symmetric_s(), 'step time', ' s'),
        _symmetry_reason(stance, _least_symmetric_pct(), 'stance', ' %'),
        _symmetry_reason(swing, _least_symmetric_pct(), 'swing', ' %'),
        _symmetry_reason(single_support, _least_symmetric_pct(), 'single support', ' %'),
        _symmetry_reason(foot_clearance, _least_symmetric_mm(), 'foot clearance', ' mm'),
        _symmetry_reason(knee_flexion_range, _least_symmetric_deg(), 'range of knee flexion', ' degrees'),
        _symmetry_reason(hip_flexion_range, _least_symmetric_deg(), 'range of hip flexion', ' degrees'),
        _symmetry_reason(first_vertical_peak, _least_symmetric_n_kg(), 'first peak of vertical force', ' N/kg'),
        _symmetry_reason(second_vertical_peak, _least_symmetric_n_kg(), 'second peak of vertical force', ' N/kg'),
        _symmetry_reason(braking_impulse, _least_symmetric_n_s_kg(), 'impulse of braking', ' Ns/kg'),
        _symmetry_reason(propulsion_impulse, _least_symmetric_n_s_kg(), 'impulse of propulsion', ' Ns/kg')
    ), '') AS symmetry_note
FROM both_sides
