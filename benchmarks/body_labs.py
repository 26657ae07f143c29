"""Hip, knee and ankle flexion of the fitted body against the Plug-in Gait angles that a laboratory's C3D states.

    python benchmarks/body_labs.py FOLDER    (static.c3d files serve the walks beside them)

The body is another model (a hinge for a knee), so a constant offset is shown separately: RMSE, offset, RMSE without it.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from neurostore.ingest.body.fitting import fit_body
from neurostore.ingest.landmarks import compute_landmarks
from neurostore.ingest.readers import read

ANGLES = {"hip_flexion": "hip_flexion", "knee_angle": "knee_flexion", "ankle_angle": "ankle_dorsiflexion"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    for path in sorted(parser.parse_args().folder.rglob("*.c3d")):
        recording = read(path)
        stated = {a.angle: a for a in recording.angles if a.angle}
        if recording.kind == "static" or not stated:
            continue
        statics = [read(p) for p in sorted(path.parent.glob("*.c3d")) if "static" in p.name.lower()]
        known = [c for s in statics for c in s.calibrations]
        for static in statics:
            found = compute_landmarks(replace(static, kind="static"), cutoff_hz=0.0)
            known += [c for c in found.calibrations if c.source == "static"]
        body = fit_body(compute_landmarks(recording, calibrations=known), recording.rate_hz)
        parts = []
        for ours, theirs in ANGLES.items():
            for side in ("left", "right"):
                angle = stated.get(f"{side}_{theirs}_deg")
                if angle is None:
                    continue
                values = angle.sign * np.asarray(angle.values, dtype=float)
                mine = np.interp(angle.time_s, body.time_s, body.coordinates[f"{ours}_{side[0]}"])
                off = (mine - values)[np.isfinite(mine - values)]
                if len(off):
                    parts.append(f"{side} {theirs} {np.sqrt(np.mean(off**2)):.2f} ({off.mean():+.2f}, {off.std():.2f})")
        print(
            f"{path.parent.name}/{path.name}: residual {body.quality['body_residual_mm']:.1f} mm; " + "; ".join(parts)
        )


if __name__ == "__main__":
    main()
