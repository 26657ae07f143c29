"""One person, one number: detections of single pictures joined into tracks, and the choice of the subject.

Each picture's detections are assigned to the tracks at hand by the Hungarian method, on the distance to where each
track should be by now (constant velocity), the change of size and of body shape. Afterwards pieces of one person on
both sides of a gap are joined by the same measure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linear_sum_assignment

from .estimators.contract import Detection

VERSION = 1
STATURE_MM = 1700.0  # of a body, to turn scales into heights
_MAX_GAP_S = 1.0  # a track unseen for longer ends
_JOIN_GAP_S = 2.5  # pieces further apart are two persons
_MEMORY_S = 0.3  # of a track's past that gives its velocity
_GATE = 0.35  # heights a person may be away from where they should be, and
_GATE_PER_S = 0.6  # more for each second unseen
_SIZE_GATE = np.log(1.5)  # change of height between sightings
_MIN_SEEN = 5  # pictures; a shorter track is taken for a false detection
_SAME_SHARE = 0.7  # of a shorter track's pictures in which it lies on a longer one: a second detection of one person
_SAME_DISTANCE = 0.25  # heights, for that
_JUMP = 0.12  # heights off the median of the neighbours, or
_JUMP_SIZE = np.log(1.3)  # in stature: a pose that did not fit the person in this one picture
_JUMP_WINDOW_S = 0.2  # to each side
_TIE = 0.8  # a walker must go this share of the farthest walker's way to count as one
_MIN_TRAVEL = 1.0  # heights; less is standing
_MIN_PRESENCE = 0.2  # share of the longest presence that a walker must be seen for


@dataclass
class Track:
    """One person's detections. frames : pictures they are seen in, rising; detections : the index in each."""

    frames: list[int] = field(default_factory=list)
    detections: list[int] = field(default_factory=list)
    boxes: list[np.ndarray] = field(default_factory=list)  # (4,) x, y of the middle, stature, confidence; px
    shapes: list[np.ndarray] = field(default_factory=list)  # the last one only: (J, 3) around its mean, mm

    def add(self, frame: int, index: int, box: np.ndarray, shape: np.ndarray) -> None:
        self.frames.append(frame)
        self.detections.append(index)
        self.boxes.append(box)
        self.shapes[:] = [shape]


@dataclass
class Followed:
    """Tracks, longest first, with what was judged on the way."""

    tracks: list[Track]
    notes: list[str] = field(default_factory=list)
    quality: dict[str, float] = field(default_factory=dict)
    rule: str = ""


def follow(detections: Sequence[Sequence[Detection]], time_s: np.ndarray) -> Followed:
    """Join the detections of all pictures into tracks.

    Parameters
    ----------
    detections : the persons of each picture, in any order. time_s : (n,) of the pictures.
    """
    ended: list[Track] = []
    active: list[Track] = []
    for f, persons in enumerate(detections):
        still = [t for t in active if time_s[f] - time_s[t.frames[-1]] <= _MAX_GAP_S]
        ended += [t for t in active if t not in still]
        active = still
        boxes = [_place(p) for p in persons]
        shapes = [_shape(p) for p in persons]
        for t, d in _assign(active, boxes, shapes, time_s, f):
            active[t].add(f, d, boxes[d], shapes[d])
        taken = {t.detections[-1] for t in active if t.frames[-1] == f}
        for d in range(len(persons)):
            if d not in taken:
                track = Track()
                track.add(f, d, boxes[d], shapes[d])
                active.append(track)
    tracks = _joined([*ended, *active], time_s)
    tracks, n_doubles = _without_doubles(tracks)
    n_jumps = sum(_drop_jumps(track, time_s) for track in tracks)
    tracks = [t for t in tracks if t.frames]
    kept = [t for t in tracks if len(t.frames) >= min(_MIN_SEEN, len(time_s))]
    followed = Followed(sorted(kept, key=lambda t: (-len(t.frames), t.frames[0])))
    n_short = len(tracks) - len(kept)
    if n_short:
        followed.notes.append(f"{n_short} detections seen in fewer than {_MIN_SEEN} pictures were left out")
    if n_doubles:
        followed.notes.append(f"{n_doubles} second detections of a person already followed were left out")
    if n_jumps:
        followed.notes.append(f"{n_jumps} poses that jump away from those before and after them were left out")
    followed.quality = {"jumps": float(n_jumps), "false_tracks": float(n_short), "double_tracks": float(n_doubles)}
    if not kept and tracks:  # let the caller say in how few pictures somebody is seen
        followed.tracks = [max(tracks, key=lambda t: len(t.frames))]
    return followed


