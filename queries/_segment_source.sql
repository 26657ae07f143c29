-- One row: a frame of a person, with the segment rotations from which angles are computed.
-- Inputs: landmarks, _body_segments. SET VARIABLE angle_source = 'body' uses the rotations of the fitted body. The
-- relation is chosen by name before the query is planned, so that a scan of landmarks reads only the parts that are
-- needed: for 3 angles of 200,000 frames, a join or a union here takes 40 % longer.
SELECT *
FROM query_table(
    CASE _angle_source() WHEN 'body' THEN '_body_segments' ELSE 'landmarks' END
)
