"""One person, one number: detections of single frames joined into tracks, and the choice of the subject.

Each frame's detections are assigned to the current tracks by the Hungarian method, on the distance to where each
track should be by now (constant velocity), the change of size and of body shape. Afterwards pieces of one person on
both sides of a gap are joined by the same measure.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linear_sum_assignment

from neurostore.arrays import Bools, Floats, Ints
from neurostore.ingest.video.contract import Detection

VERSION = 2
STATURE_MM = 1700.0  # assumed stature, to convert scales into heights
_MAX_GAP_S = 1.0  # a track unseen for longer ends
_JOIN_GAP_S = 2.5  # tracks farther apart in time are two persons
_MEMORY_S = 0.3  # recent part of a track that gives its velocity
_MAX_RECENT = 10  # largest number of detections in this part
_GATE = 0.35  # largest distance in statures between a person and the expected place
_GATE_PER_S = 0.6  # added for each second unseen: walking is 0.8 statures per second, and may stop
_UPWARDS = 2.0  # weight of vertical distance: people walk across the image and in depth, and hardly move up
_SIZE_GATE = math.log(1.5)  # largest change of stature between detections (natural logarithm)
_SIZE_GATE_PER_S = 0.3  # added for each second
_BENT_GATE_MM = 400.0  # difference between poses that costs as much as the largest distance (one gate)
_MAX_BENT = 0.5  # largest cost of different poses, in gates, because models err in single frames
_NO_MATCH = 1.5  # gates: cost of a detection without a track, and largest cost of a pair
_UNSURE = 0.3  # gates by which a short track must fit better than the track of a known person
_MIN_SEEN_S = 0.15  # a shorter track counts as a false detection
_MIN_SEEN = 3  # and so does one with fewer frames
_SAME_POINTS = 0.1  # mean distance in statures between the points of two detections below which they are one person
# A track is a second detection of a person if, in this share of its frames, it is at the place of a longer track.
_SAME_SHARE = 0.7
_SAME_DISTANCE = 0.25  # statures within which two tracks are at one place
# A pose that differs more from the median of its neighbours did not fit the person in this frame.
_JUMP = 0.12  # place, in statures
_JUMP_SIZE = math.log(1.3)  # stature, natural logarithm
_JUMP_WINDOW_S = 0.2  # neighbours before and after
# mean distance of the joints from the neighbours' median pose; below 61 mm in CMU's walks, jumps and dances
_BENT_MM = 120.0
_BENT_WINDOW_S = 0.1  # neighbours before and after; short, because limbs move on arcs
_STEADY_S = 0.25  # time before and after over which the size of a walker is the median
_TIE = 0.6  # least share of the farthest walker's distance that a walker must walk, since depth is inaccurate
_MIN_TRAVEL = 1.0  # statures; a person who moves less is standing
_MIN_PRESENCE = 0.2  # least presence of a walker as a share of the longest presence


@dataclass
class Track:
    """One person's detections. frames : frames they are seen in, rising; detections : the index in each."""

    frames: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)  # times of the frames, s
    detections: list[int] = field(default_factory=list)
    boxes: list[Floats] = field(default_factory=list)  # (4,) x and y of the middle, stature (px), confidence
    shape: Floats = field(default_factory=lambda: np.empty((0, 3)))  # last pose: (J, 3) relative to its mean, mm

    @property
    def is_sure(self) -> bool:
        """Whether it has been seen long enough to be a person."""
        return len(self.frames) >= _MIN_SEEN and self.times[-1] - self.times[0] >= _MIN_SEEN_S

    def add(self, frame: int, time_s: float, index: int, box: Floats, shape: Floats) -> None:
        """Append a detection to the track."""
        self.frames.append(frame)
        self.times.append(time_s)
        self.detections.append(index)
        self.boxes.append(box)
        self.shape = shape

    def extend(self, other: Track) -> None:
        """Take over the sightings of another track, in none of the same frames."""
        if other.times and other.times[-1] > self.times[-1]:
            self.shape = other.shape
        order = sorted(range(len(self.frames) + len(other.frames)), key=[*self.frames, *other.frames].__getitem__)
        for name in ("frames", "times", "detections", "boxes"):
            values = [*getattr(self, name), *getattr(other, name)]
            setattr(self, name, [values[i] for i in order])

    def keep(self, kept: Bools) -> None:
        """Drop the sightings that are not kept (n,) bool."""
        for name in ("frames", "times", "detections", "boxes"):
            setattr(self, name, [value for value, is_kept in zip(getattr(self, name), kept, strict=True) if is_kept])


