-- One row: a candidate for a foot strike or foot off by the speed of heel and toe in the plane of progression.
-- Foot strike: the heel falls below 0.5 m/s (Ghoussayni et al. 2004, doi 10.1016/j.gaitpost.2003.09.012), for slow
-- walkers below 0.78 of walking speed; foot off: the toe rises above 0.66 of walking speed (shares of Bruening &
-- Ridge 2014, doi 10.1016/j.gaitpost.2014.01.007); never below 0.1 m/s, which is standing.
-- Arguments: motion. Inputs: the name of a relation like _foot_motion. time_s is interpolated between frames.
-- gait_events takes the crossing that belongs to the coordinate rule's event.
WITH limits AS (
    SELECT
        subject,
        session,
        trial,
        person,
        side,
        time_s,
        heel_speed_m_s - greatest(least(0.78 * walking_m_s, 0.5), 0.1) AS heel_over,
        toe_speed_m_s - greatest(0.66 * walking_m_s, 0.1) AS toe_over
    FROM query_table(motion)
),

frames AS (
    SELECT
        *,
        lag(time_s) OVER frames_ AS before_s,
        -- Positive before and negative after is an event: the heel slows down, the toe speeds up.
        unnest([
            { 'event': 'foot_strike', 'before': lag(heel_over) OVER frames_, 'after': heel_over },
            { 'event': 'foot_off', 'before': -lag(toe_over) OVER frames_, 'after': -toe_over }
        ]) AS over
    FROM limits
    WINDOW frames_ AS (PARTITION BY subject, session, trial, person, side ORDER BY time_s)
)

SELECT
    subject,
    session,
    trial,
    person,
    side,
    over.event AS event,
    before_s + (time_s - before_s) * over.before / (over.before - over.after) AS time_s
FROM frames
WHERE over.before >= 0 AND over.after < 0