def choose_subject(
    tracks: Sequence[Track], rule: str, width: int, height: int, box: np.ndarray | None = None
) -> list[Track]:
    """The tracks with the subject first, the others by presence.

    A ``box`` [left, top, width, height] px decides alone: whose middle lies in it in most pictures. Else by rule:
    ``longest`` (pictures seen in), ``largest`` (median height), or ``walker``: who goes farthest through the scene, in
    heights of the body (so that walking towards the camera counts by the change of size); those who go nearly as far,
    or everybody where nobody walks, are told apart by presence times height squared.
    """

    def weight(track: Track) -> float:
        return len(track.frames) * float(np.median([b[2] for b in track.boxes])) ** 2

    if box is not None:

        def inside(track: Track) -> int:
            middles = np.array(track.boxes)[:, :2]
            return int(np.sum(np.all((middles >= box[:2]) & (middles <= box[:2] + box[2:]), axis=1)))

        best = max(tracks, key=lambda t: (inside(t), weight(t)))
    elif rule == "longest":
        best = max(tracks, key=lambda t: (len(t.frames), weight(t)))
    elif rule == "largest":
        best = max(tracks, key=lambda t: float(np.median([b[2] for b in t.boxes])))
    else:
        longest = max(len(t.frames) for t in tracks)
        present = [t for t in tracks if len(t.frames) >= _MIN_PRESENCE * longest]
        travels = [_travel(t, width, height) for t in present]
        farthest = max(travels)
        walkers = [t for t, way in zip(present, travels, strict=True) if way >= _TIE * farthest]
        best = max(walkers if farthest >= _MIN_TRAVEL else present, key=weight)
    others = sorted((t for t in tracks if t is not best), key=lambda t: (-len(t.frames), t.frames[0]))
    return [best, *others]


