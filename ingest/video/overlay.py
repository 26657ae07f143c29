"""The stored poses drawn on their video, and a contact sheet, to see at a glance whether the estimation worked.

The lake's own positions are drawn, projected through the recorded camera; hip-centred ones are placed on the frame by
the person's stored scale and place.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from neurostore import skeleton as skeletons
from neurostore.arrays import Floats, Ints, Pixels
from neurostore.errors import InputError, UsageError
from neurostore.ingest.video import decode
from neurostore.ingest.video.camera import Camera
from neurostore.lake.version import Version
from neurostore.schema import components_of
from neurostore.skeleton import Skeleton
from neurostore.storage import temporary
from neurostore.trial_key import key_text

LEFT, RIGHT, MIDDLE, BYSTANDER = (255, 140, 0), (0, 170, 255), (255, 255, 255), (150, 150, 150)
_SHEET_COLUMNS, _SHEET_ROWS, _SHEET_WIDTH = 4, 3, 480
_FONT = {  # 3 x 5 points, one row per number
    "0": (7, 5, 5, 5, 7), "1": (2, 6, 2, 2, 7), "2": (7, 1, 7, 4, 7), "3": (7, 1, 7, 1, 7), "4": (5, 5, 7, 1, 1),
    "5": (7, 4, 7, 1, 7), "6": (7, 4, 7, 5, 7), "7": (7, 1, 1, 2, 2), "8": (7, 5, 7, 5, 7), "9": (7, 5, 7, 1, 7),
    ".": (0, 0, 0, 0, 2), " ": (0, 0, 0, 0, 0), "s": (3, 4, 2, 1, 6), "-": (0, 0, 7, 0, 0),
}  # fmt: skip


@dataclass(frozen=True)
class Drawn:
    """Points of one trial in its frames. points (n, J, 2) px, NaN = not there; person, frame, time_s : (n,)."""

    skeleton: Skeleton
    person: Ints
    frame: Ints
    time_s: Floats
    points: Floats


def image_points(positions: Floats, camera: dict[str, Any], basis: str, picture: Floats | None = None) -> Floats:
    """Where lab positions (n, J, 3) mm are in the image: (n, J, 2) px.

    Parameters
    ----------
    camera : parameters of the step ``camera`` as recorded in ``trials.steps``. basis : the trial's position_basis.
    picture : (n, 3) scale, x and y; needed where the basis is root_relative.
    """
    turn, shift = np.array(camera["to_lab"]), np.array(camera["shift_mm"])
    seen = (positions.astype(float) - shift) @ turn  # the inverse of a rotation is its transpose
    if basis == "root_relative":
        if picture is None:
            raise ValueError("hip-centred positions need the place of each person in the image")
        return picture[:, None, :1] * seen[..., :2] + picture[:, None, 1:]
    return Camera(np.array(camera["intrinsics"]), tuple(camera["distortion"])).project(seen)


def draw(
    path: Path | str,
    drawn: Drawn,
    out: Path | str,
    sheet: Path | str | None = None,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Write the video with skeletons (and the contact sheet PNG); returns the number of frames.

    Left is orange, right blue, the middle white; bystanders are grey. Frames are matched to poses by their time.

    Raises
    ------
    InputError : the video cannot be read, or is not the one the poses come from (no time stamp matches).
    """
    path, out = Path(path), Path(out)
    info = decode.probe(path)
    rows = _rows_by_time(drawn)
    chosen = _sheet_times(drawn)
    kept: list[tuple[float, Pixels]] = []
    n_matched = 0

    def painted() -> Iterator[decode.Frame]:
        nonlocal n_matched
        for frame in decode.frames(path):
            here = rows.get(round(frame.time_s * 1e6))
            if here is None:
                if drawn.time_s[0] <= frame.time_s <= drawn.time_s[-1]:
                    yield frame
                continue
            n_matched += 1
            _paint(frame.rgb, drawn, here)
            if round(frame.time_s * 1e6) in chosen:
                kept.append((frame.time_s, _shrunk(frame.rgb, _SHEET_WIDTH)))
            yield frame
            if progress:
                progress(n_matched, len(rows))
        if n_matched == 0:  # raised before the file gets its name, so that an earlier file stays
            raise InputError(path, "none of its time stamps is one of the trial's; this is another video")

    n = _encode(out, painted(), info)
    if sheet is not None:
        write_png(sheet, contact_sheet(kept))
    return n


