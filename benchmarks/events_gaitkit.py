"""Computed gait events beside gaitkit's detectors, both against the marks of operators in C3D files.

    python benchmarks/events_gaitkit.py FOLDER --gaitkit PYTHON [--methods intellevent bike zeni]

FOLDER is searched for C3D files with marked foot strikes and foot offs. PYTHON is the interpreter of a separate
environment with `gaitkit==1.5.0` and `onnxruntime`. An event within 150 ms of a mark of the same foot and kind is
found; marks without one are missed. Differences are ours, or gaitkit's, minus the mark. A file that a detector refuses
counts as missed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import ezc3d
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from neurostore import open as open_lake
from neurostore.ingest.pipeline import ingest

#: (side, kind) to times in seconds since the first frame
Events = dict[tuple[str, str], list[float]]
NEAR_S = 0.15
ASKED = """
import json, sys
import gaitkit
found = gaitkit.detect(sys.argv[2], method=sys.argv[1], auto_install_deps=False)
rows = [(e["side"], "foot_strike", float(e["time"])) for e in found.heel_strikes]
rows += [(e["side"], "foot_off", float(e["time"])) for e in found.toe_offs]
print(json.dumps(rows))
"""


def grouped(rows: Iterable[tuple[str, str, float]]) -> Events:
    """Times by side and kind."""
    events: Events = {}
    for side, kind, time_s in rows:
        events.setdefault((side, kind), []).append(time_s)
    return events


def ours_and_marks(files: list[Path], folder: Path) -> list[tuple[Path, Events, Events]]:
    """(file, our computed events, the operators' marks), from a lake that is made of one file as one subject."""
    for i, path in enumerate(files):
        (folder / "cohort" / f"S{i:03d}").mkdir(parents=True)
        (folder / "cohort" / f"S{i:03d}" / path.name).symlink_to(path.resolve())
    ingest(folder / "cohort", folder / "lake", n_workers=2)
    found = []
    rows = open_lake(folder / "lake").sql(
        "SELECT subject, side, event, time_s - t.start_s AS time_s, source FROM gait_events e "
        "JOIN (SELECT subject, min(time_s) AS start_s FROM landmarks GROUP BY ALL) t USING (subject) "
        "WHERE source IN ('computed', 'file')"
    )
    for i, path in enumerate(files):
        own = rows.filter(rows["subject"] == f"S{i:03d}")
        each = {
            source: grouped(own.filter(own["source"] == source).select("side", "event", "time_s").iter_rows())
            for source in ("computed", "file")
        }
        if each["file"]:
            found.append((path, each["computed"], each["file"]))
    return found


def gaitkits(python: Path, method: str, path: Path) -> Events:
    """What a detector of gaitkit finds; nothing if it refuses the file."""
    ran = subprocess.run([str(python), "-c", ASKED, method, str(path)], capture_output=True, text=True, check=False)
    return grouped(json.loads(ran.stdout.splitlines()[-1])) if ran.returncode == 0 and ran.stdout else {}


def differences(found: Mapping[tuple[str, str], list[float]], marks: Events, kind: str) -> tuple[list[float], int]:
    """(differences in ms of the found marks, marks that were missed)."""
    out, missed = [], 0
    for (side, event), times in marks.items():
        if event != kind:
            continue
        there = np.array(found.get((side, event), []))
        for time_s in times:
            gap = there - time_s
            if len(gap) and np.abs(gap).min() <= NEAR_S:
                out.append(1e3 * float(gap[np.abs(gap).argmin()]))
            else:
                missed += 1
    return out, missed


def main() -> None:
    """Print one row per detector and kind of event."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--gaitkit", type=Path, required=True)
    parser.add_argument("--methods", nargs="+", default=["intellevent", "bike", "zeni"])
    asked = parser.parse_args()
    files = [p for p in sorted(asked.folder.rglob("*.c3d")) if "EVENT" in ezc3d.c3d(str(p))["parameters"]]
    with tempfile.TemporaryDirectory() as folder:
        trials = ours_and_marks(files, Path(folder))
    each = {"neurostore": [(ours, marks) for _, ours, marks in trials]}
    for method in asked.methods:
        each[f"gaitkit {method}"] = [(gaitkits(asked.gaitkit, method, p), marks) for p, _, marks in trials]
    print(f"{len(trials)} files with marks")
    print(
        f"{'':22} {'files without events':>20} {'event':12} {'marks':>5} {'missed':>6} {'median |d|':>10} {'bias':>7} {'95 %':>6}  ms"
    )
    for name, pairs in each.items():
        empty = sum(not found for found, _ in pairs)
        for kind in ("foot_strike", "foot_off"):
            done = [differences(found, marks, kind) for found, marks in pairs]
            d, missed = np.array([x for one, _ in done for x in one]), sum(m for _, m in done)
            figures = (np.median(np.abs(d)), np.median(d), np.quantile(np.abs(d), 0.95)) if len(d) else (np.nan,) * 3
            print(
                f"{name:22} {empty:20d} {kind:12} {len(d) + missed:5d} {missed:6d} {figures[0]:10.1f} {figures[1]:7.1f} {figures[2]:6.1f}"
            )


if __name__ == "__main__":
    main()
