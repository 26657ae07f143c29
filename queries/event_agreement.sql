-- One row: an event that one source states and another found, or did not: ours beside the file's marks, ours beside the
-- force platforms', the platforms' beside the marks (columns source and against).
-- Inputs: gait_events, _event_pairs (which says how). Seconds; difference_ms is source less against.
WITH events AS MATERIALIZED (
    SELECT * FROM gait_events
)

SELECT * FROM _event_pairs('events', 'computed', 'file')
UNION ALL
SELECT * FROM _event_pairs('events', 'computed', 'force')
WHERE status != 'invented'
UNION ALL
SELECT * FROM _event_pairs('events', 'force', 'file')
WHERE status = 'matched'
