"""Agreement with Plug-in Gait over people of every size: median and worst RMSE of simulated walks in laboratories' format.

    python benchmarks/lab_agreement.py [--people 30]

Files by tests/builders/lab_files.py, their angles by tests/twins/plug_in_gait.py; ours from the markers alone, filtered
at 6 Hz.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from neurostore.ingest.landmarks import compute_landmarks
from neurostore.ingest.readers import read
from tests.builders import lab_files as lab
from tests.builders.landmark_rows import angles_of

SHOWN = ("hip_flexion", "hip_adduction", "hip_rotation", "knee_flexion", "ankle_dorsiflexion", "pelvis_tilt")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=30)
    n_people = parser.parse_args().people
    rng = np.random.default_rng(1)
    found: dict[tuple[str, str], list[list[float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for k in range(n_people):
            who = lab.person(rng.uniform(1.0, 1.95), rng)
            heading = float(rng.choice([0, 90, 180, 270]) + 2.5 * rng.standard_normal())
            rate = float(rng.choice([50, 60, 100, 120]))
            walked = lab.walking(who, heading_deg=heading, rate_hz=rate, n_strides=rng.uniform(1.2, 3))
            taken = lab.capture(who, walked, seed=k, flat_foot=bool(k % 2))
            stated = {"PROCESSING": lab.processing(taken.model)}
            for whose, parameters in (("file's", stated), ("none", {})):
                path = lab.write(Path(folder) / "walk.c3d", taken, lab.Habit(parameters=parameters))
                recording = read(path)
                for hips in ("davis", "harrington"):
                    worst = errors(recording, hips)
                    found.setdefault((whose, hips), []).append([worst[angle] for angle in SHOWN])
    print(f"| parameters | hips | {' | '.join(a.replace('_', ' ') for a in SHOWN)} |")
    print("|---|---|" + "---|" * len(SHOWN))
    for (whose, hips), rows in found.items():
        values = np.array(rows)
        cells = [f"{m:.2f}, {w:.2f}" for m, w in zip(np.median(values, 0), values.max(0), strict=True)]
        print(f"| {whose} | {hips.capitalize()} | {' | '.join(cells)} |")


def errors(recording, hips: str) -> dict[str, float]:
    """RMSE in degrees of each angle that the file states, of the worse side."""
    ours = angles_of(compute_landmarks(recording, hip_method=hips))
    worst: dict[str, float] = {}
    for source in recording.angles:
        if source.angle is not None:
            difference = ours[source.angle] - source.sign * source.values
            name = source.angle.removesuffix("_deg").removeprefix("left_").removeprefix("right_")
            worst[name] = max(worst.get(name, 0.0), float(np.sqrt(np.nanmean(difference**2))))
    return worst


if __name__ == "__main__":
    main()
