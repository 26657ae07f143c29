"""The landmarks of a recording are one walk: each step goes to a module, and few come back to one that was left."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from neurostore.ingest import landmarks
from neurostore.ingest.landmarks import names, person
from neurostore.ingest.readers import read
from neurostore.ingest.recording import ReadOptions
from tests.builders.c3d_files import LEGS, walker, write
from tests.builders.tiny_bvh import write_bvh

MOST_RETURNS = 15
GUIDES = {landmarks.__file__, person.__file__}  # they say what comes after what
INGEST = str(Path(landmarks.__file__).parents[1])


def modules_called(recording) -> list[str]:
    """The modules that the guides call, in order; one visit counts once, however many calls it takes."""
    visits: list[str] = []

    def note(frame, event, argument):
        if event != "call" or frame.f_back is None:
            return
        caller, called = frame.f_back.f_code.co_filename, frame.f_code.co_filename
        is_step = caller in GUIDES and called not in GUIDES and called.startswith(INGEST)
        if is_step and visits[-1:] != [called]:
            visits.append(called)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        landmarks.compute_landmarks(recording, cutoff_hz=6.0)
    finally:
        sys.setprofile(before)
    return visits


@pytest.mark.parametrize("suffix", [".bvh", ".c3d"])
def test_few_steps_return_to_a_module_that_was_left(tmp_path, suffix):
    path = tmp_path / f"walk{suffix}"
    if suffix == ".bvh":
        write_bvh(path)
    else:
        write(path, walker(100), LEGS)
    visits = modules_called(read(path, ReadOptions()))
    assert len(visits) > 4
    assert len(visits) - len(set(visits)) <= MOST_RETURNS


def test_names_are_resolved_once(tmp_path, monkeypatch):
    asked = []
    resolve = names._resolve
    monkeypatch.setattr(names, "_known", {})
    monkeypatch.setattr(names, "_resolve", lambda *given: asked.append(given[:2]) or resolve(*given))
    recording = read(write_bvh(tmp_path / "walk.bvh"), ReadOptions())
    for _ in range(3):
        landmarks.compute_landmarks(recording, cutoff_hz=6.0)
    assert len(asked) == 1
