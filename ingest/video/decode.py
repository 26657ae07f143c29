"""Video files as upright RGB frames with the source's own time stamps, one at a time, in flat memory."""

from __future__ import annotations

import math
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from neurostore.arrays import Pixels
from neurostore.errors import InputError, MissingExtraError
from neurostore.ingest.recording import ReadOptions
from neurostore.release import how_to_install

if TYPE_CHECKING:
    import av

VERSION = 1
_STILL_FORMATS = ("image2", "gif", "apng", "ico", "tty", "lavfi")  # and every *_pipe: still images or other content
_TRUNCATED_SHARE = 0.02  # largest share of the declared frames or duration that may be missing at the end
_BAD_PACKETS = 10  # with more packets that cannot be decoded, the file counts as damaged

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame. index : position among the kept ones, from 0; time_s : the source's clock; rgb : (h, w, 3) uint8."""

    index: int
    time_s: float
    rgb: Pixels


@dataclass(frozen=True)
class VideoInfo:
    """What a file states about itself, after rotation and square pixels. n_frames, duration_s : 0 if not stated."""

    path: Path
    codec: str
    pixel_format: str
    width: int
    height: int
    rate_hz: float
    n_frames: int
    duration_s: float
    quarter_turns: int
    is_mirrored: bool
    creation_time: str = ""


@dataclass
class Decoding:
    """What happened while decoding; complete once the frames are used up."""

    n_decoded: int = 0
    n_damaged: int = 0
    n_out_of_order: int = 0
    n_without_time: int = 0
    is_interlaced: bool = False
    rotations: set[tuple[int, bool]] = field(default_factory=set)

    def notes(self) -> list[str]:
        """Plain sentences for the trial's notes."""
        notes = []
        if self.n_damaged:
            notes.append(f"{self.n_damaged} packets of the video could not be decoded and were left out")
        if self.n_out_of_order:
            notes.append(f"{self.n_out_of_order} frames repeat or go back in time and were left out")
        if self.n_without_time:
            notes.append(f"{self.n_without_time} frames carry no time stamp; their time is counted at the stated rate")
        if self.is_interlaced:
            notes.append("the video is interlaced: edges of fast movement are combed; deinterlace it for best results")
        return notes


def probe(path: Path | str) -> VideoInfo:
    """What a video file states about itself; the first frame is decoded for its rotation.

    Raises
    ------
    InputError : no video, a still image, an unknown codec, no frame, or unreadable.
    MissingExtraError : PyAV is not installed.
    """
    path = Path(path)
    with _opened(path) as (container, stream):
        first = next(_decoded(path, container, stream, Decoding()), None)
        if first is None:
            raise InputError(path, "holds a video stream without a single frame; expected at least one")
        return _info(path, container, stream, first)


def frames(
    path: Path | str,
    options: ReadOptions | None = None,
    *,
    fps: float | None = None,
    decoding: Decoding | None = None,
    n_threads: int = 0,
) -> Iterator[Frame]:
    """The frames of a video in order of time, turned upright, pixels made square.

    Parameters
    ----------
    options : ``drop_frames`` and ``frames`` (first, last; inclusive, after the drop) choose source frames.
    fps : keep at most this many frames per second, each the nearest to its tick; above the source's rate all are kept.
    decoding : filled with what happened. n_threads : of the decoder, 0 for its own choice.

    Raises
    ------
    InputError : as :func:`probe`; or the file ends before what it declares (truncated), or has too many bad packets.
    """
    path, options, decoding = Path(path), options or ReadOptions(), decoding if decoding is not None else Decoding()
    if fps is not None and not fps > 0:
        raise InputError(path, f"fps = {fps}; expected a number above 0")
    first, last = _range(options)
    with _opened(path, n_threads) as (container, stream):
        keep, rate, n_kept, info = _Thinning(fps), float(stream.average_rate or 0.0), 0, None
        previous, n_seen = -math.inf, 0
        for frame in _decoded(path, container, stream, decoding):
            number, n_seen = n_seen, n_seen + 1
            if frame.time is None:
                decoding.n_without_time += 1
                if rate <= 0:
                    raise InputError(path, "carries neither time stamps nor a frame rate; expected one of them")
                time_s = number / rate
            else:
                time_s = float(frame.time)
            if info is None:
                info = _info(path, container, stream, frame)
            if last is not None and number > last:
                return
            if number < first:
                continue
            if time_s <= previous:
                decoding.n_out_of_order += 1
                continue
            previous = time_s
            if not keep(time_s, 1 / rate if rate > 0 else 0.0):
                continue
            yield Frame(n_kept, time_s, _upright(frame, stream, info))
            n_kept += 1
        if info is None:
            raise InputError(path, "holds a video stream without a single frame; expected at least one")
        if n_kept == 0:
            raise InputError(
                path, f"holds {n_seen} frames, none of them in the range asked for ({first} to {last or 'end'})"
            )
        _check_whole(info, decoding, stream, previous)


