"""A query over damaged bytes has exactly the right rows or ends in the named error; whichever byte it is."""

from __future__ import annotations

import dataclasses
import os
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from neurostore.errors import DamagedLakeError, LakeError
from neurostore.lake import checked, hashes
from neurostore.lake.version import Version
from tests.builders.lake_builder import build_lake, trial

N_FLIPS = int(os.environ.get("NEUROSTORE_FLIPS", "24"))


def made(folder: Path, n_commits: int = 1) -> Path:
    """A lake of six trials; with 21 commits its logs hold entries and checkpoints."""
    rng = np.random.default_rng(3)
    trials = [
        trial(
            f"S{i % 3}", f"t{i}", left_heel=rng.normal(0, 500, (30, 3)), poses={"pelvis": rng.normal(0, 500, (30, 3))}
        )
        for i in range(6)
    ]
    lake = build_lake(folder / "lake", trials)
    for k in range(n_commits - 1):
        build_lake(folder / "lake", [trials[k % 6]])
    return Path(lake.path)


def rows(lake: Path) -> dict[str, list[dict]]:
    """Every row of every table of the newest version, in one order."""
    version = Version.open(lake)
    found = {}
    for name in version.tables():
        table = version.scan(name).collect()
        ordered = [c for c in table.columns if table.schema[c] == pl.String or table.schema[c].is_integer()]
        found[name] = table.sort(ordered).to_dicts()
    return found


def answer(lake: Path) -> object:
    """The rows, or what was raised, a panic of Rust among it."""
    try:
        return rows(lake)
    except BaseException as error:
        return error


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("checked"), 21)


def test_no_flipped_byte_changes_an_answer(lake: Path) -> None:
    """The files take turns by kind, so that logs, checkpoints, hashes and markers are hit as often as data."""
    right = rows(lake)
    kinds: dict[str, list[Path]] = {}
    for path in sorted(p for p in lake.rglob("*") if p.is_file() and p.stat().st_size):
        log = "_delta_log" in path.parts
        kind = f"{'log' if log else path.relative_to(lake).parts[0]} {path.suffix}"
        kinds.setdefault(kind, []).append(path)
    rng = random.Random(11)
    came: Counter[str] = Counter()
    for k in range(N_FLIPS):
        path = rng.choice(kinds[sorted(kinds)[k % len(kinds)]])
        whole = path.read_bytes()
        at = rng.randrange(len(whole)) if rng.random() < 0.7 else max(0, len(whole) - 1 - rng.randrange(200))
        path.write_bytes(whole[:at] + bytes([whole[at] ^ (1 << rng.randrange(8))]) + whole[at + 1 :])
        where = f"{path.relative_to(lake)} at {at}"
        try:
            found = answer(lake)
        finally:
            path.write_bytes(whole)
        assert found == right or (isinstance(found, LakeError) and str(lake) in str(found)), f"{where}: {found!r:.300}"
        came["right" if found == right else type(found).__name__] += 1
    assert came.total() == N_FLIPS
    assert came["DamagedLakeError"] > N_FLIPS / 3
    assert rows(lake) == right


@pytest.mark.parametrize(
    "ask",
    [
        lambda version: version.sql("SELECT * FROM landmarks"),
        lambda version: version.connect("SELECT count(*) FROM joint_angles"),
        lambda version: version.scan("landmarks"),
    ],
    ids=["sql", "connect", "scan"],
)
def test_the_error_names_the_file_the_subject_and_the_repair(tmp_path: Path, ask: Callable[[Version], object]) -> None:
    lake = made(tmp_path)
    opened = Version.open(lake)
    named = [f"landmarks/{f.path}" for f in opened.table_state("landmarks").files]
    path = next(lake / n for n in named if "subject=S1" in n)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.write_bytes(content)
    with pytest.raises(
        DamagedLakeError, match=r"landmarks/subject=S1/.*subject S1.*verify --lake .* with --drop-damaged"
    ):
        ask(opened)
    assert opened.scan("calibrations").collect().height == 0  # other tables still answer


def test_a_record_that_holds_sha256_alone_still_finds_changed_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As earlier versions wrote it; and in threads, as large lakes are read."""
    monkeypatch.setattr(checked, "_LEAST_FOR_THREADS", 0)
    segment = hashes._write_segment

    def written_before(root: str, files: dict[str, hashes.Entry]) -> None:
        segment(root, {path: dataclasses.replace(entry, xxh3="") for path, entry in files.items()})

    monkeypatch.setattr(hashes, "_write_segment", written_before)
    lake = made(tmp_path)
    assert rows(lake)
    path = next(lake / f"landmarks/{f.path}" for f in Version.open(lake).table_state("landmarks").files)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.write_bytes(content)
    with pytest.raises(DamagedLakeError, match="its bytes are not those that were written"):
        rows(lake)


def test_a_file_is_hashed_once_for_each_state_and_processes_share_what_they_know(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    lake = made(tmp_path)
    for path in lake.rglob("*"):
        os.utime(path, (1_600_000_000, 1_600_000_000))
    monkeypatch.setattr(checked, "_SETTLED_NS", -(10**18))
    hashed: list[str] = []
    digest = checked._is_whole
    monkeypatch.setattr(
        checked, "_is_whole", lambda root, path, entry: hashed.append(path) or digest(root, path, entry)
    )
    rows(lake)
    assert hashed
    assert len(hashed) == len(set(hashed))
    hashed.clear()
    rows(lake)
    assert hashed == []
    checked._known.clear()  # as another process starts
    rows(lake)
    assert hashed == []
    cache = next((tmp_path / "cache").rglob("*.txt")).read_text()
    assert "S1" not in cache.split()
    assert "subject" not in cache
    path = next(lake / f"landmarks/{f.path}" for f in Version.open(lake).table_state("landmarks").files)
    os.utime(path)
    rows(lake)
    assert hashed == [path.relative_to(lake).as_posix()]


def test_a_lake_without_hashes_is_read_as_it_is(tmp_path: Path) -> None:
    lake = made(tmp_path)
    right = rows(lake)
    for path in (lake / hashes.FOLDER).iterdir():
        path.unlink()
    assert rows(lake) == right


def test_what_is_new_is_found_without_reading_the_whole_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = str(tmp_path)
    hashes.record(root, {f"old/{i}": hashes.Entry("a", i) for i in range(50)})
    hashes.record(root, {"old/7": hashes.Entry("b", 1), "new": hashes.Entry("c", 2)})
    read, as_it_is = [], hashes._read_segment
    monkeypatch.setattr(hashes, "_read_segment", lambda root, name: read.append(name) or as_it_is(root, name))
    assert hashes.find(root, ["new", "old/7"]) == {"new": hashes.Entry("c", 2), "old/7": hashes.Entry("b", 1)}
    assert len(read) == 1
    every = hashes.read(root).files
    assert hashes.find(root, [*every, "nowhere"]) == every
