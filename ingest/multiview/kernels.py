"""Compiled triangulation of points seen by several cameras (31 numbers each, see lens_kernels); mm and px."""

from __future__ import annotations

import math

import numpy as np

from neurostore.ingest.multiview.lens_kernels import kernel, seen_at, straighten

N_ROUNDS = 20  # largest number of Gauss-Newton steps
STEP_MM = 1e-6  # a smaller step ends the iteration
N_SOFT = 15  # rounds in which cameras are weighted by their distances


@kernel
def solve_3(a, b, out):
    """Solve a symmetric positive 3 x 3 system by Cholesky's method; False where it is singular."""
    l00 = a[0, 0]
    if not l00 > 0.0:
        return False
    l00 = math.sqrt(l00)
    l10, l20 = a[1, 0] / l00, a[2, 0] / l00
    d1 = a[1, 1] - l10 * l10
    if not d1 > 1e-12 * a[1, 1]:
        return False
    l11 = math.sqrt(d1)
    l21 = (a[2, 1] - l20 * l10) / l11
    d2 = a[2, 2] - l20 * l20 - l21 * l21
    if not d2 > 1e-12 * a[2, 2]:
        return False
    l22 = math.sqrt(d2)
    y0 = b[0] / l00
    y1 = (b[1] - l10 * y0) / l11
    y2 = (b[2] - l20 * y0 - l21 * y1) / l22
    out[2] = y2 / l22
    out[1] = (y1 - l21 * out[2]) / l11
    out[0] = (y0 - l10 * out[1] - l20 * out[2]) / l00
    return True


@kernel
def linear_point(cameras, rays, weights, used, point):
    """Weighted direct linear transform (Hartley and Sturm 1997, doi:10.1006/cviu.1997.0547), inhomogeneous.

    The equations are solved twice, the second time divided by each depth so that they count pixels, not millimetres.
    """
    a, b, row = np.empty((3, 3)), np.empty(3), np.empty(3)
    depth = np.ones(len(cameras))
    for _turn in range(2):
        a[:] = 0.0
        b[:] = 0.0
        for v in range(len(cameras)):
            if not used[v]:
                continue
            r, t = cameras[v, 18:27], cameras[v, 27:30]
            for axis in range(2):
                focal = cameras[v, 0] if axis == 0 else cameras[v, 3]
                w = weights[v] * (focal / depth[v]) ** 2
                right = rays[v, axis] * t[2] - t[axis]
                for i in range(3):
                    row[i] = r[3 * axis + i] - rays[v, axis] * r[6 + i]
                for i in range(3):
                    b[i] += w * row[i] * right
                    for j in range(3):
                        a[i, j] += w * row[i] * row[j]
        if not solve_3(a, b, point):
            return False
        for v in range(len(cameras)):
            r = cameras[v, 18:27]
            z = r[6] * point[0] + r[7] * point[1] + r[8] * point[2] + cameras[v, 29]
            depth[v] = max(z, 100.0)
    return True


@kernel
def refined_point(cameras, pixels, weights, used, point, normal):
    """Least weighted squares of the distances in the images, by Gauss-Newton from ``point``, which is moved.

    normal : (3, 3), becomes the weighted normal matrix in px² per mm². Returns the weighted mean square distance (px²);
    inf where the point falls behind a camera that sees it.
    """
    seen, slopes, b, step, trial = np.empty(2), np.empty((2, 3)), np.empty(3), np.empty(3), np.empty(3)
    best = math.inf
    trial[:] = point
    length = math.inf
    for _turn in range(N_ROUNDS):
        a = np.zeros((3, 3))
        b[:] = 0.0
        total, weight = 0.0, 0.0
        for v in range(len(cameras)):
            if not used[v]:
                continue
            seen_at(cameras[v], trial, seen, slopes)
            w = weights[v]
            weight += w
            for axis in range(2):
                off = pixels[v, axis] - seen[axis]
                total += w * off * off
                for i in range(3):
                    b[i] += w * slopes[axis, i] * off
                    for j in range(3):
                        a[i, j] += w * slopes[axis, i] * slopes[axis, j]
        value = total / weight
        if not math.isfinite(value):
            value = math.inf
        if value <= best:
            best = value
            point[:] = trial
            normal[:] = a
            if length < STEP_MM or not solve_3(a, b, step):
                break
        else:
            if length < STEP_MM:
                break
            step *= 0.5
        trial[:] = point + step
        length = math.sqrt(step[0] ** 2 + step[1] ** 2 + step[2] ** 2)
    return best


@kernel
def distance_px(camera, pixel, point, seen, slopes):
    """Distance in the image between where a point falls and where it was seen."""
    seen_at(camera, point, seen, slopes)
    off = math.hypot(pixel[0] - seen[0], pixel[1] - seen[1])
    return off if math.isfinite(off) else math.inf


@kernel
def solve_subset(cameras, pixels, rays, weights, used, point, normal):
    """Root mean square distance (px) over the used cameras of the best point; inf if there is none."""
    if not linear_point(cameras, rays, weights, used, point):
        return math.inf
    return math.sqrt(refined_point(cameras, pixels, weights, used, point, normal))


@kernel
def next_combination(chosen, n, k):
    """Step through the k-combinations of n in order; False after the last."""
    i = k - 1
    while i >= 0 and chosen[i] == n - k + i:
        i -= 1
    if i < 0:
        return False
    chosen[i] += 1
    for j in range(i + 1, k):
        chosen[j] = chosen[j - 1] + 1
    return True