def weak_perspective(positions: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(scale px/mm, x px, y px) by least squares, with points = scale * (X, Y) + (x, y): a person's place."""
    seen = np.isfinite(positions).all(axis=1) & np.isfinite(points).all(axis=1)
    if np.count_nonzero(seen) < 2:
        return np.full(3, np.nan)
    flat, seen_points = positions[seen, :2].astype(float), points[seen].astype(float)
    flat_middle, middle = flat.mean(axis=0), seen_points.mean(axis=0)
    spread = float(((flat - flat_middle) ** 2).sum())
    if spread < 1e-6:
        return np.full(3, np.nan)
    scale = float(((flat - flat_middle) * (seen_points - middle)).sum()) / spread
    return np.array([scale, *(middle - scale * flat_middle)])


def _place(person: Detection) -> np.ndarray:
    """Middle of the points (px), stature in the picture (px), confidence.

    Stature by the scale of the pose, so that crouching does not change it; else the height of the box.
    """
    left, top, width, height, confidence = person.box
    seen = person.points[np.isfinite(person.points).all(axis=1)]
    x, y = seen.mean(axis=0) if len(seen) else (left + width / 2, top + height / 2)
    scale = weak_perspective(person.positions[0], person.points)[0]
    stature = STATURE_MM * scale if np.isfinite(scale) and scale > 0 else height
    return np.array([x, y, max(float(stature), 1.0), confidence])


def _shape(person: Detection) -> np.ndarray:
    positions = person.positions[0].astype(float)
    return positions - np.nanmean(positions, axis=0) if np.isfinite(positions).any() else positions


def _expected(track: Track, time_s: np.ndarray, now: float) -> np.ndarray:
    """Middle and stature where the track should be: recent places moved on at the median velocity, their median."""
    times = time_s[track.frames[-30:]]
    boxes = np.array(track.boxes[-30:])
    recent = times >= times[-1] - _MEMORY_S
    times, boxes = times[recent], boxes[recent]
    if len(times) < 3:
        return boxes[-1]
    half = len(times) // 2  # velocity over half the memory: little noise, and one false place does not matter
    velocity = np.median((boxes[half:, :2] - boxes[:-half, :2]) / (times[half:] - times[:-half])[:, None], axis=0)
    moved = boxes.copy()
    moved[:, :2] += velocity * np.minimum(now - times, _MAX_GAP_S)[:, None]
    return np.median(moved, axis=0)


def _assign(
    tracks: list[Track], boxes: list[np.ndarray], shapes: list[np.ndarray], time_s: np.ndarray, frame: int
) -> list[tuple[int, int]]:
    if not tracks or not boxes:
        return []
    cost = np.full((len(tracks), len(boxes)), 1e6)
    for t, track in enumerate(tracks):
        unseen_s = float(time_s[frame] - time_s[track.frames[-1]])
        expected = _expected(track, time_s, float(time_s[frame]))
        for d, box in enumerate(boxes):
            cost[t, d] = _distance(expected, box, track.shapes[0], shapes[d], unseen_s)
    found = zip(*linear_sum_assignment(cost), strict=True)
    return [(int(t), int(d)) for t, d in found if cost[t, d] < 1e6]


def _distance(expected: np.ndarray, box: np.ndarray, shape: np.ndarray, other: np.ndarray, unseen_s: float) -> float:
    """Heights off the expected place, and change of size and shape; 1e6 for what cannot be the same person."""
    size = max(expected[2], box[2])
    away = float(np.hypot(*(box[:2] - expected[:2]))) / size
    growth = abs(float(np.log(box[2] / expected[2])))
    if away > _GATE + _GATE_PER_S * unseen_s or growth > _SIZE_GATE + 0.3 * unseen_s:
        return 1e6
    bent = np.linalg.norm(shape - other, axis=1)
    bent = bent[np.isfinite(bent)]
    return away + 0.5 * growth + (min(float(bent.mean()) / 1000.0, 1.0) if len(bent) else 0.0)


def _joined(tracks: list[Track], time_s: np.ndarray) -> list[Track]:
    """Tracks with pieces of one person joined over gaps: the best fitting pair first."""
    tracks = sorted(tracks, key=lambda t: t.frames[0])
    while True:
        best = (1e6, -1, -1)
        for i, a in enumerate(tracks):
            for j, b in enumerate(tracks):
                gap = float(time_s[b.frames[0]] - time_s[a.frames[-1]])
                if i == j or not 0 < gap <= _JOIN_GAP_S or min(len(a.frames), len(b.frames)) < 3:
                    continue
                expected = _expected(a, time_s, float(time_s[b.frames[0]]))
                cost = _distance(expected, b.boxes[0], a.shapes[0] * 0, b.shapes[0] * 0, min(gap, 0.5))
                best = min(best, (cost, i, j))
        cost, i, j = best
        if cost >= 1e6:
            return tracks
        a, b = tracks[i], tracks[j]
        a.frames += b.frames
        a.detections += b.detections
        a.boxes += b.boxes
        a.shapes = b.shapes
        tracks.pop(j)


def _without_doubles(tracks: list[Track]) -> tuple[list[Track], int]:
    """Without tracks that lie on a longer one for most of their time."""
    kept: list[Track] = []
    for track in sorted(tracks, key=lambda t: -len(t.frames)):
        if not any(_lies_on(track, other) for other in kept):
            kept.append(track)
    return kept, len(tracks) - len(kept)


def _lies_on(track: Track, other: Track) -> bool:
    there = dict(zip(other.frames, other.boxes, strict=True))
    near = sum(
        f in there and np.hypot(*(b[:2] - there[f][:2])) < _SAME_DISTANCE * max(b[2], there[f][2])
        for f, b in zip(track.frames, track.boxes, strict=True)
    )
    return near >= _SAME_SHARE * len(track.frames)


def _drop_jumps(track: Track, time_s: np.ndarray) -> int:
    """Take out sightings that lie apart from their neighbours' median; a steady movement lies on it."""
    times, boxes = time_s[track.frames], np.array(track.boxes)
    keep = np.ones(len(times), bool)
    for i, now in enumerate(times):
        a, b = np.searchsorted(times, [now - _JUMP_WINDOW_S - 1e-9, now + _JUMP_WINDOW_S + 1e-9])
        reach = min(i - a, b - 1 - i)  # the same number on both sides, so that movement cancels
        if reach >= 2:
            middle = np.median(boxes[i - reach : i + reach + 1], axis=0)
            away = float(np.hypot(*(boxes[i, :2] - middle[:2]))) / middle[2]
            keep[i] = away <= _JUMP and abs(float(np.log(boxes[i, 2] / middle[2]))) <= _JUMP_SIZE
    for name in ("frames", "detections", "boxes"):
        setattr(track, name, [value for value, is_kept in zip(getattr(track, name), keep, strict=True) if is_kept])
    return int((~keep).sum())


def _travel(track: Track, width: int, height: int) -> float:
    """How far a person gets from one end of the track to the other, in heights of the body, by a guessed pinhole."""
    boxes = np.array(track.boxes)
    focal = max(width, height)  # 53 degrees
    tall = np.array([np.median(boxes[max(0, i - 7) : i + 8, 2]) for i in range(len(boxes))])
    places = np.column_stack([(boxes[:, 0] - width / 2) / tall, focal / tall])
    low, high = np.percentile(places, [5, 95], axis=0)
    return float(np.hypot(*(high - low)))
