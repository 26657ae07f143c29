"""Whether the views fit the calibration and each other: videos out of step, upside down or mirrored, cameras exchanged.

Each check compares how far the joints are from the points that fit all cameras best, for the views as they are and as
they would be without the fault; videos out of step are found by how well the movement agrees over a shift in time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import numpy as np

from neurostore.arrays import Floats, Ints
from neurostore.errors import InputError
from neurostore.ingest.multiview import epipolar, kernels
from neurostore.ingest.multiview.rig import CalibratedCamera

MOST_SHIFT_S = 10.0
# share of the person's size in the images; with a larger median distance, views and calibration do not fit
WORST_SHARE = 0.035
_FIT_FRAMES = 60  # frames sampled for this check
_BETTER = 0.6  # a fault is reported if correcting it reduces the distance to less than this share
_BETTER_IN_TIME = 0.8  # the same for a shift in time, which changes little if the person moves little
_BETTER_IN_TIME_NOTED = (
    0.93  # a shift that is noted; 0.99 in step, 0.66 to 0.94 with one camera 83 ms late (docs/video.md)
)
_NOTED_S = 0.04  # a shorter one cannot be told from the estimator's own error
_FRAMES = 250  # frames sampled from one view
_CAP_SHARE = 1 / 12  # share of the larger side of the image at which distances are capped in the search for a shift
_SUSPICIOUS = 0.3  # share of the worst distance below which no fault of a whole camera is searched for


@dataclass(frozen=True, slots=True)
class Scene:
    """One person seen by V cameras at one clock. pixels : (n, J, V, 2), NaN where not seen or not trusted."""

    names: list[str]
    cameras: list[CalibratedCamera]
    pixels: Floats
    rate_hz: float

    def rays(self) -> list[Floats]:
        """Of each camera (n, J, 3)."""
        return [epipolar.rays_of(camera, self.pixels[:, :, v]) for v, camera in enumerate(self.cameras)]

    @property
    def size_px(self) -> float:
        """Mean of the larger sides of the images."""
        return float(np.mean([max(camera.width, camera.height) for camera in self.cameras]))

    @property
    def person_px(self) -> float:
        """Median over frames and cameras of the larger side of the person in the images."""
        known = np.isfinite(self.pixels).all(axis=-1, keepdims=True)
        low = np.where(known, self.pixels, np.inf).min(axis=1)
        high = np.where(known, self.pixels, -np.inf).max(axis=1)
        return float(np.median((high - low).max(axis=-1)[known.any(axis=1)[..., 0]]))

    @property
    def worst_px(self) -> float:
        """The largest distance at which views and calibration fit."""
        return WORST_SHARE * self.person_px


def check_fit(scene: Scene, where: Path, must_explain: bool = False) -> None:
    """Refuse a fault of a whole camera.

    must_explain : only one without which the views fit the calibration.

    Raises
    ------
    InputError : a video is upside down or mirrored, two are exchanged, or no two cameras see a joint in the same frame.
    """
    now = off_px(scene)
    if not np.isfinite(now):
        raise InputError(where, "no two of its cameras see the same joint of a person in the same frame")
    if now > _SUSPICIOUS * scene.worst_px:
        most = min(_BETTER * now, scene.worst_px if must_explain else np.inf)
        _refuse_exchanged(scene, now, most, where)
        _refuse_turned(scene, now, most, where)


def off_px(scene: Scene) -> float:
    """Median distance in the images between joints and the points that fit all cameras best; NaN if there are none."""
    n, _, n_cameras, _ = scene.pixels.shape
    rows = np.unique(np.linspace(0, n - 1, min(n, _FIT_FRAMES)).round().astype(int))
    pixels = np.ascontiguousarray(scene.pixels[rows], dtype=float).reshape(-1, n_cameras, 2)
    weights = np.isfinite(pixels).all(axis=-1).astype(float)
    packed = np.stack([camera.packed() for camera in scene.cameras])
    distances = kernels.triangulate_all(packed, pixels, weights, np.inf, 2)[1]
    several = weights.sum(axis=1) >= 2
    # without a point in front of all cameras, the distance is infinite
    known = np.where(np.isfinite(distances), distances, np.inf)[several][weights[several] > 0]
    return float(np.median(known)) if len(known) else float("nan")


def check_time(scene: Scene, where: Path, must_explain: bool = False) -> list[str]:
    """Refuse videos that are out of step; a note where they may be.

    A shift with which they do not fit the calibration either is no explanation.

    must_explain : as in :func:`check_fit`.

    Raises
    ------
    InputError : the movement agrees clearly better with videos moved in time; says by how much.
    """
    best = time_shifts(scene, scene.rays())
    furthest = np.abs(best.shifts).max()
    if furthest < 1 or not best.then_px < _BETTER_IN_TIME_NOTED * best.now_px:
        return []
    if best.distance_px > scene.worst_px and (must_explain or off_px(scene) > scene.worst_px):
        return []
    each = ", ".join(
        f"{name} offset_s = {shift / scene.rate_hz:+.4f}"
        for name, shift in zip(scene.names, best.shifts, strict=True)
        if shift
    )
    vary = f"distances from the epipolar lines vary by {best.then_px:.1f} px instead of {best.now_px:.1f}"
    if not best.then_px < _BETTER_IN_TIME * best.now_px:
        is_noted = furthest >= _NOTED_S * scene.rate_hz
        note = f"the videos may be out of step: with {each} the movement agrees slightly better ({vary}); check how they were started"
        return [note] if is_noted else []
    raise InputError(
        where,
        f"its videos are out of step: the movement agrees best ({vary}) with {each}, in addition to what cohort.toml states. "
        f"Add it to the offset_s under [camera] of that video in cohort.toml, or cut the videos so that they begin together",
    )


def check_size(scene: Scene, where: Path) -> float:
    """The distance of :func:`off_px`, of views in which nothing else was found wrong.

    Raises
    ------
    InputError : the views do not fit the calibration.
    """
    mean, worst_px = off_px(scene), scene.worst_px
    if mean <= worst_px:
        return mean
    table = epipolar.disagreement_px(scene.cameras, scene.rays())
    pairs = ", ".join(
        f"{scene.names[i]} and {scene.names[j]} {table[i, j]:.0f}"
        for i, j in combinations(range(len(scene.names)), 2)
        if np.isfinite(table[i, j])
    )
    raise InputError(
        where,
        f"its views do not fit the calibration: the best points lie {mean:.0f} px (median) from where the cameras see the "
        f"joints, expected below {worst_px:.0f}; px from the epipolar lines for each pair: {pairs}. Is the calibration of "
        f"this session, were cameras moved or zoomed, and do the videos show the same person?",
    )


def _refuse_exchanged(scene: Scene, now: float, most: float, where: Path) -> None:
    best, pair = np.inf, (0, 0)
    for i, j in combinations(range(len(scene.cameras)), 2):
        cameras = list(scene.cameras)
        cameras[i], cameras[j] = cameras[j], cameras[i]
        off = off_px(replace(scene, cameras=cameras))
        if off < best:
            best, pair = off, (i, j)
    if best < most:
        one, other = (scene.names[i] for i in pair)
        raise InputError(
            where,
            f"its videos {one} and {other} seem exchanged: the best points lie {now:.0f} px from where the cameras see the "
            f"joints, and {best:.0f} px with the calibration of each used for the other. Rename the videos or the cameras",
        )


#: what a whole video can have: name, whether x and y are turned, and the remedy
_TURNED = (
    (
        "upside down for its calibration",
        (True, True),
        "with its frames turned by 180 degrees. Turn the video (its rotation tag is enough), or calibrate the camera as it was "
        "mounted",
    ),
    (
        "mirrored",
        (True, False),
        "with its frames mirrored back. Switch mirroring off in the camera, or mirror the video",
    ),
)


def _refuse_turned(scene: Scene, now: float, most: float, where: Path) -> None:
    """Refuse a video that is upside down or mirrored. Two cameras at one height do not show that one is mirrored."""
    found = []
    for v, camera in enumerate(scene.cameras):
        for fault, axes, remedy in _TURNED:
            pixels = scene.pixels.copy()
            turned = (camera.width - 1.0, camera.height - 1.0) - pixels[:, :, v]
            pixels[:, :, v] = np.where(axes, turned, pixels[:, :, v])
            found.append((off_px(replace(scene, pixels=pixels)), scene.names[v], fault, remedy))
    then, name, fault, remedy = min(found)
    if then < most:
        raise InputError(
            where,
            f"its video {name} is {fault}: the best points lie {now:.0f} px from where the cameras see the joints, and "
            f"{then:.0f} px {remedy}",
        )


@dataclass(frozen=True, slots=True)
class Shifts:
    """Frames by which each camera's video (V,) should be moved later to agree best with the first.

    now_px, then_px : how much the distances from the epipolar lines vary, as the videos are and moved. distance_px : their mean
    size, moved.
    """

    shifts: Floats
    now_px: float
    then_px: float
    distance_px: float


def time_shifts(scene: Scene, rays: list[Floats]) -> Shifts:
    """The shifts with which the movement agrees best.

    Compared is the mean over joints, frames and pairs of cameras of Sampson's distance, cut off, less its median over the trial:
    what an estimator or a calibration gets wrong by the same amount all the time says nothing about time.
    """
    n_cameras = len(scene.cameras)
    most = int(min(MOST_SHIFT_S * scene.rate_hz, 0.5 * len(scene.pixels)))
    lags = np.arange(-most, most + 1)
    curves = {}
    for i, j in combinations(range(n_cameras), 2):
        curve = _curve(scene, (i, j), rays, lags)
        if np.isfinite(curve[0, most]):
            curves[i, j] = curve
    shifts = np.zeros(n_cameras, int)

    def total(candidate: Ints, of: int = 0) -> float:
        values = [c[of, np.clip(candidate[j] - candidate[i] + most, 0, 2 * most)] for (i, j), c in curves.items()]
        return float(np.mean(values)) if values else np.nan  # NaN too where two views no longer share enough

    now = total(shifts)
    for _ in range(2 * n_cameras):  # the camera whose move gains most moves first, the first one too
        tried = [np.where(np.arange(n_cameras) == v, lag, shifts) for v in range(n_cameras) for lag in lags]
        costs = np.array([total(candidate) for candidate in tried])
        if not np.nanmin(costs, initial=np.inf) < total(shifts):
            break
        shifts = tried[int(np.nanargmin(costs))]
    shifts = shifts - shifts[0]
    return Shifts(shifts.astype(float), now, total(shifts), total(shifts, 1))


def _curve(scene: Scene, pair: tuple[int, int], rays: list[Floats], lags: Ints) -> Floats:
    """(2, L) how much the distances between one view and the other moved later by each lag vary, and their mean size.

    NaN where the views share too little.
    """
    a, b = pair
    n = len(scene.pixels)
    frames = np.unique(np.linspace(0, n - 1, min(n, _FRAMES)).round().astype(int))
    cap = _CAP_SHARE * scene.size_px
    curve = np.full((2, len(lags)), np.nan)
    for i, lag in enumerate(lags):
        other = frames - lag
        inside = (other >= 0) & (other < n)
        if inside.sum() < max(10, 0.3 * len(frames)):
            continue
        off = epipolar.signed_px(scene.cameras[a], scene.cameras[b], rays[a][frames[inside]], rays[b][other[inside]])
        off = off[:, np.isfinite(off).any(axis=0)]
        known = np.isfinite(off)
        if known.sum() >= 20:
            varying = off - np.nanmedian(off, axis=0)
            curve[:, i] = [np.minimum(np.abs(each[known]), cap).mean() for each in (varying, off)]
    return curve
