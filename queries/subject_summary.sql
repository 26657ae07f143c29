-- One row: a side of a subject in one session and condition, over the steady cycles of all its trials.
-- Inputs: _foot_motion, _judge, _spatiotemporal, _cycle_peaks, trials. Of every parameter the median under its own
-- name,
-- the SD (_sd) and the number of cycles that have it (_n). _cv_pct: SD over mean; a reliable one wants 50 cycles
-- (Konig et al. 2014, doi 10.1016/j.gaitpost.2013.06.014). Symmetry is of the medians of both sides and so the same
-- in both rows: index (R - L) / (0.5 (R + L)) in %, ratio R / L, angle (45 - atan(L / R)) / 90 in % (Zifchock et al.
-- 2008, doi 10.1016/j.gaitpost.2007.08.006); all three are unstable near zero.
WITH motion AS MATERIALIZED (
    SELECT * FROM _foot_motion
),

judged AS MATERIALIZED (
    SELECT * FROM _judge('motion')
    WHERE is_steady AND person = 0
),

cycles AS (
    SELECT
        spatiotemporal.*,
        peaks.* EXCLUDE (subject, session, trial, person, cycle, side),
        trials.condition
    FROM _spatiotemporal('judged') AS spatiotemporal
    INNER JOIN _cycle_peaks('judged') AS peaks USING (subject, session, trial, person, cycle, side)
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
        median(leg_length_m) AS leg_length_m,
        median(walking_speed_m_s) AS walking_speed_m_s,
        stddev_samp(walking_speed_m_s) AS walking_speed_m_s_sd,
        count(walking_speed_m_s) AS walking_speed_m_s_n,
        median(cadence_steps_min) AS cadence_steps_min,
        stddev_samp(cadence_steps_min) AS cadence_steps_min_sd,
        count(cadence_steps_min) AS cadence_steps_min_n,
        median(stride_length_m) AS stride_length_m,
        stddev_samp(stride_length_m) AS stride_length_m_sd,
        count(stride_length_m) AS stride_length_m_n,
        median(step_length_m) AS step_length_m,
        stddev_samp(step_length_m) AS step_length_m_sd,
        count(step_length_m) AS step_length_m_n,
        median(step_width_m) AS step_width_m,
        stddev_samp(step_width_m) AS step_width_m_sd,
        count(step_width_m) AS step_width_m_n,
        median(stride_time_s) AS stride_time_s,
        stddev_samp(stride_time_s) AS stride_time_s_sd,
        count(stride_time_s) AS stride_time_s_n,
        median(step_time_s) AS step_time_s,
        stddev_samp(step_time_s) AS step_time_s_sd,
        count(step_time_s) AS step_time_s_n,
        median(stance_pct) AS stance_pct,
        stddev_samp(stance_pct) AS stance_pct_sd,
        count(stance_pct) AS stance_pct_n,
        median(swing_pct) AS swing_pct,
        stddev_samp(swing_pct) AS swing_pct_sd,
        count(swing_pct) AS swing_pct_n,
        median(single_support_pct) AS single_support_pct,
        stddev_samp(single_support_pct) AS single_support_pct_sd,
        count(single_support_pct) AS single_support_pct_n,
        median(initial_double_support_pct) AS initial_double_support_pct,
        stddev_samp(initial_double_support_pct) AS initial_double_support_pct_sd,
        count(initial_double_support_pct) AS initial_double_support_pct_n,
        median(terminal_double_support_pct) AS terminal_double_support_pct,
        stddev_samp(terminal_double_support_pct) AS terminal_double_support_pct_sd,
        count(terminal_double_support_pct) AS terminal_double_support_pct_n,
        median(foot_clearance_mm) AS foot_clearance_mm,
        stddev_samp(foot_clearance_mm) AS foot_clearance_mm_sd,
        count(foot_clearance_mm) AS foot_clearance_mm_n,
        median(walking_speed_norm) AS walking_speed_norm,
        stddev_samp(walking_speed_norm) AS walking_speed_norm_sd,
        count(walking_speed_norm) AS walking_speed_norm_n,
        median(stride_length_norm) AS stride_length_norm,
        stddev_samp(stride_length_norm) AS stride_length_norm_sd,
        count(stride_length_norm) AS stride_length_norm_n,
        median(step_length_norm) AS step_length_norm,
        stddev_samp(step_length_norm) AS step_length_norm_sd,
        count(step_length_norm) AS step_length_norm_n,
        median(step_width_norm) AS step_width_norm,
        stddev_samp(step_width_norm) AS step_width_norm_sd,
        count(step_width_norm) AS step_width_norm_n,
        median(cadence_norm) AS cadence_norm,
        stddev_samp(cadence_norm) AS cadence_norm_sd,
        count(cadence_norm) AS cadence_norm_n,
        median(peak_swing_knee_flexion_deg) AS peak_swing_knee_flexion_deg,
        stddev_samp(peak_swing_knee_flexion_deg) AS peak_swing_knee_flexion_deg_sd,
        count(peak_swing_knee_flexion_deg) AS peak_swing_knee_flexion_deg_n,
        median(knee_flexion_at_strike_deg) AS knee_flexion_at_strike_deg,
        stddev_samp(knee_flexion_at_strike_deg) AS knee_flexion_at_strike_deg_sd,
        count(knee_flexion_at_strike_deg) AS knee_flexion_at_strike_deg_n,
        median(min_stance_knee_flexion_deg) AS min_stance_knee_flexion_deg,
        stddev_samp(min_stance_knee_flexion_deg) AS min_stance_knee_flexion_deg_sd,
        count(min_stance_knee_flexion_deg) AS min_stance_knee_flexion_deg_n,
        median(knee_flexion_range_deg) AS knee_flexion_range_deg,
        stddev_samp(knee_flexion_range_deg) AS knee_flexion_range_deg_sd,
        count(knee_flexion_range_deg) AS knee_flexion_range_deg_n,
        median(peak_hip_flexion_deg) AS peak_hip_flexion_deg,
        stddev_samp(peak_hip_flexion_deg) AS peak_hip_flexion_deg_sd,
        count(peak_hip_flexion_deg) AS peak_hip_flexion_deg_n,
        median(min_hip_flexion_deg) AS min_hip_flexion_deg,
        stddev_samp(min_hip_flexion_deg) AS min_hip_flexion_deg_sd,
        count(min_hip_flexion_deg) AS min_hip_flexion_deg_n,
        median(hip_flexion_range_deg) AS hip_flexion_range_deg,
        stddev_samp(hip_flexion_range_deg) AS hip_flexion_range_deg_sd,
        count(hip_flexion_range_deg) AS hip_flexion_range_deg_n,
        median(dorsiflexion_at_strike_deg) AS dorsiflexion_at_strike_deg,
        stddev_samp(dorsiflexion_at_strike_deg) AS dorsiflexion_at_strike_deg_sd,
        count(dorsiflexion_at_strike_deg) AS dorsiflexion_at_strike_deg_n,
        median(peak_stance_dorsiflexion_deg) AS peak_stance_dorsiflexion_deg,
        stddev_samp(peak_stance_dorsiflexion_deg) AS peak_stance_dorsiflexion_deg_sd,
        count(peak_stance_dorsiflexion_deg) AS peak_stance_dorsiflexion_deg_n,
        median(peak_swing_dorsiflexion_deg) AS peak_swing_dorsiflexion_deg,
        stddev_samp(peak_swing_dorsiflexion_deg) AS peak_swing_dorsiflexion_deg_sd,
        count(peak_swing_dorsiflexion_deg) AS peak_swing_dorsiflexion_deg_n,
        median(mean_pelvis_tilt_deg) AS mean_pelvis_tilt_deg,
        stddev_samp(mean_pelvis_tilt_deg) AS mean_pelvis_tilt_deg_sd,
        count(mean_pelvis_tilt_deg) AS mean_pelvis_tilt_deg_n,
        median(mean_foot_progression_deg) AS mean_foot_progression_deg,
        stddev_samp(mean_foot_progression_deg) AS mean_foot_progression_deg_sd,
        count(mean_foot_progression_deg) AS mean_foot_progression_deg_n,
        100.0 * stddev_samp(stride_time_s) / nullif(abs(avg(stride_time_s)), 0) AS stride_time_cv_pct,
        100.0 * stddev_samp(stride_length_m) / nullif(abs(avg(stride_length_m)), 0) AS stride_length_cv_pct,
        100.0 * stddev_samp(step_length_m) / nullif(abs(avg(step_length_m)), 0) AS step_length_cv_pct,
        100.0 * stddev_samp(step_width_m) / nullif(abs(avg(step_width_m)), 0) AS step_width_cv_pct,
        100.0 * stddev_samp(walking_speed_m_s) / nullif(abs(avg(walking_speed_m_s)), 0) AS walking_speed_cv_pct
    FROM cycles
    GROUP BY subject, session, condition, side
),

