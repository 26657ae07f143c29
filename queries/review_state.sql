-- One row: a review decision with its state: 'holds', 'superseded' by a later decision on the same part, 'to be
-- checked' because the source of the trial has changed, or 'no trial' if the trial is no longer in the lake.
-- Inputs: reviews, trials. is_disputed: the latest decisions of two reviewers on the same part differ (for an event, by
-- its new label or by more than 25 ms). A disagreement in which one of them followed the other later is settled.
WITH parted AS (
    SELECT
        *,
        CASE
            WHEN action IN ('exclude', 'include') THEN 'exclusion'
            WHEN action IN ('swap_sides', 'keep_sides') THEN 'sides'
            WHEN action IN ('move_event', 'delete_event', 'relabel_event') THEN 'edit'
            ELSE action
        END AS question
    FROM reviews
),

ordered AS (
    SELECT
        *,
        row_number() OVER part_ AS n_later,
        row_number() OVER of_reviewer_ = 1 AS is_last_word
    FROM parted
    WINDOW
        part_ AS (
            PARTITION BY
                subject, session, trial, question, side, cycle, from_s, to_s, channel, event, source, time_s
            ORDER BY reviewed_at DESC, review_id DESC
        ),
        of_reviewer_ AS (
            PARTITION BY
                subject, session, trial, question, side, cycle, from_s, to_s, channel, event, source, time_s, reviewer
            ORDER BY reviewed_at DESC, review_id DESC
        )
),

ranked AS (
    SELECT
        *,
        count(DISTINCT CASE WHEN is_last_word THEN concat_ws(' ', action, new_side, new_event) END) OVER part_ > 1
        OR max(CASE WHEN is_last_word THEN new_time_s END) OVER part_
        - min(CASE WHEN is_last_word THEN new_time_s END) OVER part_ > 0.025 AS is_disputed
    FROM ordered
    WINDOW
        part_ AS (
            PARTITION BY
                subject, session, trial, question, side, cycle, from_s, to_s, channel, event, source, time_s
        )
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
    coalesce(ranked.is_disputed, false) AS is_disputed,
    ranked.review_id
FROM ranked
LEFT JOIN trials USING (subject, session, trial)
