"""DTW compared with other packages, in one run on the same threads: ratio of medians; the answers are compared too.

    python benchmarks/dtw.py [--threads 2] [--repeats 5] [--only NAME] [--json FILE]

A peer that would take minutes is timed on part of the pairs and scaled by cells (the table says so). Each cell
takes 2 x channels + 3 operations (a fused multiply-add is one): channels subtractions and multiply-adds, two minima
and a sum. The share of the vector units is against four 256-bit operations a cycle and thread, at the clock that a
dependent chain of integer steps shows.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from neurostore import dtw
from neurostore.dtw.nearest import Collection, search

RNG = np.random.default_rng(20240501)


def seconds(run: Callable[[], Any], repeats: int) -> float:
    """Median of several; the first call, which may compile, is not counted."""
    run()
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def alternately(ours: Callable, peer: Callable, repeats: int, peer_repeats: int) -> tuple[float, float]:
    """Medians of both; they take turns, so that a busy machine disturbs both equally."""
    ours(), peer()
    a, b = [], []
    for k in range(max(repeats, peer_repeats)):
        if k < peer_repeats:
            start = time.perf_counter()
            peer()
            b.append(time.perf_counter() - start)
        for _ in range(repeats // peer_repeats or 1):
            start = time.perf_counter()
            ours()
            a.append(time.perf_counter() - start)
    return statistics.median(a), statistics.median(b)


def cycles(n: int, channels: int) -> np.ndarray:
    """Smooth curves of 101 samples in degrees, float64."""
    t = np.linspace(0, 2 * np.pi, 101)
    k = np.arange(1, 6)
    wave = np.einsum(
        "nck,kt->ntc", RNG.normal(size=(n, channels, 5)) / k, np.sin(np.outer(k, t) + RNG.normal(size=(5, 1)))
    )
    return 20 * wave + RNG.normal(size=(n, 1, channels)) * 5


def band_cells(n: int, band: float | None) -> int:
    if band is None:
        return n * n
    r = int(np.ceil(band * n))
    return sum(min(n, i + r + 1) - max(0, i - r) for i in range(n))


def dtaidistance_matrix(xs: list[np.ndarray], window: int | None, threads: int) -> np.ndarray:
    """dtaidistance's own matrix function in C with OpenMP."""
    from dtaidistance import dtw as peer
    from dtaidistance import dtw_ndim

    os.environ["OMP_NUM_THREADS"] = str(threads)
    if xs[0].ndim == 1:
        return peer.distance_matrix(xs, window=window, parallel=True, use_c=True, compact=False)
    return dtw_ndim.distance_matrix(xs, ndim=xs[0].shape[1], window=window, parallel=True, use_c=True)


def error(found: np.ndarray, expected: np.ndarray) -> float:
    """Largest |found - expected| as a fraction of the tolerance: 1e-5 d + 1e-6 largest d; 1e-12 in float64."""
    upper = np.triu_indices(len(expected), 1)
    d, e = found[upper].astype(np.float64), expected[upper]
    relative, absolute = (1e-5, 1e-6) if found.dtype == np.float32 else (1e-12, 1e-12)
    return float((np.abs(d - e) / (relative * e + absolute * e.max())).max())


def all_pairs(options: argparse.Namespace, dtype: Any, channels: int, band: float | None, part: int) -> dict[str, Any]:
    xs = cycles(1000, channels)
    ours_xs = xs.astype(dtype)
    window = None if band is None else int(np.ceil(band * 101)) + 1
    some = [np.ascontiguousarray(x if channels > 1 else x[:, 0]) for x in xs[:part]]
    scale = (1000 * 999) / (part * (part - 1))

    def ours() -> np.ndarray:
        return dtw.pairwise(ours_xs, band=band, n_threads=options.threads)

    def peer() -> np.ndarray:
        return dtaidistance_matrix(some, window, options.threads)

    a, b = alternately(ours, peer, options.repeats, 3)
    cells = 499_500 * band_cells(101, band)
    return {
        "ours_s": a,
        "peer_s": b * scale,
        "peer": f"dtaidistance C OpenMP ({part} of 1000)",
        "gcells": cells / a / 1e9,
        "share": share(cells / a, channels, dtype, options.threads),
        "error": error(ours()[:part, :part], peer()),
    }


