-- Whether a point is over a platform or within 10 mm of its edges. x and z: from the middle of the platform, in mm.
-- half: the axes from there to the middles of two edges, STRUCT(ax, az, bx, bz).
CREATE OR REPLACE MACRO _is_over(x, z, half) AS
abs(x * half.ax + z * half.az)
<= (half.ax ^ 2 + half.az ^ 2) + _plate_edge_mm() * sqrt(half.ax ^ 2 + half.az ^ 2)
AND abs(x * half.bx + z * half.bz)
<= (half.bx ^ 2 + half.bz ^ 2) + _plate_edge_mm() * sqrt(half.bx ^ 2 + half.bz ^ 2);
