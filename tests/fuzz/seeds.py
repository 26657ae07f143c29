"""Small good files of every format: written by the tests of the readers, and the heads of real ones where they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from neurostore.ingest.recording import ReadOptions
from tests.shared_data import SHARED
from tests.tiny_bvh import bvh_text
from tests.unit import test_amc, test_c3d, test_mot, test_motion_bids, test_neuropose, test_trc


@dataclass(frozen=True)
class Seed:
    """A good file. path : what is read; mutable : which files of it are mutated; options : how it is read."""

    path: Path
    mutable: tuple[Path, ...]
    options: ReadOptions
    is_binary: bool = False


def _one(path: Path, content: str | bytes) -> Seed:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return Seed(path, (path,), ReadOptions())


def _head(name: str, n_lines: int) -> bytes | None:
    path = SHARED / name
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return b"".join(file.readline() for _ in range(n_lines))


def bvh(folder: Path) -> list[Seed]:
    seeds = [_one(folder / "tiny.bvh", bvh_text(6))]
    real = next(iter(sorted((SHARED / "cmu").rglob("*.bvh"))), None) if SHARED.is_dir() else None
    if real is not None:
        lines = real.read_bytes().splitlines(keepends=True)
        at = next(i for i, line in enumerate(lines) if line.strip().startswith(b"Frames"))
        seeds.append(_one(folder / "real.bvh", b"".join([*lines[:at], b"Frames: 3\n", *lines[at + 1 : at + 5]])))
    return seeds


def amc(folder: Path) -> list[Seed]:
    made = [(test_amc.ASF, test_amc.AMC)]
    asf, motion = _head("cmu_asfamc/02.asf", 100_000), _head("cmu_asfamc/02_03.amc", 3 + 4 * 30)
    if asf and motion:
        made.append((asf.decode(), motion.decode()))
    seeds = []
    for i, (skeleton, text) in enumerate(made):
        one, other = _one(folder / str(i) / "a.asf", skeleton).path, _one(folder / str(i) / "a.amc", text).path
        seeds.append(Seed(other, (one, other), ReadOptions(companions=(str(one),))))
    return seeds


def c3d(folder: Path) -> list[Seed]:
    folder.mkdir(parents=True, exist_ok=True)
    path = test_c3d.write(folder / "made.c3d", test_c3d.walker(12), test_c3d.LEGS)
    seeds = [Seed(path, (path,), ReadOptions(), is_binary=True)]
    real = SHARED / "c3d" / "Sample_Static.c3d"
    if real.is_file():
        seed = _one(folder / "real.c3d", real.read_bytes()[:200_000])
        seeds.append(Seed(seed.path, seed.mutable, seed.options, is_binary=True))
    return seeds


def trc(folder: Path) -> list[Seed]:
    seeds = [_one(folder / "made.trc", test_trc.text(test_trc.walk(8)))]
    real = _head("trc/bmc/walk.trc", 14)
    return seeds + ([_one(folder / "real.trc", real)] if real else [])


def mot(folder: Path) -> list[Seed]:
    seeds = [_one(folder / "made.mot", test_mot.text(test_mot.curves(12)))]
    real = _head("trc/bmc/ik_output_run.mot", 30)
    return seeds + ([_one(folder / "real.mot", real)] if real else [])


def neuropose(folder: Path) -> list[Seed]:
    video = test_neuropose.video(test_neuropose.walk(3))
    return [_one(folder / "results.json", json.dumps({"walk.mp4": video}))]


def motion_bids(folder: Path) -> list[Seed]:
    path = test_motion_bids.dataset(folder / "bids", test_motion_bids.walk(8))
    files = tuple(sorted(p for p in (folder / "bids").rglob("*") if p.is_file()))
    return [Seed(path, files, ReadOptions(companions=tuple(str(p) for p in files if p != path)))]


FORMATS: dict[str, Callable[[Path], list[Seed]]] = {
    "bvh": bvh, "amc": amc, "c3d": c3d, "trc": trc, "mot": mot, "neuropose": neuropose, "motion_bids": motion_bids,
}  # fmt: skip
