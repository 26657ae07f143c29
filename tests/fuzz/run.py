"""Mutated files into every reader: ``python -m tests.fuzz.run [--cases 10000] [--formats bvh c3d]`` prints what came.

A case goes the whole way of an ingest's worker: read, landmarks, tables, the lake's checks, files staged. It is good if
it is staged or refused by name, within 5 s and 1 GB, if what is staged holds nothing that cannot be unless its verdict
says so (sense.py), and if the lake, to which nothing is committed, stays as it was. A case that is not good is printed
with its format and number; ``--seed`` brings it back.
"""

from __future__ import annotations

import argparse
import random
import resource
import signal
import tempfile
import time
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from neurostore.api import Lake
from neurostore.errors import NeurostoreError
from neurostore.ingest.cohort.scan import scan
from neurostore.ingest.cohort.source import Metadata, TrialSource
from neurostore.ingest.pipeline.batch import Batch, compute
from neurostore.ingest.pipeline.settings import Settings
from neurostore.ingest.video.decode import frames
from neurostore.lake.commit import discard
from tests.fuzz.mutate import mutate
from tests.fuzz.seeds import FORMATS, Seed
from tests.fuzz.sense import nonsense

MOST_S = 5.0
LEAST_CASES = 12  # least number of cases of each format
MOST_BYTES = 1 << 30


@dataclass
class Tally:
    """What came of the cases of one format."""

    taken: int = 0
    refused: int = 0
    slowest_s: float = 0.0
    faults: list[str] = field(default_factory=list)

    @property
    def n(self) -> int:
        return self.taken + self.refused + len(self.faults)


class Hang(BaseException):
    """No reader may catch it."""


class Fault(Exception):
    """A worker reported an error of one trial that is not a named error."""


def fuzz(name: str, n_cases: int, folder: Path, seed: int = 1, seconds: float = float("inf")) -> Tally:
    """Take mutated files of one format through a worker.

    Raises
    ------
    Fault : a file is refused before anything is changed in it.
    """
    seeds = FORMATS[name](folder / name)
    lake = Lake.create(folder / f"lake_{name}")
    before = _bytes_of(folder / f"lake_{name}")
    tally = Tally()
    signal.signal(signal.SIGALRM, _hang)
    for good in seeds:  # compiles the kernels, and shows that later problems are due to the mutations
        if not _is_taken(good, lake):
            raise Fault(f"{name}: {good.path} is refused as it is")
    began = time.monotonic()
    for i in range(n_cases if seeds else 0):
        if i > LEAST_CASES and time.monotonic() - began > seconds:
            break
        _case(name, seeds[i % len(seeds)], random.Random(f"{seed} {name} {i}"), i, tally, lake)
    signal.setitimer(signal.ITIMER_REAL, 0)
    if _bytes_of(folder / f"lake_{name}") != before:
        tally.faults.append(f"{name} {tally.n}: something of the cases is left in the lake")
    return tally


def _bytes_of(folder: Path) -> dict[Path, bytes]:
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def _is_taken(seed: Seed, lake: Lake) -> bool:
    """Whether a worker stages all of it; False if any is refused by name."""
    if seed.kind == "video":
        return sum(1 for _ in frames(seed.path, n_threads=1)) > 0
    if seed.take is not None:
        seed.take(seed.path)
        return True
    folder, metadata, refused = seed.path.parent, Metadata(), []
    sources = [TrialSource("S1", "", "walk", (seed.path, *seed.beside), seed.options)]
    if seed.kind == "cohort":
        cohort = scan(seed.path)
        folder, metadata, sources, refused = cohort.folder, cohort.metadata, cohort.trials, cohort.refused
        assert len(cohort.subjects) <= len(sources)
    batch = Batch(sources, metadata, {}, lake.path, folder, Settings())
    computed = compute(batch, lambda _: None, lambda _: None)
    staged = {trial.key: trial for trial in computed.trials}
    result = computed.stage()
    if result.staged is not None:
        discard(lake.path, [result.staged])
    errors = [str(o.error) for o in result.outcomes if o.error is not None]
    for error in errors:
        if "an unexpected" in error:
            raise Fault(error.partition("an unexpected ")[2])
    for outcome in result.outcomes:
        if outcome.error is None and (found := nonsense(staged[outcome.key])):
            raise Fault("; ".join(found))
    return not errors and not refused


def _case(name: str, seed: Seed, rng: random.Random, number: int, tally: Tally, lake: Lake) -> None:
    file = rng.choice(seed.mutable)
    whole = file.read_bytes()
    file.write_bytes(mutate(whole, rng, seed.is_binary))
    took, fault = float("inf"), ""
    for _ in range(3):  # a slow case is timed again: the machine may have been asleep or busy
        start = time.monotonic()
        is_taken, fault = _attempt(seed, lake)
        took = min(took, time.monotonic() - start)
        if took <= MOST_S:
            break
    file.write_bytes(whole)
    tally.slowest_s = max(tally.slowest_s, took)
    if took > MOST_S:
        fault = fault or f"took {took:.1f} s"
    if peak_bytes() > MOST_BYTES:
        fault = fault or "more than 1 GB of memory by now"
    if fault:
        tally.faults.append(f"{name} {number}: {fault}")
    elif is_taken:
        tally.taken += 1
    else:
        tally.refused += 1


def _attempt(seed: Seed, lake: Lake) -> tuple[bool, str]:
    """Whether the file was taken, and the fault it met, in words."""
    signal.setitimer(signal.ITIMER_REAL, 2 * MOST_S)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # numpy's of overflow and NaN: the lake's checks see the values
            return _is_taken(seed, lake), ""
    except NeurostoreError:
        return False, ""
    except (Exception, Hang) as error:
        where = error.__traceback__
        while where is not None and where.tb_next is not None:
            where = where.tb_next
        line = f"{Path(where.tb_frame.f_code.co_filename).name}:{where.tb_lineno}" if where else ""
        return False, f"{type(error).__name__} at {line}: {str(error)[:200]}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def peak_bytes() -> int:
    """Most resident memory of this process. On Linux from /proc: ru_maxrss begins with that of the parent that forked."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().split("VmHWM:")[1].split()[0]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS


def _hang(*_: object) -> None:
    raise Hang(f"still busy after {2 * MOST_S:g} s")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--formats", nargs="*", default=sorted(FORMATS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="at most, for each format")
    asked = parser.parse_args()
    n_faults = 0
    print(
        f"{'format':12}{'cases':>8}{'taken':>8}{'refused':>9}{'faults':>8}{'slowest s':>11}{'peak MB':>9}", flush=True
    )
    with tempfile.TemporaryDirectory(prefix="neurostore-fuzz-") as folder:
        for name in asked.formats:
            tally = fuzz(name, asked.cases, Path(folder), asked.seed, asked.seconds)
            peak = peak_bytes() >> 20
            print(
                f"{name:12}{tally.n:8}{tally.taken:8}{tally.refused:9}{len(tally.faults):8}"
                f"{tally.slowest_s:11.2f}{peak:9}",
                flush=True,
            )
            kinds = Counter(fault.split(": ", 1)[1] for fault in tally.faults)
            for kind, n in kinds.most_common(10):
                first = next(f for f in tally.faults if kind in f).split(":")[0]
                print(f"    {n} times, first {first}: {kind}", flush=True)
            n_faults += len(tally.faults)
    return 1 if n_faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