def batches(source: Iterator[Item], size: int) -> Iterator[list[Item]]:
    """Lists of ``size`` items, the last one shorter."""
    batch: list[Item] = []
    for item in source:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


@contextmanager
def ahead(source: Iterator[Item], depth: int) -> Iterator[Iterator[Item]]:
    """The same items, produced by a thread that is at most ``depth`` items ahead; its errors are raised here.

    ``with ahead(source, 2) as items: …``; leaving the block stops the thread.
    """
    waiting: queue.Queue[tuple[str, Any]] = queue.Queue(maxsize=depth)
    stopped = threading.Event()

    def put(kind: str, value: Any) -> bool:
        while not stopped.is_set():
            with suppress(queue.Full):
                waiting.put((kind, value), timeout=0.1)
                return True
        return False

    def produce() -> None:
        try:
            for item in source:
                if not put("item", item):
                    return
            put("end", None)
        except BaseException as error:
            put("error", error)
        finally:
            close = getattr(source, "close", None)
            if close is not None:
                close()

    thread = threading.Thread(target=produce, name="decoder", daemon=True)
    thread.start()

    def take() -> Iterator[Item]:
        while True:
            kind, value = waiting.get()
            if kind == "end":
                return
            if kind == "error":
                raise value
            yield value

    try:
        yield take()
    finally:
        stopped.set()
        thread.join()


class _Thinning:
    """Decides for each frame whether it is kept: the first at or after (less half a frame) every tick of the grid."""

    def __init__(self, fps: float | None):
        self.fps = fps
        self.start: float | None = None
        self.tick = 0

    def __call__(self, time_s: float, frame_s: float) -> bool:
        if self.fps is None:
            return True
        if self.start is None:
            self.start = time_s
        if time_s - self.start < self.tick / self.fps - 0.5 * min(frame_s, 1 / self.fps):
            return False
        while self.tick / self.fps <= time_s - self.start + 0.5 * min(frame_s, 1 / self.fps):
            self.tick += 1
        return True


def _range(options: ReadOptions) -> tuple[int, int | None]:
    drop = options.drop_frames or 0
    if options.frames is None:
        return drop, None
    return drop + options.frames[0], drop + options.frames[1]


@contextmanager
def _opened(path: Path, n_threads: int = 0) -> Iterator[tuple[Any, Any]]:
    try:
        import av
    except ImportError as error:
        raise MissingExtraError(
            f"videos need PyAV ({error}): {how_to_install('mediapipe')} or the extra pose"
        ) from None
    if not path.is_file():
        raise InputError(path, "there is no such file")
    if path.stat().st_size == 0:
        raise InputError(path, "the file is empty")
    try:
        # cameras write titles and places in local encodings; they are not needed
        container = av.open(str(path), **_forgiving(av.__version__))
    except av.error.FFmpegError as error:
        raise InputError(path, f"cannot be opened as a video ({_message(error)}): not a video, or truncated") from None
    with container:
        name = container.format.name
        if name.endswith("_pipe") or set(name.split(",")) & set(_STILL_FORMATS):
            raise InputError(path, f"is a still image or animation ({name}), despite its name; expected a video")
        streams = [s for s in container.streams.video if not s.disposition & s.disposition.attached_pic]
        if not streams:
            kinds = ", ".join(sorted({s.type for s in container.streams})) or "nothing"
            raise InputError(path, f"has no video stream (it holds {kinds})")
        stream = streams[0]
        if stream.codec_context is None:
            raise InputError(path, "its video codec is not known to FFmpeg; convert it, for example to H.264")
        ends = max((e.pos + e.size for e in stream.index_entries), default=0)
        if ends > path.stat().st_size:
            size = path.stat().st_size
            raise InputError(path, f"is truncated: its index reaches byte {ends}, the file ends at {size}")
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = n_threads
        yield container, stream


def _forgiving(version: str) -> dict[str, Any]:
    """Arguments for ``av.open`` that accept text in another encoding; PyAV from 19 on always does."""
    return {"metadata_errors": "replace"} if int(version.split(".")[0]) < 19 else {}


