"""C3D files one of whose numbers is wrong, where the other numbers and the frames themselves show what is right."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import ezc3d
import numpy as np
import pytest

from neurostore.ingest.readers import read
from neurostore.ingest.readers.c3d.layout import read_layout
from neurostore.ingest.recording import ReadOptions
from tests.builders.c3d_files import LEGS, walker

N_FRAMES, N_CHANNELS, PER_FRAME = 60, 4, 5


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """12 points and 4 analog channels of 5 samples per frame, as ezc3d writes them (Intel, floats)."""
    file = ezc3d.c3d()
    file["parameters"]["POINT"]["RATE"]["value"] = [100.0]
    file["parameters"]["POINT"]["LABELS"]["value"] = LEGS
    file["parameters"]["POINT"]["UNITS"]["value"] = ["mm"]
    file["parameters"]["ANALOG"]["RATE"]["value"] = [100.0 * PER_FRAME]
    file["parameters"]["ANALOG"]["LABELS"]["value"] = [f"A{i}" for i in range(N_CHANNELS)]
    points = np.ones((4, len(LEGS), N_FRAMES))
    points[:3] = walker(N_FRAMES).transpose(2, 1, 0)
    file["data"]["points"] = points
    file["data"]["analogs"] = np.arange(N_CHANNELS * PER_FRAME * N_FRAMES, dtype=float).reshape(1, N_CHANNELS, -1)
    path = tmp_path_factory.mktemp("whole") / "whole.c3d"
    file.write(str(path))
    return path.read_bytes()


def header(at: int, form: str, value: float) -> Callable[[bytearray], bytearray]:
    def change(raw: bytearray) -> bytearray:
        struct.pack_into(form, raw, at, value)
        return raw

    return change


def stated(group: bytes, name: bytes, form: str, value: float) -> Callable[[bytearray], bytearray]:
    """A parameter of a group, whose records ezc3d writes behind the name of the group."""

    def change(raw: bytearray) -> bytearray:
        at = raw.index(name, raw.index(group, 512)) + len(name) + 2
        struct.pack_into(form, raw, at + 2 + raw[at + 1], value)
        return raw

    return change


def processor(code: int) -> Callable[[bytearray], bytearray]:
    return header(512 + 3, "<B", code)


def begins(raw: bytes) -> int:
    return (struct.unpack_from("<H", raw, 16)[0] - 1) * 512


def both(*changes: Callable[[bytearray], bytearray]) -> Callable[[bytearray], bytearray]:
    def change(raw: bytearray) -> bytearray:
        for each in changes:
            raw = each(raw)
        return raw

    return change


CHANGES = {
    "DEC, but Intel": (processor(85), "make sense as those of Intel"),
    "MIPS, but Intel": (processor(86), "make sense as those of Intel"),
    "no processor": (processor(4), "make sense as those of Intel"),
    "integers, but floats": (
        both(header(12, "<f", 1.0), stated(b"POINT", b"SCALE", "<f", 1.0)),
        "do not move smoothly or the frames do not fill",
    ),
    "one point less than labels": (
        both(header(2, "<H", 11), stated(b"POINT", b"USED", "<h", 11)),
        "read as 12 points and 20 analog numbers",
    ),
    "two points more than labels": (
        both(header(2, "<H", 14), stated(b"POINT", b"USED", "<h", 14)),
        "read as 12 points and 20 analog numbers",
    ),
    "frames one block later": (
        lambda raw: raw[: begins(raw)] + bytes(512) + raw[begins(raw) :],
        "512 bytes of zeros before the first frame",
    ),
    "frames within the parameters": (header(16, "<H", 3), "within the parameters"),
    "no channels used": (stated(b"ANALOG", b"USED", "<h", 0), "read as 4 channels of 5 samples"),
    "a channel for every number": (stated(b"ANALOG", b"USED", "<h", 20), "read as 4 channels of 5 samples"),
    "twice the channels": (stated(b"ANALOG", b"USED", "<h", 8), "read as 4 channels of 5 samples"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_reading_under_which_everything_agrees_is_taken_and_noted(
    tmp_path: Path, whole: bytes, change: str
) -> None:
    alter, says = CHANGES[change]
    path = tmp_path / "walk.c3d"
    path.write_bytes(alter(bytearray(whole)))
    found = read(path, ReadOptions(up="z"))
    at = walker(N_FRAMES)
    expected = np.stack([at[..., 0], at[..., 2], -at[..., 1]], axis=-1)  # Y up
    pose = found.poses[0]
    for i, name in enumerate(LEGS):
        np.testing.assert_allclose(pose.positions[:, pose.skeleton.index(name)], expected[:, i], atol=1e-3)
    assert [channel.samples[:3].tolist() for channel in found.analog] == [
        [300.0 * i, 300.0 * i + 1, 300.0 * i + 2] for i in range(N_CHANNELS)
    ]
    assert any(says in note for note in found.notes), found.notes


def test_rates_that_differ_by_a_thousandth_are_noted_and_doubt_nothing(tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "walk.c3d"
    path.write_bytes(header(20, "<f", 99.9)(stated(b"ANALOG", b"RATE", "<f", 0.0)(bytearray(whole))))
    layout = read_layout(path)
    assert layout.rate_claims_ratio == 1.0
    assert any("99.9 frames per second" in note for note in layout.notes)


@pytest.mark.parametrize("key", [12345, 0])
def test_events_in_the_header_are_those_of_a_file_without_others(tmp_path: Path, whole: bytes, key: int) -> None:
    """www.c3d.org, "Header events": words 150 and 151 are key and number, 153 the first time, 199 the first label."""
    raw = bytearray(whole)
    struct.pack_into("<2H", raw, 2 * 149, key, 2)
    struct.pack_into("<2f", raw, 2 * 152, 0.1, 0.4)
    raw[2 * 198 : 2 * 198 + 8] = b"RHS LTO "
    path = tmp_path / "walk.c3d"
    path.write_bytes(raw)
    found = [(e.event, e.side, round(e.time_s, 3)) for e in read(path, ReadOptions(up="z")).events]
    assert found == ([("foot_strike", "right", 0.1), ("foot_off", "left", 0.4)] if key else [])
