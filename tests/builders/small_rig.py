"""Three small cameras around a walker, and a grey film for each: what is seen in it is given beside it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from neurostore.ingest.multiview.rig import CalibratedCamera
from tests.builders import rigs, scene

SIZE = (160, 120)  # px


@cache
def cameras() -> list[CalibratedCamera]:
    return rigs.around(3, size=SIZE, focal_px=75.0, lens=(0.05, -0.02, 0.001, 0.001))


@cache
def grey_film(n_frames: int) -> bytes:
    with TemporaryDirectory() as folder:
        frames = [np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)] * n_frames
        return scene.encode(Path(folder) / "grey.mp4", frames, rate=30).read_bytes()
