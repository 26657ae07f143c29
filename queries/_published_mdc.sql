-- One row: a published minimal detectable change of a parameter, in its unit, for a first value of at least
-- from_value and below below_value.
-- Inputs: none. Walking speed: Lewek & Sykes 2019, by the speed of the first session. Cadence, step length, step
-- time: Sensors 2020, 20:4866 (PMC7506931), table 3. There is none for joint angles: the published values (3.8 to
-- 11.5 degrees on a treadmill after stroke, Kesar et al. 2011, Gait Posture 33:314) are for other quantities than
-- ours.
SELECT
    parameter,
    from_value::DOUBLE AS from_value,
    below_value::DOUBLE AS below_value,
    mdc95::DOUBLE AS mdc95,
    citation
FROM
    (
        VALUES
        ('walking_speed_m_s', 0.0, 0.4, 0.10, 'Lewek & Sykes 2019, J Neurol Phys Ther 43:207; adults after stroke'),
        ('walking_speed_m_s', 0.4, 0.8, 0.15, 'Lewek & Sykes 2019, J Neurol Phys Ther 43:207; adults after stroke'),
        ('walking_speed_m_s', 0.8, 1e9, 0.18, 'Lewek & Sykes 2019, J Neurol Phys Ther 43:207; adults after stroke'),
        ('cadence_steps_min', 0.0, 1e9, 12.2, 'Sensors 2020, 20:4866 (PMC7506931); people who walk at 0.6 m/s'),
        ('step_length_m', 0.0, 1e9, 0.106, 'Sensors 2020, 20:4866 (PMC7506931); people who walk at 0.6 m/s'),
        ('step_time_s', 0.0, 1e9, 0.12, 'Sensors 2020, 20:4866 (PMC7506931); people who walk at 0.6 m/s')
    ) AS published (parameter, from_value, below_value, mdc95, citation)
