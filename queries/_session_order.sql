-- One row: a session of a subject, with its position in time among the subject's sessions (1 is the first).
-- Inputs: trials. Sessions are ordered by acq_time (the earliest of their trials) if every session of the subject
-- has one and all differ; otherwise by session_order in cohort.toml if it names every session; otherwise position is
-- NULL and missing says what is missing. Names of sessions are not used: 'post' sorts before 'pre'.
WITH sessions AS (
    SELECT
        subject,
        session,
        min(try_cast(acq_time AS TIMESTAMP)) AS acquired,
        min(session_order) AS stated
    FROM trials
    GROUP BY subject, session
),

counted AS (
    SELECT
        *,
        count(*) OVER subject_ AS n_sessions,
        count(acquired) OVER subject_ AS n_acquired,
        count(DISTINCT acquired) OVER subject_ AS n_times,
        count(stated) OVER subject_ AS n_stated,
        count(DISTINCT stated) OVER subject_ AS n_places
    FROM sessions
    WINDOW subject_ AS (PARTITION BY subject)
),

ordered AS (
    SELECT
        *,
        CASE
            WHEN n_times = n_sessions THEN 'acq_time'
            WHEN n_places = n_sessions THEN 'session_order'
        END AS order_source
    FROM counted
)

SELECT
    subject,
    session,
    CASE
        WHEN n_sessions = 1 THEN 1
        WHEN order_source = 'acq_time' THEN row_number() OVER (PARTITION BY subject ORDER BY acquired)
        WHEN order_source = 'session_order' THEN row_number() OVER (PARTITION BY subject ORDER BY stated)
    END AS position,
    order_source,
    CASE
        WHEN order_source IS NULL AND n_sessions > 1
            THEN
                CASE
                    WHEN n_acquired = n_sessions THEN 'two sessions have the same acq_time'
                    ELSE
                        (n_sessions - n_acquired)::VARCHAR || ' of ' || n_sessions::VARCHAR
                        || ' sessions without acq_time (sessions.tsv or scans.tsv)'
                END
                || ', and session_order of cohort.toml '
                || CASE WHEN n_stated = 0 THEN 'is not given' ELSE 'does not name each of them' END
    END AS missing
FROM ordered
