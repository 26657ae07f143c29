-- One row: a trial that a review excludes as a whole, with the reviewer and the reason.
-- Inputs: _decisions. The latest decision on the whole trial is used.
SELECT
    subject,
    session,
    trial,
    list_filter(
        exclusions, LAMBDA d: d.side IS NULL AND d.cycle IS NULL AND d.from_s IS NULL AND d.channel IS NULL
    )[1].by_whom AS by_whom
FROM _decisions
WHERE
    list_filter(
        exclusions, LAMBDA d: d.side IS NULL AND d.cycle IS NULL AND d.from_s IS NULL AND d.channel IS NULL
    )[1].action = 'exclude'
