"""Match the persons of the views: those close to one another's epipolar lines in the frames they share are one person."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from neurostore.arrays import Floats
from neurostore.ingest.multiview import epipolar
from neurostore.ingest.multiview.rig import CalibratedCamera
from neurostore.ingest.multiview.triangulate import triangulate
from neurostore.ingest.multiview.views import Sighting, stacked

MOST_PERSONS = 5  # persons of a view that are compared, those seen longest
_CAP_SHARE = 1 / 45  # share of the larger side of an image; sightings farther apart are of different persons
_LEAST_FRAMES = 5  # frames that two sightings must share
_WALKS_MM = 1000.0  # a person with a longer path is walking

Person = list[Sighting | None]  # the sighting of each camera


def persons_of(cameras: list[CalibratedCamera], seen: Sequence[Sequence[Sighting]]) -> list[Person]:
    """Every person that at least two cameras see, the one seen most first.

    seen : the sightings of each camera, on one clock.
    """
    if all(len(sightings) == 1 for sightings in seen):
        return [[sightings[0] for sightings in seen]]
    left = [sorted(s, key=lambda x: -n_seen(x))[:MOST_PERSONS] for s in seen]
    cap = _CAP_SHARE * float(np.mean([max(camera.width, camera.height) for camera in cameras]))
    persons: list[Person] = []
    while True:
        chosen = _best_group(cameras, left, cap)
        if chosen is None:
            return persons
        person: Person = [left[v][i] if i is not None else None for v, i in enumerate(chosen)]
        left = [[x for i, x in enumerate(s) if i != chosen[v]] for v, s in enumerate(left)]
        persons.append(_with_pieces(cameras, person, left, cap))


def subject_of(cameras: list[CalibratedCamera], persons: list[Person], rule: str) -> tuple[int, str]:
    """Index of the subject, and why.

    rule : ``walker`` (whose path is longest, if it is over 1 m, else who is seen most), ``longest`` (who is seen most) or
    ``largest`` (who is the largest in the images).
    """
    if len(persons) == 1:
        return 0, ""
    if rule == "largest":
        sizes = [max(_size_px(s) for s in person if s is not None) for person in persons]
        return int(np.argmax(sizes)), "is the largest in the images"
    ways = [_way_mm(cameras, person) for person in persons]
    if rule == "walker" and max(ways) > _WALKS_MM:
        return int(np.argmax(ways)), f"walks farthest ({max(ways) / 1000:.1f} m)"
    return 0, "is seen longest"


def n_seen(sighting: Sighting) -> int:
    """Frames in which a person is seen."""
    return int((sighting.confidence > 0).any(axis=1).sum())


def _best_group(cameras: list[CalibratedCamera], seen: list[list[Sighting]], cap: float) -> list[int | None] | None:
    """One sighting or none of each camera: those that agree in most frames; None if no two agree."""
    rays = [[_rays(camera, s) for s in sightings] for camera, sightings in zip(cameras, seen, strict=True)]
    gains: dict[tuple[int, int, int, int], float] = {}
    for a in range(len(cameras)):
        for b in range(a + 1, len(cameras)):
            for i, rays_a in enumerate(rays[a]):
                for j, rays_b in enumerate(rays[b]):
                    gains[a, i, b, j] = _gain(cameras[a], cameras[b], rays_a, rays_b, cap)
    best, chosen = 0.0, None
    for group in product(*[[None, *range(len(s))] for s in seen]):
        there = [(v, i) for v, i in enumerate(group) if i is not None]
        pairs = [gains[a, i, b, j] for n, (a, i) in enumerate(there) for b, j in there[n + 1 :]]
        if pairs and sum(pairs) > best:
            best, chosen = sum(pairs), list(group)
    return chosen


def _rays(camera: CalibratedCamera, sighting: Sighting) -> Floats:
    points = np.where((sighting.confidence > 0.3)[..., None], sighting.points, np.nan)
    return epipolar.rays_of(camera, points)


def _gain(a: CalibratedCamera, b: CalibratedCamera, rays_a: Floats, rays_b: Floats, cap: float) -> float:
    """Frames that two sightings share, times how well they agree there; below 0 where they do not."""
    off = epipolar.distances_px(a, b, rays_a, rays_b)
    known = np.isfinite(off).sum(axis=1) >= 4
    if known.sum() < _LEAST_FRAMES:
        return 0.0
    return float(known.sum() * (1.0 - min(3.0, np.nanmedian(off[known]) / cap)))


def _with_pieces(cameras: list[CalibratedCamera], person: Person, left: list[list[Sighting]], cap: float) -> Person:
    """The person with further sightings of the same cameras in other frames, which are taken out of ``left``."""
    out = list(person)
    for v, sightings in enumerate(left):
        own = out[v]
        for piece in list(sightings):
            gains = [
                _gain(cameras[u], cameras[v], _rays(cameras[u], other), _rays(cameras[v], piece), cap)
                for u, other in enumerate(out)
                if other is not None and u != v
            ]
            shared = 0 if own is None else int(((own.confidence > 0).any(1) & (piece.confidence > 0).any(1)).sum())
            if sum(gains) > 0 and shared == 0 and own is not None:
                is_new = (piece.confidence > 0).any(axis=1)[:, None]
                own = Sighting(
                    np.where(is_new[..., None], piece.points, own.points),
                    np.where(is_new, piece.confidence, own.confidence),
                )
                out[v] = own
                sightings.remove(piece)
    return out


def _size_px(sighting: Sighting) -> float:
    """Median over the frames of the larger side of the person in the image."""
    seen = sighting.points[(sighting.confidence > 0).any(axis=1)]
    if not len(seen):
        return 0.0
    return float(np.nanmedian((np.nanmax(seen, axis=1) - np.nanmin(seen, axis=1)).max(axis=1)))


def _way_mm(cameras: list[CalibratedCamera], person: Person) -> float:
    """Distance between the farthest places of the middle of a person (5th to 95th percentile along each axis)."""
    first = next(s for s in person if s is not None)
    n, n_joints = first.confidence.shape
    rows = np.unique(np.linspace(0, n - 1, min(n, 60)).round().astype(int))
    pixels, confidence = stacked(person, (n, n_joints))
    positions = triangulate(cameras, pixels[rows], confidence[rows]).positions
    middle = [np.mean(joints[known], axis=0) for joints in positions if (known := np.isfinite(joints[:, 0])).any()]
    if len(middle) < 2:
        return 0.0
    low, high = np.percentile(middle, [5, 95], axis=0)
    return float(np.linalg.norm(high - low))