@dataclass
class Followed:
    """Tracks, longest first, with quality figures and notes."""

    tracks: list[Track]
    notes: list[str] = field(default_factory=list)
    quality: dict[str, float] = field(default_factory=dict)


def follow(detections: Sequence[Sequence[Detection]], time_s: Floats) -> Followed:
    """Join the detections of all frames into tracks.

    Parameters
    ----------
    detections : the persons of each frame, in any order. time_s : (n,) of the frames.
    """
    ended: list[Track] = []
    active: list[Track] = []
    n_doubles = 0
    for f, persons in enumerate(detections):
        now = float(time_s[f])
        over = [t for t in active if now - t.times[-1] > (_MAX_GAP_S if t.is_sure else _MIN_SEEN_S)]
        ended += over
        active = [t for t in active if t not in over]
        places, shapes = [_place(p) for p in persons], [_shape(p) for p in persons]
        owner = _assigned(active, places, shapes, now)
        taken: list[int] = []
        for d in sorted(range(len(persons)), key=lambda d: d not in owner or not owner[d].is_sure):
            track = owner.get(d, Track())
            # a second detection of a person must not begin a track, or continue one that has just begun
            if not track.is_sure and any(_is_same(persons[d], persons[o], places[o][2]) for o in taken):
                n_doubles += 1
                continue
            taken.append(d)
            if not track.frames:
                active.append(track)
            track.add(f, now, d, places[d], shapes[d])
    tracks, n_double_tracks = _without_doubles([*ended, *active])
    tracks, n_more = _without_doubles(_joined(tracks))
    n_doubles += n_double_tracks + n_more
    n_jumps = sum(_drop_jumps(track, detections) for track in tracks)
    tracks = [t for t in tracks if t.frames]
    needed = max(_MIN_SEEN, math.ceil(_MIN_SEEN_S / float(np.median(np.diff(time_s))))) if len(time_s) > 1 else 1
    kept = [t for t in tracks if len(t.frames) >= min(needed, len(time_s))]
    followed = Followed(sorted(kept, key=lambda t: (-len(t.frames), t.frames[0])))
    n_short = len(tracks) - len(kept)
    if n_short:
        followed.notes.append(f"{n_short} persons seen in fewer than {needed} frames were treated as false detections")
    if n_doubles:
        followed.notes.append(f"{n_doubles} further detections of the same person were left out")
    if n_jumps:
        followed.notes.append(f"{n_jumps} poses that jump away from the poses before and after were left out")
    followed.quality = {
        "jumps": float(n_jumps),
        "false_tracks": float(n_short),
        "double_detections": float(n_doubles),
    }
    if not kept and tracks:  # so that the caller can report in how few frames a person is seen
        followed.tracks = [max(tracks, key=lambda t: len(t.frames))]
    return followed


