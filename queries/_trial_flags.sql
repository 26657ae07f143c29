-- One row: a trial, with values that describe the quality of its data and a flag for each. See trial_quality.
-- Inputs: trials, _body_figures, _anatomy, _measured_cycles, source_events, emg, _platform_problems, _body_mass.
-- Millimetres, percent, seconds.
-- Thresholds: bone length varies by more than 5 % (CV); sides differ by more than 10 %; a landmark is missing in more
-- than 10 % of the frames; more than 5 % of the frames repeat the previous frame (no point moved by 0.01 mm); left and
-- right ankle are exchanged; head below feet; the height of the lowest toe drifts by more than 100 mm; the lowest toe
-- is more than 100 mm from y = 0; knee adduction follows flexion (r2 above 0.5: cross-talk of the knee axis), in
-- walking by 17 degrees or more; mean rotations of the knees or hips that differ by 25 degrees in walking; names that
-- contradict the body, and markers of one segment whose distance changes by more than 50 mm
-- (ingest/landmarks/arrangement.py); skin markers that may be misplaced, and in walking a knee that is more flexed than
-- the other throughout (ingest/landmarks/misplaced.py); a joint angle or the speed is outside the human range in more
-- than 5 % of the frames, or left and right are exchanged in 80 %; size, rate, cadence and coordinates outside the
-- limits of macros/thresholds.sql; a file that states two frame rates (trials.quality['rate_claims_ratio']); a unit
-- judged from a body that is not an adult's, a body taller than nearly everyone, or one that is not the height that
-- participants.tsv states; a body that moves in steps with head and feet at nearly the same height; legs that differ
-- by 15 degrees in standing; fewer than 3 steady cycles per side in all trials of the session and condition although 3
-- or more were recorded; two or more events of the file that have the side of the other foot: a computed event of that
-- foot is within 0.1 s and none of the stated foot. Poses relative to the pelvis have no floor.
-- noqa: disable=RF01
WITH cycles AS (
    SELECT
        subject,
        session,
        trial,
        count(*) AS n_cycles,
        count(*) FILTER (is_steady) AS n_steady_cycles,
        count(*) FILTER (is_steady AND side = 'left') AS n_left,
        count(*) FILTER (is_steady AND side = 'right') AS n_right,
        count(*) FILTER (side = 'left') AS n_left_recorded,
        count(*) FILTER (side = 'right') AS n_right_recorded,
        -- mode() beside counts would keep filters on the subject from the files. Ordered, so that ties are resolved.
        list_mode(list(reason ORDER BY reason)) AS usual_reason,
        median(stride_time_s) FILTER (is_steady) AS stride_time_s,
        -- Strikes and offs of both feet; those of cycles that follow each other occur twice. A list, so that the cycles
        -- are read once and a filter on the subject reaches the files.
        flatten(list([
            { 'side': side, 'event': 'foot_strike', 'time_s': start_s },
            { 'side': side, 'event': 'foot_strike', 'time_s': end_s },
            { 'side': side, 'event': 'foot_off', 'time_s': foot_off_s },
            { 'side': _other_side(side), 'event': 'foot_strike', 'time_s': opposite_strike_s },
            { 'side': _other_side(side), 'event': 'foot_off', 'time_s': opposite_off_s }
        ]) FILTER (source <> 'file')) AS steps
    FROM _measured_cycles
    WHERE person = 0
    GROUP BY subject, session, trial
),

marks AS (
    SELECT
        subject,
        session,
        trial,
        list(DISTINCT { 'side': side, 'event': event, 'time_s': time_s }) AS marks
    FROM source_events
    WHERE side IN ('left', 'right')
    GROUP BY subject, session, trial
),

bad_channels AS (
    SELECT
        subject,
        session,
        trial,
        array_to_string(list(channel || ' (' || problem || ')' ORDER BY channel_index), ', ') AS bad_emg,
        array_to_string(
            list(channel || ' (' || problem || ')' ORDER BY channel_index) FILTER (
                NOT starts_with(problem, 'hum')
            ), ', '
        ) AS bad_emg_at_rest
    FROM emg
    WHERE problem IS NOT NULL
    GROUP BY subject, session, trial
),