def _decoded(path: Path, container: Any, stream: Any, decoding: Decoding) -> Iterator[av.VideoFrame]:
    import av

    try:
        for packet in container.demux(stream):
            if packet.is_corrupt:
                decoding.n_damaged += 1
                continue
            try:
                frames = packet.decode()
            except av.error.InvalidDataError:
                decoding.n_damaged += 1
                continue
            for frame in frames:
                decoding.n_decoded += 1
                decoding.is_interlaced |= bool(frame.interlaced_frame)
                yield frame
            if decoding.n_damaged > _BAD_PACKETS + _TRUNCATED_SHARE * decoding.n_decoded:
                raise InputError(
                    path, f"{decoding.n_damaged} packets cannot be decoded after {decoding.n_decoded} frames: damaged"
                )
    except av.error.FFmpegError as error:
        raise InputError(
            path, f"cannot be decoded after {decoding.n_decoded} frames ({_message(error)}): damaged or truncated"
        ) from None


def _message(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)


def _info(path: Path, container: Any, stream: Any, frame: Any) -> VideoInfo:
    turns, is_mirrored = _turned(path, frame)
    width, height = _square(frame.width, frame.height, stream.sample_aspect_ratio)
    if turns % 2:
        width, height = height, width
    duration = stream.duration * stream.time_base if stream.duration else (container.duration or 0) / 1_000_000
    return VideoInfo(
        path,
        stream.codec_context.name,
        frame.format.name,
        width,
        height,
        float(stream.average_rate or stream.guessed_rate or 0.0),
        int(stream.frames or 0),
        float(duration),
        turns,
        is_mirrored,
        str(container.metadata.get("creation_time") or stream.metadata.get("creation_time") or ""),
    )


def _turned(path: Path, frame: Any) -> tuple[int, bool]:
    """(quarter turns anticlockwise that bring the image upright, whether it is mirrored first left to right).

    From the display matrix (a b; c d), 16.16 fixed point: a stored point goes to (a x + c y, b x + d y).
    """
    matrix = next((s for s in frame.side_data if s.type.name == "DISPLAYMATRIX"), None)
    if matrix is None:
        return 0, False
    a, b, _, c, d = np.frombuffer(bytes(matrix), np.int32)[:5].astype(float) / 65536
    is_mirrored = a * d - b * c < 0
    if is_mirrored:
        a, b = -a, -b
    degrees = math.degrees(math.atan2(-b, a))
    turns = round(degrees / 90)
    if abs(degrees - 90 * turns) > 1:
        raise InputError(path, f"has to be rotated by {degrees:.0f} degrees; only quarter turns are read")
    return turns % 4, is_mirrored


def _square(width: int, height: int, aspect: Any) -> tuple[int, int]:
    """Size with square pixels; the larger of the two stretches."""
    ratio = float(aspect) if aspect else 1.0
    if ratio <= 0 or abs(ratio - 1) < 1e-3:
        return width, height
    return (round(width * ratio), height) if ratio > 1 else (width, round(height / ratio))


def _upright(frame: Any, stream: Any, info: VideoInfo) -> Pixels:
    width, height = _square(frame.width, frame.height, stream.sample_aspect_ratio)
    rgb = frame.to_ndarray(format="rgb24", width=width, height=height)
    if info.is_mirrored:
        rgb = rgb[:, ::-1]
    if info.quarter_turns:
        rgb = np.rot90(rgb, info.quarter_turns)
    if rgb.shape[:2] != (info.height, info.width):
        raise InputError(
            info.path,
            f"the image size changes from {info.width}x{info.height} to {rgb.shape[1]}x{rgb.shape[0]} at "
            f"{frame.time} s; cut the video there",
        )
    return np.ascontiguousarray(rgb)


def _check_whole(info: VideoInfo, decoding: Decoding, stream: Any, last_s: float) -> None:
    """Refuse a file that ends early. Containers state how many frames or seconds they contain; some state nothing."""
    missing = info.n_frames - decoding.n_decoded
    if info.n_frames and missing > 2 + _TRUNCATED_SHARE * info.n_frames:
        raise InputError(
            info.path, f"holds {decoding.n_decoded} of the {info.n_frames} frames it declares: truncated or damaged"
        )
    start = float(stream.start_time * stream.time_base) if stream.start_time else 0.0
    if info.duration_s and not info.n_frames:
        short = info.duration_s - (last_s - start)
        if short > max(1.0, _TRUNCATED_SHARE * info.duration_s):
            raise InputError(
                info.path, f"ends at {last_s - start:.1f} of the {info.duration_s:.1f} s it declares: truncated"
            )