def choose_subject(
    tracks: Sequence[Track], rule: str, width: int, height: int, box: Floats | None = None
) -> list[Track]:
    """The tracks with the subject first, the others by presence.

    A ``box`` [left, top, width, height] px alone decides: the person whose middle is in it in most frames. Else by rule:
    ``longest`` (frames seen in), ``largest`` (median height), or ``walker``: who goes farthest through the scene, in
    heights of the body (so that walking towards the camera counts by the change of size); those who go nearly as far,
    or everybody if nobody walks, are distinguished by presence times height squared.
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


def weak_perspective(positions: Floats, points: Floats) -> Floats:
    """(scale px/mm, x px, y px) by least squares, with points = scale * (X, Y) + (x, y): a person's place.

    positions : (..., J, 3) mm. points : (..., J, 2) px. Returns (..., 3), NaN where fewer than two joints are known.
    """
    seen = np.isfinite(positions).all(axis=-1) & np.isfinite(points).all(axis=-1)
    n = seen.sum(axis=-1)[..., None]
    with np.errstate(invalid="ignore", divide="ignore"):
        flat, flat_middle = _centred(positions[..., :2], seen, n)
        seen_points, middle = _centred(points, seen, n)
        spread = (flat**2).sum(axis=(-2, -1))[..., None]
        scale = (flat * seen_points).sum(axis=(-2, -1))[..., None] / spread
    camera = np.concatenate([scale, middle - scale * flat_middle], axis=-1)
    return np.where((n >= 2) & (spread >= 1e-6), camera, np.nan)


def _centred(values: Floats, seen: Bools, n: Ints) -> tuple[Floats, Floats]:
    """Values less the mean of those seen, 0 where not seen; and that mean."""
    known = np.where(seen[..., None], values, 0.0)
    middle = known.sum(axis=-2, dtype=float) / n
    return np.where(seen[..., None], known - middle[..., None, :], 0.0), middle


def _place(person: Detection) -> Floats:
    """Middle of the points (px), stature in the image (px), confidence.

    Stature by the scale of the pose, so that crouching does not change it; else the height of the box.
    """
    left, top, width, height, confidence = person.box
    seen = person.points[np.isfinite(person.points).all(axis=1)]
    x, y = seen.mean(axis=0) if len(seen) else (left + width / 2, top + height / 2)
    scale = weak_perspective(person.positions[0], person.points)[0]
    stature = STATURE_MM * scale if np.isfinite(scale) and scale > 0 else height
    return np.array([x, y, max(float(stature), 1.0), confidence])


def _shape(person: Detection) -> Floats:
    positions = person.positions[0].astype(float)
    return positions - np.nanmean(positions, axis=0) if np.isfinite(positions).any() else positions


def _is_same(person: Detection, other: Detection, height: float) -> bool:
    """Whether two detections of one frame are at the same points."""
    apart = np.linalg.norm(person.points - other.points, axis=1)
    apart = apart[np.isfinite(apart)]
    return len(apart) > 0 and float(apart.mean()) < _SAME_POINTS * height


def _expected(track: Track, now: float) -> Floats:
    """Middle and stature where the track should be: recent places moved on at the median velocity, their median."""
    first = bisect_left(track.times, track.times[-1] - _MEMORY_S)
    # a few of them if the rate is high
    recent = np.unique(np.linspace(first, len(track.times) - 1, _MAX_RECENT).astype(int))
    times, moved = np.array([track.times[i] for i in recent]), np.array([track.boxes[i] for i in recent])
    # leave out pairs that are too close in time, which give noise (Theil–Sen)
    a, b = np.nonzero(times[None] - times[:, None] >= _MEMORY_S / 3)
    if len(a) == 0:
        return moved[-1]
    velocity = np.median((moved[b, :2] - moved[a, :2]) / (times[b] - times[a])[:, None], axis=0)
    moved[:, :2] += velocity * np.minimum(now - times, _MAX_GAP_S)[:, None]
    return np.median(moved, axis=0)


def _assigned(tracks: list[Track], places: list[Floats], shapes: list[Floats], now: float) -> dict[int, Track]:
    """The track that each detection goes on with, for those that go on with one."""
    if not tracks or not places:
        return {}
    cost = np.full((len(tracks), len(places)), _NO_MATCH)
    for t, track in enumerate(tracks):
        expected, unseen_s = _expected(track, now), now - track.times[-1]
        for d, place in enumerate(places):
            bent = min(_bent_mm(track.shape, shapes[d]) / _BENT_GATE_MM, _MAX_BENT)
            # an older pose is less informative; the uncertainty costs as much as a difference
            bent += (_MAX_BENT - bent) * min(unseen_s / _MEMORY_S, 1.0)
            cost[t, d] = _distance(expected, place, unseen_s) + bent + (0.0 if track.is_sure else _UNSURE)
    cost = np.minimum(cost, _NO_MATCH)  # so that a bad pair is not forced to let another pair match
    pairs = zip(*linear_sum_assignment(cost), strict=True)
    return {int(d): tracks[t] for t, d in pairs if cost[t, d] < _NO_MATCH}


def _distance(expected: Floats, place: Floats, unseen_s: float) -> float:
    """How far a place is off the expected one in gates (1: as far as may be), in the image and in size together.

    _NO_MATCH for what cannot be the same person.
    """
    size = max(expected[2], place[2])
    across, up = (place[:2] - expected[:2]) / size
    away = math.hypot(across, _UPWARDS * up) / (_GATE + _GATE_PER_S * unseen_s)
    growth = abs(float(np.log(place[2] / expected[2]))) / (_SIZE_GATE + _SIZE_GATE_PER_S * unseen_s)
    return away + 0.5 * growth if max(away, growth) <= 1 else _NO_MATCH


def _bent_mm(shape: Floats, other: Floats) -> float:
    """Mean distance of the joints (J, 3) that both have, wherever the bodies are; 0 if there are none."""
    apart = shape - other
    apart = apart[np.isfinite(apart).all(axis=1)]
    return float(np.linalg.norm(apart - apart.mean(axis=0), axis=1).mean()) if len(apart) else 0.0


def _joined(tracks: list[Track]) -> list[Track]:
    """Tracks with pieces of one person joined over gaps: the best fitting pairs of an end and a start first."""
    short = [t for t in tracks if len(t.frames) < _MIN_SEEN]
    tracks = sorted((t for t in tracks if len(t.frames) >= _MIN_SEEN), key=lambda t: t.times[0])
    starts = [t.times[0] for t in tracks]
    pairs = []
    for i, track in enumerate(tracks):
        end = track.times[-1]
        for j in range(bisect_right(starts, end), bisect_right(starts, end + _JOIN_GAP_S)):
            cost = _distance(_expected(track, starts[j]), tracks[j].boxes[0], min(starts[j] - end, 0.5))
            if cost < _NO_MATCH:
                pairs.append((cost, i, j))
    owner = list(range(len(tracks)))  # for each track, the track that it was joined to
    has_next = set()
    for _, i, j in sorted(pairs):
        if i not in has_next and owner[j] == j:
            has_next.add(i)
            owner[j] = i
    for j in range(len(tracks)):  # in order of start, so that the earlier track already has its owner
        if owner[j] != j:
            owner[j] = owner[owner[j]]
            tracks[owner[j]].extend(tracks[j])
    return [t for i, t in enumerate(tracks) if owner[i] == i] + short


def _without_doubles(tracks: list[Track]) -> tuple[list[Track], int]:
    """Without tracks that mostly lie on the path of a simultaneous longer one, which takes over the sightings that it lacks."""
    kept: list[Track] = []
    for track in sorted(tracks, key=lambda t: -len(t.frames)):
        for other in kept:
            is_during, is_near = _lies_on(track, other)
            if is_during.any() and (is_near & is_during).sum() >= _SAME_SHARE * is_during.sum():
                track.keep((is_near | ~is_during) & ~np.isin(track.frames, other.frames))
                other.extend(track)
                break
        else:
            kept.append(track)
    return kept, len(tracks) - len(kept)


def _lies_on(track: Track, other: Track) -> tuple[Bools, Bools]:
    """(n,) bool each: which sightings fall between sightings of the other person; which lie where that one was."""
    times, theirs = np.array(track.times), np.array(other.times)
    if times[0] > theirs[-1] or times[-1] < theirs[0]:
        return np.zeros(len(times), bool), np.zeros(len(times), bool)
    ours, boxes = np.array(track.boxes), np.array(other.boxes)
    x, y, tall = (np.interp(times, theirs, boxes[:, i]) for i in range(3))
    apart = np.hypot(ours[:, 0] - x, ours[:, 1] - y)
    is_during = (times >= theirs[0]) & (times <= theirs[-1])
    return is_during, apart < _SAME_DISTANCE * np.maximum(ours[:, 2], tall)


def _drop_jumps(track: Track, detections: Sequence[Sequence[Detection]]) -> int:
    """Remove sightings whose place, size or pose is far from the median of the neighbours; a movement is close to it."""
    times, boxes = np.array(track.times), np.array(track.boxes)
    poses = np.array(
        [detections[f][d].positions[0] for f, d in zip(track.frames, track.detections, strict=True)], np.float32
    )
    keep = np.ones(len(times), bool)
    for i in range(len(times)):
        reach = _reach(times, i, _JUMP_WINDOW_S)
        if reach < 2:
            continue
        middle = np.median(boxes[i - reach : i + reach + 1], axis=0)
        away = float(np.hypot(*(boxes[i, :2] - middle[:2]))) / middle[2]
        reach = max(2, _reach(times, i, _BENT_WINDOW_S))
        usual = np.median(poses[i - reach : i + reach + 1], axis=0)
        keep[i] = (
            away <= _JUMP
            and abs(float(np.log(boxes[i, 2] / middle[2]))) <= _JUMP_SIZE
            and _bent_mm(poses[i], usual) <= _BENT_MM
        )
    track.keep(keep)
    return int((~keep).sum())


def _reach(times: Floats, i: int, window_s: float) -> int:
    """How many neighbours are within the window on each side: the same number, so that movement cancels."""
    a, b = np.searchsorted(times, [times[i] - window_s - 1e-9, times[i] + window_s + 1e-9])
    return int(min(i - a, b - 1 - i))


def _travel(track: Track, width: int, height: int) -> float:
    """How far a person gets from one end of the track to the other, in heights of the body, by a guessed pinhole."""
    times, boxes = np.array(track.times), np.array(track.boxes)
    focal = max(width, height)  # 53 degrees
    starts, ends = np.searchsorted(times, [times - _STEADY_S - 1e-9, times + _STEADY_S + 1e-9])
    tall = np.array([np.median(boxes[a:b, 2]) for a, b in zip(starts, ends, strict=True)])
    places = np.column_stack([(boxes[:, 0] - width / 2) / tall, focal / tall])
    low, high = np.percentile(places, [5, 95], axis=0)
    return float(np.hypot(*(high - low)))
