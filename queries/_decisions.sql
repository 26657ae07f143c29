-- One row: a reviewed trial with its decisions, the latest first (lists of structs).
-- Inputs: _shown_reviews. No rows if the variable reviews is 'off'. A decision remains valid if the source has
-- changed since; review_state then says that it must be checked.
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
        'said': 'by ' || reviewer || ': ' || reason
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
FROM _shown_reviews
GROUP BY subject, session, trial
