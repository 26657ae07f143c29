-- Macros over unit quaternions, STRUCT(w, x, y, z). Axes of a segment: x forward, y up along it, z to the right.
-- A macro is expanded in place, so its arguments should be columns: nested calls grow with each level.
-- The elements of the rotation matrix that an angle needs are written out from the quaternion, halved if both are
-- arguments of atan2. Because of rounding, a sine can be larger than 1.

-- The distal segment relative to the axes of the proximal one: conj(proximal) * distal.
CREATE OR REPLACE MACRO _relative(proximal, distal) AS {
    'w': proximal.w * distal.w + proximal.x * distal.x + proximal.y * distal.y + proximal.z * distal.z,
    'x': proximal.w * distal.x - proximal.x * distal.w - proximal.y * distal.z + proximal.z * distal.y,
    'y': proximal.w * distal.y + proximal.x * distal.z - proximal.y * distal.w - proximal.z * distal.x,
    'z': proximal.w * distal.z - proximal.x * distal.y + proximal.y * distal.x - proximal.z * distal.w
};

-- The same, where the first is a rotation about y only, like that of the lab.
CREATE OR REPLACE MACRO _relative_to_turn(turn, distal) AS {
    'w': turn.w * distal.w + turn.y * distal.y,
    'x': turn.w * distal.x - turn.y * distal.z,
    'y': turn.w * distal.y - turn.y * distal.w,
    'z': turn.w * distal.z + turn.y * distal.x
};

-- The same, mirrored in the sagittal plane (x and y change sign): a left joint becomes the right joint that moves the
-- same way.
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

-- Angle in degrees from its sine, which may be larger than 1 because of rounding.
CREATE OR REPLACE MACRO _asin_deg(sine) AS CASE WHEN abs(sine) < 1 THEN degrees(asin(sine)) ELSE 90 * sign(sine) END;

-- Joint coordinate system (Grood & Suntay 1983, doi 10.1115/1.3138397): about z of the proximal segment, then the
-- floating axis, then y of the distal one. The angle about the floating axis is computed from its sine, which an
-- earlier step provides.
CREATE OR REPLACE MACRO _about_z_deg(q) AS degrees(atan2(q.w * q.z - q.x * q.y, 0.5 - (q.x * q.x + q.z * q.z)));
CREATE OR REPLACE MACRO _floating_sine(q) AS 2 * (q.y * q.z + q.w * q.x);
CREATE OR REPLACE MACRO _about_y_deg(q) AS degrees(atan2(q.w * q.y - q.x * q.z, 0.5 - (q.x * q.x + q.y * q.y)));

-- Rotations about z beyond a right angle, -90 to 270: forward as in shoulder flexion, backward as in knee flexion.
CREATE OR REPLACE MACRO _forwards_deg(q) AS
90 + degrees(atan2(q.x * q.x + q.z * q.z - 0.5, q.w * q.z - q.x * q.y));
CREATE OR REPLACE MACRO _backwards_deg(q) AS
90 + degrees(atan2(q.x * q.x + q.z * q.z - 0.5, q.x * q.y - q.w * q.z));

-- Flexion and adduction of the same long axis if adduction comes first, about x of the proximal segment: the order of
-- Plug-in Gait's shoulder.
CREATE OR REPLACE MACRO _abduction_first_flexion_deg(flexion_deg, adduction_deg) AS
degrees(asin(sin(radians(flexion_deg)) * cos(radians(adduction_deg))));
CREATE OR REPLACE MACRO _abduction_first_adduction_deg(flexion_deg, adduction_deg) AS
degrees(atan2(sin(radians(adduction_deg)), cos(radians(flexion_deg)) * cos(radians(adduction_deg))));

-- The ankle, where the long axis of the foot (its x axis) replaces y.
CREATE OR REPLACE MACRO _toes_up_deg(q) AS degrees(atan2(q.x * q.y + q.w * q.z, 0.5 - (q.y * q.y + q.z * q.z)));
CREATE OR REPLACE MACRO _sole_in_deg(q) AS degrees(atan2(q.y * q.z + q.w * q.x, 0.5 - (q.x * q.x + q.y * q.y)));
-- Sine of the angle between the foot's x axis and the plane of x and y; positive is toes in.
CREATE OR REPLACE MACRO _toe_in_sine(q) AS 2 * (q.w * q.y - q.x * q.z);

-- Pelvis and trunk relative to the lab or to each other: tilt, obliquity, rotation in the order of Plug-in Gait.
CREATE OR REPLACE MACRO _tilt_deg(q) AS degrees(atan2(q.x * q.y - q.w * q.z, 0.5 - (q.x * q.x + q.z * q.z)));
CREATE OR REPLACE MACRO _obliquity_sine(q) AS -2 * (q.y * q.z + q.w * q.x);
-- Rotation, obliquity, tilt: the order of Baker (2001, Gait & Posture 13:1-6).
CREATE OR REPLACE MACRO _tilt_last_deg(q) AS degrees(atan2(-(q.x * q.y + q.w * q.z), 0.5 - (q.x * q.x + q.z * q.z)));
CREATE OR REPLACE MACRO _obliquity_second_sine(q) AS 2 * (q.y * q.z - q.w * q.x);
CREATE OR REPLACE MACRO _rotation_first_deg(q) AS
degrees(atan2(q.x * q.z + q.w * q.y, 0.5 - (q.x * q.x + q.y * q.y)));

-- The first of two or three values that is not NULL.
CREATE OR REPLACE MACRO _first_of(a, b) AS {
    'w': coalesce(a.w, b.w), 'x': coalesce(a.x, b.x), 'y': coalesce(a.y, b.y), 'z': coalesce(a.z, b.z)
},
(a, b, c) AS {
    'w': coalesce(a.w, b.w, c.w),
    'x': coalesce(a.x, b.x, c.x),
    'y': coalesce(a.y, b.y, c.y),
    'z': coalesce(a.z, b.z, c.z)
};

-- The y and z axes of a segment in the lab, STRUCT(x, y, z).
CREATE OR REPLACE MACRO _y_axis(q) AS {
    'x': 2 * (q.x * q.y - q.w * q.z), 'y': 1 - 2 * (q.x * q.x + q.z * q.z), 'z': 2 * (q.y * q.z + q.w * q.x)
};
CREATE OR REPLACE MACRO _z_axis(q) AS {
    'x': 2 * (q.x * q.z + q.w * q.y), 'y': 2 * (q.y * q.z - q.w * q.x), 'z': 1 - 2 * (q.x * q.x + q.y * q.y)
};
-- A segment turned about its own y.
CREATE OR REPLACE MACRO _turned_about_y(q, half_turn) AS {
    'w': q.w * cos(half_turn) - q.y * sin(half_turn),
    'x': q.x * cos(half_turn) - q.z * sin(half_turn),
    'y': q.y * cos(half_turn) + q.w * sin(half_turn),
    'z': q.z * cos(half_turn) + q.x * sin(half_turn)
};
