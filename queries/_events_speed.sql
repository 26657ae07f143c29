-- One row: a candidate for a foot strike or foot off by the speed of heel and toe in the plane of progression.
-- Arguments: motion. The name of a relation like _foot_motion. Inputs: only these.
-- Foot strike: the heel becomes slower than half the walking speed, at most 0.75 m/s (a fixed 0.5 m/s, Ghoussayni et
-- al. 2004, doi 10.1016/j.gaitpost.2003.10.001, is 34 ms early at 0.5 m/s and 7 ms late at 1.3 m/s on files of six
-- laboratories; the share is 1 to 22 ms early at all speeds). Foot off: the toe becomes faster than 0.66 of the
-- walking speed (shares of Bruening & Ridge 2014, doi 10.1016/j.gaitpost.2013.08.023). The limit is never below 0.1
-- m/s, which is standing. time_s is interpolated between frames. gait_events uses the crossing that belongs to the
-- event of the coordinate method.
WITH limits AS (
    SELECT
        subject,
        session,
        trial,
        person,
        side,
        time_s,
        heel_speed_m_s - greatest(least(0.5 * walking_m_s, 0.75), 0.1) AS heel_over,
        toe_speed_m_s - greatest(0.66 * walking_m_s, 0.1) AS toe_over
    FROM query_table(motion)
),

neighbours AS (
    SELECT
        *,
        lag(time_s) OVER frames_ AS before_s,
        lag(heel_over) OVER frames_ AS heel_before,
        lag(toe_over) OVER frames_ AS toe_before
    FROM limits
    WINDOW frames_ AS (PARTITION BY subject, session, trial, person, side ORDER BY time_s)
),

candidates AS (
    SELECT
        *,
        -- A change from positive to negative is an event: the heel slows down, the toe speeds up.
        unnest([
            { 'event': 'foot_strike', 'before': heel_before, 'after': heel_over },
            { 'event': 'foot_off', 'before': -toe_before, 'after': -toe_over }
        ]) AS over
    FROM neighbours
    WHERE (heel_before >= 0 AND heel_over < 0) OR (toe_before <= 0 AND toe_over > 0)
)

SELECT
    subject,
    session,
    trial,
    person,
    side,
    over.event AS event,
    before_s + (time_s - before_s) * over.before / (over.before - over.after) AS time_s
FROM candidates
WHERE over.before >= 0 AND over.after < 0
