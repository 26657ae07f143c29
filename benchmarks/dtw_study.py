"""What DTW answers on real walks: approximation, perturbation, representation. The figures of docs/dtw.md.

    neurostore ingest SHARED/data/cmu --lake lake && neurostore demo demo
    python benchmarks/dtw_study.py lake demo/lake

The first lake holds real recordings with repeated walks of some people, the second the demo's walkers (groups control
and impaired). Parts: fastdtw (needs the package fastdtw), perturbations, subjects, groups, scales.
"""

from __future__ import annotations

import argparse
import itertools
import time
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

import neurostore
from neurostore import dtw
from neurostore.distances.choice import Choice
from neurostore.distances.matrix import DistanceMatrix
from neurostore.distances.representations import complete, read_items

KEYS = ("subject", "session", "trial")
WALKS = "t.trial LIKE 'walk%'"
SETTINGS: dict[str, dict[str, Any]] = {
    "angles, cycles": {},
    "angles, cycles, band 10 %": {"band": 0.1},
    "angles, cycles in seconds": {"clock": "seconds"},
    "angles, whole trials": {"unit": "trial", "normalize": "path_length"},
    "angles, trials cycle by cycle": {"unit": "trial", "pairing": "all"},
    "coordinates, raw": {"representation": "coordinates"},
    "coordinates, root": {"representation": "coordinates", "align": "root"},
    "coordinates, root+scale": {"representation": "coordinates", "align": "root+scale"},
    "coordinates, root+heading": {"representation": "coordinates", "align": "root+heading"},
    "coordinates, procrustes": {"representation": "coordinates", "align": "procrustes"},
    "velocities, root+heading": {"representation": "velocities", "align": "root+heading"},
    "rotations to pelvis": {"representation": "rotations", "align": "root"},
    "dual, root+heading": {"representation": "dual", "align": "root+heading"},
}


def series(lake: Any, unit: str) -> list[np.ndarray]:
    """Sagittal angles of the left side, one array a trial or cycle."""
    items = complete(read_items(lake, Choice(unit=unit, where=WALKS))["left"], "leave_out")
    return [item.values for item in items.items]


def fastdtw_part(lake: Any) -> None:
    """FastDTW (Salvador and Chan 2007) on 28 pairs of real trials; its path cost is a sum of frame distances or their squares."""
    from fastdtw import fastdtw

    trials = series(lake, "trial")[:8]
    pairs = list(itertools.combinations(range(len(trials)), 2))
    dtw.distance(trials[0], trials[1])
    start = time.perf_counter()
    exact = np.array([dtw.distance(trials[i], trials[j]) for i, j in pairs])
    ours = time.perf_counter() - start
    start = time.perf_counter()
    dtw.pairwise(trials)
    side_by_side = time.perf_counter() - start
    print(
        f"\n## FastDTW: {len(pairs)} pairs of trials of {min(map(len, trials))} to {max(map(len, trials))} frames x 3\n"
    )
    print("| method | time for all pairs, ms | median error | 90 % | largest | exact |\n|---|---|---|---|---|---|")
    print(f"| exact, one pair at a time | {ours * 1e3:.1f} | 0 | 0 | 0 | {len(pairs)} of {len(pairs)} |")
    print(f"| exact, pairwise | {side_by_side * 1e3:.1f} | 0 | 0 | 0 | {len(pairs)} of {len(pairs)} |")

    def squared(x: np.ndarray, y: np.ndarray) -> float:
        return float(((x - y) ** 2).sum())

    for radius in (1, 10):
        start = time.perf_counter()
        found = np.sqrt([fastdtw(trials[i], trials[j], radius=radius, dist=squared)[0] for i, j in pairs])
        taken = time.perf_counter() - start
        error = found / exact - 1
        low, high, most = np.quantile(error, [0.5, 0.9, 1.0])
        same = int((error < 1e-9).sum())
        print(
            f"| FastDTW, radius {radius} | {taken * 1e3:.0f} | {low:.1%} | {high:.1%} | {most:.1%} | {same} of {len(pairs)} |"
        )


def perturbations_part(lake: Any) -> None:
    """Distance of each cycle to its perturbed self, RMS per matched sample; medians over cycles."""
    rng = np.random.default_rng(0)
    cycles = np.array(series(lake, "cycle"))
    noise = rng.normal(size=cycles.shape)
    t = np.linspace(0, 1, 101)

    def stretched(amount: float) -> np.ndarray:
        place = np.clip(t + amount * np.sin(np.pi * t) * t, 0, 1) * 100
        return np.array([[np.interp(place, np.arange(101), x[:, c]) for c in range(3)] for x in cycles]).transpose(
            0, 2, 1
        )

    def slower(amount: float) -> list[np.ndarray]:
        n = round(101 * (1 + amount))
        place = np.linspace(0, 100, n)
        return [np.column_stack([np.interp(place, np.arange(101), x[:, c]) for c in range(3)]) for x in cycles]

    kinds: dict[str, tuple[list[float], Any]] = {
        "noise, SD deg": ([0, 0.5, 1, 2, 4, 8], lambda s: cycles + s * noise),
        "offset, deg": ([0, 1, 2, 4, 8, 16], lambda s: cycles + s),
        "amplitude, times 1 +": ([0, 0.05, 0.1, 0.2, 0.4, 0.8], lambda s: cycles * (1 + s)),
        "later within the cycle, share": ([0, 0.02, 0.05, 0.1, 0.2, 0.3], stretched),
        "whole cycle slower, share": ([0, 0.1, 0.2, 0.4, 0.8, 1.6], slower),
    }
    print(f"\n## Perturbations of {len(cycles)} cycles: distance, deg per matched sample\n")
    print("| perturbation | 1 | 2 | 3 | 4 | 5 | grows in |\n|---|---|---|---|---|---|---|")
    for name, (amounts, make) in kinds.items():
        found = []
        for amount in amounts:
            changed = make(amount)
            found.append([dtw.distance(x, y, normalize="path_length") for x, y in zip(cycles, changed, strict=True)])
        table = np.array(found)
        grows = (np.diff(table, axis=0) > -1e-9).mean()
        cells = [f"{a}: {m:.2f}" for a, m in zip(amounts[1:], np.median(table, axis=1)[1:], strict=True)]
        print(f"| {name} | {' | '.join(cells)} | {grows:.0%} of steps |")


