-- One row: an EMG channel over a gait cycle of its side at a percent, 0 to 100.
-- Inputs: emg (envelopes, computed at ingest by ingest/kinetics/emg.py), gait_cycles, _decisions, trials.
-- normalized is the envelope divided by the peak of the mean over the steady cycles of the person's session and
-- channel, or by the peak in the trial named by the variable emg_reference. Channels without a side are shown over
-- left cycles. is_on: Hodges and Bui 1996. Where a review excludes a channel (a trial, a cycle or a time span), the
-- values are NULL and problem says who excluded it and why.
-- noqa: disable=RF01
WITH channels AS (
    SELECT
        *,
        len(envelope) AS n_values
    FROM emg
    WHERE len(envelope) > 1
),

percents AS (SELECT unnest(range(101))::INTEGER AS percent),

points AS (
    SELECT
        channels.*,
        cycles.cycle,
        cycles.is_steady,
        cycles.side AS cycle_side,
        cycles.start_s AS cycle_start_s,
        cycles.end_s AS cycle_end_s,
        percents.percent,
        cycles.start_s + percents.percent / 100.0 * (cycles.end_s - cycles.start_s) AS at_s
    FROM gait_cycles AS cycles
    INNER JOIN channels
        ON
            cycles.subject = channels.subject
            AND cycles.session = channels.session
            AND cycles.trial = channels.trial
            AND cycles.side = coalesce(channels.side, 'left')
    CROSS JOIN percents
    WHERE cycles.person = 0
),

placed AS (
    SELECT
        *,
        (at_s - start_s) * rate_hz AS place
    FROM points
),

reviewed AS ( -- if several decisions on a channel cover a cycle, the latest one counts
    SELECT
        placed.*,
        list_filter(
            decisions.exclusions,
            LAMBDA d: d.channel = channel AND (d.side IS NULL OR d.side = cycle_side)
            AND (d.cycle IS NULL OR d.cycle = cycle)
            AND (d.from_s IS NULL OR (cycle_start_s < d.to_s AND cycle_end_s > d.from_s))
        )[1] AS decision
    FROM placed
    LEFT JOIN _decisions AS decisions USING (subject, session, trial)
),

valued AS (
    SELECT
        * EXCLUDE (envelope, on_s, off_s, decision, problem),
        CASE WHEN decision.action = 'exclude' THEN 'excluded ' || decision.by_whom ELSE problem END AS problem,
        CASE
            WHEN coalesce(decision.action, '') <> 'exclude'
                THEN
                    envelope[floor(place)::BIGINT + 1]
                    + (place - floor(place))
                    * (envelope[floor(place)::BIGINT + 2] - envelope[floor(place)::BIGINT + 1])
        END AS value,
        coalesce(decision.action, '') <> 'exclude'
        AND len(list_filter(on_s, LAMBDA t: t <= at_s)) > len(list_filter(off_s, LAMBDA t: t <= at_s)) AS is_on
    FROM reviewed
    WHERE place >= 0 AND place <= n_values - 2
),

mean_curves AS (
    SELECT
        subject,
        session,
        channel,
        percent,
        avg(value) AS mean_value
    FROM valued
    WHERE is_steady
    GROUP BY subject, session, channel, percent
),

peaks AS (
    SELECT
        subject,
        session,
        channel,
        max(mean_value) AS peak
    FROM mean_curves
    GROUP BY subject, session, channel
),

named AS (
    SELECT
        subject,
        session,
        channel,
        max(list_max(envelope)) AS peak
    FROM channels
    WHERE trial = getvariable('emg_reference')::VARCHAR
    GROUP BY subject, session, channel
)

SELECT
    valued.subject,
    valued.session,
    valued.trial,
    0 AS person,
    valued.cycle,
    coalesce(valued.side, 'left') AS side,
    valued.channel,
    valued.muscle,
    valued.percent,
    valued.value AS envelope,
    valued.unit,
    valued.value / nullif(
        CASE WHEN getvariable('emg_reference') IS NULL THEN peaks.peak ELSE named.peak END, 0
    ) AS normalized,
    valued.is_on,
    valued.is_steady,
    valued.problem
FROM valued
LEFT JOIN peaks USING (subject, session, channel)
LEFT JOIN named USING (subject, session, channel)
WHERE
    CASE
        WHEN getvariable('emg_reference') IS NULL THEN true
        WHEN getvariable('emg_reference')::VARCHAR IN (SELECT trial FROM trials) THEN true
        ELSE _refused_name(
            'emg_reference',
            getvariable('emg_reference')::VARCHAR,
            (SELECT list(DISTINCT trial ORDER BY trial) FROM trials)
        )
    END
