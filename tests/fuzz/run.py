"""Mutated files into every reader: ``python -m tests.fuzz.run [--cases 10000] [--formats bvh c3d]`` prints what came.

A case is good if the reader returns a recording or raises InputError, within 5 s and 1 GB. A case that is not is kept
beside its format and number, and its seed brings it back.
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

from neurostore.errors import InputError
from neurostore.ingest.readers import read
from tests.fuzz.mutate import mutate
from tests.fuzz.seeds import FORMATS, Seed

MOST_S = 5.0
MOST_BYTES = 1 << 30


@dataclass
class Tally:
    """What came of the cases of one format."""

    read: int = 0
    refused: int = 0
    slowest_s: float = 0.0
    faults: list[str] = field(default_factory=list)

    @property
    def n(self) -> int:
        return self.read + self.refused + len(self.faults)


class Hang(BaseException):
    """No reader may catch it."""


def fuzz(name: str, n_cases: int, folder: Path, seed: int = 1, seconds: float = float("inf")) -> Tally:
    """Read mutated files of one format."""
    seeds = FORMATS[name](folder / name)
    tally = Tally()
    began = time.monotonic()
    signal.signal(signal.SIGALRM, _hang)
    for i in range(n_cases):
        if time.monotonic() - began > seconds:
            break
        _case(name, seeds[i % len(seeds)], random.Random(f"{seed} {name} {i}"), i, tally)
    signal.setitimer(signal.ITIMER_REAL, 0)
    return tally


def _case(name: str, seed: Seed, rng: random.Random, number: int, tally: Tally) -> None:
    file = rng.choice(seed.mutable)
    whole = file.read_bytes()
    file.write_bytes(mutate(whole, rng, seed.is_binary))
    start = time.monotonic()
    signal.setitimer(signal.ITIMER_REAL, 2 * MOST_S)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # numpy's of overflow and NaN: the lake's checks see the values
            read(seed.path, seed.options)
        tally.read += 1
    except InputError:
        tally.refused += 1
    except (Exception, Hang) as error:
        where = error.__traceback__
        while where is not None and where.tb_next is not None:
            where = where.tb_next
        line = f"{Path(where.tb_frame.f_code.co_filename).name}:{where.tb_lineno}" if where else ""
        tally.faults.append(f"{name} {number}: {type(error).__name__} at {line}: {str(error)[:150]}")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        took = time.monotonic() - start
        tally.slowest_s = max(tally.slowest_s, took)
        if took > MOST_S:
            tally.faults.append(f"{name} {number}: took {took:.1f} s")
        if peak_bytes() > MOST_BYTES:
            tally.faults.append(f"{name} {number}: more than 1 GB of memory by now")
        file.write_bytes(whole)


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
    print(f"{'format':12}{'cases':>8}{'read':>8}{'refused':>9}{'faults':>8}{'slowest s':>11}{'peak MB':>9}", flush=True)
    with tempfile.TemporaryDirectory(prefix="neurostore-fuzz-") as folder:
        for name in asked.formats:
            tally = fuzz(name, asked.cases, Path(folder), asked.seed, asked.seconds)
            peak = peak_bytes() >> 20
            print(
                f"{name:12}{tally.n:8}{tally.read:8}{tally.refused:9}{len(tally.faults):8}"
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
