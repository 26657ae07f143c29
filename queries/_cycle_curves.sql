-- One row: a gait cycle at a percent of its duration, as shown by cycle_curves.
-- Arguments: cycles, step_pct. The name of a relation like gait_cycles; the step between percents, 1 in cycle_curves.
-- Inputs: joint_angles, landmarks (which have the same frames). Degrees, linear interpolation between frames.
-- This is a macro, so that a view that also needs the cycles computes them only once.
-- The frame before a point is found by its time alone: an ASOF join sorts its frames, and sorting them with their
-- angles took 40 % of the time.
WITH frames AS (
    SELECT
        subject,
        session,
        trial,
        person,
        time_s AS frame_s,
        lead(time_s) OVER (PARTITION BY subject, session, trial, person ORDER BY time_s) AS next_s
    FROM landmarks
),

angles AS (
    SELECT
        subject,
        session,
        trial,
        person,
        time_s AS frame_s,
        { 'here': COLUMNS('_deg$'), 'next': lead(COLUMNS('_deg$')) OVER frames_ } AS "\0"
    FROM joint_angles
    WINDOW frames_ AS (PARTITION BY subject, session, trial, person ORDER BY time_s)
),

-- A join with the percents instead of unnest(), and 505 numbers of which at most 101 are kept: DuckDB estimates that
-- unnest() gives no rows and that a filter keeps a fifth. Where it expects fewer than 64 points, as of 51 percents of
-- one subject, it compares each point with each frame (docs/decisions/speed-against-the-flat-build.md).
points AS (
    SELECT
        strides.subject,
        strides.session,
        strides.trial,
        strides.person,
        strides.cycle,
        strides.side,
        strides.is_steady,
        strides.start_s,
        strides.end_s,
        percents.percent::INTEGER AS percent
    FROM query_table(cycles) AS strides
    CROSS JOIN range(505) AS percents (percent)
    WHERE percents.percent <= 100 AND percents.percent % step_pct = 0
),

timed AS (
    SELECT
        *,
        start_s + (end_s - start_s) * percent / 100.0 AS time_s
    FROM points
),

placed AS (
    SELECT
        timed.*,
        frames.frame_s,
        CASE
            WHEN frames.next_s - frames.frame_s <= _longest_gap_s()
                THEN (timed.time_s - frames.frame_s) / (frames.next_s - frames.frame_s)
        END
            AS share
    FROM timed
    ASOF LEFT JOIN frames
        ON
            timed.subject = frames.subject
            AND timed.session = frames.session
            AND timed.trial = frames.trial
            AND timed.person = frames.person
            AND timed.time_s >= frames.frame_s
)

SELECT
    subject,
    session,
    trial,
    person,
    cycle,
    side,
    percent,
    is_steady,
    struct_extract(COLUMNS('_deg$'), 'here')
    + share * (struct_extract(COLUMNS('_deg$'), 'next') - struct_extract(COLUMNS('_deg$'), 'here')) AS "\0"
FROM placed
LEFT JOIN angles USING (subject, session, trial, person, frame_s)
