-- One row: a reviewed trial with its decisions, the latest first (lists of structs).
-- Inputs: _shown_reviews, trials. No rows if the variable reviews is 'off'. A decision remains valid if the source has
-- changed since; review_state then says that it must be checked. A trial whose left and right are to be exchanged (or
-- no longer exchanged) is excluded until an ingest has done so: the step exchange_sides of trials.steps says which.
WITH sides AS (
    SELECT *
    FROM _shown_reviews
    WHERE action IN ('swap_sides', 'keep_sides')
    QUALIFY row_number() OVER (PARTITION BY subject, session, trial ORDER BY reviewed_at DESC, review_id DESC) = 1
),

pending AS (
    SELECT
        sides.subject,
        sides.session,
        sides.trial,
        'exclude' AS action,
        sides.reviewer,
        sides.reason || ' (ingest the cohort again: its left and right are '
        || CASE sides.action WHEN 'swap_sides' THEN 'to be exchanged' ELSE 'still exchanged' END || ')' AS reason,
        'infinity'::TIMESTAMPTZ AS reviewed_at,
        sides.review_id
    FROM sides
    INNER JOIN trials USING (subject, session, trial)
    WHERE
        trials.source_sha256 = sides.source_sha256
        AND (sides.action = 'swap_sides') <> contains(trials.steps, '"exchange_sides"')
),

decided AS (
    SELECT * FROM _shown_reviews
    UNION ALL BY NAME
    SELECT * FROM pending
)

SELECT
    subject,
    session,
    trial,
    list({
        'action': action,
        'side': side,
        'cycle': cycle,
        'from_s': from_s,
        'to_s': to_s,
        'channel': channel,
        'by_whom': 'by ' || reviewer || ': ' || reason
    } ORDER BY reviewed_at DESC, review_id DESC) FILTER (action IN ('exclude', 'include')) AS exclusions,
    list({
        'action': action,
        'side': side,
        'event': event,
        'source': source,
        'time_s': time_s,
        'new_time_s': new_time_s,
        'new_side': new_side,
        'new_event': new_event
    } ORDER BY reviewed_at DESC, review_id DESC) FILTER (action LIKE '%_event' AND action <> 'add_event') AS edits
FROM decided
GROUP BY subject, session, trial
