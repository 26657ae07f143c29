"""The store of detections against the list of lists it stands in for."""

from __future__ import annotations

import errno

import numpy as np
import pytest

from neurostore.errors import NeurostoreError
from neurostore.ingest.video import detections
from neurostore.ingest.video.contract import Detection
from neurostore.ingest.video.detections import Detections


def made(rng: np.random.Generator) -> Detection:
    positions = [rng.normal(size=(4, 3)).astype(np.float32), rng.normal(size=(2, 3)).astype(np.float32)]
    spread = [rng.random(4).astype(np.float32), rng.random(2).astype(np.float32)]
    return Detection(rng.random(5), positions, rng.random((4, 2)), None, spread)


def test_what_goes_in_comes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    plain = [[made(rng) for _ in range(rng.integers(0, 4))] for _ in range(1300)]  # over more than two chunks
    monkeypatch.setattr(detections, "_SPOOL_BYTES", 10_000)  # most of it is in a file
    store = Detections()
    for persons in plain:
        store.add(persons)
    assert len(store) == 1300
    for there, here in zip(plain, store, strict=True):
        assert len(there) == len(here)
        for a, b in zip(there, here, strict=True):
            assert np.array_equal(a.positions[1], b.positions[1])
            assert np.allclose(a.points, b.points)
            assert b.confidence is None
    chosen = [(f, d) for f, persons in enumerate(plain) for d in range(len(persons))][::3]
    rows = np.array([-1, *(store.row(f, d) for f, d in chosen)])
    assert store.has("sd_mm 1")
    assert not store.has("confidence")
    taken = store.take("positions 0", rows)
    assert np.isnan(taken[0]).all()
    assert np.array_equal(taken[1:], np.array([plain[f][d].positions[0] for f, d in chosen]))


def test_a_full_folder_of_temporary_files_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    store = Detections()

    def full(data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(store._file, "write", full)
    store.add([made(rng)])
    with pytest.raises(NeurostoreError, match=r"No space left on device; .*set TMPDIR"):
        store[0]