def sides_of(lake: Any, where: str, options: dict[str, Any]) -> Iterator[DistanceMatrix]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = neurostore.open(lake).distances(**{"where": where, **options})
    yield from found.values() if isinstance(found, dict) else [found]


def separation(matrix: DistanceMatrix, classes: np.ndarray, outside: tuple[str, ...] = KEYS) -> tuple[int, int, float]:
    """(right, asked, silhouette): nearest neighbour outside the item's own trial (or subject), if its class has another."""
    from sklearn.metrics import silhouette_score

    trial = np.array(["/".join(map(str, r)) for r in matrix.labels.select(outside).rows()])
    values = np.asarray(matrix.values, np.float64).copy()
    values[trial[:, None] == trial[None, :]] = np.inf
    several = np.array([len(set(trial[classes == c])) > 1 for c in classes])
    right = classes[values.argmin(axis=1)] == classes
    score = silhouette_score(matrix.values[np.ix_(several, several)], classes[several], metric="precomputed")
    return int(right[several].sum()), int(several.sum()), float(score)


def table_part(title: str, lake: str, where: str, label: Any, outside: tuple[str, ...] = KEYS) -> None:
    print(f"\n## {title}\n\n| setting | nearest neighbour right | share | silhouette |\n|---|---|---|---|")
    for name, options in SETTINGS.items():
        try:
            results = [separation(m, label(m), outside) for m in sides_of(lake, where, options)]
        except neurostore.NeurostoreError as error:
            print(f"| {name} | {str(error)[:70]} | | |", flush=True)
            continue
        right, asked = sum(r[0] for r in results), sum(r[1] for r in results)
        score = np.mean([r[2] for r in results])
        print(f"| {name} | {right} of {asked} | {right / asked:.0%} | {score:.2f} |", flush=True)


def scales_part(lake: str) -> None:
    """Multi-scale: the sum of DTW distances of Haar approximations (means of 1, 2, 4, 8 samples), beside plain DTW."""
    opened = neurostore.open(lake)
    found = {side: complete(items, "leave_out") for side, items in read_items(opened, Choice(where=WALKS)).items()}
    print(
        "\n## Scales: people told apart by Haar approximations\n\n| scales | nearest neighbour right | silhouette |\n|---|---|---|"
    )
    for scales in ((1,), (2,), (4,), (8,), (1, 2, 4, 8)):
        results = []
        for items in found.values():
            total = sum(dtw.pairwise([haar(x.values, s) for x in items.items]) for s in scales)
            import polars as pl

            labels = pl.DataFrame([x.label for x in items.items])
            matrix = DistanceMatrix(np.asarray(total), labels)
            results.append(separation(matrix, labels["subject"].to_numpy()))
        right, asked = sum(r[0] for r in results), sum(r[1] for r in results)
        print(f"| {', '.join(map(str, scales))} | {right} of {asked} | {np.mean([r[2] for r in results]):.2f} |")


def haar(values: np.ndarray, scale: int) -> np.ndarray:
    """Orthonormal Haar approximation: means of `scale` samples times its root."""
    n = len(values) // scale * scale
    return values[:n].reshape(-1, scale, values.shape[1]).mean(axis=1) * np.sqrt(scale)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lake", help="real walks")
    parser.add_argument("walkers", nargs="?", help="the demo's lake")
    parser.add_argument("--only", default="", help="fastdtw, perturbations, subjects, groups or scales")
    options = parser.parse_args()
    lake = neurostore.open(options.lake)
    subject = {"where": WALKS, "label": lambda m: m.labels["subject"].to_numpy()}
    parts = {
        "fastdtw": lambda: fastdtw_part(lake),
        "perturbations": lambda: perturbations_part(lake),
        "subjects": lambda: table_part("People told apart by their walk", options.lake, **subject),
        "scales": lambda: scales_part(options.lake),
    }
    if options.walkers:
        group = {"where": "true", "label": lambda m: m.labels["group"].to_numpy(), "outside": ("subject",)}
        parts["groups"] = lambda: table_part(
            "Groups of the simulated walkers, each subject against the others", options.walkers, **group
        )
    for name, run in parts.items():
        if options.only in ("", name):
            run()


if __name__ == "__main__":
    main()
