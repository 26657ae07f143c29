-- One row: a candidate for a foot strike or foot off by the speed of heel and toe in the plane of progression.
-- Arguments: motion. The name of a relation like _foot_motion. Inputs: only these.
-- Foot strike: the heel becomes slower than 0.4 of the walking speed, at most 0.6 m/s. On files of six laboratories
-- this is 4 to 16 ms early in five and 6 ms late in one, at 0.5 to 1.3 m/s (a half, at most 0.75 m/s, is 0 to 22 ms
-- early; 0.3 is up to 14 ms late; a fixed 0.5 m/s, Ghoussayni et al. 2004, doi 10.1016/j.gaitpost.2003.10.001, is 34
-- ms early at 0.5 m/s and 7 ms late at 1.3 m/s). An ankle in place of the heel still moves while the foot rolls over
-- the heel: there it is a half, at most 0.75 m/s. Foot off: the toe becomes faster than 0.66 of the walking speed
-- (shares of Bruening & Ridge 2014, doi 10.1016/j.gaitpost.2013.08.023). The limit is never below 0.1 m/s, which is
-- standing. heel_over and toe_over are the speeds minus these limits. time_s is interpolated between frames.
-- gait_events uses the crossing that belongs to the event of the coordinate method.
WITH candidates AS (
    SELECT
        *,
        -- A change from positive to negative is an event: the heel slows down, the toe speeds up.
        unnest([
            { 'event': 'foot_strike', 'before': heel_over_before, 'after': heel_over },
            { 'event': 'foot_off', 'before': -toe_over_before, 'after': -toe_over }
        ]) AS over
    FROM query_table(motion)
    WHERE (heel_over_before >= 0 AND heel_over < 0) OR (toe_over_before <= 0 AND toe_over > 0)
)

SELECT
    subject,
    session,
    trial,
    person,
    side,
    over.event AS event,
    time_s + before_s - before_s * over.before / (over.before - over.after) AS time_s
FROM candidates
WHERE over.before >= 0 AND over.after < 0
