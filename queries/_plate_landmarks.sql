-- One row: a frame of the subject (person 0) in a trial with force platforms.
-- Inputs: landmarks, force_plates. mm.
SELECT *
FROM landmarks
WHERE
    landmarks.person = 0
    AND (landmarks.subject, landmarks.session, landmarks.trial) IN (
        SELECT (force_plates.subject, force_plates.session, force_plates.trial) FROM force_plates
    )
