"""Small good files of every format: written by the tests of the readers, and the heads of real ones where they are.

``cohort`` is the tables and the cohort.toml of a cohort folder; ``video`` is decoded, and no pose estimated; ``tables`` and
``model`` are read by the functions that commands give a user's file to: a list of decisions, a table of files, an OpenSim model.
"""

from __future__ import annotations

import json
import re
import struct
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import openpyxl

from neurostore import skeleton
from neurostore.ingest.body.osim import read_model
from neurostore.ingest.cohort.organise import organise
from neurostore.ingest.recording import ReadOptions
from neurostore.reviews import tsv as review_table
from tests import ROOT
from tests.builders import (
    amc_files,
    bids_files,
    c3d_files,
    mot_files,
    neuropose_files,
    plate_files,
    points_files,
    poses_files,
    segment_files,
    trc_files,
)
from tests.builders.tiny_bvh import bvh_text
from tests.fuzz import strangers as stranger_files
from tests.shared_data import SHARED


@dataclass(frozen=True)
class Seed:
    """A good file. path : what is read, or the folder scanned; mutable : which of its files are mutated; take : reads it, where
    that is no ingest."""

    path: Path
    mutable: tuple[Path, ...]
    options: ReadOptions
    is_binary: bool = False
    kind: Literal["recording", "cohort", "video", "document"] = "recording"
    beside: tuple[Path, ...] = ()  # further files of the trial
    take: Callable[[Path], object] | None = None


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
    for source in ("cmu", "cc_base"):
        real = next(iter(sorted((SHARED / source).rglob("*.bvh"))), None)
        if real is not None:
            lines = real.read_bytes().splitlines(keepends=True)
            at = next(i for i, line in enumerate(lines) if line.strip().startswith(b"Frames"))
            head = b"".join([*lines[:at], b"Frames: 12\n", *lines[at + 1 : at + 14]])
            seeds.append(_one(folder / f"{source}.bvh", head))
    return seeds


def amc(folder: Path) -> list[Seed]:
    made = [(amc_files.ASF, amc_files.AMC)]
    asf, motion = _head("cmu_asfamc/02.asf", 100_000), _head("cmu_asfamc/02_03.amc", 3 + 4 * 30)
    if asf and motion:
        made.append((asf.decode(), motion.decode()))
    seeds = []
    for i, (tree, text) in enumerate(made):
        one, other = _one(folder / str(i) / "a.asf", tree).path, _one(folder / str(i) / "a.amc", text).path
        seeds.append(Seed(other, (one, other), ReadOptions(companions=(str(one),))))
    return seeds


def c3d(folder: Path) -> list[Seed]:
    folder.mkdir(parents=True, exist_ok=True)
    path = c3d_files.write(folder / "made.c3d", c3d_files.walker(12), c3d_files.LEGS)
    seeds = [Seed(path, (path,), ReadOptions(), is_binary=True)]
    for real in sorted((SHARED / "c3d").glob("*.c3d")):
        path = folder / real.name
        path.write_bytes(_few_frames(real.read_bytes(), 12))
        seeds.append(Seed(path, (path,), ReadOptions(), is_binary=True))
    return seeds


