-- One row: a frame of a person, with the segment rotations that angles are taken from.
-- Inputs: landmarks, _body_segments. SET VARIABLE angle_source = 'body' takes the rotations of the fitted body. The
-- choice is made by name, before the query is planned, so that a scan of landmarks reads only the parts that are asked
-- for: measured on 3 angles of 200,000 frames, a join or a union here costs 40 % more.
SELECT *
FROM query_table(
    CASE coalesce(getvariable('angle_source')::VARCHAR, 'landmarks')
        WHEN 'landmarks' THEN 'landmarks'
        WHEN 'body' THEN '_body_segments'
        ELSE error('angle_source is landmarks or body')
    END
)