sides AS (
    SELECT
        *,
        max(step_length_m) FILTER (side = 'left') OVER both_ AS left_step_length_m,
        max(step_length_m) FILTER (side = 'right') OVER both_ AS right_step_length_m,
        max(step_time_s) FILTER (side = 'left') OVER both_ AS left_step_time_s,
        max(step_time_s) FILTER (side = 'right') OVER both_ AS right_step_time_s,
        max(stance_pct) FILTER (side = 'left') OVER both_ AS left_stance_pct,
        max(stance_pct) FILTER (side = 'right') OVER both_ AS right_stance_pct,
        max(swing_pct) FILTER (side = 'left') OVER both_ AS left_swing_pct,
        max(swing_pct) FILTER (side = 'right') OVER both_ AS right_swing_pct,
        max(single_support_pct) FILTER (side = 'left') OVER both_ AS left_single_support_pct,
        max(single_support_pct) FILTER (side = 'right') OVER both_ AS right_single_support_pct,
        max(foot_clearance_mm) FILTER (side = 'left') OVER both_ AS left_foot_clearance_mm,
        max(foot_clearance_mm) FILTER (side = 'right') OVER both_ AS right_foot_clearance_mm,
        max(knee_flexion_range_deg) FILTER (side = 'left') OVER both_ AS left_knee_flexion_range_deg,
        max(knee_flexion_range_deg) FILTER (side = 'right') OVER both_ AS right_knee_flexion_range_deg,
        max(hip_flexion_range_deg) FILTER (side = 'left') OVER both_ AS left_hip_flexion_range_deg,
        max(hip_flexion_range_deg) FILTER (side = 'right') OVER both_ AS right_hip_flexion_range_deg
    FROM summary
    WINDOW both_ AS (PARTITION BY subject, session, condition)
)

