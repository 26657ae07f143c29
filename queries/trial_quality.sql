-- One row: a trial, with values that describe the quality of its data, a flag for each, and a verdict in words.
-- Inputs: _trial_flags (values, flags and their thresholds), _excluded_trials.
SELECT
    subject,
    session,
    trial,
    kind,
    is_static,
    bone_length_cv_pct,
    leg_difference_pct,
    segment_difference_pct,
    worst_gap_pct,
    worst_landmark,
    frozen_pct,
    missing_frames_pct,
    n_swaps,
    head_above_feet_mm,
    lowest_toe_mm,
    floor_drift_mm,
    knee_crosstalk_r2,
    knee_axis_turned_deg,
    knee_rotation_difference_deg,
    hip_rotation_difference_deg,
    n_contradicted_names,
    marker_shift_mm,
    marker_jump_mm,
    n_body_jumps,
    n_misplaced_markers,
    knee_offset_deg,
    knee_rotation_out_pct,
    knee_adduction_out_pct,
    knee_backwards_pct,
    elbow_backwards_pct,
    ankle_out_pct,
    hip_out_pct,
    crossed_pct,
    legs_crossed_pct,
    pelvis_reversed_pct,
    mirrored_pct,
    too_fast_pct,
    height_mm,
    hips_apart_mm,
    cadence_norm,
    stance_difference_deg,
    n_cycles,
    n_steady_cycles,
    n_exchanged_events,
    has_changing_bones,
    has_unequal_legs,
    has_unequal_segments,
    has_gaps,
    has_frozen_frames,
    is_cut_off,
    has_swaps,
    is_upside_down,
    is_lying,
    has_mixed_up,
    has_floor_drift,
    is_off_floor,
    has_knee_crosstalk,
    has_turned_knee,
    has_contradicted_names,
    has_moved_markers,
    has_jumps,
    has_misplaced_markers,
    has_impossible_joints,
    has_unequal_stance,
    is_mirrored,
    has_impossible_size,
    has_impossible_rate,
    has_doubtful_rate,
    has_doubtful_unit,
    has_exchanged_events,
    is_out_of_reach,
    has_few_strides,
    is_up_guessed,
    is_fov_guessed,
    is_length_nominal,
    bad_emg IS NOT NULL AS has_bad_emg,
    bad_plates IS NOT NULL AS has_bad_plates,
    contradicting_plates IS NOT NULL AS has_contradicting_plates,
    drifting_plates IS NOT NULL AS has_plate_drift,
    offset_plates IS NOT NULL AS has_plate_offset,
    has_doubtful_plates,
    edge_plates IS NOT NULL AS has_load_beyond_edge,
    foreign_plates IS NOT NULL AS has_foreign_load,
    coalesce(carried_pct NOT BETWEEN _least_carried_pct() AND _most_carried_pct(), false) AS has_missing_weight,
    has_no_body_mass,
    coalesce('Excluded ' || excluded.by_whom || '. ', '')
    || CASE
        WHEN has_doubtful_signs THEN 'Check first: curves are opposite in sign to the published norm; see the notes.'
        WHEN kind = 'curves' THEN 'Curves of a data set only: no points, events or times.'
        WHEN is_without_points THEN 'No points in this trial: angles of the source file only.'
        WHEN is_upside_down THEN 'Do not use: the head is below the feet.'
        WHEN is_mirrored
            THEN 'Do not use: toes and pelvis show that left and right are exchanged.'
        WHEN has_impossible_size THEN 'Do not use: no body has this size.'
        WHEN has_impossible_rate THEN 'Do not use: nobody records at this frame rate.'
        WHEN is_out_of_reach THEN 'Do not use: points are more than 100 m from the origin.'
        WHEN has_swaps THEN 'Check first: left and right change places.'
        WHEN
            has_changing_bones
            OR has_unequal_legs
            OR has_unequal_segments
            OR has_gaps
            OR has_frozen_frames
            OR is_cut_off
            OR has_impossible_joints
            OR has_unequal_stance
            OR has_turned_knee
            OR has_contradicted_names
            OR has_moved_markers
            OR has_jumps
            OR has_misplaced_markers
            OR has_floor_drift
            OR is_off_floor
            OR has_doubtful_rate
            OR has_doubtful_unit
            OR has_mixed_up
            OR has_exchanged_events
            OR is_lying
            OR contradicting_plates IS NOT NULL
            OR has_doubtful_plates
            OR carried_pct NOT BETWEEN _hardly_carried_pct() AND _most_carried_pct()
            THEN 'Check first.'
        WHEN is_static THEN 'A static trial: for calibration, no gait.'
        WHEN n_cycles = 0 THEN 'No gait cycle found.'
        WHEN n_steady_cycles = 0 THEN 'No steady gait cycle.'
        ELSE 'Usable.'
    END
    || concat_ws(
        '',
        CASE
            WHEN has_changing_bones
                THEN ' Bone lengths vary by ' || round(bone_length_cv_pct)::INTEGER::VARCHAR || ' %.'
        END,
        CASE
            WHEN has_unequal_legs
                THEN ' The legs differ in length by ' || round(leg_difference_pct)::INTEGER::VARCHAR || ' %.'
        END,
        CASE
            WHEN has_unequal_segments
                THEN
                    ' Left and right thigh, shank or foot differ in length by '
                    || round(segment_difference_pct)::INTEGER::VARCHAR || ' %: a marker may be misplaced.'
        END,
        CASE
            WHEN has_gaps

                THEN
                    ' ' || worst_landmark || ' is missing in '
                    || round(worst_gap_pct)::INTEGER::VARCHAR || ' % of frames.'
        END,
        CASE
            WHEN has_frozen_frames
                THEN ' ' || round(frozen_pct)::INTEGER::VARCHAR || ' % of frames repeat the one before.'
        END,
        CASE
            WHEN is_cut_off
                THEN
                    ' The file was cut off: ' || round(missing_frames_pct)::INTEGER::VARCHAR
                    || ' % of its frames are missing.'
        END,
        CASE
            WHEN has_floor_drift
                THEN ' The floor drifts by ' || round(floor_drift_mm)::INTEGER::VARCHAR || ' mm.'
        END,
        CASE
            WHEN is_off_floor
                THEN ' The lowest toe is at ' || round(lowest_toe_mm)::INTEGER::VARCHAR || ' mm, not at the floor.'
        END,
        CASE
            WHEN has_impossible_joints
                THEN
                    ' ' || concat_ws(
                        ' ',
                        CASE
                            WHEN
                                knee_rotation_out_pct > _most_impossible_pct()
                                THEN 'Knee rotation is beyond 60 degrees.'
                        END,
                        CASE
                            WHEN
                                knee_adduction_out_pct > _most_impossible_pct()
                                THEN 'Knee adduction is beyond 30 degrees.'
                        END,
                        CASE WHEN knee_backwards_pct > _most_impossible_pct() THEN 'A knee bends backwards.' END,
                        CASE WHEN elbow_backwards_pct > _most_impossible_pct() THEN 'An elbow bends backwards.' END,
                        CASE WHEN ankle_out_pct > _most_impossible_pct() THEN 'An ankle is beyond 60 degrees.' END,
                        CASE
                            WHEN
                                hip_out_pct > _most_impossible_pct()
                                THEN 'A hip is beyond 75 degrees of extension or 150 of flexion.'
                        END,
                        CASE
                            WHEN legs_crossed_pct > _exchanged_pct()
                                THEN 'The right leg is to the left of the left one: their names may be exchanged.'
                        END,
                        CASE
                            WHEN pelvis_reversed_pct > _exchanged_pct()
                                THEN 'The front of the pelvis is behind it: ASIS and PSIS may be exchanged.'
                        END,
                        CASE
                            WHEN
                                crossed_pct > _shoulders_exchanged_pct()
                                THEN 'The shoulders face the opposite way to the hips.'
                        END,
                        CASE WHEN too_fast_pct > _most_impossible_pct() THEN 'The pelvis is faster than 13 m/s.' END
                    )
        END,
        CASE
            WHEN has_impossible_size
                THEN
                    coalesce(' The body is ' || round(height_mm / 1000, 2)::VARCHAR || ' m tall,', '')
                    || CASE
                        WHEN height_of_leg_mm / 1000 > _most_stature_m()
                            THEN ' ' || round(height_of_leg_mm / 1000, 2)::VARCHAR || ' m by its longer leg,'
                        ELSE ''
                    END
                    || ' thighs and shanks are ' || round(shortest_segment_mm / 1000, 2)::VARCHAR || ' to '
                    || round(longest_segment_mm / 1000, 2)::VARCHAR || ' m long'
                    || coalesce(', the hips are ' || round(hips_apart_mm / 1000, 2)::VARCHAR || ' m apart', '')
                    || ': the unit may be wrong.'
        END,
        CASE WHEN has_impossible_rate THEN ' The rate is ' || rate_hz::VARCHAR || ' frames per second.' END,
        CASE
            WHEN rate_claims_ratio <> 1
                THEN
                    ' The file states two frame rates, and it is not known which one is right (a factor of '
                    || round(rate_claims_ratio, 3)::VARCHAR || '): times and speeds are uncertain.'
        END,
        CASE
            WHEN cadence_norm > _most_cadence_norm()
                THEN
                    ' Nobody walks at ' || round(120 / stride_time_s)::INTEGER::VARCHAR
                    || ' steps per minute with legs of this length: the frame rate may be wrong.'
        END,
        CASE
            WHEN is_lying
                THEN
                    ' The body travels by steps with head and feet at nearly one height: '
                    || 'the axis taken for up may be wrong.'
        END,
        CASE
            WHEN has_mixed_up
                THEN ' The trials of this session do not agree on which axis of their files is up: see their notes.'
        END,
        CASE
            WHEN has_exchanged_events
                THEN
                    ' ' || n_exchanged_events::VARCHAR
                    || ' foot strikes and offs of the file are those of the other foot: their sides may be exchanged.'
        END,
        CASE
            WHEN is_unit_a_guess
                THEN
                    ' The unit was judged from a height of ' || round(height_mm / 1000, 2)::VARCHAR
                    || ' m: lengths and speeds are uncertain.'
        END,
        CASE
            WHEN has_other_size
                THEN
                    ' The person measures ' || round(size_m, 2)::VARCHAR || ' m, participants.tsv says '
                    || round(stated_height_m, 2)::VARCHAR || ' m: check the scale (scale_mm in cohort.toml).'
            WHEN has_unusual_size AND NOT has_impossible_size AND NOT is_unit_a_guess
                THEN
                    ' The person measures ' || round(size_m, 2)::VARCHAR
                    || ' m: check the scale (scale_mm in cohort.toml).'
        END,
        CASE
            WHEN has_unequal_stance
                THEN
                    ' In standing, the legs differ by ' || round(stance_difference_deg)::INTEGER::VARCHAR || ' degrees.'
        END,
        CASE
            WHEN has_knee_crosstalk
                THEN
                    ' Knee adduction follows flexion: the knee axis may be turned by '
                    || round(knee_axis_turned_deg)::INTEGER::VARCHAR || ' degrees.'
        END,
        CASE
            WHEN has_turned_knee AND knee_rotation_difference_deg > _most_rotation_difference_deg()
                THEN
                    ' The left and right knee differ by ' || round(knee_rotation_difference_deg)::INTEGER::VARCHAR
                    || ' degrees in their mean rotation: a wand or a cluster may have moved.'
        END,
        CASE
            WHEN has_turned_knee AND hip_rotation_difference_deg > _most_rotation_difference_deg()
                THEN
                    ' The left and right hip differ by ' || round(hip_rotation_difference_deg)::INTEGER::VARCHAR
                    || ' degrees in their mean rotation: the marker of a thigh may be turned.'
        END,
        CASE
            WHEN has_contradicted_names
                THEN ' Some names of points contradict the anatomy and may be exchanged: see the notes.'
        END,
        CASE
            WHEN marker_shift_mm IS NOT NULL
                THEN
                    ' The distance between two markers of one segment changes by '
                    || round(marker_shift_mm)::INTEGER::VARCHAR || ' mm: see the notes of the trial.'
        END,
        CASE
            WHEN marker_jump_mm IS NOT NULL
                THEN
                    ' A marker jumps by ' || round(marker_jump_mm)::INTEGER::VARCHAR
                    || ' mm and stays there: see the notes of the trial.'
        END,
        CASE
            WHEN has_jumps
                THEN
                    ' Jumps of the whole body from one frame to the next: ' || n_body_jumps::VARCHAR
                    || '; frames are missing, or recordings were joined.'
        END,
        CASE WHEN n_misplaced_markers > 0 THEN ' Markers may be misplaced: see the notes of the trial.' END,
        CASE
            WHEN knee_offset_deg IS NOT NULL AND n_steady_cycles > 0
                THEN
                    ' One knee is flexed by ' || round(knee_offset_deg)::INTEGER::VARCHAR
                    || ' degrees more than the other throughout: a contracture, or a misplaced marker.'
        END,
        CASE
            WHEN n_cycles > 0 AND n_steady_cycles < n_cycles AND usual_reason IS NOT NULL
                THEN
                    ' ' || (n_cycles - n_steady_cycles)::VARCHAR || ' of ' || n_cycles::VARCHAR
                    || ' cycles are not steady, most often: ' || usual_reason || '.'
        END,
        CASE
            WHEN has_few_strides
                THEN ' The session has fewer than 3 steady cycles per side, although more were recorded.'
        END,
        CASE
            WHEN is_up_guessed
                THEN ' Up is that of a level camera: pelvis, trunk and foot-progression angles are uncertain.'
        END,
        CASE WHEN is_fov_guessed THEN ' The field of view was guessed: lengths and speeds are uncertain.' END,
        CASE WHEN is_length_nominal THEN ' Lengths are nominal, not measured.' END,
        ' EMG not reliable: ' || bad_emg || '.',
        ' Not used, because it never returns to zero: force platform ' || bad_plates || '.',
        ' Not used, because it contradicts the person on it (see the notes): force platform '
        || contradicting_plates || '.',
        CASE
            WHEN has_doubtful_plates
                THEN ' A force platform is saturated, or its channels, corners or units can hardly be right: see notes.'
        END,
        ' Not zero when unloaded: force platform ' || offset_plates || '.',
        ' The unloaded force drifts: force platform ' || drifting_plates || '.',
        ' The centre of pressure is beyond the edge: force platform ' || edge_plates || '.',
        ' Something other than the feet loads force platform ' || foreign_plates || '.',
        CASE
            WHEN carried_pct NOT BETWEEN _least_carried_pct() AND _most_carried_pct()
                THEN
                    ' The platforms carry ' || round(carried_pct)::INTEGER::VARCHAR
                    || ' % of the weight: a handrail or stick, or a wrong body mass.'
        END,
        CASE WHEN has_no_body_mass THEN ' No body mass between 2 and 400 kg: no moments or powers per kilogram.' END
    ) AS verdict
FROM _trial_flags AS flagged
LEFT JOIN _excluded_trials AS excluded USING (subject, session, trial)
