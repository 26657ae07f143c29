"""A command sleeps until it is taken for dead, a person is erased, it wakes: ``python -m tests.torture.sleepers [--cases 21]``."""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import tempfile
import time
from pathlib import Path

from neurostore.upkeep.verify import verify
from tests.builders.tiny_bvh import write_bvh
from tests.torture.kills import WHO, holding
from tests.torture.warm import Running, run
from tests.torture.writers import STALE_S

OUT = "OUT"  # stands for a file in the lake's folder
COMMANDS = {
    "refresh": ["refresh", "--workers", "1"],
    "review": ["review", "exclude", WHO, "walk0", "--reviewer", "R1", "--reason", f"{WHO} limps"],
    "release": ["release", "v1", "--message", "all of them"],
    "replace": ["ingest", "COHORT", "--workers", "1", "--force"],
    "sql": ["sql", "SELECT * FROM subject_summary", "-o", f"{OUT}.csv"],
    "report": ["report", f"{OUT}.html"],
    "distances": ["distances", f"{OUT}.npy", "--unit", "trial"],
}


def words_of(name: str, lake: Path) -> list[str]:
    """The command line of a command on a lake."""
    places = {OUT: str(lake / "out"), "COHORT": str(lake.parent / "cohort")}
    words = [w.replace(OUT, places[OUT]) if w.startswith(OUT) else places.get(w, w) for w in COMMANDS[name]]
    return [*words, "--lake", str(lake)]


def sleep_once(base: Path, name: str, seconds: float, lake: Path) -> list[str]:
    """One case: stopped after the given number of seconds, the person erased, continued. Returns what is wrong, in words."""
    shutil.copytree(base, lake)
    sleeper = Running(words_of(name, lake), stale_s=STALE_S)
    sleeper.wait(seconds)
    sleeper.send(signal.SIGSTOP)
    time.sleep(STALE_S + 0.3)
    status, said, _ = run(["erase", WHO, "--yes", "--lake", str(lake)], stale_s=STALE_S)
    sleeper.send(signal.SIGCONT)
    _, said_by_sleeper = sleeper.ended()
    wrong = [f"a traceback: {text[-300:]}" for text in (said, said_by_sleeper) if "Traceback" in text]
    if status not in (0, 1):  # a sleeping holder of the lock cannot be waited for; the erasure is repeated
        status, said, _ = run(["erase", WHO, "--yes", "--lake", str(lake)])
        wrong += [f"the erasure ended with {status}: {said[-300:]}"] if status not in (0, 1) else []
    found = verify(lake)
    wrong += [f"came back: {path}" for path in (*found.erased, *holding(WHO, lake))]
    wrong += [f"damaged: {d}" for d in found.damaged]
    shutil.rmtree(lake)
    return wrong


def main() -> int:
    """Cases in turn over the commands, each at a random moment; the exit status is 1 where something was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=21)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    rng, n_wrong = random.Random(asked.seed), 0
    with tempfile.TemporaryDirectory(prefix="neurostore-torture-") as name:
        folder = Path(name)
        for subject in (WHO, "S1"):
            for i in range(2):
                write_bvh(folder / "cohort" / subject / f"walk{i}.bvh", 120 + i)
        base = folder / "base"
        status, said, _ = run(["ingest", str(folder / "cohort"), "--workers", "1", "--no-results", "--lake", str(base)])
        assert status == 0, said
        seconds: dict[str, float] = {}
        for i in range(asked.cases):
            command = list(COMMANDS)[i % len(COMMANDS)]
            lake = folder / f"case_{i}"
            if command not in seconds:
                shutil.copytree(base, lake)
                status, said, seconds[command] = run(words_of(command, lake))
                assert status == 0, said
                shutil.rmtree(lake)
            moment = rng.random() * seconds[command]
            wrong = sleep_once(base, command, moment, lake)
            n_wrong += bool(wrong)
            for sentence in wrong:
                print(f"LOSS {command} at {moment:.2f} s: {sentence}", flush=True)
    print(f"{asked.cases} sleepers, {n_wrong} with losses")
    return 1 if n_wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
