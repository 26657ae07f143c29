"""Four processes ingest overlapping cohorts into one lake while two read it in a loop, or while somebody is erased."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from neurostore.api import open as open_lake
from neurostore.errors import NotALakeError
from neurostore.upkeep.verify import verify
from tests.builders.tiny_bvh import write_bvh
from tests.torture.kills import WHO, Content, content, holding
from tests.torture.warm import Running, run

N_TRIALS = 8
_CLI = [sys.executable, "-m", "neurostore.cli"]
_READER = "import sys; from tests.torture.writers import read_until; read_until(*sys.argv[1:])"


def write_and_read_at_once(
    folder: Path, n_trials: int = N_TRIALS, n_workers: int | None = None, pause_s: float = 0.01
) -> tuple[list[str], list[int]]:
    """One round in an empty folder. Returns what was lost, in words, and how often each reader read the lake.

    Every trial is in two of the four cohorts. Lost is: a writer that fails, a reader that fails or sees a trial that is
    not whole, content that is not that of one process, damage. pause_s : of a reader, from one look to the next.
    """
    workers = [] if n_workers is None else ["--workers", str(n_workers)]
    for i in range(n_trials):
        for cohort in {i % 4, (i + 1) % 4}:
            write_bvh(folder / f"cohort{cohort}" / f"S{i % 3}" / f"walk{i}.bvh", 40 + i)
        write_bvh(folder / "all" / f"S{i % 3}" / f"walk{i}.bvh", 40 + i)
    alone = [*_CLI, "ingest", str(folder / "all"), "--lake", str(folder / "one"), "--workers", "1"]
    subprocess.run(alone, check=True, capture_output=True)
    lake, stop = folder / "many", folder / "stop"
    writers = [
        subprocess.Popen(
            [*_CLI, "ingest", str(folder / f"cohort{i}"), "--lake", str(lake), *workers],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for i in range(4)
    ]
    readers = [
        subprocess.Popen(
            [sys.executable, "-c", _READER, str(lake), str(stop), str(pause_s)], stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    said = [w.communicate(timeout=300)[1] for w in writers]
    stop.touch()
    seen = [r.communicate(timeout=100)[0].split() for r in readers]
    losses = [f"writer {i} failed: {said[i][-500:]}" for i, w in enumerate(writers) if w.returncode]
    losses += [f"reader {i} failed" for i, r in enumerate(readers) if r.returncode]
    losses += [f"reader {i} saw {s[1]} trials that were not whole" for i, s in enumerate(seen) if s and s[1] != "0"]
    if _rows(lake) != _rows(folder / "one"):
        losses.append("the content is not that of one process")
    if len(open_lake(lake).ingest_ids()) != n_trials:
        losses.append(f"{len(open_lake(lake).ingest_ids())} trials instead of {n_trials}")
    losses += [f"damaged: {d}" for d in verify(lake).damaged]
    return losses, [int(s[0]) if s else 0 for s in seen]


def _rows(lake: Path) -> Content:
    return {k: v for k, v in content(lake).items() if k[0] != "trials"}  # a trial's row says its folder


def read_until(lake: str, stop: str, pause_s: str) -> None:
    """Open and count in a loop; print how often, and how many trials were not whole."""
    n = n_bad = 0
    while not Path(stop).exists() or n == 0:
        with suppress(NotALakeError):
            opened = open_lake(lake)
            counts = dict(opened.scan("landmarks").collect()["ingest_id"].value_counts().iter_rows())
            for row in opened.trials_table().to_pylist():
                n_bad += counts.get(row["ingest_id"], 0) != dict(row["table_rows"])["landmarks"]
            n += 1
        time.sleep(float(pause_s))
    print(n, n_bad)


# All at once, some asleep: no erased person comes back

STALE_S = 2.0  # a process that sleeps for longer is taken for dead, in real use after five minutes


def erase_amid_writers(folder: Path, rng: random.Random) -> list[str]:
    """One round: four ingests that sleep now and then, a compaction, a vacuum and an erasure, all at once.

    The erased person's recordings are in every cohort. What is wrong, in words: the person comes back, into the lake or
    a byte of it; a trial of somebody else is lost or other than alone; damage.
    """
    for i in range(N_TRIALS):
        for cohort in (f"cohort{i % 4}", f"cohort{(i + 1) % 4}", "all"):
            write_bvh(folder / cohort / f"S{i % 3}" / f"walk{i}.bvh", 40 + i)
    for i in range(4):
        write_bvh(folder / f"cohort{i}" / WHO / f"walk{i}.bvh", 90 + i)
        write_bvh(folder / "gone" / WHO / f"walk{i}.bvh", 90 + i)
    lake, one = folder / "many", folder / "one"
    for cohort, where in (("all", one), ("gone", lake)):
        status, said, _ = run(["ingest", str(folder / cohort), "--workers", "1", "--lake", str(where)])
        assert status == 0, said
    ingests = [["ingest", str(folder / f"cohort{i}"), "--workers", "1", "--lake", str(lake)] for i in range(4)]
    others = [["compact", "--lake", str(lake)], ["compact", "--vacuum", "--lake", str(lake)]]
    running = [Running(words, stale_s=STALE_S) for words in (*ingests, *others)]
    erased = _erase_while_they_sleep(lake, running[:4], rng)
    said = [one.ended() for one in running]
    wrong = [f"{words[0]} ended with {s}: {t[-300:]}" for words, (s, t) in zip((*ingests, *others), said, strict=True) if s not in (0, 1, 3) or "Traceback" in t]  # fmt: skip
    for words in [["erase", WHO, "--yes", "--lake", str(lake)]] * (not erased) + ingests:  # as a user would repeat them
        status, text, _ = run(words)
        if status not in (0, 1) or "Traceback" in text:
            wrong.append(f"{words[0]} again ended with {status}: {text[-300:]}")
    found = verify(lake)
    wrong += [f"came back: {path}" for path in found.erased]
    wrong += [f"came back as bytes: {path}" for path in holding(WHO, lake)]
    wrong += [f"damaged: {d}" for d in found.damaged]
    if _rows(lake) != _rows(one):
        wrong.append("the content of the others is not that of one process")
    return wrong


def _erase_while_they_sleep(lake: Path, ingests: list[Running], rng: random.Random) -> bool:
    """Stop ingests at random moments, erase while they sleep, wake them. Whether the erasure was done."""
    time.sleep(rng.uniform(0, 1.0))
    asleep = [one for one in ingests if rng.random() < 0.75]
    for one in asleep:
        one.send(signal.SIGSTOP)
        time.sleep(rng.uniform(0, 0.2))
    time.sleep(STALE_S + rng.uniform(0.1, 1.0))
    done = False
    for _ in range(3):
        erase = Running(["erase", WHO, "--yes", "--lake", str(lake)], stale_s=STALE_S)
        if erase.wait(4.0):
            done = erase.ended()[0] == 0
        else:  # it waits for the lock of one that sleeps
            erase.send(signal.SIGKILL)
            erase.ended()
        if done:
            break
        for one in asleep:
            one.send(signal.SIGCONT)
        time.sleep(0.5)
    for one in asleep:
        one.send(signal.SIGCONT)
    return done