SELECT
    * EXCLUDE (
        left_step_length_m,
        right_step_length_m,
        left_step_time_s,
        right_step_time_s,
        left_stance_pct,
        right_stance_pct,
        left_swing_pct,
        right_swing_pct,
        left_single_support_pct,
        right_single_support_pct,
        left_foot_clearance_mm,
        right_foot_clearance_mm,
        left_knee_flexion_range_deg,
        right_knee_flexion_range_deg,
        left_hip_flexion_range_deg,
        right_hip_flexion_range_deg
    ),
    200.0 * (right_step_length_m - left_step_length_m) / nullif(right_step_length_m + left_step_length_m, 0)
        AS step_length_symmetry_index_pct,
    right_step_length_m / nullif(left_step_length_m, 0) AS step_length_ratio,
    (45 - degrees(atan2(left_step_length_m, right_step_length_m))) / 90 * 100 AS step_length_symmetry_angle_pct,
    200.0 * (right_step_time_s - left_step_time_s) / nullif(right_step_time_s + left_step_time_s, 0)
        AS step_time_symmetry_index_pct,
    right_step_time_s / nullif(left_step_time_s, 0) AS step_time_ratio,
    (45 - degrees(atan2(left_step_time_s, right_step_time_s))) / 90 * 100 AS step_time_symmetry_angle_pct,
    200.0 * (right_stance_pct - left_stance_pct) / nullif(right_stance_pct + left_stance_pct, 0)
        AS stance_symmetry_index_pct,
    right_stance_pct / nullif(left_stance_pct, 0) AS stance_ratio,
    (45 - degrees(atan2(left_stance_pct, right_stance_pct))) / 90 * 100 AS stance_symmetry_angle_pct,
    200.0 * (right_swing_pct - left_swing_pct) / nullif(right_swing_pct + left_swing_pct, 0)
        AS swing_symmetry_index_pct,
    right_swing_pct / nullif(left_swing_pct, 0) AS swing_ratio,
    (45 - degrees(atan2(left_swing_pct, right_swing_pct))) / 90 * 100 AS swing_symmetry_angle_pct,
    200.0 * (right_single_support_pct - left_single_support_pct)
    / nullif(right_single_support_pct + left_single_support_pct, 0)
        AS single_support_symmetry_index_pct,
    right_single_support_pct / nullif(left_single_support_pct, 0) AS single_support_ratio,
    (45 - degrees(atan2(left_single_support_pct, right_single_support_pct))) / 90 * 100
        AS single_support_symmetry_angle_pct,
    200.0 * (right_foot_clearance_mm - left_foot_clearance_mm)
    / nullif(right_foot_clearance_mm + left_foot_clearance_mm, 0)
        AS foot_clearance_symmetry_index_pct,
    right_foot_clearance_mm / nullif(left_foot_clearance_mm, 0) AS foot_clearance_ratio,
    (45 - degrees(atan2(left_foot_clearance_mm, right_foot_clearance_mm))) / 90 * 100
        AS foot_clearance_symmetry_angle_pct,
    200.0 * (right_knee_flexion_range_deg - left_knee_flexion_range_deg)
    / nullif(right_knee_flexion_range_deg + left_knee_flexion_range_deg, 0)
        AS knee_flexion_range_symmetry_index_pct,
    right_knee_flexion_range_deg / nullif(left_knee_flexion_range_deg, 0) AS knee_flexion_range_ratio,
    (45 - degrees(atan2(left_knee_flexion_range_deg, right_knee_flexion_range_deg))) / 90 * 100
        AS knee_flexion_range_symmetry_angle_pct,
    200.0 * (right_hip_flexion_range_deg - left_hip_flexion_range_deg)
    / nullif(right_hip_flexion_range_deg + left_hip_flexion_range_deg, 0)
        AS hip_flexion_range_symmetry_index_pct,
    right_hip_flexion_range_deg / nullif(left_hip_flexion_range_deg, 0) AS hip_flexion_range_ratio,
    (45 - degrees(atan2(left_hip_flexion_range_deg, right_hip_flexion_range_deg))) / 90 * 100
        AS hip_flexion_range_symmetry_angle_pct
FROM sides
