-- One row: a foot strike or foot off from a force platform: the first and the last sample of a stance phase with at
-- least 20 N on the sample and on the mean of the _sustained_s() after it (a foot strike) or before it (a foot off).
-- The mean keeps the noise of a treadmill's platforms, which reaches 20 N too, from being taken for the foot; where
-- force only rises or falls it changes nothing.
-- Arguments: reaction. The name of a relation like _ground_reaction.
-- Inputs: forces. Seconds.
-- Only stance phases that are valid, entirely on platforms, and begin and end within the samples. A foot off counts
-- if the force stays below 20 N after it. A stance whose force nowhere bends by _sharp_force_per_s2() of its maximum
-- was low-pass filtered at about 10 Hz or less: it passes 20 N up to 30 ms before the contact, and gives no event.
-- Two loads of one foot less than _least_swing_s() apart are one stance: noise of a platform that a foot leaves slowly.
WITH loads AS (
    SELECT
        subject,
        session,
        trial,
        side,
        plate_run,
        min(time_s) AS first_s,
        max(time_s) AS last_s,
        list_distinct(flatten(list(plates))) AS plates
    FROM query_table(reaction)
    WHERE is_on_plate AND reason IS NULL
    GROUP BY subject, session, trial, side, plate_run
),

parted AS (
    SELECT
        *,
        last_value(CASE WHEN is_first THEN plate_run END IGNORE NULLS) OVER (
            PARTITION BY subject, session, trial, side
            ORDER BY first_s ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS stance
    FROM (
        SELECT
            *,
            coalesce(first_s - lag(last_s) OVER foot_ >= _least_swing_s(), true) AS is_first
        FROM loads
        WINDOW foot_ AS (PARTITION BY subject, session, trial, side ORDER BY first_s)
    ) AS in_order
),

stances AS (
    SELECT
        subject,
        session,
        trial,
        side,
        stance AS plate_run,
        min(first_s) AS first_s,
        max(last_s) AS last_s,
        list_distinct(flatten(list(plates))) AS plates
    FROM parted
    GROUP BY subject, session, trial, side, stance
),

ends AS (
    SELECT
        subject,
        session,
        trial,
        min(time_s) AS data_first_s,
        max(time_s) AS data_last_s
    FROM forces
    GROUP BY subject, session, trial
),

samples AS (
    SELECT
        stances.subject,
        stances.session,
        stances.trial,
        stances.side,
        stances.plate_run,
        stances.first_s,
        stances.last_s,
        forces.time_s,
        sum(forces.force.y) AS up_n
    FROM stances
    INNER JOIN forces
        ON
            stances.subject = forces.subject
            AND stances.session = forces.session
            AND stances.trial = forces.trial
            AND forces.time_s BETWEEN stances.first_s - 0.025 AND stances.last_s + 0.025
            AND list_contains(stances.plates, forces.plate)
    GROUP BY ALL
),

sustained AS (
    SELECT
        *,
        avg(up_n) OVER (
            PARTITION BY subject, session, trial, side, plate_run
            ORDER BY time_s RANGE BETWEEN CURRENT ROW AND _sustained_s() FOLLOWING
        ) AS after_n,
        avg(up_n) OVER (
            PARTITION BY subject, session, trial, side, plate_run
            ORDER BY time_s RANGE BETWEEN _sustained_s() PRECEDING AND CURRENT ROW
        ) AS before_n,
        4 * abs(lag(up_n) OVER stance_ - 2 * up_n + lead(up_n) OVER stance_)
        / (lead(time_s) OVER stance_ - lag(time_s) OVER stance_) ^ 2 AS bend_n_s2
    FROM samples
    WINDOW stance_ AS (PARTITION BY subject, session, trial, side, plate_run ORDER BY time_s)
),

edges AS (
    SELECT
        sustained.subject,
        sustained.session,
        sustained.trial,
        sustained.side,
        min(sustained.time_s) FILTER (least(sustained.up_n, sustained.after_n) >= _contact_n()) AS strike_s,
        max(sustained.time_s) FILTER (least(sustained.up_n, sustained.before_n) >= _contact_n()) AS off_s,
        any_value(ends.data_first_s) AS data_first_s,
        any_value(ends.data_last_s) AS data_last_s
    FROM sustained
    INNER JOIN ends USING (subject, session, trial)
    GROUP BY sustained.subject, sustained.session, sustained.trial, sustained.side, sustained.plate_run
    HAVING max(sustained.bend_n_s2) >= _sharp_force_per_s2() * max(sustained.up_n)
),

sided AS (
    SELECT
        subject,
        session,
        trial,
        side,
        data_first_s,
        data_last_s,
        unnest([
            { 'event': 'foot_strike', 'time_s': CASE WHEN strike_s > data_first_s + 0.02 THEN strike_s END },
            { 'event': 'foot_off', 'time_s': CASE WHEN off_s < data_last_s - 0.02 THEN off_s END }
        ]) AS found
    FROM edges
)

SELECT
    subject,
    session,
    trial,
    side,
    found.event AS event,
    found.time_s AS time_s,
    data_first_s,
    data_last_s
FROM sided
WHERE found.time_s IS NOT NULL