def overlay_trial(
    lake: Version,
    subject: str,
    trial: str,
    out: Path | str,
    *,
    session: str = "",
    cohort: Path | str | None = None,
    source: Path | str | None = None,
    sheet: Path | str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Draw a trial of an open lake on its video; returns the number of frames.

    Parameters
    ----------
    cohort : the folder the trial was read from. source : the video itself, instead.

    Raises
    ------
    UsageError : no such trial, or it is not a video; InputError : the video is not there or is another one.
    """
    rows = [
        r
        for r in lake.trials_table().to_pylist()
        if (r["subject"], r["session"], r["trial"]) == (subject, session, trial)
    ]
    where = key_text((subject, session, trial))
    if not rows:
        raise UsageError(f"the lake has no trial {where}; 'neurostore trials' lists them")
    row = rows[0]
    path = Path(source) if source is not None else Path(cohort or ".") / row["source_path"]
    cameras = [s["parameters"] for s in json.loads(row["steps"]) if s["name"] == "camera"]
    camera = next((c for c in cameras if c.get("video") == path.name), cameras[0] if cameras else None)
    if row["kind"] != "video" or camera is None:
        raise UsageError(f"{where} is not an estimated video (kind {row['kind']}); an overlay needs one")
    if not path.is_file():
        raise InputError(path, "there is no such file; give --cohort FOLDER or --video FILE")
    return draw(path, _drawn(lake, row, camera), out, sheet, progress=progress)


def _drawn(lake: Version, row: dict[str, Any], camera: dict[str, Any]) -> Drawn:
    skeleton = skeletons.load(row["skeleton"])
    frame = (
        lake.scan(skeleton.table)
        .filter((pl.col("ingest_id") == row["ingest_id"]) & (pl.col("subject") == row["subject"]))
        .sort("person", "frame")
        .collect()
    )
    positions = np.stack(
        [components_of(frame[joint].to_arrow()) for joint in skeleton.joints],
        axis=1,
    )
    picture = None
    if "picture" in frame.columns:
        empty = [np.nan] * 3
        picture = np.array([p if p is not None else empty for p in frame["picture"].to_list()], float)
    points = image_points(positions, camera, row["position_basis"], picture)
    return Drawn(skeleton, frame["person"].to_numpy(), frame["frame"].to_numpy(), frame["time_s"].to_numpy(), points)


def contact_sheet(images: list[tuple[float, Pixels]]) -> Pixels:
    """Images of one size in a grid, each with its time, as one (h, w, 3) image."""
    height, width = images[0][1].shape[:2]
    n_rows = -(-len(images) // _SHEET_COLUMNS)
    sheet = np.zeros((n_rows * height, _SHEET_COLUMNS * width, 3), np.uint8)
    for i, (time_s, rgb) in enumerate(images):
        rgb = rgb.copy()
        _write(rgb, f"{time_s:.2f} s", 6, 6)
        y, x = (i // _SHEET_COLUMNS) * height, (i % _SHEET_COLUMNS) * width
        sheet[y : y + height, x : x + width] = rgb
    return sheet


def write_png(path: Path | str, rgb: Pixels) -> None:
    """Write an image as PNG."""
    import av

    codec: Any = av.CodecContext.create("png", "w")
    codec.height, codec.width = rgb.shape[:2]
    codec.pix_fmt, codec.time_base = "rgb24", Fraction(1, 1)
    packets = codec.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24"))
    with temporary.named(path), temporary.replacing(path) as work:
        work.write_bytes(b"".join(bytes(p) for p in [*packets, *codec.encode(None)]))


def _rows_by_time(drawn: Drawn) -> dict[int, list[int]]:
    rows: dict[int, list[int]] = {}
    for i, time_s in enumerate(drawn.time_s):
        rows.setdefault(round(time_s * 1e6), []).append(i)
    return rows


def _sheet_times(drawn: Drawn) -> set[int]:
    """Times of the contact sheet: evenly over the frames in which the subject is seen."""
    seen = np.flatnonzero((drawn.person == 0) & np.isfinite(drawn.points).all(axis=2).any(axis=1))
    if len(seen) == 0:
        seen = np.arange(len(drawn.time_s))
    picked = seen[np.unique(np.linspace(0, len(seen) - 1, _SHEET_COLUMNS * _SHEET_ROWS).round().astype(int))]
    return {round(t * 1e6) for t in drawn.time_s[picked]}


def _paint(rgb: Pixels, drawn: Drawn, rows: list[int]) -> None:
    skeleton = drawn.skeleton
    index = {joint: i for i, joint in enumerate(skeleton.joints)}
    side = {joint: s for pair in skeleton.pairs for joint, s in zip(pair, (LEFT, RIGHT), strict=True)}
    thick = max(1, round(min(rgb.shape[:2]) / 400))
    for row in sorted(rows, key=lambda r: -drawn.person[r]):  # the subject is drawn last, on top
        points = drawn.points[row]
        for a, b in skeleton.bones:
            colour = side.get(a, MIDDLE) if side.get(a) == side.get(b) else MIDDLE
            ends = points[[index[a], index[b]]]
            if np.isfinite(ends).all():
                _line(rgb, ends[0], ends[1], BYSTANDER if drawn.person[row] else colour, thick)
        for joint, i in index.items():
            if np.isfinite(points[i]).all():
                _dot(rgb, points[i], BYSTANDER if drawn.person[row] else side.get(joint, MIDDLE), thick + 1)


def _line(rgb: Pixels, a: Floats, b: Floats, colour: tuple[int, int, int], radius: int) -> None:
    limit = 4.0 * max(rgb.shape[:2])
    if np.abs(a).max() > limit or np.abs(b).max() > limit:
        return
    n = int(np.abs(b - a).max()) + 2
    _stamp(rgb, a + np.linspace(0, 1, n)[:, None] * (b - a), colour, radius)


def _dot(rgb: Pixels, at: Floats, colour: tuple[int, int, int], radius: int) -> None:
    if np.abs(at).max() <= 4.0 * max(rgb.shape[:2]):
        _stamp(rgb, at[None], colour, radius)


def _stamp(rgb: Pixels, points: Floats, colour: tuple[int, int, int], radius: int) -> None:
    """Paint a disc at each point (n, 2); a pixel (i, j) covers [i, i + 1) x [j, j + 1)."""
    grid = np.arange(-radius, radius + 1)
    dx, dy = (g.ravel() for g in np.meshgrid(grid, grid))
    disc = dx**2 + dy**2 <= radius**2
    at = np.floor(points).astype(int)
    x = (at[:, :1] + dx[disc]).ravel()
    y = (at[:, 1:] + dy[disc]).ravel()
    inside = (x >= 0) & (y >= 0) & (x < rgb.shape[1]) & (y < rgb.shape[0])
    rgb[y[inside], x[inside]] = colour


def _write(rgb: Pixels, text: str, x: int, y: int, size: int = 3) -> None:
    rgb[y - 4 : y + 5 * size + 4, x - 4 : x + 4 * size * len(text) + 2] //= 3
    for character in text:
        for row, bits in enumerate(_FONT.get(character, _FONT[" "])):
            for column in range(3):
                if bits >> (2 - column) & 1:
                    top, left = y + row * size, x + column * size
                    rgb[top : top + size, left : left + size] = 255
        x += 4 * size


def _shrunk(rgb: Pixels, width: int) -> Pixels:
    import av

    height = max(2, round(rgb.shape[0] * width / rgb.shape[1]))
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
    return np.asarray(frame.reformat(width=width, height=height, format="rgb24").to_ndarray(), np.uint8)


def _encode(out: Path, frames: Iterator[decode.Frame], info: decode.VideoInfo) -> int:
    """Write frames with their own times: the file is complete or absent."""
    import av

    try:
        with temporary.folder_beside(out) as folder:  # FFmpeg recognizes the container by the file extension
            n = _mux(folder / out.name, frames, info)
            os.replace(folder / out.name, out)
    except (av.error.FFmpegError, OSError) as error:
        raise InputError(out, f"cannot be written as a video: {error}") from None
    return n


def _mux(path: Path, frames: Iterator[decode.Frame], info: decode.VideoInfo) -> int:
    """H.264 where this FFmpeg has it, else MPEG-4."""
    import av

    codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"
    n, base, start = 0, Fraction(1, 90000), None
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=max(1, round(info.rate_hz or 30)))
        stream.width, stream.height = info.width + info.width % 2, info.height + info.height % 2
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = base
        if codec == "libx264":
            stream.options = {"crf": "23", "preset": "veryfast"}
        for frame in frames:
            start = frame.time_s if start is None else start
            rgb = np.pad(frame.rgb, ((0, info.height % 2), (0, info.width % 2), (0, 0)), mode="edge")
            encoded = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
            encoded.time_base, encoded.pts = base, round((frame.time_s - start) / base)
            container.mux(stream.encode(encoded))
            n += 1
        container.mux(stream.encode(None))
    return n
