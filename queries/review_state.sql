-- One row: a review decision with its state: 'holds', 'superseded' by a later decision on the same part, 'to be
-- checked' because the source of the trial has changed, or 'no trial' if the trial is no longer in the lake.
-- Inputs: reviews, trials. is_disputed: another reviewer decided differently on the same part.
WITH ranked AS (
    SELECT
        reviews.*,
        row_number() OVER part_ AS n_later,
        count(DISTINCT reviewer) OVER all_ > 1 AND count(DISTINCT action) OVER all_ > 1 AS is_disputed
    FROM reviews
    WINDOW
        all_ AS (
            PARTITION BY
                subject,
                session,
                trial,
                CASE
                    WHEN action IN ('exclude', 'include') THEN 'exclusion'
                    WHEN action IN ('swap_sides', 'keep_sides') THEN 'sides'
                    WHEN action IN ('move_event', 'delete_event', 'relabel_event') THEN 'edit'
                    ELSE action
                END,
                side,
                cycle,
                from_s,
                to_s,
                channel,
                event,
                source,
                time_s
        ),
        part_ AS (all_ ORDER BY reviewed_at DESC, review_id DESC)
)

SELECT
    ranked.reviewed_at,
    ranked.reviewer,
    ranked.action,
    ranked.subject,
    ranked.session,
    ranked.trial,
    ranked.side,
    ranked.cycle,
    ranked.from_s,
    ranked.to_s,
    ranked.channel,
    ranked.event,
    ranked.source,
    ranked.time_s,
    ranked.new_time_s,
    ranked.new_side,
    ranked.new_event,
    ranked.reason,
    ranked.basis,
    ranked.lake_version,
    CASE
        WHEN ranked.n_later > 1 AND ranked.action <> 'note' THEN 'superseded'
        WHEN trials.source_sha256 IS NULL THEN 'no trial'
        WHEN trials.source_sha256 <> ranked.source_sha256 THEN 'to be checked'
        ELSE 'holds'
    END AS state,
    ranked.is_disputed,
    ranked.review_id
FROM ranked
LEFT JOIN trials USING (subject, session, trial)
