"""A world with known positions: people as ten coloured discs, walked, projected, drawn and encoded.

Nothing here knows the package. Camera frame: x right, y down, z away, mm. A pixel (column i, row j) covers
[i, i+1) x [j, j+1) of image coordinates; the principal point is the middle of the image.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

MARKERS = ("head", "thorax", "lhip", "rhip", "lknee", "rknee", "lankle", "rankle", "lwrist", "rwrist")
N_PERSONS = 2
DISC_RADIUS_MM = 80.0
FOV_DEGREES = 55.0  # of the larger side


def hue(person: int, marker: int) -> float:
    """Hue in 0..1: every marker of every person has its own."""
    return (marker * N_PERSONS + person) / (len(MARKERS) * N_PERSONS)


def focal_px(width: int, height: int, fov_degrees: float = FOV_DEGREES) -> float:
    return max(width, height) / 2 / np.tan(np.radians(fov_degrees) / 2)


@dataclass(frozen=True)
class Walk:
    """A person who walks a straight line. Lengths in mm; start and velocity in the camera frame (x, z)."""

    start: tuple[float, float] = (0.0, 5800.0)
    velocity: tuple[float, float] = (0.0, -1100.0)  # per second; towards the camera
    stature: float = 1700.0
    floor_y: float = 900.0  # below the camera
    stride_s: float = 1.0
    phase: float = 0.0


def positions(walk: Walk, time_s: np.ndarray) -> np.ndarray:
    """Marker positions (n, 10, 3), camera frame, mm. A planted foot stays where it is."""
    time_s = np.asarray(time_s, float)
    velocity = np.array([walk.velocity[0], 0.0, walk.velocity[1]])
    speed = np.linalg.norm(velocity)
    forward = velocity / speed if speed else np.array([0.0, 0.0, -1.0])
    up = np.array([0.0, -1.0, 0.0])
    left = np.cross(up, forward)
    origin = np.array([walk.start[0], walk.floor_y, walk.start[1]]) + time_s[:, None] * velocity
    stature, out = walk.stature, {}
    hip = 0.53 * stature + 0.012 * stature * np.cos(4 * np.pi * time_s / walk.stride_s)
    out["head"] = origin + 0.94 * stature * up
    out["thorax"] = origin + 0.80 * stature * up
    for sign, side in ((1, "l"), (-1, "r")):
        beat = (time_s / walk.stride_s + walk.phase + (0.0 if sign > 0 else 0.5)) % 1.0
        stance = np.minimum(beat / 0.6, 1.0)
        swing = np.clip((beat - 0.6) / 0.4, 0.0, 1.0)
        reach = 0.6 * speed * walk.stride_s  # travel of the body during stance
        eased = swing - np.sin(2 * np.pi * swing) / (2 * np.pi)
        ahead = reach * (0.5 - stance + eased)
        lift = 0.05 * stature + 0.06 * stature * np.sin(np.pi * swing) ** 2
        side_mm = sign * 0.075 * stature
        out[f"{side}hip"] = origin + hip[:, None] * up + side_mm * left
        out[f"{side}ankle"] = origin + ahead[:, None] * forward + lift[:, None] * up + side_mm * left
        out[f"{side}knee"] = _knee(out[f"{side}hip"], out[f"{side}ankle"], 0.2551 * stature, forward)
        arm = -0.10 * stature * np.sin(2 * np.pi * (beat - 0.05))
        out[f"{side}wrist"] = origin + 0.50 * stature * up + arm[:, None] * forward + sign * 0.19 * stature * left
    return np.stack([out[m] for m in MARKERS], axis=1)


def _knee(hip: np.ndarray, ankle: np.ndarray, segment: float, forward: np.ndarray) -> np.ndarray:
    middle, line = (hip + ankle) / 2, ankle - hip
    length = np.linalg.norm(line, axis=1, keepdims=True)
    bend = np.sqrt(np.maximum(segment**2 - (length / 2) ** 2, 0.0))
    unit = line / length
    front = forward - (unit @ forward)[:, None] * unit
    return middle + bend * front / np.linalg.norm(front, axis=1, keepdims=True)


def project(points: np.ndarray, width: int, height: int, fov_degrees: float = FOV_DEGREES) -> np.ndarray:
    """Image coordinates (…, 2), px."""
    return points[..., :2] / points[..., 2:] * focal_px(width, height, fov_degrees) + np.array([width / 2, height / 2])


def draw(people: list[tuple[int, np.ndarray]], width: int, height: int, fov_degrees: float = FOV_DEGREES) -> np.ndarray:
    """A frame (height, width, 3) uint8 of (colour set, (10, 3) positions); nearer discs cover farther ones."""
    frame = np.zeros((height, width, 3))
    fine = 12
    sub = (np.arange(fine) + 0.5) / fine
    discs = [(p, m, point) for p, points in people for m, point in enumerate(points) if np.isfinite(point).all()]
    for person, marker, point in sorted(discs, key=lambda d: -d[2][2]):
        if point[2] < 100:
            continue
        u, v = project(point, width, height, fov_degrees)
        radius = DISC_RADIUS_MM / point[2] * focal_px(width, height, fov_degrees)
        x0, x1 = max(0, int(u - radius) - 1), min(width, int(u + radius) + 2)
        y0, y1 = max(0, int(v - radius) - 1), min(height, int(v + radius) + 2)
        if x0 >= x1 or y0 >= y1:
            continue
        xs = (np.arange(x0, x1)[:, None] + sub).ravel()
        ys = (np.arange(y0, y1)[:, None] + sub).ravel()
        inside = (xs[None] - u) ** 2 + (ys[:, None] - v) ** 2 <= radius**2
        cover = inside.reshape(y1 - y0, fine, x1 - x0, fine).mean(axis=(1, 3))[..., None]
        colour = 255 * np.array(colorsys.hsv_to_rgb(hue(person, marker), 1.0, 1.0))
        frame[y0:y1, x0:x1] = frame[y0:y1, x0:x1] * (1 - cover) + colour * cover
    return np.rint(frame).astype(np.uint8)


def encode(
    path: Path,
    frames: list[np.ndarray],
    time_s: np.ndarray | None = None,
    *,
    rate: int = 30,
    codec: str = "libx264rgb",
    pixel_format: str = "rgb24",
    options: dict[str, str] | None = None,
    rotation: int | None = None,
) -> Path:
    """Write a video; time_s gives each frame's own time stamp (variable frame rate)."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pixel_format
        stream.options = {"crf": "0"} if options is None else options
        base = Fraction(1, 90000)
        stream.codec_context.time_base = base
        if rotation is not None:
            stream.set_display_rotation(rotation)
        for i, image in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            seconds = i / rate if time_s is None else time_s[i]
            frame.time_base, frame.pts = base, round(seconds / base)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def film(
    path: Path,
    walks: list[Walk],
    n_frames: int = 40,
    *,
    rate: int = 30,
    width: int = 320,
    height: int = 240,
    time_s: np.ndarray | None = None,
    visible: np.ndarray | None = None,
    fov_degrees: float = FOV_DEGREES,
    **encoding: object,
) -> tuple[np.ndarray, np.ndarray]:
    """Film people; visible : (n, people) bool. Returns time_s (n,) and true positions (people, n, 10, 3)."""
    clock = np.arange(n_frames) / rate if time_s is None else np.asarray(time_s)
    truth = np.stack([positions(walk, clock) for walk in walks])
    frames = [
        draw(
            [(p, truth[p, i]) for p in range(len(walks)) if visible is None or visible[i, p]],
            width,
            height,
            fov_degrees,
        )
        for i in range(len(clock))
    ]
    encode(path, frames, clock, rate=rate, **encoding)  # type: ignore[arg-type]
    return clock, truth
