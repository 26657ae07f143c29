"""Moments and residual forces compared with OpenSim's inverse dynamics, run on what `neurostore body export` writes.

    python benchmarks/kinetics_opensim.py LAKE SUBJECT TRIAL FIRST LAST --opensim-python /path/to/venv/bin/python

The trial has a body (`ingest --body`). FIRST to LAST are frames in which every foot on the ground is on a platform. The
virtual environment holds ``opensim`` from PyPI (4.6). Residual forces are in percent of body weight.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from pathlib import Path

import numpy as np

import neurostore

OPENSIM = """
import sys
import opensim
opensim.Logger.setLevelString("Error")
sys.exit(0 if opensim.InverseDynamicsTool(sys.argv[1]).run() else 1)
"""
COMPARED = {
    "ankle_flexion": ("ankle_angle_{}_moment", -1),
    "knee_flexion": ("knee_angle_{}_moment", -1),
    "hip_flexion": ("hip_flexion_{}_moment", -1),
}


def storage(path: Path) -> dict[str, np.ndarray]:
    head, _, body = path.read_text().partition("endheader\n")
    del head
    rows = [line.split() for line in body.strip().split("\n")]
    return dict(zip(rows[0], np.array(rows[1:], float).T, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name in ("lake", "subject", "trial"):
        parser.add_argument(name)
    for name in ("first", "last"):
        parser.add_argument(name, type=int)
    parser.add_argument("--opensim-python", required=True)
    given = parser.parse_args()
    lake = neurostore.open(given.lake)
    key = {"s": given.subject, "t": given.trial}
    where = "WHERE subject = $s AND trial = $t"
    ours = lake.sql(f"SELECT * FROM joint_kinetics {where} ORDER BY frame", key)
    mass = lake.sql(f"SELECT mass_kg FROM _body_mass {where}", key)["mass_kg"][0]
    with tempfile.TemporaryDirectory() as folder:
        command = ["neurostore", "body", "export", given.subject, given.trial, folder, "--lake", given.lake]
        subprocess.run(command, check=True, capture_output=True)
        name = f"{given.subject}_{given.trial}"
        tool = [given.opensim_python, "-c", OPENSIM, f"{name}_id_setup.xml"]
        subprocess.run(tool, check=True, cwd=folder, capture_output=True)
        theirs = storage(Path(folder) / f"{name}_id.sto")
    frames, index, _ = np.intersect1d(
        ours["frame"].to_numpy(), np.arange(given.first, given.last + 1), return_indices=True
    )
    times = ours["time_s"].to_numpy()[index]
    for axis in "xyz":
        force = np.interp(times, theirs["time"], theirs[f"pelvis_t{axis}_force"])
        print(f"residual force {axis}: {100 * np.sqrt(np.mean(force**2)) / (9.81 * mass):.1f} % of body weight (RMS)")
    for side in ("left", "right"):
        for quantity, (column, sign) in COMPARED.items():
            own = ours[f"{side}_{quantity}_moment_nm_kg"].to_numpy()[index].astype(float)
            other = sign * np.interp(times, theirs["time"], theirs[column.format(side[0])]) / mass
            known = np.isfinite(own)
            if known.any() and np.ptp(own[known]) > 0.1:
                rmse = np.sqrt(np.mean((own - other)[known] ** 2))
                print(f"{side} {quantity}: RMSE {rmse:.3f} Nm/kg over {known.sum()} of {len(frames)} frames")


if __name__ == "__main__":
    main()
