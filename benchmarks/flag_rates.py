"""How often each flag of trial_quality is on, per collection of shared captures; the table of docs/gait.md.

    python benchmarks/flag_rates.py [--lakes FOLDER] [--trials FLAG]

Each collection is ingested into FOLDER (default: a temporary one), or read from there if it is in it. --trials lists
the trials that have a flag, with their verdicts. The last column is the rate among good trials: those without the
defect of the flag, which DEFECTIVE lists with the evidence. Flags of platforms and EMG are counted among trials that have
them.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from neurostore.api import Lake
from neurostore.api import open as open_lake
from neurostore.ingest.pipeline import ingest
from neurostore.sql import views

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
COLLECTIONS = ("cmu", "cmu_asfamc", "cc_base", "c3d", "trc", "labs")
# Trials that have the defect, as something other than the flag shows: collection, subject and trial -> evidence.
_AVATAR = "the avatar's foot is bent up against the shank by 70 to 170 degrees, which no ankle can do"
_WANDERING = "the source calls it soccer, slow wandering or climbing: nearly all of its cycles turn or have no foot off"
DEFECTIVE: dict[str, dict[str, str]] = {
    "has_knee_crosstalk": {
        "c3d Test/Movement_trial": "knee adduction ranges over 69 degrees and follows flexion (r2 0.86)",
        "trc bmc/motion_capture_run": "right knee adduction ranges over 31 degrees, r2 0.95; the left one over 15, r2 0.22",
        "labs LABS/walk_03": "the laboratory's own angles: range 20 degrees, r2 0.80, slope 0.23",
        "labs LABS/walk_05": "the laboratory's own angles: range 19 degrees, r2 0.88, slope 0.27",
    },
    "has_impossible_joints": {"c3d Test/Movement_trial": "knee adduction reaches 65 degrees"}
    | {f"cc_base CC005/005_{n:02}": _AVATAR for n in (3, 5, 6, 8, 9, 10, 11, 13, 14, 15, 16, 19)},
    "has_misplaced_markers": {
        "c3d Test/Movement_trial": "its shanks are 50 mm shorter than in the static trial of the session",
        "trc bmc/motion_capture_run": "knee adduction follows flexion: the right knee axis is turned",
    },
    "has_moved_markers": {"trc bmc/motion_capture_run": "RTOE and RMT5 exchange their places in every second frame"},
    "has_jumps": {
        "cmu GENTRAFFIC/traffic_01": "nine times all joints but the hips move by up to 795 mm from one frame to the next",
        "cmu_asfamc 03/03_02": "stands still to the last digit until frame 23, then all joints move by 110 to 250 mm at once",
        "cc_base CC005/005_16": "the hips move by 75 mm from frame 232 to 233, by 20 mm in the frames around",
    }
    | {
        f"cmu GENW04/walkx_{n}": "at the turn the left hip joint moves by 200 mm within one frame, the root does not"
        for n in (22, 23, 24)
    },
    "has_bad_emg": {"c3d New_Col/Sample_Static": "EMG is stored at 100 Hz, which loses most of its power"},
    "has_bad_plates": {"labs LABG/walk_01": "the vertical force of platform 3 is 31 to 32 N throughout"},
    "has_plate_offset": {
        "labs LABG/walk_01": "unloaded, platform 4 reads -15.9 N for 81 % of the trial, its quartiles 1.2 N apart",
        "labs LABP/walk_12b": "unloaded, platforms 4 and 6 read 21 and -31 N, their quartiles 1 N apart",
    },
    "has_load_beyond_edge": {
        "labs LABP/walk_12b": "the left foot stands across the edge of platform 5: its heel is 60 mm outside the corners, its toe on the edge",
    },
    "has_no_body_mass": dict.fromkeys(
        ("labs LABP/walk_12b", "labs LABU/treadmill_01", "c3d New_Col/Sample_Static"),
        "no mass is stated in the file or in a table",
    ),
    "has_few_strides": {
        "cmu GENSOCCER/soccer_05": _WANDERING,
        "cmu GENW04/walkx_22": _WANDERING,
        "cmu GENW04/walkx_23": _WANDERING,
        "cmu_asfamc 01/01_13": _WANDERING,
    },
}

# Flags of signals that only some trials have, and the table that has them: rates are among these trials.
SIGNALS = dict.fromkeys(
    (
        "has_bad_plates", "has_contradicting_plates", "has_plate_drift", "has_plate_offset", "has_doubtful_plates", "has_load_beyond_edge", "has_foreign_load",
        "has_missing_weight", "has_no_body_mass",
    ),
    "force_plates",
) | {"has_bad_emg": "emg"}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lakes", type=Path)
    parser.add_argument("--trials", metavar="FLAG")
    parser.add_argument("--only", nargs="*", default=COLLECTIONS)
    given = parser.parse_args()
    flags = [c.name for c in views.declared()["trial_quality"].columns if c.type == "bool" and c.name != "is_static"]
    rates: dict[str, list[tuple[int, int]]] = {flag: [] for flag in flags}
    good: dict[str, tuple[int, int]] = dict.fromkeys(flags, (0, 0))
    verdicts: dict[str, dict[str, int]] = {}
    heights: list[int] = []
    with tempfile.TemporaryDirectory() as folder:
        lakes = given.lakes or Path(folder)
        for name in given.only:
            if not (lakes / name).exists():
                ingest(SHARED / name, lakes / name, n_workers=1)
            lake = open_lake(lakes / name)
            frame = lake.sql("SELECT * FROM trial_quality ORDER BY subject, session, trial")
            heights.append(frame.height)
            for flag in flags:
                able = _with_signal(lake, frame, flag)
                rates[flag].append((int(able[flag].sum()), able.height))
                good[flag] = _plus(good[flag], _among_good(able, flag, name))
            verdicts[name] = _first_sentences(frame["verdict"].to_list())
            if given.trials:
                for row in frame.filter(frame[given.trials]).iter_rows(named=True):
                    print(f"{name} {row['subject']}/{row['session']}/{row['trial']}: {row['verdict']}")
    print(f"| flag | {' | '.join(f'{n} ({k})' for n, k in zip(given.only, heights, strict=True))} | all | good |")
    print("|---|" + "---:|" * (len(given.only) + 2))
    for flag, counts in rates.items():
        every = (sum(n for n, _ in counts), sum(n for _, n in counts))
        print(f"| `{flag}` | {' | '.join(str(n) for n, _ in counts)} | {_percent(every)} | {_percent(good[flag])} |")
    for name, counts in verdicts.items():
        print(f"{name}: {', '.join(f'{n} {text}' for text, n in sorted(counts.items(), key=lambda x: -x[1]))}")


def _with_signal(lake: Lake, frame: pl.DataFrame, flag: str) -> pl.DataFrame:
    """The trials that have what a flag judges: every trial, or those with platforms or EMG."""
    if flag not in SIGNALS:
        return frame
    keys = ["subject", "session", "trial"]
    return frame.join(lake.sql(f"SELECT DISTINCT {', '.join(keys)} FROM {SIGNALS[flag]}"), on=keys, how="semi")


def _among_good(frame: pl.DataFrame, flag: str, collection: str) -> tuple[int, int]:
    """How many of a collection's trials without the defect have its flag, and how many there are."""
    bad = DEFECTIVE.get(flag, {})
    rows = [r for r in frame.iter_rows(named=True) if f"{collection} {r['subject']}/{r['trial']}" not in bad]
    return sum(row[flag] for row in rows), len(rows)


def _plus(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
    return a[0] + b[0], a[1] + b[1]


def _percent(counts: tuple[int, int]) -> str:
    """The share, with the numbers where there are few trials."""
    if counts[1] >= 100:
        return f"{100 * counts[0] / counts[1]:.0f} %"
    return f"{counts[0]} of {counts[1]}"


def _first_sentences(texts: list[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for text in texts:
        first = text.split(".")[0].split(":")[0]
        counts[first] = counts.get(first, 0) + 1
    return counts


if __name__ == "__main__":
    main()