described AS (
    SELECT
        trials.subject,
        trials.session,
        trials.trial,
        trials.kind,
        trials.up_source,
        trials.position_basis,
        trials.length_basis,
        trials.rate_hz,
        coalesce(trials.n_frames <> 1, true)
        AND trials.kind <> 'curves'
        AND trials.rate_hz NOT BETWEEN _least_rate_hz() AND _most_rate_hz() AS is_rate_out,
        coalesce(element_at(trials.quality, 'curves_against_norm')[1], 0) > 0 AS has_doubtful_signs,
        trials.kind = 'static' OR coalesce(figures.is_static, false) AS is_static,
        figures.* EXCLUDE (
            subject, session, trial, is_static, gaps, n_seen, bone_length_cv_pct, too_fast_pct, frozen_pct
        ),
        -- The filter moves points of repeated frames, so those of the file count too.
        greatest(figures.frozen_pct, element_at(trials.quality, 'repeated_frames_pct')[1]) AS frozen_pct,
        CASE WHEN trials.position_basis <> 'root_relative' THEN figures.too_fast_pct END AS too_fast_pct,
        -- Depth refinement makes bone lengths steadier without improving positions, so the estimated poses count.
        greatest(figures.bone_length_cv_pct, map_extract(trials.quality, 'depth_bone_cv_before_pct')[1])
            AS bone_length_cv_pct,
        list_max(figures.gaps).gap AS worst_gap_pct,
        CASE WHEN list_max(figures.gaps).gap > 0 THEN list_max(figures.gaps).landmark END AS worst_landmark,
        anatomy.* EXCLUDE (subject, session, trial, legs_difference_deg),
        CASE WHEN trials.kind = 'static' THEN anatomy.legs_difference_deg END AS stance_difference_deg,
        coalesce(cycles.n_cycles, 0) AS n_cycles,
        coalesce(cycles.n_steady_cycles, 0) AS n_steady_cycles,
        -- An overground trial has one or two cycles per side; scores need 3 in the session.
        coalesce(least(sum(cycles.n_left) OVER session_, sum(cycles.n_right) OVER session_), 0) AS n_session_side,
        coalesce(
            least(sum(cycles.n_left_recorded) OVER session_, sum(cycles.n_right_recorded) OVER session_), 0
        ) AS n_session_recorded,
        cycles.usual_reason,
        cycles.stride_time_s,
        coalesce(
            len(list_filter(
                marks.marks,
                LAMBDA m: list_contains(_sides_at(cycles.steps, m), _other_side(m.side))
                AND NOT list_contains(_sides_at(cycles.steps, m), m.side)
            )),
            0
        ) AS n_exchanged_events,
        -- Steps per second times sqrt(leg length / g) (Hof 1996).
        2 / cycles.stride_time_s * sqrt(0.49 * figures.height_of_leg_mm / 1000 / _gravity_m_s2()) AS cadence_norm,
        element_at(trials.quality, 'rate_claims_ratio')[1] AS rate_claims_ratio,
        element_at(trials.quality, 'missing_frames_pct')[1] AS missing_frames_pct,
        coalesce(element_at(trials.quality, 'doubtful_plates')[1], 0) > 0 AS has_doubtful_plates,
        element_at(trials.quality, 'contradicted_names')[1]::INTEGER AS n_contradicted_names,
        element_at(trials.quality, 'marker_shift_mm')[1] AS marker_shift_mm,
        element_at(trials.quality, 'marker_jump_mm')[1] AS marker_jump_mm,
        element_at(trials.quality, 'body_jumps')[1]::INTEGER AS n_body_jumps,
        element_at(trials.quality, 'misplaced_markers')[1]::INTEGER AS n_misplaced_markers,
        element_at(trials.quality, 'knee_offset_deg')[1] AS knee_offset_deg,
        coalesce(
            min(element_at(trials.quality, 'up_axis_c3d')[1]) OVER visit_
            <> max(element_at(trials.quality, 'up_axis_c3d')[1]) OVER visit_,
            false
        )
        OR coalesce(
            min(element_at(trials.quality, 'up_axis_trc')[1]) OVER visit_
            <> max(element_at(trials.quality, 'up_axis_trc')[1]) OVER visit_,
            false
        ) AS has_mixed_up,
        -- Muscles of somebody who stands hardly work, so that hum prevails, and a platform is never unloaded.
        CASE WHEN trials.kind = 'static' THEN bad_channels.bad_emg_at_rest ELSE bad_channels.bad_emg END AS bad_emg,
        CASE WHEN trials.kind <> 'static' THEN platforms.bad_plates END AS bad_plates,
        platforms.* EXCLUDE (subject, session, trial, bad_plates),
        greatest(figures.height_mm, figures.height_of_leg_mm) / 1000 AS size_m,
        CASE WHEN trials.length_basis NOT IN ('nominal', 'none') THEN mass.height_m END AS stated_height_m,
        platforms.trial IS NOT NULL AND mass.mass_kg IS NULL AS has_no_body_mass,
        figures.n_seen IS NULL AS is_without_points,
        coalesce(trials.position_basis <> 'root_relative', true) AS has_floor
    FROM trials
    LEFT JOIN _body_figures AS figures USING (subject, session, trial)
    LEFT JOIN _anatomy AS anatomy USING (subject, session, trial)
    LEFT JOIN cycles USING (subject, session, trial)
    LEFT JOIN marks USING (subject, session, trial)
    LEFT JOIN bad_channels USING (subject, session, trial)
    LEFT JOIN _platform_problems AS platforms USING (subject, session, trial)
    LEFT JOIN _body_mass AS mass USING (subject, session, trial)
    WINDOW
        session_ AS (PARTITION BY trials.subject, trials.session, trials.condition),
        visit_ AS (PARTITION BY trials.subject, trials.session)
),

