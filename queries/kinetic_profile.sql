-- One row: a side of a subject's session compared with the kinetic norm (the kinetic movement analysis profile).
-- Inputs: kinetic_curves, _speed_band, _kinetic_norm. Nm/kg and W/kg.
-- Each value is the root mean square over the cycle of the difference between the mean curve of the steady cycles and
-- the norm's mean at 51 points, as the GVS of gait_profile (Baker et al. 2009, doi 10.1016/j.gaitpost.2009.05.020). A
-- cycle counts for a quantity only if it has it at 99 or more of its 101 points. Norm: Schwartz 2008 at the subject's
-- dimensionless speed, free speed if it is unknown (children, Plug-in Gait: not a limit for adults).
WITH whole AS (
    SELECT
        subject,
        session,
        side,
        percent,
        CASE
            WHEN
                count(COLUMNS('_kg$')) OVER (PARTITION BY subject, session, trial, side, cycle)
                >= _least_whole_points()
                THEN COLUMNS('_kg$')
        END AS "\0"
    FROM kinetic_curves
    WHERE is_steady
),

means AS (
    SELECT
        subject,
        session,
        side,
        percent,
        avg(COLUMNS('_kg$')) AS "\0",
        max(count(vertical_force_n_kg)) OVER (PARTITION BY subject, session, side) AS n_cycles
    FROM whole
    GROUP BY subject, session, side, percent
),

norms AS (
    SELECT
        speed,
        percent,
        any_value(mean) FILTER (quantity = 'hip_flexion_moment_nm_kg') AS hip_flexion_moment_norm,
        any_value(mean) FILTER (quantity = 'hip_adduction_moment_nm_kg') AS hip_adduction_moment_norm,
        any_value(mean) FILTER (quantity = 'knee_flexion_moment_nm_kg') AS knee_flexion_moment_norm,
        any_value(mean) FILTER (quantity = 'knee_adduction_moment_nm_kg') AS knee_adduction_moment_norm,
        any_value(mean) FILTER (quantity = 'ankle_flexion_moment_nm_kg') AS ankle_flexion_moment_norm,
        any_value(mean) FILTER (quantity = 'hip_power_w_kg') AS hip_power_norm,
        any_value(mean) FILTER (quantity = 'knee_power_w_kg') AS knee_power_norm,
        any_value(mean) FILTER (quantity = 'ankle_power_w_kg') AS ankle_power_norm
    FROM _kinetic_norm
    GROUP BY speed, percent
),

differences AS (
    SELECT
        means.subject,
        means.session,
        means.side,
        means.n_cycles,
        banded.speed_band,
        means.hip_flexion_moment_nm_kg - norms.hip_flexion_moment_norm AS hip_flexion_moment,
        means.hip_adduction_moment_nm_kg - norms.hip_adduction_moment_norm AS hip_adduction_moment,
        means.knee_flexion_moment_nm_kg - norms.knee_flexion_moment_norm AS knee_flexion_moment,
        means.knee_adduction_moment_nm_kg - norms.knee_adduction_moment_norm AS knee_adduction_moment,
        means.ankle_flexion_moment_nm_kg - norms.ankle_flexion_moment_norm AS ankle_flexion_moment,
        means.hip_power_w_kg - norms.hip_power_norm AS hip_power,
        means.knee_power_w_kg - norms.knee_power_norm AS knee_power,
        means.ankle_power_w_kg - norms.ankle_power_norm AS ankle_power
    FROM means
    LEFT JOIN _speed_band AS banded USING (subject, session)
    INNER JOIN norms ON means.percent = norms.percent AND norms.speed = coalesce(banded.speed_band, 'free')
)

SELECT
    subject,
    session,
    side,
    'Schwartz 2008' AS reference,
    coalesce(any_value(speed_band), 'free') AS speed_band,
    any_value(n_cycles) AS n_cycles,
    CASE WHEN count(hip_flexion_moment) >= 50 THEN sqrt(avg(hip_flexion_moment ^ 2)) END
        AS gvs_hip_flexion_moment_nm_kg,
    CASE WHEN count(hip_adduction_moment) >= 50 THEN sqrt(avg(hip_adduction_moment ^ 2)) END
        AS gvs_hip_adduction_moment_nm_kg,
    CASE WHEN count(knee_flexion_moment) >= 50 THEN sqrt(avg(knee_flexion_moment ^ 2)) END
        AS gvs_knee_flexion_moment_nm_kg,
    CASE WHEN count(knee_adduction_moment) >= 50 THEN sqrt(avg(knee_adduction_moment ^ 2)) END
        AS gvs_knee_adduction_moment_nm_kg,
    CASE WHEN count(ankle_flexion_moment) >= 50 THEN sqrt(avg(ankle_flexion_moment ^ 2)) END
        AS gvs_ankle_flexion_moment_nm_kg,
    CASE WHEN count(hip_power) >= 50 THEN sqrt(avg(hip_power ^ 2)) END AS gvs_hip_power_w_kg,
    CASE WHEN count(knee_power) >= 50 THEN sqrt(avg(knee_power ^ 2)) END AS gvs_knee_power_w_kg,
    CASE WHEN count(ankle_power) >= 50 THEN sqrt(avg(ankle_power ^ 2)) END AS gvs_ankle_power_w_kg,
    concat_ws(
        '; ',
        'the norm is of children under Plug-in Gait',
        CASE WHEN any_value(speed_band) IS NULL THEN 'no leg length or speed: compared at free speed' END,
        CASE WHEN any_value(n_cycles) < 3 THEN 'fewer than 3 cycles' END
    ) AS note
FROM differences
GROUP BY subject, session, side
HAVING any_value(n_cycles) > 0
