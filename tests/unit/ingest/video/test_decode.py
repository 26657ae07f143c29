"""The decoder on videos made here: clocks, thinning, ranges, threads, and everything that is not a video."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

av = pytest.importorskip("av", reason="videos need PyAV")

from neurostore.errors import InputError  # noqa: E402
from neurostore.ingest.recording import ReadOptions  # noqa: E402
from neurostore.ingest.video import decode  # noqa: E402
from tests.builders.scene import encode  # noqa: E402


def numbered(n: int, width: int = 64, height: int = 48) -> list[np.ndarray]:
    """Frames that say which they are: grey of 8 times the number."""
    return [np.full((height, width, 3), 8 * i, np.uint8) for i in range(n)]


def numbers(path: Path, options: ReadOptions | None = None, **how: float) -> list[int]:
    return [round(float(p.rgb.mean()) / 8) for p in decode.frames(path, options, **how)]


@pytest.fixture
def ten(tmp_path: Path) -> Path:
    return encode(tmp_path / "ten.mp4", numbered(10), rate=10)


def test_every_frame_once_and_in_order(ten: Path) -> None:
    assert numbers(ten) == list(range(10))
    assert [p.time_s for p in decode.frames(ten)] == pytest.approx(np.arange(10) / 10)
    assert [p.index for p in decode.frames(ten)] == list(range(10))


def test_a_title_that_is_not_utf_8(ten: Path) -> None:
    content = ten.read_bytes()
    assert b"Lavf" in content  # the encoder's name among the metadata
    ten.write_bytes(content.replace(b"Lavf", b"L\xe4vf"))
    assert numbers(ten) == list(range(10))


def test_probe(ten: Path) -> None:
    info = decode.probe(ten)
    assert (info.codec, info.width, info.height, info.n_frames, info.rate_hz) == ("h264", 64, 48, 10, 10)
    assert info.duration_s == pytest.approx(1.0)


def test_the_creation_time_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "dated.mp4"
    with av.open(str(path), "w") as container:
        container.metadata["creation_time"] = "2024-03-04T10:00:00Z"
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height = 64, 48
        for frame in numbered(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    assert decode.probe(path).creation_time.startswith("2024-03-04T10:00:00")


def test_bidirectional_frames_come_in_order_of_time(tmp_path: Path) -> None:
    path = encode(
        tmp_path / "b.mp4", numbered(20), codec="libx264", pixel_format="yuv420p", options={"bf": "3", "crf": "1"}
    )
    assert numbers(path) == list(range(20))


@pytest.mark.parametrize(
    ("fps", "expected"), [(5, [0, 2, 4, 6, 8]), (10, list(range(10))), (30, list(range(10))), (2, [0, 5]), (0.5, [0])]
)
def test_thinning_by_definition(fps: float, expected: list[int], ten: Path) -> None:
    assert numbers(ten, fps=fps) == expected


def test_thinning_takes_the_frame_nearest_to_each_tick(tmp_path: Path) -> None:
    clock = np.array([0.0, 0.03, 0.11, 0.19, 0.22, 0.31, 0.38, 0.42, 0.50])
    path = encode(tmp_path / "v.mp4", numbered(len(clock)), clock)
    kept = [p.time_s for p in decode.frames(path, fps=10)]
    assert len(kept) == 6
    assert np.abs(np.array(kept) - np.arange(6) / 10).max() < 0.021


def test_ranges(ten: Path) -> None:
    assert numbers(ten, ReadOptions(drop_frames=3)) == [3, 4, 5, 6, 7, 8, 9]
    assert numbers(ten, ReadOptions(frames=(2, 4))) == [2, 3, 4]
    assert numbers(ten, ReadOptions(drop_frames=1, frames=(2, 4))) == [3, 4, 5]
    with pytest.raises(InputError, match="none of them in the range asked for"):
        numbers(ten, ReadOptions(drop_frames=50))


def test_variable_rate_keeps_its_clock(tmp_path: Path) -> None:
    clock = np.cumsum([0.0, 0.02, 0.05, 0.02, 0.1, 0.02, 0.013])
    path = encode(tmp_path / "v.mp4", numbered(7), clock)
    assert [p.time_s for p in decode.frames(path)] == pytest.approx(clock, abs=1e-4)


def corner_picture() -> np.ndarray:
    frame = np.zeros((48, 64, 3), np.uint8)
    frame[:24, :32] = (255, 0, 0)
    frame[:24, 32:] = (0, 255, 0)
    frame[24:, :32] = (0, 0, 255)
    return frame


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_rotation_metadata(turns: int, tmp_path: Path) -> None:
    degrees = {0: None, 1: 90, 2: 180, 3: -90}[turns]
    path = encode(tmp_path / "r.mp4", [corner_picture()] * 3, rotation=degrees)
    info = decode.probe(path)
    shown = next(iter(decode.frames(path))).rgb
    assert np.array_equal(shown, np.rot90(corner_picture(), turns))
    assert (info.height, info.width) == shown.shape[:2]


def test_a_mirrored_frame_is_turned_back(tmp_path: Path) -> None:
    """A display matrix with a flip, as some front cameras write: left and right must not be exchanged."""
    path = encode(tmp_path / "m.mp4", [corner_picture()] * 3)
    body = bytearray(path.read_bytes())
    start = body.index(b"tkhd") + 4
    matrix = start + 4 + 4 * 5 + 8 + 8  # version and flags, times, id, duration; layer, volume
    one = np.frombuffer(bytes(body[matrix : matrix + 4]), ">i4")[0]
    assert one == 1 << 16
    body[matrix : matrix + 4] = np.array([-(1 << 16)], ">i4").tobytes()
    path.write_bytes(bytes(body))
    shown = next(iter(decode.frames(path))).rgb
    assert np.array_equal(shown, corner_picture()[:, ::-1])


def test_ten_bit_and_high_rate(tmp_path: Path) -> None:
    path = encode(
        tmp_path / "hdr.mp4", numbered(24), rate=240, codec="libx264", pixel_format="yuv420p10le", options={"crf": "1"}
    )
    assert decode.probe(path).pixel_format == "yuv420p10le"
    assert numbers(path) == list(range(24))
    assert decode.probe(path).rate_hz == pytest.approx(240)


def test_pixels_are_made_square(tmp_path: Path) -> None:
    path = tmp_path / "dv.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(16, 15)
        for frame in numbered(4):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))
    assert decode.probe(path).width == 68
    assert next(iter(decode.frames(path))).rgb.shape == (48, 68, 3)


# -- threads ----------------------------------------------------------------------------------------------------------


def test_ahead_gives_the_same_and_ends_its_thread() -> None:
    with decode.ahead(iter(range(100)), 3) as items:
        assert list(items) == list(range(100))
    assert not [t for t in threading.enumerate() if t.name == "decoder"]


def test_ahead_runs_no_further_than_its_depth() -> None:
    made: list[int] = []

    def source() -> Iterator[int]:
        for i in range(1000):
            made.append(i)
            yield i

    with decode.ahead(source(), 4) as items:
        for _ in range(10):
            next(items)
    assert len(made) <= 10 + 4 + 2, "the queue is bounded, and leaving the block stops the thread"


def test_an_error_of_the_decoder_arrives_at_the_reader() -> None:
    def source() -> Iterator[int]:
        yield 1
        raise InputError("x.mp4", "broken")

    with decode.ahead(source(), 2) as items:
        assert next(items) == 1
        with pytest.raises(InputError, match="broken"):
            next(items)


def test_batches() -> None:
    assert list(decode.batches(iter(range(7)), 3)) == [[0, 1, 2], [3, 4, 5], [6]]


# -- what is not a video -------------------------------------------------------------------------------------------------


def test_truncated(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 255, (96, 128, 3), np.uint8) for _ in range(30)]
    whole = encode(tmp_path / "whole.mp4", noise).read_bytes()
    start_first = tmp_path / "fast.mp4"
    with av.open(str(start_first), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for frame in noise:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))
    for body in (whole, start_first.read_bytes()):
        for share in (0.05, 0.5, 0.97):
            path = tmp_path / "cut.mp4"
            path.write_bytes(body[: int(share * len(body))])
            with pytest.raises(InputError, match=r"truncated|without a single frame"):
                numbers(path)


def test_a_truncated_matroska(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 255, (96, 128, 3), np.uint8) for _ in range(120)]
    path = encode(tmp_path / "whole.mkv", noise)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match="truncated"):
        numbers(path)


def test_images_are_not_videos(tmp_path: Path) -> None:
    from neurostore.ingest.video.overlay import write_png

    path = tmp_path / "picture.mp4"
    write_png(path, corner_picture())
    with pytest.raises(InputError, match="still image"):
        decode.probe(path)


def test_no_video_stream(tmp_path: Path) -> None:
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(InputError, match=r"no video stream \(it holds audio\)"):
        decode.probe(path)


def test_zero_frames(tmp_path: Path) -> None:
    path = tmp_path / "none.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.start_encoding()
    with pytest.raises(InputError, match=r"without a single frame|cannot be opened"):
        numbers(path)


def test_an_unknown_codec(tmp_path: Path, ten: Path) -> None:
    path = tmp_path / "odd.mp4"
    path.write_bytes(ten.read_bytes().replace(b"avc1", b"zzz9"))
    with pytest.raises(InputError, match=r"codec|without a single frame|cannot be"):
        numbers(path)


@pytest.mark.parametrize("body", [b"", b"just words", bytes(5000)])
def test_other_files(body: bytes, tmp_path: Path) -> None:
    path = tmp_path / "walk.mp4"
    path.write_bytes(body)
    with pytest.raises(InputError, match=r"walk\.mp4: (the file is empty|cannot be opened)"):
        decode.probe(path)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        decode.probe(tmp_path / "walk.mp4")
