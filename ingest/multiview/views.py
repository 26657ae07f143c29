"""What each camera saw: the persons of its video as points in its images, and all views brought to one clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from neurostore.arrays import Floats
from neurostore.errors import InputError
from neurostore.ingest.multiview.rig import CalibratedCamera
from neurostore.ingest.video.detections import Detections
from neurostore.ingest.video.estimate import FollowedVideo
from neurostore.ingest.video.tracking import Track

_SAME_RATE = 0.005  # largest relative difference between the rates of two videos
_NEAR_FRAME = 0.05  # share of a frame; if the time is nearer than this, the frame itself is used
_MAX_STEP = 1.6  # largest number of frames between two sightings that are interpolated


@dataclass(frozen=True, slots=True)
class Sighting:
    """One person in one video. points : (n, J, 2) px and confidence : (n, J), NaN and 0 where not seen."""

    points: Floats
    confidence: Floats


@dataclass(frozen=True, slots=True)
class View:
    """One camera's video. time_s : (n,) on the clock of its file. persons : the one it takes for the subject first."""

    name: str
    camera: CalibratedCamera
    time_s: Floats
    persons: list[Sighting]
    offset_s: float = 0.0
    notes: list[str] = field(default_factory=list)

    @property
    def rate_hz(self) -> float:
        """Frames per second."""
        return float(1.0 / np.median(np.diff(self.time_s))) if len(self.time_s) > 1 else 0.0


def view_of(name: str, camera: CalibratedCamera, video: FollowedVideo, offset_s: float = 0.0) -> View:
    """The persons that an estimator saw in a video."""
    notes = [f"{name}: {note}" for note in [*video.decoding.notes(), *video.followed.notes]]
    persons = sightings(video.order, video.detections, len(video.time_s), (video.info.width, video.info.height))
    return View(name, camera, video.time_s, persons, offset_s, notes)


def sightings(order: Sequence[Track], detections: Detections, n: int, size: tuple[int, int]) -> list[Sighting]:
    """Each person in all n frames of a video. order : their tracks. size : width and height in px."""
    persons = []
    for track in order:
        rows = np.array([detections.row(f, d) for f, d in zip(track.frames, track.detections, strict=True)])
        points = detections.take("points", rows).astype(float)
        sighting = Sighting(np.full((n, *points.shape[1:]), np.nan), np.zeros((n, points.shape[1])))
        sighting.points[track.frames] = points
        confidence = np.ones(points.shape[:2])
        if detections.has("confidence"):
            confidence = np.nan_to_num(detections.take("confidence", rows).astype(float))
        is_inside = ((points >= 0) & (points < size)).all(axis=-1)
        sighting.confidence[track.frames] = np.where(is_inside, confidence, 0.0)  # outside the image a point is a guess
        persons.append(sighting)
    return persons


def common_clock(views: Sequence[View], where: Path) -> Floats:
    """(n,) s after the first frame of a camera without offset: the frames that at least two cameras have.

    Frame 0 of every video is one instant, but for its ``offset_s``.

    Raises
    ------
    InputError : the frame rates differ, or no two cameras filmed at one time.
    """
    rates = [view.rate_hz for view in views]
    if min(rates) <= 0:
        short = ", ".join(view.name for view in views if len(view.time_s) < 2)
        raise InputError(where, f"{short} has fewer than two frames")
    if max(rates) / min(rates) > 1 + _SAME_RATE:
        each = ", ".join(f"{view.name} {rate:.4g}" for view, rate in zip(views, rates, strict=True))
        raise InputError(
            where,
            f"its cameras have different frame rates ({each} frames per second); expected one rate: set the cameras to it, "
            f"convert the videos, or read all at a lower rate with --fps",
        )
    starts = sorted(view.offset_s for view in views)
    ends = sorted(view.offset_s + view.time_s[-1] - view.time_s[0] for view in views)
    first, last = starts[1], ends[-2]
    if last <= first:
        raise InputError(
            where, "no two of its cameras filmed at the same time, with the offset_s that cohort.toml states"
        )
    step = 1.0 / rates[0]
    own = views[0].time_s - views[0].time_s[0] + views[0].offset_s
    before = own[0] - step * np.arange(1, max(0, int((own[0] - first) / step + 1e-6)) + 1)[::-1]
    after = own[-1] + step * np.arange(1, max(0, int((last - own[-1]) / step + 1e-6)) + 1)
    clock = np.concatenate([before, own, after])
    return clock[(clock >= first - 1e-6) & (clock <= last + 1e-6)]


def at_times(view: View, sighting: Sighting, clock: Floats) -> Sighting:
    """A person at the times of the common clock: the frame at that time, or between two frames by a straight line."""
    own = view.time_s - view.time_s[0] + view.offset_s
    step = 1.0 / view.rate_hz
    after = np.clip(np.searchsorted(own, clock), 1, len(own) - 1)
    before = after - 1
    apart = own[after] - own[before]
    share = (clock - own[before]) / apart
    share = np.where(np.abs(clock - own[before]) < _NEAR_FRAME * step, 0.0, share)
    share = np.where(np.abs(clock - own[after]) < _NEAR_FRAME * step, 1.0, share)
    is_known = (share >= 0) & (share <= 1) & ((apart <= _MAX_STEP * step) | (share == 0) | (share == 1))
    share = np.clip(share, 0.0, 1.0)[:, None]
    points = np.where((share == 0)[..., None], sighting.points[before], np.nan)
    points = np.where((share == 1)[..., None], sighting.points[after], points)
    mixed = (1 - share[..., None]) * sighting.points[before] + share[..., None] * sighting.points[after]
    points = np.where(((share > 0) & (share < 1))[..., None], mixed, points)
    low = np.where(share < 1, sighting.confidence[before], np.inf)
    high = np.where(share > 0, sighting.confidence[after], np.inf)
    confidence = np.minimum(low, high)
    points[~is_known] = np.nan
    confidence[~is_known] = 0.0
    return Sighting(points, np.where(np.isfinite(points).all(axis=-1), confidence, 0.0))


def stacked(sightings: Sequence[Sighting | None], shape: tuple[int, int]) -> tuple[Floats, Floats]:
    """Pixels (n, J, V, 2) and confidence (n, J, V) of one person in V cameras; None if a camera does not see them."""
    pixels = np.full((*shape, len(sightings), 2), np.nan)
    confidence = np.zeros((*shape, len(sightings)))
    for v, sighting in enumerate(sightings):
        if sighting is not None:
            pixels[:, :, v] = sighting.points
            confidence[:, :, v] = sighting.confidence
    return pixels, confidence
