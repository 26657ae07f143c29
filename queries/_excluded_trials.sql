-- One row: a trial that a review leaves out as a whole, and by whom and why.
-- Inputs: _decisions. The latest decision on the whole trial counts.
SELECT
    subject,
    session,
    trial,
    list_filter(
        exclusions, LAMBDA d: d.side IS NULL AND d.cycle IS NULL AND d.from_s IS NULL
    )[1].said AS said
FROM _decisions
WHERE
    list_filter(
        exclusions, LAMBDA d: d.side IS NULL AND d.cycle IS NULL AND d.from_s IS NULL
    )[1].action = 'exclude'
