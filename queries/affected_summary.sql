-- One row: the affected or the unaffected side of a person in one session and condition, as in subject_summary.
-- Inputs: subject_summary, subjects. People whose affected_side is left or right; others have no such sides.
-- body_side is the side itself. _affected_index_pct is (A - U) / (0.5 (A + U)) in % and _affected_ratio is A / U, of
-- the affected side (A) and the unaffected side (U): positive and above 1 where the affected side has the larger value,
-- whether that is the left or the right side.
WITH people AS (
    SELECT
        subject,
        affected_side,
        CASE affected_side WHEN 'right' THEN 1 ELSE -1 END AS sign_
    FROM subjects
    WHERE affected_side IN ('left', 'right')
)

SELECT
    summary.subject,
    summary.session,
    summary.condition,
    CASE WHEN summary.side = people.affected_side THEN 'affected' ELSE 'unaffected' END AS side,
    summary.side AS body_side,
    summary.* EXCLUDE (subject, session, condition, side),
    people.sign_ * step_length_symmetry_index_pct AS step_length_affected_index_pct,
    step_length_ratio ^ people.sign_ AS step_length_affected_ratio,
    people.sign_ * step_time_symmetry_index_pct AS step_time_affected_index_pct,
    step_time_ratio ^ people.sign_ AS step_time_affected_ratio,
    people.sign_ * stance_symmetry_index_pct AS stance_affected_index_pct,
    stance_ratio ^ people.sign_ AS stance_affected_ratio,
    people.sign_ * swing_symmetry_index_pct AS swing_affected_index_pct,
    swing_ratio ^ people.sign_ AS swing_affected_ratio,
    people.sign_ * single_support_symmetry_index_pct AS single_support_affected_index_pct,
    single_support_ratio ^ people.sign_ AS single_support_affected_ratio,
    people.sign_ * foot_clearance_symmetry_index_pct AS foot_clearance_affected_index_pct,
    foot_clearance_ratio ^ people.sign_ AS foot_clearance_affected_ratio,
    people.sign_ * knee_flexion_range_symmetry_index_pct AS knee_flexion_range_affected_index_pct,
    knee_flexion_range_ratio ^ people.sign_ AS knee_flexion_range_affected_ratio,
    people.sign_ * hip_flexion_range_symmetry_index_pct AS hip_flexion_range_affected_index_pct,
    hip_flexion_range_ratio ^ people.sign_ AS hip_flexion_range_affected_ratio,
    people.sign_ * first_vertical_peak_symmetry_index_pct AS first_vertical_peak_affected_index_pct,
    first_vertical_peak_ratio ^ people.sign_ AS first_vertical_peak_affected_ratio,
    people.sign_ * second_vertical_peak_symmetry_index_pct AS second_vertical_peak_affected_index_pct,
    second_vertical_peak_ratio ^ people.sign_ AS second_vertical_peak_affected_ratio,
    people.sign_ * braking_impulse_symmetry_index_pct AS braking_impulse_affected_index_pct,
    braking_impulse_ratio ^ people.sign_ AS braking_impulse_affected_ratio,
    people.sign_ * propulsion_impulse_symmetry_index_pct AS propulsion_impulse_affected_index_pct,
    propulsion_impulse_ratio ^ people.sign_ AS propulsion_impulse_affected_ratio
FROM subject_summary AS summary
INNER JOIN people USING (subject)
