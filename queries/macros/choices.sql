-- The value that SET VARIABLE has chosen, or the default. An unknown value is an error that names the variable. DuckDB
-- computes these once, while it plans a query.
CREATE OR REPLACE MACRO _refused(variable, found, allowed) AS error(
    concat(variable, ' is ''', found, '''; it can be ', allowed)
);
-- The same for a variable that names something in the lake; the error lists the most similar names, or the first ones.
CREATE OR REPLACE MACRO _names_near(found, names) AS list_filter(
    names, LAMBDA name: jaro_winkler_similarity(lower(name), lower(found)) > 0.8
);
CREATE OR REPLACE MACRO _refused_name(variable, found, names) AS error(
    concat(
        variable,
        ' is ''',
        found,
        '''; ',
        CASE
            WHEN len(_names_near(found, names)) > 0
                THEN concat('similar: ', array_to_string(_names_near(found, names)[:5], ', '))
            WHEN len(names) > 12
                THEN concat('there are: ', array_to_string(names[:12], ', '), ' and ', len(names) - 12, ' more')
            ELSE concat('there are: ', coalesce(array_to_string(names, ', '), 'none'))
        END
    )
);
CREATE OR REPLACE MACRO _event_source() AS CASE coalesce(getvariable('event_source')::varchar, 'force')
    WHEN 'force' THEN 'force'
    WHEN 'computed' THEN 'computed'
    WHEN 'file' THEN 'file'
    ELSE _refused('event_source', getvariable('event_source')::varchar, 'force, computed or file')
END;
CREATE OR REPLACE MACRO _angle_source() AS CASE coalesce(getvariable('angle_source')::varchar, 'landmarks')
    WHEN 'landmarks' THEN 'landmarks'
    WHEN 'body' THEN 'body'
    ELSE _refused('angle_source', getvariable('angle_source')::varchar, 'landmarks or body')
END;
CREATE OR REPLACE MACRO _pelvis_order() AS CASE coalesce(getvariable('pelvis_order')::varchar, 'plug_in_gait')
    WHEN 'plug_in_gait' THEN 'plug_in_gait'
    WHEN 'baker' THEN 'baker'
    ELSE _refused('pelvis_order', getvariable('pelvis_order')::varchar, 'plug_in_gait or baker')
END;
CREATE OR REPLACE MACRO _moment_frame() AS CASE coalesce(getvariable('moment_frame')::varchar, 'distal')
    WHEN 'distal' THEN 'distal'
    WHEN 'proximal' THEN 'proximal'
    WHEN 'joint' THEN 'joint'
    WHEN 'lab' THEN 'lab'
    ELSE _refused('moment_frame', getvariable('moment_frame')::varchar, 'distal, proximal, joint or lab')
END;
CREATE OR REPLACE MACRO _inertia() AS CASE coalesce(getvariable('inertia')::varchar, 'de_leva')
    WHEN 'de_leva' THEN 'de_leva'
    WHEN 'dempster' THEN 'dempster'
    ELSE _refused('inertia', getvariable('inertia')::varchar, 'de_leva or dempster')
END;
CREATE OR REPLACE MACRO _force_filter() AS CASE coalesce(getvariable('force_filter')::varchar, 'same')
    WHEN 'same' THEN 'same'
    WHEN 'none' THEN 'none'
    ELSE _refused('force_filter', getvariable('force_filter')::varchar, 'same or none')
END;
CREATE OR REPLACE MACRO _reviews() AS CASE coalesce(getvariable('reviews')::varchar, 'on')
    WHEN 'on' THEN 'on'
    WHEN 'off' THEN 'off'
    ELSE _refused('reviews', getvariable('reviews')::varchar, 'on or off')
END;
CREATE OR REPLACE MACRO _accept_camera_level() AS CASE
coalesce(lower(getvariable('accept_camera_level')::varchar), 'false')
    WHEN 'true' THEN true
    WHEN 'false' THEN false
    ELSE _refused('accept_camera_level', getvariable('accept_camera_level')::varchar, 'true or false')
END;