flagged AS (
    SELECT
        *,
        coalesce(bone_length_cv_pct > _most_bone_change_pct(), false) AS has_changing_bones,
        coalesce(leg_difference_pct > _most_leg_difference_pct(), false) AS has_unequal_legs,
        coalesce(segment_difference_pct > _most_segment_difference_pct(), false) AS has_unequal_segments,
        coalesce(worst_gap_pct > _most_gap_pct(), false) AS has_gaps,
        coalesce(frozen_pct > _most_frozen_pct() AND NOT is_static, false) AS has_frozen_frames,
        coalesce(missing_frames_pct > _most_missing_frames_pct(), false) AS is_cut_off,
        coalesce(n_swaps > 0, false) AS has_swaps,
        coalesce(head_above_feet_mm < 0, false) AS is_upside_down,
        coalesce(abs(floor_drift_mm) > _most_floor_drift_mm() AND has_floor AND n_steady_cycles > 0, false)
            AS has_floor_drift,
        coalesce(abs(lowest_toe_mm) > _most_off_floor_mm() AND has_floor AND n_steady_cycles > 0, false)
            AS is_off_floor,
        coalesce(knee_crosstalk_r2 > _most_crosstalk_r2(), false) AS has_knee_crosstalk,
        n_cycles > 0
        AND (
            coalesce(knee_axis_turned_deg > _most_axis_turned_deg(), false)
            OR coalesce(
                greatest(knee_rotation_difference_deg, hip_rotation_difference_deg) > _most_rotation_difference_deg(),
                false
            )
        ) AS has_turned_knee,
        coalesce(n_contradicted_names > 0, false) AS has_contradicted_names,
        marker_shift_mm IS NOT NULL OR marker_jump_mm IS NOT NULL AS has_moved_markers,
        coalesce(n_body_jumps > 0, false) AS has_jumps,
        coalesce(n_misplaced_markers > 0, false)
        OR (knee_offset_deg IS NOT NULL AND n_steady_cycles > 0) AS has_misplaced_markers,
        coalesce(
            greatest(
                knee_rotation_out_pct,
                knee_adduction_out_pct,
                knee_backwards_pct,
                elbow_backwards_pct,
                ankle_out_pct,
                hip_out_pct,
                too_fast_pct
            ) > _most_impossible_pct(),
            false
        )
        OR coalesce(crossed_pct > _shoulders_exchanged_pct(), false)
        OR coalesce(greatest(legs_crossed_pct, pelvis_reversed_pct) > _exchanged_pct(), false) AS has_impossible_joints,
        coalesce(stance_difference_deg > _most_stance_difference_deg(), false) AS has_unequal_stance,
        coalesce(mirrored_pct > _exchanged_pct(), false) AS is_mirrored,
        -- In a person who lies curled up, head and ankles are close together, but the legs have their usual length.
        coalesce(size_m > _most_stature_m(), false)
        OR coalesce(size_m < _least_stature_m(), false)
        OR coalesce(shortest_segment_mm / 1000 < _least_leg_segment_m(), false)
        OR coalesce(longest_segment_mm / 1000 > _most_leg_segment_m(), false)
        OR coalesce(hips_apart_mm / 1000 NOT BETWEEN _least_hips_apart_m() AND _most_hips_apart_m(), false)
        OR coalesce(hips_apart_mm < _least_hips_share() * height_mm, false)
            AS has_impossible_size,
        coalesce(
            abs(coalesce(head_above_feet_mm / nullif(height_mm, 0), hips_above_feet_mm / nullif(leg_mm, 0)))
            < _least_upright_share()
            AND travel_mm > _least_lying_travel_mm()
            AND n_cycles > 0,
            false
        ) AS is_lying,
        coalesce(is_rate_out, false) AS has_impossible_rate,
        n_exchanged_events >= 2 AS has_exchanged_events,
        coalesce(rate_claims_ratio <> 1, false)
        OR coalesce(cadence_norm > _most_cadence_norm(), false) AS has_doubtful_rate,
        length_basis = 'judged'
        AND coalesce(height_mm / 1000 NOT BETWEEN _least_judged_m() AND _most_judged_m(), false) AS is_unit_a_guess,
        coalesce(size_m NOT BETWEEN _least_usual_stature_m() AND _most_usual_stature_m(), false) AS has_unusual_size,
        coalesce(
            size_m / nullif(stated_height_m, 0)
            NOT BETWEEN _least_share_of_stated_height() AND _most_share_of_stated_height(),
            false
        ) AS has_other_size,
        is_unit_a_guess OR has_unusual_size OR has_other_size AS has_doubtful_unit,
        coalesce(farthest_m > _most_coordinate_m(), false) AS is_out_of_reach,
        n_session_side < _least_session_cycles()
        AND n_session_recorded >= _least_session_cycles()
        AND n_steady_cycles > 0 AS has_few_strides,
        coalesce(up_source = 'camera_level', false) AS is_up_guessed,
        coalesce(position_basis = 'camera_fov_guessed', false) AS is_fov_guessed,
        coalesce(length_basis IN ('nominal', 'none'), false) AND kind <> 'curves' AS is_length_nominal
    FROM described
)

SELECT * FROM flagged
