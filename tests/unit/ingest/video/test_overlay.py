"""The overlay writes its video whole, or leaves what was there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av", reason="videos need PyAV")

from neurostore.errors import InputError
from neurostore.ingest.video import decode, overlay
from neurostore.skeleton import load
from tests.builders.scene import encode


def grey(n: int) -> list[np.ndarray]:
    return [np.full((48, 64, 3), 90, np.uint8)] * n


def poses_at(times: np.ndarray) -> overlay.Drawn:
    body, n = load("blazepose_33"), len(times)
    return overlay.Drawn(body, np.zeros(n, int), np.arange(n), times, np.full((n, len(body.joints), 2), 20.0))


def test_another_video_leaves_the_earlier_overlay_as_it_was(tmp_path: Path) -> None:
    right = encode(tmp_path / "right.mp4", grey(6), rate=10)
    wrong = encode(tmp_path / "wrong.mp4", grey(6), rate=7)
    poses = poses_at(np.array([p.time_s for p in decode.frames(right)])[1:])
    out, sheet = tmp_path / "out.mp4", tmp_path / "out.png"
    assert overlay.draw(right, poses, out, sheet) == 5
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(InputError, match="another video"):
        overlay.draw(wrong, poses, out, sheet)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