def one_channel(options: argparse.Namespace) -> dict[str, Any]:
    """One channel against the fastest of the other packages that are installed."""
    found = all_pairs(options, np.float32, 1, None, 300)
    xs = cycles(1000, 1)[:150, :, 0].copy()
    scale = (1000 * 999) / (150 * 149)
    others: dict[str, Callable] = {}
    try:
        from tslearn.metrics import cdist_dtw

        others["tslearn"] = lambda: cdist_dtw(xs, n_jobs=options.threads)
    except ImportError:
        pass
    try:
        from aeon.distances import dtw_pairwise_distance

        others["aeon"] = lambda: dtw_pairwise_distance(xs[:, None, :], n_jobs=options.threads)
    except ImportError:
        pass
    try:
        import tsdistances

        others["tsdistances"] = lambda: tsdistances.dtw_distance(xs, par=True)
    except ImportError:
        pass
    for name, run in others.items():
        taken = seconds(run, 3) * scale
        found["peers"] = {**found.get("peers", {}), name: taken}
        if taken < found["peer_s"]:
            found |= {"peer_s": taken, "peer": f"{name} (150 of 1000)"}
    return found


def trials(options: argparse.Namespace) -> dict[str, Any]:
    """100 trials of 200 to 600 frames of 129 coordinates; the peer on 16 of them, scaled by cells."""
    lengths = RNG.integers(200, 601, 100)
    xs = [(RNG.normal(size=(n, 129)).cumsum(0) * 5) for n in lengths]
    ours_xs = [x.astype(np.float32) for x in xs]

    def cells_of(k: int) -> int:
        part = lengths[:k].astype(np.int64)
        return int((part.sum() ** 2 - (part**2).sum()) // 2)

    def ours() -> np.ndarray:
        return dtw.pairwise(ours_xs, n_threads=options.threads)

    def peer() -> np.ndarray:
        return dtaidistance_matrix(xs[:16], None, options.threads)

    a, b = alternately(ours, peer, 3, 3)
    return {
        "ours_s": a,
        "peer_s": b * cells_of(100) / cells_of(16),
        "peer": "dtaidistance C OpenMP (16 of 100)",
        "gcells": cells_of(100) / a / 1e9,
        "share": share(cells_of(100) / a, 129, np.float32, options.threads),
        "error": error(ours()[:16, :16], peer()),
    }


def neighbours(options: argparse.Namespace, is_random: bool, n_queries: int = 100) -> dict[str, Any]:
    """10 nearest of 100,000, band 10 %, against our own brute force (timed on 20 of the queries).

    A single query goes to the series as they are; for more a Collection is built, which is not counted.
    """
    n, n_brute = 100_000, min(20, n_queries)
    real = real_cycles()
    xs = RNG.normal(size=(n, 101, 6)).astype(np.float32) if is_random else perturbed(real, n)
    random = RNG.normal(size=(n_queries, 101, 6)).astype(np.float32)
    queries = random if is_random else perturbed(real, len(real) + n_queries)[-n_queries:]
    collection = Collection(xs, band=0.1) if n_queries > 1 else xs
    band = None if n_queries > 1 else 0.1

    def brute() -> tuple[np.ndarray, np.ndarray]:
        distances = dtw.cross(queries[:n_brute], xs, band=0.1, n_threads=options.threads)
        best = np.argpartition(distances, 10, axis=1)[:, :11]
        return best, distances

    def ours() -> Any:
        return search(queries, collection, 10, band=band, n_threads=options.threads)

    a, b = alternately(ours, brute, 3, 3)
    found, (_, distances) = ours(), brute()
    order = np.argsort(distances, axis=1, kind="stable")[:, :10]
    return {
        "ours_s": a,
        "peer_s": b * n_queries / n_brute,
        "peer": f"our brute force ({n_brute} of {n_queries} queries)",
        "gcells": 0.0,
        "share": 0.0,
        "error": 0.0 if np.array_equal(found.indices[:n_brute], order) else 1.0,
        "pruned": 1 - found.warped.mean() / n,
    }


def real_cycles() -> np.ndarray:
    """Sagittal curves of both legs of the demo's walkers, or of a lake named by NEUROSTORE_LAKE: (n, 101, 6)."""
    import neurostore

    lake = os.environ.get("NEUROSTORE_LAKE")
    if not lake:
        print("# NEUROSTORE_LAKE is not set: smooth simulated curves stand for real cycles")
        return cycles(300, 6)
    names = ["hip_flexion_rel_deg", "knee_flexion_deg", "ankle_dorsiflexion_deg"]
    columns = ", ".join(f"{side}_{n}" for side in ("left", "right") for n in names)
    frame = neurostore.open(lake).sql(
        f"SELECT {columns} FROM cycle_curves WHERE is_steady ORDER BY subject, session, trial, side, cycle, percent"
    )
    values = frame.to_numpy().reshape(-1, 101, 6)
    return values[np.isfinite(values).all(axis=(1, 2))]


def perturbed(real: np.ndarray, n: int) -> np.ndarray:
    """Real cycles, then copies: scaled by 5 %, offset by 3 degrees, stretched by up to 5 %, 1 degree of smooth noise."""
    t = np.linspace(0, 1, 101)
    source = real[RNG.integers(0, len(real), n)]
    scaled = source * (1 + 0.05 * RNG.normal(size=(n, 1, 6))) + 3 * RNG.normal(size=(n, 1, 6))
    warp = t + 0.05 * RNG.uniform(-1, 1, (n, 1)) * np.sin(np.pi * t)
    place = np.clip(warp * 100, 0, 100)
    low = np.minimum(place.astype(int), 99)
    share_high = (place - low)[:, :, None]
    rows = np.arange(n)[:, None]
    out = scaled[rows, low] * (1 - share_high) + scaled[rows, low + 1] * share_high
    out += np.sin(2 * np.pi * t * RNG.integers(1, 6, (n, 1)) + RNG.uniform(0, 7, (n, 1)))[:, :, None]
    out[: len(real)] = real
    return out.astype(np.float32)


def in_sql(options: argparse.Namespace) -> dict[str, Any]:
    """dtw_distance over all pairs of 500 cycles; dtaidistance in a DuckDB Python function on 60 of them, scaled by pairs."""
    import duckdb
    import pyarrow as pa
    from dtaidistance import dtw_ndim

    from neurostore.sql import dtw_functions

    xs = cycles(500, 6).astype(np.float32)
    connection = duckdb.connect()
    connection.execute(f"SET threads = {options.threads}")
    dtw_functions.register(connection)
    table = pa.table({"id": np.arange(500), "x": pa.array(xs.tolist(), pa.list_(pa.list_(pa.float32())))})
    connection.register("arrow_cycles", table)
    connection.execute("CREATE TABLE cycles AS FROM arrow_cycles")

    def one_pair(a: list, b: list) -> float:
        return dtw_ndim.distance(np.array(a, np.float64), np.array(b, np.float64), use_c=True)

    connection.create_function("peer", one_pair, ["FLOAT[][]", "FLOAT[][]"], "DOUBLE")
    pairs = "FROM cycles AS a JOIN cycles AS b ON a.id < b.id WHERE b.id < {} ORDER BY a.id, b.id"

    def ours() -> Any:
        return connection.execute("SELECT dtw_distance(a.x, b.x) AS d " + pairs.format(500)).fetchnumpy()["d"]

    def peer() -> Any:
        return connection.execute("SELECT peer(a.x, b.x) AS d " + pairs.format(60)).fetchnumpy()["d"]

    a, b = alternately(ours, peer, 3, 3)
    exact = dtw.pairwise(xs.astype(np.float64))[np.triu_indices(500, 1)]
    return {
        "ours_s": a,
        "peer_s": b * (500 * 499) / (60 * 59),
        "peer": "dtaidistance in a DuckDB function (60 of 500)",
        "gcells": 124_750 * 101 * 101 / a / 1e9,
        "share": 0.0,
        "error": float((np.abs(ours() - exact) / (1e-5 * exact + 1e-6 * exact.max())).max()),
    }


def clock_ghz() -> float:
    """Clock by a chain of dependent integer steps in numba, of two cycles each."""
    from numba import njit

    @njit
    def chain(n, x):
        for _ in range(n):
            x = (x ^ 0x5BD1E995) + n
        return x

    chain(10, 1)
    best = min(_timed(lambda: chain(20_000_000, 1)) for _ in range(5))
    return 2 * 20_000_000 / best / 1e9


def _timed(run: Callable) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def share(cells_per_second: float, channels: int, dtype: Any, threads: int) -> float:
    """Of what the vector units could do: 2 x channels + 3 operations a cell, four of 256 bits a cycle and thread."""
    lanes = 32 // np.dtype(dtype).itemsize
    possible = threads * CLOCK * 1e9 * 4 * lanes / (2 * channels + 3)
    return cells_per_second / possible


CLOCK = 0.0
TARGETS = {
    "101 x 6 float32": (15, 25),
    "101 x 6 float64": (8, 13),
    "101 x 6 band 10 %": (12, 20),
    "100 trials x 129": (20, 35),
    "one channel": (8, 15),
    "10 nearest": (10, 10),
    "10 nearest, random": (1, 1),
    "10 nearest, one query": (1, 1),
    "10 nearest, one random query": (1, 1),
    "SQL": (10, 10),
}


def main() -> None:
    global CLOCK
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", default="")
    parser.add_argument("--json")
    options = parser.parse_args()
    start = time.perf_counter()
    dtw.pairwise(cycles(40, 6).astype(np.float32))
    print(f"# first call in this process, compiled or from the cache: {time.perf_counter() - start:.1f} s")
    CLOCK = clock_ghz()
    print(f"# {options.threads} threads, about {CLOCK:.1f} GHz, load {os.getloadavg()[0]:.1f}")
    runs: dict[str, Callable[[], dict[str, Any]]] = {
        "101 x 6 float32": lambda: all_pairs(options, np.float32, 6, None, 150),
        "101 x 6 float64": lambda: all_pairs(options, np.float64, 6, None, 150),
        "101 x 6 band 10 %": lambda: all_pairs(options, np.float32, 6, 0.1, 300),
        "100 trials x 129": lambda: trials(options),
        "one channel": lambda: one_channel(options),
        "10 nearest": lambda: neighbours(options, False),
        "10 nearest, random": lambda: neighbours(options, True),
        "10 nearest, one query": lambda: neighbours(options, False, 1),
        "10 nearest, one random query": lambda: neighbours(options, True, 1),
        "SQL": lambda: in_sql(options),
    }
    print("| workload | ours s | peer s | ratio | target (aim) | Gcell/s | of vector units | error / allowed | peer |")
    print("|---|---|---|---|---|---|---|---|---|")
    results = {}
    for name, run in runs.items():
        if options.only and options.only not in name:
            continue
        found = results[name] = run()
        least, aim = TARGETS[name]
        extra = f"; pruned {found['pruned']:.1%}" if "pruned" in found else ""
        cells = [
            name,
            f"{found['ours_s']:.3f}",
            f"{found['peer_s']:.2f}",
            f"{found['peer_s'] / found['ours_s']:.1f}",
            f"{least} ({aim})",
            f"{found['gcells']:.2f}" if found["gcells"] else "",
            f"{found['share']:.0%}" if found["share"] else "",
            f"{found['error']:.2g}",
            found["peer"] + extra,
        ]
        print("| " + " | ".join(cells) + " |", flush=True)
    if options.json:
        with open(options.json, "w") as file:
            json.dump(results, file, indent=1)


if __name__ == "__main__":
    main()
