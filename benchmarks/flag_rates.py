"""How often each flag of trial_quality is on, per collection of shared captures; the table of docs/gait.md.

    python benchmarks/flag_rates.py [--lakes FOLDER] [--trials FLAG]

Each collection is ingested into FOLDER (default: a temporary one), or read from there if it is in it. --trials lists
the trials that have a flag, with their verdicts.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from neurostore.api import open as open_lake
from neurostore.ingest.pipeline import ingest
from neurostore.sql import views

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
COLLECTIONS = ("cmu", "cmu_asfamc", "cc_base", "c3d", "trc", "labs")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lakes", type=Path)
    parser.add_argument("--trials", metavar="FLAG")
    parser.add_argument("--only", nargs="*", default=COLLECTIONS)
    given = parser.parse_args()
    flags = [c.name for c in views.declared()["trial_quality"].columns if c.type == "bool" and c.name != "is_static"]
    rates: dict[str, list[tuple[int, int]]] = {flag: [] for flag in flags}
    verdicts: dict[str, dict[str, int]] = {}
    with tempfile.TemporaryDirectory() as folder:
        lakes = given.lakes or Path(folder)
        for name in given.only:
            if not (lakes / name).exists():
                ingest(SHARED / name, lakes / name, n_workers=1)
            frame = open_lake(lakes / name).sql("SELECT * FROM trial_quality ORDER BY subject, session, trial")
            for flag in flags:
                rates[flag].append((int(frame[flag].sum()), frame.height))
            verdicts[name] = _first_sentences(frame["verdict"].to_list())
            if given.trials:
                for row in frame.filter(frame[given.trials]).iter_rows(named=True):
                    print(f"{name} {row['subject']}/{row['session']}/{row['trial']}: {row['verdict']}")
    print(f"| flag | {' | '.join(f'{n} ({rates[flags[0]][i][1]})' for i, n in enumerate(given.only))} | all |")
    print("|---|" + "---:|" * (len(given.only) + 1))
    for flag, counts in rates.items():
        share = 100 * sum(n for n, _ in counts) / sum(n for _, n in counts)
        print(f"| `{flag}` | {' | '.join(str(n) for n, _ in counts)} | {share:.0f} % |")
    for name, counts in verdicts.items():
        print(f"{name}: {', '.join(f'{n} {text}' for text, n in sorted(counts.items(), key=lambda x: -x[1]))}")


def _first_sentences(texts: list[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for text in texts:
        first = text.split(".")[0].split(":")[0]
        counts[first] = counts.get(first, 0) + 1
    return counts


if __name__ == "__main__":
    main()
