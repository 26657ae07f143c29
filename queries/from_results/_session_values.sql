-- One row: a parameter of one side of a subject's session and condition; the GPS has no condition.
-- Inputs: subject_summary, gait_profile, _parameter_values. Stands in for _session_values where one of them is stored.
SELECT *
FROM _parameter_values('subject_summary', 'gait_profile')
