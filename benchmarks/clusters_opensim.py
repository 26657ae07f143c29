"""Knee and hip flexion from clusters against OpenSim's inverse kinematics of the same trial.

    python benchmarks/clusters_opensim.py TRC MOT [--frame N]

TRC is a trial with clusters and virtual markers of knees and ankles (RLFCv), which the laboratory's software made, MOT
is OpenSim's inverse kinematics of it. A static trial is made of one frame; the moving trial loses the markers of knees
and ankles, virtual ones too, and every joint centre, so that they have to come from the clusters. OpenSim's joints have
other zeros: the mean difference is left out. In the shared captures: motion_capture_run.trc and ik_output_run.mot of
``trc/bmc`` (Duarte, a run at 150 Hz).
"""

from __future__ import annotations

import argparse
import re
import tempfile
from pathlib import Path

import numpy as np

from neurostore.api import open as open_lake
from neurostore.ingest.pipeline import ingest
from neurostore.ingest.pipeline.settings import Settings
from neurostore.ingest.readers import read

DROPPED = re.compile(r"[LR](LFC|MFC|LMAL|MMAL)v?|[LR][SHKAE]JC|Mid_\w+")
PAIRS = {
    "hip_flexion_{s}": "{side}_hip_flexion_deg",
    "knee_angle_{s}": "{side}_knee_flexion_deg",
    "ankle_angle_{s}": "{side}_ankle_dorsiflexion_deg",
}


def write_trc(path: Path, names: list[str], positions: np.ndarray, time_s: np.ndarray) -> None:
    """Markers in mm, Y up; positions (n, markers, 3), NaN where missing."""
    rate = (len(time_s) - 1) / (time_s[-1] - time_s[0])
    head = f"{rate:.2f}\t{rate:.2f}\t{len(time_s)}\t{len(names)}\tmm\t{rate:.2f}\t1\t{len(time_s)}"
    lines = [
        f"PathFileType\t4\t(X/Y/Z)\t{path.name}",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames",
        head,
        "Frame#\tTime\t" + "\t\t\t".join(names) + "\t\t",
        "\t\t" + "\t".join(f"X{i}\tY{i}\tZ{i}" for i in range(1, len(names) + 1)),
        "",
    ]
    for i, (t, row) in enumerate(zip(time_s, positions.reshape(len(positions), -1), strict=True), start=1):
        lines.append(f"{i}\t{t:.6f}\t" + "\t".join("" if np.isnan(v) else f"{v:.4f}" for v in row))
    path.write_text("\n".join(lines) + "\n", encoding="ascii")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trc", type=Path)
    parser.add_argument("mot", type=Path)
    parser.add_argument("--frame", type=int, help="the frame that becomes the static trial; default: knees straightest")
    given = parser.parse_args()
    poses = read(given.trc).poses[0]
    names = list(poses.skeleton.source_names or poses.skeleton.joints)
    stated = {a.source_name: a for a in read(given.mot).angles}
    bend = sum(
        np.interp(poses.time_s, a.time_s, np.abs(a.values))
        for n, a in stated.items()
        if n.startswith("knee_angle_") and len(n) == 12
    )
    frame = int(np.argmin(bend)) if given.frame is None else given.frame
    kept = [i for i, n in enumerate(names) if not DROPPED.fullmatch(n)]
    virtual = {n.removesuffix("v"): i for i, n in enumerate(names) if re.fullmatch(r"[LR](LFC|MFC|LMAL|MMAL)v", n)}
    whole = {**{names[i]: i for i in kept}, **virtual}
    with tempfile.TemporaryDirectory() as folder:
        cohort = Path(folder) / "cohort" / "S1"
        cohort.mkdir(parents=True)
        standing = np.repeat(poses.positions[frame : frame + 1], 50, axis=0)
        write_trc(cohort / "static.trc", list(whole), standing[:, list(whole.values())], np.arange(50) / 100)
        write_trc(cohort / "run.trc", [names[i] for i in kept], poses.positions[:, kept], poses.time_s)
        ingest(cohort.parent, Path(folder) / "lake", Settings(cutoff_hz=15.0), n_workers=1)
        lake = open_lake(Path(folder) / "lake")
        print("; ".join(lake.sql("SELECT notes FROM trials WHERE trial = 'run'")["notes"][0]))
        angles = lake.sql("SELECT * FROM joint_angles WHERE trial = 'run' ORDER BY frame")
    print(f"static trial: frame {frame}")
    for theirs, ours in PAIRS.items():
        for side in ("left", "right"):
            one = stated.get(theirs.format(s=side[0]))
            values = angles[ours.format(side=side)].to_numpy()
            if one is None or not np.isfinite(values).any():
                print(f"{ours.format(side=side):32s} not known")
                continue
            other = one.sign * np.interp(angles["time_s"].to_numpy(), one.time_s, one.values)
            known = np.isfinite(values)
            difference = values[known] - other[known]
            r = np.corrcoef(values[known], other[known])[0, 1]
            rmse = float(np.std(difference))
            print(
                f"{ours.format(side=side):32s} offset {difference.mean():6.1f}  RMSE after offset {rmse:5.2f}  r {r:.4f}  n {known.sum()}"
            )


if __name__ == "__main__":
    main()