def plates(folder: Path) -> list[Seed]:
    """C3D files with platforms and EMG: their parameters and samples are most of what is mutated."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [plate_files.write(folder / f"type_{type_}.c3d", 12, type_) for type_ in (1, 2, 4)]
    return [Seed(path, (path,), ReadOptions(), is_binary=True) for path in paths]


def laboratories(folder: Path) -> list[Seed]:
    """The first frames of real files with platforms, EMG, events and outputs of a model."""
    folder.mkdir(parents=True, exist_ok=True)
    seeds = []
    for real in sorted((SHARED / "labs").rglob("*walk*.c3d")):
        path = folder / f"{real.parent.name}_{real.name}"
        path.write_bytes(_few_frames(real.read_bytes(), 12))
        seeds.append(Seed(path, (path,), ReadOptions(), is_binary=True))
    return seeds


def _few_frames(content: bytes, n_frames: int) -> bytes:
    """The first frames of a little-endian C3D file of floats; header, POINT:FRAMES and TRIAL:ACTUAL_END_FIELD say so."""
    n_points, n_analog, first = struct.unpack_from("<HHH", content, 2)
    (data_block,) = struct.unpack_from("<H", content, 16)
    start = 512 * (data_block - 1)
    changed = bytearray(content[: start + 4 * (4 * n_points + n_analog) * n_frames])
    struct.pack_into("<H", changed, 8, first + n_frames - 1)
    for name, is_pair, value in ((b"FRAMES", False, n_frames), (b"ACTUAL_END_FIELD", True, first + n_frames - 1)):
        at = changed.find(name, 512, start)
        if at >= 0:
            at += len(name) + 2  # the offset of the next parameter
            n_dimensions = changed[at + 1]
            struct.pack_into("<HH" if is_pair else "<H", changed, at + 2 + n_dimensions, *((value, 0)[: 1 + is_pair]))
    return bytes(changed)


def trc(folder: Path) -> list[Seed]:
    seeds = [_one(folder / "made.trc", trc_files.text(trc_files.walk(8)))]
    real = _head("trc/bmc/walk.trc", 14)
    seeds += [_one(folder / "real.trc", real)] if real else []
    return seeds


def segments(folder: Path) -> list[Seed]:
    """Systems whose segments have rotations: Xsens MVN, Theia3D."""
    folder.mkdir(parents=True, exist_ok=True)
    mvnx, theia = segment_files.mvnx(folder / "made.mvnx", 8), segment_files.theia_c3d(folder / "made.c3d", n=8)
    return [Seed(mvnx, (mvnx,), ReadOptions()), Seed(theia, (theia,), ReadOptions(), is_binary=True)]


def points(folder: Path) -> list[Seed]:
    """CSV of Motive, Nexus and FreeMoCap, and its array."""
    walk = c3d_files.walker(8)
    joints = skeleton.load("blazepose_33").source_names
    made = {
        "motive": points_files.motive(points_files.y_up(walk), c3d_files.LEGS),
        "nexus": points_files.nexus(walk, c3d_files.LEGS),
        "freemocap": points_files.freemocap(points_files.body(walk), joints),
    }
    seeds = [_one(folder / f"{name}.csv", text) for name, text in made.items()]
    array = folder / "made_skeleton_3d.npy"
    np.save(array, points_files.body(walk))
    return [*seeds, Seed(array, (array,), ReadOptions(rate_hz=30.0), is_binary=True)]


def mot(folder: Path) -> list[Seed]:
    """Joint angles, and the forces of platforms."""
    seeds = [_one(folder / "made.mot", mot_files.text(mot_files.curves(12)))]
    names = [f"ground_{what}{axis}" for what in ("force_v", "force_p", "torque_") for axis in "xyz"]
    forces = np.column_stack([np.arange(12) / 100, *np.random.default_rng(1).normal(0, 1, (9, 12))])
    forces[:, 2] += 700
    walk = _one(folder / "walk.trc", trc_files.text(trc_files.walk(12))).path
    force = _one(folder / "walk_grf.mot", mot_files.text(forces, names, None)).path
    seeds.append(Seed(walk, (force,), ReadOptions(), beside=(force,)))
    for name in ("bmc/ik_output_run.mot", "opencap/walking1_videoAndMocap.mot"):
        real = _head(f"trc/{name}", 30)
        seeds += [_one(folder / Path(name).name, re.sub(rb"nRows=\d+", _n_rows, real))] if real else []
    return seeds


def _n_rows(said: re.Match[bytes]) -> bytes:
    return b"nRows=%d" % (said.string[said.end() :].split(b"endheader")[1].strip().count(b"\n"))


def neuropose(folder: Path) -> list[Seed]:
    said = neuropose_files.video(neuropose_files.walk(3))
    return [_one(folder / "results.json", json.dumps({"walk.mp4": said}))]


def poses_file(folder: Path) -> list[Seed]:
    names = tuple(f"left_{i}" for i in range(8))
    header = {**poses_files.HEADER, "units": "mm", "joints": list(names)}
    del header["skeleton"]
    rows = poses_files.columns(neuropose_files.persons(12)[:, :1, :8], names)
    paths = [poses_files.write(folder / f"walk.poses.{ending}", header, rows) for ending in ("json", "parquet")]
    return [Seed(path, (path,), ReadOptions(), is_binary=path.suffix == ".parquet") for path in paths]


def motion_bids(folder: Path) -> list[Seed]:
    path = bids_files.dataset(folder / "bids", trc_files.walk(8))
    files = tuple(sorted(p for p in (folder / "bids").rglob("*") if p.is_file()))
    return [Seed(path, files, ReadOptions(companions=tuple(str(p) for p in files if p != path)))]


def cohort(folder: Path) -> list[Seed]:
    made = {
        "participants.tsv": "participant_id\tgroup\tsex\tage\theight\tmass\tleft_leg_length_mm\tdiagnosis\n"
        "sub-01\tcontrol\tF\t34\t1.71\t64\t880\tnone\nS02\tpatient\tM\tn/a\t180\t81.5\t\tStroke, left\n",
        "trials.tsv": "subject\tsession\ttrial\tcondition\tskeleton\nS02\t\twalk\tfast\texact\nS02\tpost\trun\tslow\t\n",
        "S02/sessions.tsv": "session_id\tacq_time\npost\t2024-03-01\n",
        "cohort.toml": 'up = "y"\nscale_mm = 10.0\n[[match]]\nfiles = "S02/*.bvh"\nrate_hz = 60\n[camera]\nfov_degrees = 55\n',
        "S02/walk.bvh": bvh_text(2),
        "S02/post/run.bvh": bvh_text(2),
        "sub-01/walk.bvh": bvh_text(2),
    }
    paths = [_one(folder / "cohort" / name, text).path for name, text in made.items()]
    book = openpyxl.Workbook()
    for line in made["participants.tsv"].splitlines():
        book.active.append(line.split("\t"))
    with_book = _one(folder / "with_book" / "sub-01" / "walk.bvh", bvh_text(2)).path.parents[1]
    book.save(with_book / "participants.xlsx")
    return [
        Seed(folder / "cohort", tuple(paths[:4]), ReadOptions(), kind="cohort"),
        Seed(with_book, (with_book / "participants.xlsx",), ReadOptions(), is_binary=True, kind="cohort"),
    ]


def tables(folder: Path) -> list[Seed]:
    """Decisions of reviewers, and the table by which files become a cohort."""
    decisions = "subject\tsession\ttrial\taction\tside\tcycle\tfrom_s\tto_s\treviewer\treason\n"
    decisions += (
        "S1\t\twalk\texclude\t\t\t\t\tR1\tcrutch\nS1\tpre\trun\texclude\tleft\t2\t0.5\t1.25\tR2\tturned, slow\n"
    )
    pile = _one(folder / "pile" / "a.bvh", bvh_text(2)).path.parent
    files = "file;subject;session;trial;remark\na.bvh;S1;pre;walk;none\n"
    made = (
        (folder / "reviews.tsv", decisions, review_table.read),
        (folder / "files.csv", files, partial(_organise, pile)),
    )
    return [replace(_one(path, text), kind="document", take=take) for path, text, take in made]


def _organise(pile: Path, table: Path) -> None:
    with tempfile.TemporaryDirectory() as target:
        organise(pile, Path(target) / "cohort", table)


def model(folder: Path) -> list[Seed]:
    """An OpenSim model with every joint that is known."""
    text = (ROOT / "tests/unit/ingest/body/every_joint.osim").read_text()
    return [replace(_one(folder / "every_joint.osim", text), kind="document", take=read_model)]


def video(folder: Path) -> list[Seed]:
    from tests.builders.scene import encode

    folder.mkdir(parents=True, exist_ok=True)
    frames = [np.full((48, 64, 3), 8 * i, np.uint8) for i in range(8)]
    made = [
        encode(folder / "made.mp4", frames, rotation=90),
        encode(folder / "made.mkv", frames, codec="libx264", pixel_format="yuv420p"),
    ]
    return [Seed(path, (path,), ReadOptions(), is_binary=True, kind="video") for path in made]


def strangers(folder: Path) -> list[Seed]:
    """What is decoded when a person is searched for."""
    paths = stranger_files.write(folder)
    return [Seed(p, (p,), ReadOptions(), is_binary=True, kind="document", take=stranger_files.take) for p in paths]


FORMATS: dict[str, Callable[[Path], list[Seed]]] = {
    "bvh": bvh, "amc": amc, "c3d": c3d, "plates": plates, "laboratories": laboratories, "trc": trc, "mot": mot, "neuropose": neuropose, "motion_bids": motion_bids,
    "poses_file": poses_file, "cohort": cohort, "video": video, "segments": segments, "points": points, "tables": tables, "model": model,
    "strangers": strangers,
}  # fmt: skip
