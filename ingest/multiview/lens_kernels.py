"""Compiled projection of points into images, and back to rays, by the lens models of OpenCV.

A camera is 31 numbers: fx, skew, cx, fy, cy, is_fisheye, twelve coefficients of the lens, rotation (9, by rows),
translation (3), unused. Points are in mm, pixels as OpenCV counts them (0 is the middle of the first).
"""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path

import numpy as np

from neurostore import compiled

kernel = partial(compiled.kernel, sources=compiled.hash_of(Path(__file__).parent.glob("*kernels.py")))

MIN_DEPTH_MM = 1.0  # nearer points, and points behind the camera, have no image


@kernel
def bend(camera, x, y, out):
    """Distort normalised coordinates: out[0:2] the bent ones, out[2:6] their derivative (row by row) to x and y.

    OpenCV's models: Brown-Conrady with rational and thin-prism terms; fisheye as a polynomial of the angle.
    """
    k = camera[6:18]
    r2 = x * x + y * y
    if camera[5] != 0.0:
        r = math.sqrt(r2)
        if r < 1e-9:
            out[0], out[1], out[2], out[3], out[4], out[5] = x, y, 1.0, 0.0, 0.0, 1.0
            return
        angle = math.atan(r)
        a2 = angle * angle
        bent = angle * (1.0 + a2 * (k[0] + a2 * (k[1] + a2 * (k[2] + a2 * k[3]))))
        slope = 1.0 + a2 * (3.0 * k[0] + a2 * (5.0 * k[1] + a2 * (7.0 * k[2] + a2 * 9.0 * k[3])))
        scale = bent / r
        change = (slope / (1.0 + r2) - scale) / r2  # d scale / dx = change * x
        out[0], out[1] = x * scale, y * scale
        out[2], out[3] = scale + change * x * x, change * x * y
        out[4], out[5] = change * x * y, scale + change * y * y
        return
    above = 1.0 + r2 * (k[0] + r2 * (k[1] + r2 * k[4]))
    below = 1.0 + r2 * (k[5] + r2 * (k[6] + r2 * k[7]))
    radial = above / below
    d_above = k[0] + r2 * (2.0 * k[1] + r2 * 3.0 * k[4])
    d_below = k[5] + r2 * (2.0 * k[6] + r2 * 3.0 * k[7])
    change = 2.0 * (d_above - radial * d_below) / below  # d radial / dx = change * x
    prism_x, prism_y = 2.0 * (k[8] + 2.0 * r2 * k[9]), 2.0 * (k[10] + 2.0 * r2 * k[11])
    p1, p2 = k[2], k[3]
    out[0] = x * radial + 2.0 * p1 * x * y + p2 * (r2 + 2.0 * x * x) + r2 * (k[8] + r2 * k[9])
    out[1] = y * radial + p1 * (r2 + 2.0 * y * y) + 2.0 * p2 * x * y + r2 * (k[10] + r2 * k[11])
    out[2] = radial + change * x * x + 2.0 * p1 * y + 6.0 * p2 * x + prism_x * x
    out[3] = change * x * y + 2.0 * p1 * x + 2.0 * p2 * y + prism_x * y
    out[4] = change * x * y + 2.0 * p1 * x + 2.0 * p2 * y + prism_y * x
    out[5] = radial + change * y * y + 6.0 * p1 * y + 2.0 * p2 * x + prism_y * y


@kernel
def seen_at(camera, point, out, slopes):
    """Pixel (out) of a point and its derivative (slopes, 2 x 3); the depth in mm, at most MIN_DEPTH_MM where not in front."""
    r, t = camera[18:27], camera[27:30]
    x = r[0] * point[0] + r[1] * point[1] + r[2] * point[2] + t[0]
    y = r[3] * point[0] + r[4] * point[1] + r[5] * point[2] + t[1]
    z = r[6] * point[0] + r[7] * point[1] + r[8] * point[2] + t[2]
    if not z > MIN_DEPTH_MM:
        out[0], out[1] = math.nan, math.nan
        return MIN_DEPTH_MM
    bent = np.empty(6)
    u, v = x / z, y / z
    bend(camera, u, v, bent)
    fx, skew, fy = camera[0], camera[1], camera[3]
    out[0] = fx * bent[0] + skew * bent[1] + camera[2]
    out[1] = fy * bent[1] + camera[4]
    for i in range(3):
        du, dv = (r[i] - u * r[6 + i]) / z, (r[3 + i] - v * r[6 + i]) / z
        dx, dy = bent[2] * du + bent[3] * dv, bent[4] * du + bent[5] * dv
        slopes[0, i] = fx * dx + skew * dy
        slopes[1, i] = fy * dy
    return z


@kernel
def project(points, camera):
    """Pixels (n, 2) of points (n, 3); NaN behind the camera."""
    out = np.empty((len(points), 2))
    slopes = np.empty((2, 3))
    for i in range(len(points)):
        seen_at(camera, points[i], out[i], slopes)
    return out


@kernel
def straighten(camera, pixel, out):
    """Normalised coordinates (out) of a pixel without the lens's distortion, by Newton's method; False where it fails."""
    goal_y = (pixel[1] - camera[4]) / camera[3]
    goal_x = (pixel[0] - camera[2] - camera[1] * goal_y) / camera[0]
    x, y = goal_x, goal_y
    if camera[5] != 0.0:
        r = math.hypot(x, y)
        far = math.tan(min(r, 1.5))
        if r > 1e-9:
            x, y = x * far / r, y * far / r
    bent = np.empty(6)
    for _ in range(30):
        bend(camera, x, y, bent)
        off_x, off_y = goal_x - bent[0], goal_y - bent[1]
        det = bent[2] * bent[5] - bent[3] * bent[4]
        if not det > 1e-9:
            return False
        step_x = (bent[5] * off_x - bent[3] * off_y) / det
        step_y = (bent[2] * off_y - bent[4] * off_x) / det
        x, y = x + step_x, y + step_y
        if abs(step_x) + abs(step_y) < 1e-12:
            break
    out[0], out[1] = x, y
    return math.isfinite(x + y) and abs(off_x) + abs(off_y) < 1e-6


@kernel
def straighten_all(points, camera):
    """Normalised coordinates (n, 2) of pixels (n, 2); NaN where the model of the lens has none."""
    out = np.full((len(points), 2), math.nan)
    for i in range(len(points)):
        if math.isfinite(points[i, 0] + points[i, 1]) and not straighten(camera, points[i], out[i]):
            out[i] = math.nan
    return out
