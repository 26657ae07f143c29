-- One row: a frame of a person as in landmarks, with the segment rotations of the fitted body; NULL for trials and
-- persons without one.
-- Inputs: landmarks, body_angles.
WITH frames AS (
    SELECT COLUMNS('^(subject|session|trial|person|frame|time_s|facing_deg|.*_neutral_deg|.*_tibial_torsion_deg)$')
    FROM landmarks
),

body AS (
    SELECT COLUMNS('^(subject|session|trial|person|frame|.*_rotation)$')
    FROM body_angles
)

SELECT *
FROM frames
LEFT JOIN body USING (subject, session, trial, person, frame)
