-- One row: a gait cycle with its lengths, whether it is steady walking, and all reasons if it is not.
-- Arguments: motion. The name of a relation like _foot_motion.
-- Inputs: _all_events, _cycles, _cycle_path, trials, _decisions. Metres, seconds, degrees.
-- stride_m is the displacement of the heel along the heading, plus belt speed times stride time if the ground moves
-- (the speed of a belt is the median backward speed of the foot in mid-stance). In root-relative poses all lengths
-- are NULL. rise_m is the change in height of the heel over a stride; it is not checked for a camera that is only
-- assumed to be level, which may tilt as much as a slope.
WITH events AS (
    SELECT * FROM _all_events(motion)
),

cycles AS (
    SELECT * FROM _cycles('events')
),

measured AS (
    SELECT
        path.*,
        trials.length_basis,
        trials.position_basis,
        trials.up_source,
        decisions.exclusions,
        path.end_s - path.start_s AS stride_time_s,
        CASE WHEN path.is_in_place THEN greatest(coalesce(path.stance_back_m_s, 0), 0) ELSE 0 END AS belt_m_s,
        (path.heel_end.x - path.heel_start.x) * path.heading_x
        + (path.heel_end.z - path.heel_start.z) * path.heading_z AS heel_travel_m,
        path.heel_end.y - path.heel_start.y AS rise_m,
        path.facing_x * path.heading_x + path.facing_z * path.heading_z AS facing_ahead,
        sqrt(path.facing_x ^ 2 + path.facing_z ^ 2) AS facing_size
    FROM _cycle_path(motion, 'cycles') AS path
    INNER JOIN trials USING (subject, session, trial)
    LEFT JOIN _decisions AS decisions USING (subject, session, trial)
),

lengths AS (
    SELECT
        *,
        CASE WHEN NOT is_root_relative THEN heel_travel_m + belt_m_s * stride_time_s END AS stride_m
    FROM measured
),

speeds AS (
    SELECT
        *,
        stride_m / stride_time_s AS speed_m_s
    FROM lengths
),

usual AS (
    SELECT
        *,
        median(stride_time_s) OVER trial_ AS usual_time_s,
        median(speed_m_s) OVER trial_ AS usual_speed_m_s
    FROM speeds
    WINDOW trial_ AS (PARTITION BY subject, session, trial, person)
),

reviewed AS ( -- if several decisions cover a cycle, the latest one counts
    SELECT
        *,
        list_filter(
            exclusions,
            LAMBDA d: (d.side IS NULL OR d.side = side) AND (d.cycle IS NULL OR d.cycle = cycle)
            AND (d.from_s IS NULL OR (start_s < d.to_s AND end_s > d.from_s)) AND d.channel IS NULL
        )[1] AS decision
    FROM usual
),

reasoned AS (
    SELECT
        *,
        nullif(
            concat_ws(
                '; ',
                CASE WHEN decision.action = 'exclude' THEN 'excluded ' || decision.by_whom END,
                CASE WHEN opposite_strike_s IS NULL THEN 'no strike of the other foot' END,
                CASE
                    WHEN NOT has_toe THEN 'no toe, so no foot off'
                    WHEN foot_off_s IS NULL OR opposite_off_s IS NULL THEN 'a foot off was not found'
                    WHEN foot_off_s < opposite_strike_s OR opposite_strike_s < opposite_off_s
                        THEN 'running: no double support'
                    WHEN n_between <> 3 THEN 'events out of order'
                END,
                CASE WHEN gap_s > _longest_gap_s() THEN 'a gap of ' || round(gap_s, 2)::VARCHAR || ' s' END,
                CASE WHEN stride_time_s > _longest_stand_s() THEN 'a stand of over ' || _longest_stand_s() || ' s' END,
                CASE
                    WHEN NOT is_in_place AND facing_ahead < -_ahead_share() * facing_size THEN 'walking backwards'
                    WHEN NOT is_in_place AND facing_ahead < _ahead_share() * facing_size THEN 'walking sideways'
                END,
                CASE
                    WHEN NOT is_root_relative AND NOT coalesce(stride_m > _least_stride_m(), false)
                        THEN 'no way forwards'
                END,
                CASE
                    WHEN up_source <> 'camera_level' AND abs(rise_m) > _most_rise_m()
                        THEN
                            CASE WHEN rise_m > 0 THEN 'up' ELSE 'down' END
                            || ' by ' || round(abs(rise_m), 2)::VARCHAR || ' m: stairs or a slope'
                END,
                CASE
                    WHEN abs(turn_deg) >= _steady_turn_deg()
                        THEN 'a turn of ' || round(abs(turn_deg))::INTEGER::VARCHAR || ' degrees'
                END,
                CASE
                    WHEN abs(stride_time_s - usual_time_s) > _steady_share() * usual_time_s
                        THEN
                            'stride time over ' || round(100 * _steady_share())::INTEGER
                            || ' % off the median of the trial'
                END,
                CASE
                    WHEN abs(speed_m_s - usual_speed_m_s) > _steady_share() * abs(usual_speed_m_s)
                        THEN 'speed over ' || round(100 * _steady_share())::INTEGER || ' % off the median of the trial'
                END
            ),
            ''
        ) AS reason
    FROM reviewed
)

SELECT
    * EXCLUDE (exclusions, decision),
    reason IS NULL AS is_steady
FROM reasoned
