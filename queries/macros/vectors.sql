-- Macros over vectors, STRUCT(x, y, z), y up. A macro is expanded in place, so its arguments should be columns.

-- A landmark in metres, and its acceleration from the frames before and after, metres per second squared.
CREATE OR REPLACE MACRO _metres(p) AS {
    'x': p.x / 1000, 'y': p.y / 1000, 'z': p.z / 1000
};
CREATE OR REPLACE MACRO _acceleration(p_before, p, p_after, step_s) AS {
    'x': (p_after.x - 2 * p.x + p_before.x) / (1000 * step_s ^ 2),
    'y': (p_after.y - 2 * p.y + p_before.y) / (1000 * step_s ^ 2),
    'z': (p_after.z - 2 * p.z + p_before.z) / (1000 * step_s ^ 2)
};

-- Angular velocity in the lab between two quaternions two frames apart, radians per second.
CREATE OR REPLACE MACRO _same_half(q, r) AS sign(r.w * q.w + r.x * q.x + r.y * q.y + r.z * q.z);
CREATE OR REPLACE MACRO _angular_velocity(q, r, step_s) AS {
    'x': (r.x * q.w - r.w * q.x - r.y * q.z + r.z * q.y) * _same_half(q, r) / step_s,
    'y': (r.y * q.w - r.w * q.y - r.z * q.x + r.x * q.z) * _same_half(q, r) / step_s,
    'z': (r.z * q.w - r.w * q.z - r.x * q.y + r.y * q.x) * _same_half(q, r) / step_s
};

-- Sums, differences, products, and the point at a given share of the way from a to b.
CREATE OR REPLACE MACRO _sum(a, b) AS {
    'x': a.x + b.x, 'y': a.y + b.y, 'z': a.z + b.z
},
(a, b, c) AS {'x': a.x + b.x + c.x, 'y': a.y + b.y + c.y, 'z': a.z + b.z + c.z},
(a, b, c, d) AS {'x': a.x + b.x + c.x + d.x, 'y': a.y + b.y + c.y + d.y, 'z': a.z + b.z + c.z + d.z};
CREATE OR REPLACE MACRO _minus(a, b) AS {
    'x': a.x - b.x, 'y': a.y - b.y, 'z': a.z - b.z
};
CREATE OR REPLACE MACRO _on_the_way(a, b, share) AS {
    'x': a.x + share * (b.x - a.x), 'y': a.y + share * (b.y - a.y), 'z': a.z + share * (b.z - a.z)
};
CREATE OR REPLACE MACRO _dot(a, b) AS a.x * b.x + a.y * b.y + a.z * b.z;
CREATE OR REPLACE MACRO _cross(a, b) AS {
    'x': a.y * b.z - a.z * b.y, 'y': a.z * b.x - a.x * b.z, 'z': a.x * b.y - a.y * b.x
};
-- The distance between two points (by products, because x ^ 2 takes seven times as long in DuckDB 2.0.1); the difference
-- of two lengths in percent of their mean; the component of a along b, which may have any length.
CREATE OR REPLACE MACRO _distance(a, b) AS sqrt(
    (b.x - a.x)::DOUBLE * (b.x - a.x) + (b.y - a.y)::DOUBLE * (b.y - a.y) + (b.z - a.z)::DOUBLE * (b.z - a.z)
);
CREATE OR REPLACE MACRO _difference_pct(a, b) AS 200.0 * abs(a - b) / nullif(a + b, 0);
CREATE OR REPLACE MACRO _part_along(a, b) AS _dot(a, b) / nullif(sqrt(b.x ^ 2 + b.y ^ 2 + b.z ^ 2), 0);

-- Newton and Euler for a segment of mass kg: the force that gives it acceleration a against gravity (N), and the moment
-- about its centre that turns its line, whose ends' accelerations differ by line_a (Nm).
CREATE OR REPLACE MACRO _segment_force(kg, a) AS {'x': kg * a.x, 'y': kg * (a.y + _gravity_m_s2()), 'z': kg * a.z};
CREATE OR REPLACE MACRO _segment_spin(kg, radius, line, line_a) AS {
    'x': kg * radius ^ 2 * (line.y * line_a.z - line.z * line_a.y),
    'y': kg * radius ^ 2 * (line.z * line_a.x - line.x * line_a.z),
    'z': kg * radius ^ 2 * (line.x * line_a.y - line.y * line_a.x)
};
-- The moment about a joint of a force that acts at a point p and of a moment about p.
CREATE OR REPLACE MACRO _moment_about(joint, p, force, moment) AS {
    'x': moment.x + (p.y - joint.y) * force.z - (p.z - joint.z) * force.y,
    'y': moment.y + (p.z - joint.z) * force.x - (p.x - joint.x) * force.z,
    'z': moment.z + (p.x - joint.x) * force.y - (p.y - joint.y) * force.x
};
-- What is subtracted from the moment of a joint because of the ground: the moment of the ground about the lab's origin,
-- moved to the joint, with opposite sign.
CREATE OR REPLACE MACRO _less_ground(joint, force, moment) AS {
    'x': (joint.y * force.z - joint.z * force.y) - moment.x,
    'y': (joint.z * force.x - joint.x * force.z) - moment.y,
    'z': (joint.x * force.y - joint.y * force.x) - moment.z
};
