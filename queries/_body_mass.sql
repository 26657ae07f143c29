-- One row: a trial with the body mass, height and sex of its subject.
-- Inputs: calibrations, trials, subjects. Kilograms, metres.
-- The first that exists: the trial's own file, another file of the session, participants.tsv. Values below 2 or
-- above 400 kg are ignored.
WITH stated AS (
    SELECT
        subject,
        session,
        trial,
        first(value ORDER BY source) AS mass_kg
    FROM calibrations
    WHERE parameter = 'body_mass' AND value BETWEEN _least_mass_kg() AND _most_mass_kg()
    GROUP BY subject, session, trial
),

of_session AS (
    SELECT
        subject,
        session,
        median(mass_kg) AS mass_kg
    FROM stated
    GROUP BY subject, session
)

SELECT
    trials.subject,
    trials.session,
    trials.trial,
    coalesce(
        stated.mass_kg,
        of_session.mass_kg,
        CASE
            WHEN try_cast(subjects.mass_kg AS DOUBLE) BETWEEN _least_mass_kg() AND _most_mass_kg()
                THEN try_cast(subjects.mass_kg AS DOUBLE)
        END
    ) AS mass_kg,
    subjects.height_m,
    lower(left(subjects.sex, 1)) AS sex
FROM trials
LEFT JOIN stated USING (subject, session, trial)
LEFT JOIN of_session USING (subject, session)
LEFT JOIN subjects USING (subject)