@kernel
def triangulate_one(cameras, pixels, rays, weights, limit_px, least, point, normal, used):
    """Triangulate a point, leaving out as few cameras as bring its distance in the images under the limit.

    least : cameras that must remain. used : (V,) bool, becomes the cameras used. Returns the root mean square distance
    (px) over them; inf where no choice of cameras is within the limit.
    """
    n_cameras = len(cameras)
    present = np.empty(n_cameras, np.int64)
    n = 0
    for v in range(n_cameras):
        used[v] = weights[v] > 0.0 and math.isfinite(rays[v, 0])
        if used[v]:
            present[n] = v
            n += 1
    if n < 2:
        return math.inf
    best = solve_subset(cameras, pixels, rays, weights, used, point, normal)
    if best <= limit_px:
        return best
    here, matrix, kept = np.empty(3), np.empty((3, 3)), np.empty(n_cameras, np.bool_)
    out = np.empty(n, np.int64)
    for n_left_out in range(1, n - max(least, 2) + 1):
        best = math.inf
        for i in range(n_left_out):
            out[i] = i
        while True:
            kept[:] = False
            for i in range(n):
                kept[present[i]] = True
            for i in range(n_left_out):
                kept[present[out[i]]] = False
            off = solve_subset(cameras, pixels, rays, weights, kept, here, matrix)
            if off < best:
                best = off
                point[:] = here
                normal[:] = matrix
                used[:] = kept
            if not next_combination(out, n, n_left_out):
                break
        if best <= limit_px:
            return best
    return math.inf


@kernel
def soften(cameras, pixels, rays, weights, limit_px, point, normal, used):
    """Solve again with every camera that saw the point, each weighted by how near the point falls to it.

    Weights of Geman and McClure, whose scale is half the limit, so that positions do not jump when cameras leave and
    return. Returns the root mean square distance (px) of the cameras within the limit, which become ``used``.
    """
    n_cameras = len(cameras)
    soft, present = np.zeros(n_cameras), np.zeros(n_cameras, np.bool_)
    seen, slopes, before = np.empty(2), np.empty((2, 3)), np.empty(3)
    for _turn in range(N_SOFT):
        n_near = 0
        for v in range(n_cameras):
            present[v] = weights[v] > 0.0 and math.isfinite(rays[v, 0])
            if present[v]:
                off = distance_px(cameras[v], pixels[v], point, seen, slopes)
                soft[v] = weights[v] / (1.0 + (2.0 * off / limit_px) ** 2) ** 2
                present[v] = soft[v] > 1e-6 * weights[v]
                n_near += present[v]
        if n_near < 2:
            break
        before[:] = point
        if not math.isfinite(refined_point(cameras, pixels, soft, present, point, normal)):
            point[:] = before
            break
        if abs(point[0] - before[0]) + abs(point[1] - before[1]) + abs(point[2] - before[2]) < 1e-3:
            break
    total, weight = 0.0, 0.0
    for v in range(n_cameras):
        used[v] = False
        if weights[v] > 0.0 and math.isfinite(rays[v, 0]):
            off = distance_px(cameras[v], pixels[v], point, seen, slopes)
            used[v] = off <= limit_px
            if used[v]:
                total += weights[v] * off * off
                weight += weights[v]
    return math.sqrt(total / weight) if weight > 0.0 else math.inf


@kernel
def triangulate_all(cameras, pixels, weights, limit_px, least):
    """Triangulate m points.

    Parameters
    ----------
    cameras : (V, 31). pixels : (m, V, 2), NaN where not seen. weights : (m, V), 0 where a camera is not to be used.
    limit_px : (V,) of each camera; they are weighed against their mean. least : cameras a point needs.

    Returns
    -------
    positions (m, 3) mm, distances (m, V) px of every camera that saw the point, used (m, V), spread (m,) mm: the root of
    a third of the trace of the covariance for one pixel of error. NaN and False where a point has no solution.
    """
    m, n_cameras = weights.shape
    positions, spread = np.full((m, 3), math.nan), np.full(m, math.nan)
    distances, used = np.full((m, n_cameras), math.nan), np.zeros((m, n_cameras), np.bool_)
    rays = np.empty((n_cameras, 2))
    point, normal, seen, slopes = np.empty(3), np.empty((3, 3)), np.empty(2), np.empty((2, 3))
    column, unit = np.empty(3), np.empty(3)
    for i in range(m):
        for v in range(n_cameras):
            rays[v] = math.nan
            if weights[i, v] > 0.0 and not straighten(cameras[v], pixels[i, v], rays[v]):
                rays[v] = math.nan
        off = triangulate_one(cameras, pixels[i], rays, weights[i], limit_px, least, point, normal, used[i])
        if not math.isfinite(off):
            used[i] = False
            continue
        if math.isfinite(limit_px):
            soften(cameras, pixels[i], rays, weights[i], limit_px, point, normal, used[i])
        positions[i] = point
        for v in range(n_cameras):
            if math.isfinite(pixels[i, v, 0] + pixels[i, v, 1]):
                distances[i, v] = distance_px(cameras[v], pixels[i, v], point, seen, slopes)
        trace = 0.0
        for axis in range(3):
            unit[:] = 0.0
            unit[axis] = 1.0
            if solve_3(normal, unit, column):
                trace += column[axis]
            else:
                trace = math.nan
        spread[i] = math.sqrt(trace / 3.0)
    return positions, distances, used, spread
