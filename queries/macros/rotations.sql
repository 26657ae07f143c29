-- Macros over unit quaternions, STRUCT(w, x, y, z). Axes of a segment: x forward, y up along it, z to the right.
-- A macro is pasted in where it is named, so its arguments should be columns: nested calls grow with each level.
-- The elements of the rotation matrix that an angle needs are written out from the quaternion, halved where atan2
-- takes two; rounding can take a sine past 1.

-- The distal segment in the axes of the proximal one: conj(proximal) * distal.
CREATE OR REPLACE MACRO _relative(proximal, distal) AS {
    'w': proximal.w * distal.w + proximal.x * distal.x + proximal.y * distal.y + proximal.z * distal.z,
    'x': proximal.w * distal.x - proximal.x * distal.w - proximal.y * distal.z + proximal.z * distal.y,
    'y': proximal.w * distal.y + proximal.x * distal.z - proximal.y * distal.w - proximal.z * distal.x,
    'z': proximal.w * distal.z - proximal.x * distal.y + proximal.y * distal.x - proximal.z * distal.w
};

-- The same where the first is a turn about y alone, as the lab is.
CREATE OR REPLACE MACRO _relative_to_turn(turn, distal) AS {
    'w': turn.w * distal.w + turn.y * distal.y,
    'x': turn.w * distal.x - turn.y * distal.z,
    'y': turn.w * distal.y - turn.y * distal.w,
    'z': turn.w * distal.z + turn.y * distal.x
};

-- Both seen in a mirror held along the walker (x and y change sign): a left joint as the right one that moves alike.
CREATE OR REPLACE MACRO _mirrored(proximal, distal) AS {
    'w': proximal.w * distal.w + proximal.x * distal.x + proximal.y * distal.y + proximal.z * distal.z,
    'x': -(proximal.w * distal.x - proximal.x * distal.w - proximal.y * distal.z + proximal.z * distal.y),
    'y': -(proximal.w * distal.y + proximal.x * distal.z - proximal.y * distal.w - proximal.z * distal.x),
    'z': proximal.w * distal.z - proximal.x * distal.y + proximal.y * distal.x - proximal.z * distal.w
};
CREATE OR REPLACE MACRO _mirrored_to_turn(turn, distal) AS {
    'w': turn.w * distal.w + turn.y * distal.y,
    'x': -(turn.w * distal.x - turn.y * distal.z),
    'y': -(turn.w * distal.y - turn.y * distal.w),
    'z': turn.w * distal.z + turn.y * distal.x
};

-- Degrees of an arc whose sine rounding may have taken past 1.
CREATE OR REPLACE MACRO _asin_deg(sine) AS CASE WHEN abs(sine) < 1 THEN degrees(asin(sine)) ELSE 90 * sign(sine) END;

-- Joint coordinate system (Grood & Suntay 1983, doi 10.1115/1.3138397): about z of the proximal segment, then the
-- floating axis, then y of the distal one. The floating angle goes through its sine, which is computed a step before.
CREATE OR REPLACE MACRO _about_z_deg(q) AS degrees(atan2(q.w * q.z - q.x * q.y, 0.5 - (q.x * q.x + q.z * q.z)));
CREATE OR REPLACE MACRO _floating_sine(q) AS 2 * (q.y * q.z + q.w * q.x);
CREATE OR REPLACE MACRO _about_y_deg(q) AS degrees(atan2(q.w * q.y - q.x * q.z, 0.5 - (q.x * q.x + q.y * q.y)));

-- Turns about z of more than a right angle, from -90 to 270: forwards as a shoulder flexes, backwards as a knee does.
CREATE OR REPLACE MACRO _forwards_deg(q) AS
90 + degrees(atan2(q.x * q.x + q.z * q.z - 0.5, q.w * q.z - q.x * q.y));
CREATE OR REPLACE MACRO _backwards_deg(q) AS
90 + degrees(atan2(q.x * q.x + q.z * q.z - 0.5, q.x * q.y - q.w * q.z));

-- The ankle, where the long axis of the foot (its x) takes the place of y.
CREATE OR REPLACE MACRO _toes_up_deg(q) AS degrees(atan2(q.x * q.y + q.w * q.z, 0.5 - (q.y * q.y + q.z * q.z)));
CREATE OR REPLACE MACRO _sole_in_deg(q) AS degrees(atan2(q.y * q.z + q.w * q.x, 0.5 - (q.x * q.x + q.y * q.y)));
-- Sine of the angle of the foot's x with the plane of x and y: toes in.
CREATE OR REPLACE MACRO _toe_in_sine(q) AS 2 * (q.w * q.y - q.x * q.z);

-- Pelvis and trunk against the lab or each other: tilt, obliquity, rotation in the order of Plug-in Gait.
CREATE OR REPLACE MACRO _tilt_deg(q) AS degrees(atan2(q.x * q.y - q.w * q.z, 0.5 - (q.x * q.x + q.z * q.z)));
CREATE OR REPLACE MACRO _obliquity_sine(q) AS -2 * (q.y * q.z + q.w * q.x);
-- Rotation, obliquity, tilt: the order of Baker (2001, Gait & Posture 13:1-6).
CREATE OR REPLACE MACRO _tilt_last_deg(q) AS degrees(atan2(-(q.x * q.y + q.w * q.z), 0.5 - (q.x * q.x + q.z * q.z)));
CREATE OR REPLACE MACRO _obliquity_second_sine(q) AS 2 * (q.y * q.z - q.w * q.x);
CREATE OR REPLACE MACRO _rotation_first_deg(q) AS
degrees(atan2(q.x * q.z + q.w * q.y, 0.5 - (q.x * q.x + q.y * q.y)));

-- The first of two or three that is there.
CREATE OR REPLACE MACRO _first_of(a, b) AS {
    'w': coalesce(a.w, b.w), 'x': coalesce(a.x, b.x), 'y': coalesce(a.y, b.y), 'z': coalesce(a.z, b.z)
},
(a, b, c) AS {
    'w': coalesce(a.w, b.w, c.w),
    'x': coalesce(a.x, b.x, c.x),
    'y': coalesce(a.y, b.y, c.y),
    'z': coalesce(a.z, b.z, c.z)
};
