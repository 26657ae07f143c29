-- The vertex of the parabola through (a, ya), (0, 0), (b, yb) with a < 0 < b, such as the frames before and after an
-- extreme: its distance from the middle point, or 0 if the three are on a line. A maximum has ya <= 0 and yb <= 0.
CREATE OR REPLACE MACRO _vertex_s(a, b, ya, yb) AS
coalesce((yb * a * a - ya * b * b) / nullif(2 * (yb * a - ya * b), 0), 0);
