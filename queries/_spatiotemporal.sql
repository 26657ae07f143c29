-- One row: a gait cycle with its parameters, as shown by spatiotemporal.
-- Arguments: measured. The name of a relation like _measured_cycles.
-- Inputs: _leg_length. Definitions: docs/gait.md.
-- This is a macro, so that a view that also needs the cycles computes them only once.
-- step_*: the step that ends the cycle, from the other foot's strike to this foot's strike. Each heel is taken where it
-- strikes, so that left and right steps add up to the stride; the positions of both heels at one instant would not,
-- because the heel behind has already risen. *_norm:
-- scaled by leg length L and g = 9.81 m/s2 (Hof 1996): speed / sqrt(g L), length / L, cadence * sqrt(L / g) in steps
-- per second.
WITH steps AS (
    SELECT
        *,
        end_s - opposite_strike_s AS step_time_s,
        CASE
            WHEN NOT is_root_relative
                THEN
                    (heel_end.x - other_strike.x) * heading_x + (heel_end.z - other_strike.z) * heading_z
                    + belt_m_s * (end_s - opposite_strike_s)
        END AS step_m,
        -- Distance from the line between two strikes of this foot, to the right of the heading; positive if the feet do
        -- not cross.
        CASE
            WHEN NOT is_root_relative
                THEN
                    CASE WHEN side = 'left' THEN 1 ELSE -1 END * (
                        CASE
                            WHEN is_in_place OR stride_m < _least_straight_stride_m()
                                THEN
                                    (other_strike.z - (heel_start.z + heel_end.z) / 2) * heading_x
                                    - (other_strike.x - (heel_start.x + heel_end.x) / 2) * heading_z
                            ELSE
                                (
                                    (other_strike.z - heel_start.z) * (heel_end.x - heel_start.x)
                                    - (other_strike.x - heel_start.x) * (heel_end.z - heel_start.z)
                                )
                                / sqrt((heel_end.x - heel_start.x) ^ 2 + (heel_end.z - heel_start.z) ^ 2)
                        END
                    )
        END AS width_m
    FROM query_table(measured)
)

SELECT
    steps.subject,
    steps.session,
    steps.trial,
    steps.person,
    steps.cycle,
    steps.side,
    steps.is_steady,
    steps.reason,
    steps.speed_m_s AS walking_speed_m_s,
    120.0 / steps.stride_time_s AS cadence_steps_min,
    steps.stride_m AS stride_length_m,
    steps.step_m AS step_length_m,
    steps.width_m AS step_width_m,
    steps.stride_time_s,
    steps.step_time_s,
    100.0 * (steps.foot_off_s - steps.start_s) / steps.stride_time_s AS stance_pct,
    100.0 * (steps.end_s - steps.foot_off_s) / steps.stride_time_s AS swing_pct,
    100.0 * (steps.opposite_strike_s - steps.opposite_off_s) / steps.stride_time_s AS single_support_pct,
    100.0 * (steps.opposite_off_s - steps.start_s) / steps.stride_time_s AS initial_double_support_pct,
    100.0 * (steps.foot_off_s - steps.opposite_strike_s) / steps.stride_time_s AS terminal_double_support_pct,
    steps.clearance_mm AS foot_clearance_mm,
    CASE WHEN steps.is_in_place THEN steps.belt_m_s END AS belt_speed_m_s,
    legs.leg_length_m,
    legs.leg_length_source,
    steps.speed_m_s / sqrt(_gravity_m_s2() * legs.leg_length_m) AS walking_speed_norm,
    steps.stride_m / legs.leg_length_m AS stride_length_norm,
    steps.step_m / legs.leg_length_m AS step_length_norm,
    steps.width_m / legs.leg_length_m AS step_width_norm,
    2.0 / steps.stride_time_s * sqrt(legs.leg_length_m / _gravity_m_s2()) AS cadence_norm,
    steps.length_basis,
    CASE
        WHEN steps.is_root_relative THEN 'poses are relative to the pelvis: no speeds, no step or stride lengths'
        WHEN legs.leg_length_m IS NULL THEN 'no leg length: no scaled parameters'
    END AS missing_reason
FROM steps
LEFT JOIN _leg_length AS legs USING (subject, session)
