"""The refinement and its baselines against the truth, on people never trained on, for each protocol."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from neurostore.arrays import Floats
from neurostore.errors import UsageError
from neurostore.ingest.refine.refiner import Refiner
from neurostore.ingest.refine.training.baselines import BASELINES, butterworth
from neurostore.ingest.refine.training.dataset import Pair, film
from neurostore.ingest.refine.training.measured import Measured
from neurostore.ingest.refine.training.measures import depth_residual, measure
from neurostore.ingest.refine.training.motions import Motion, random_camera, resampled
from neurostore.ingest.refine.training.noise import Correlated, Independent, Protocol

#: fixed before the training; the place in this list is part of the seed
PROTOCOLS: dict[str, Protocol] = {
    "independent": Independent(),
    "correlated": Correlated(),
    "correlated_1.5x_amplitude_half_time": Correlated().times(1.5, 0.5),
    "measured": Measured(),
}
RATES_HZ = (30.0, 60.0)
SEED = 20260
METHODS = (*BASELINES, "refined")
_LONGEST_S = 12.0
_HELD = (0.66, 0.95)


@dataclass(frozen=True)
class Row:
    """One figure of the evaluation: protocol, rate, method, metric and value."""

    protocol: str
    rate_hz: float
    method: str
    metric: str
    value: float


def evaluate(
    motions: list[Motion],
    refiner: Refiner,
    *,
    protocols: Iterable[str] = tuple(PROTOCOLS),
    rates_hz: Iterable[float] = RATES_HZ,
    n_cameras: int = 2,
    seed: int = SEED,
    progress: Callable[[int, int], None] | None = None,
) -> list[Row]:
    """Means over trials and cameras of every figure of :func:`~.measures.measure`.

    ``refined`` is the network's answer followed by the 6 Hz low-pass that landmarks go through; ``none`` and
    ``bone_lock`` are not filtered. Every method sees the same corrupted trials. Trials over 12 s are cut there.

    Raises
    ------
    UsageError : no motions, or an unknown protocol.
    """
    if not motions:
        raise UsageError("no motion to evaluate: all people here were used in training, or nothing could be read")
    unknown = sorted(set(protocols) - set(PROTOCOLS))
    if unknown:
        raise UsageError(f"no protocol {', '.join(unknown)}; there are {', '.join(PROTOCOLS)}")
    rows: list[Row] = []
    jobs = [(p, r) for p in protocols for r in rates_hz]
    n_done, n_all = 0, len(jobs) * len(motions)
    for protocol, rate in jobs:
        measures: dict[tuple[str, str], list[float]] = {}
        for motion in motions:
            for pair in pairs(motion, protocol, rate, refiner, n_cameras, seed):
                for method, figures in _measured(pair, rate, refiner):
                    for metric, value in figures.items():
                        measures.setdefault((method, metric), []).append(value)
            n_done += 1
            if progress is not None:
                progress(n_done, n_all)
        for (method, metric), values in measures.items():
            finite = [v for v in values if np.isfinite(v)]
            if finite:
                rows.append(Row(protocol, rate, method, metric, float(np.mean(finite))))
    order = {m: i for i, m in enumerate(METHODS)}
    return sorted(rows, key=lambda r: (list(PROTOCOLS).index(r.protocol), r.rate_hz, r.metric, order[r.method]))


def pairs(motion: Motion, protocol: str, rate_hz: float, refiner: Refiner, n_cameras: int, seed: int) -> Iterator[Pair]:
    """The motion through simulated cameras and a protocol; the same whenever it is requested and whatever else is."""
    n = int(_LONGEST_S * motion.rate_hz)
    short = Motion(motion.person, motion.split, motion.source, motion.rate_hz, motion.points[:n], True)
    thin = resampled(short, rate_hz)
    for camera in range(n_cameras):
        key = [seed, zlib.crc32(motion.source.encode()), list(PROTOCOLS).index(protocol), camera]
        rng = np.random.default_rng(key)
        yield film(
            thin, PROTOCOLS[protocol], random_camera(rng), refiner.markers, rng,
            shows_spread=False, node_rate_hz=refiner.model.config.node_rate_hz,
        )  # fmt: skip


def _measured(pair: Pair, rate_hz: float, refiner: Refiner) -> Iterator[tuple[str, dict[str, float]]]:
    def figures(points: Floats) -> dict[str, float]:
        return measure(points, pair.truth, pair.up, pair.floor_mm, rate_hz, refiner.markers)

    for method, baseline in BASELINES.items():
        yield method, figures(baseline(pair.noisy.raw, rate_hz, refiner.markers))
    points, ratio = refined_with_ratio(pair, rate_hz, refiner)
    coverage = {
        "coverage_68_pct": 100.0 * float(np.nanmean(ratio <= 1.0)),
        "coverage_95_pct": 100.0 * float(np.nanmean(ratio <= refiner.interval_95)),
    }
    yield "refined", figures(points) | coverage


def refined_with_ratio(pair: Pair, rate_hz: float, refiner: Refiner) -> tuple[Floats, Floats]:
    """Refined and low-pass filtered points, and each residual along the ray in units of its SD (n, M)."""
    refined = refiner.refine_sequence(pair.noisy)
    points = butterworth(refined.points, rate_hz, refiner.markers)
    return points, np.abs(depth_residual(points, pair.truth)) / refined.sd_mm


def calibration(motions: list[Motion], refiner: Refiner, n_cameras: int = 2, seed: int = SEED + 1) -> dict[str, float]:
    """Calibration of the SD on the validation people.

    ``sd_scale``: one standard deviation contains 66 % of the residuals. ``interval_95``: number of standard deviations
    that contain 95 %. The largest value over the protocols is used, because the errors of a video are unknown. 66 and
    not 68, because the other protocols contain up to 5 points more at the same scale, so that all are close to 68.
    """
    plain = Refiner(refiner.model, refiner.markers, {**refiner.about, "calibration": {}})
    inner, outer = [], []
    for protocol in PROTOCOLS:
        ratios = [
            refined_with_ratio(pair, rate, plain)[1].ravel()
            for rate in RATES_HZ
            for motion in motions
            for pair in pairs(motion, protocol, rate, plain, n_cameras, seed)
        ]
        if not ratios:
            raise UsageError(
                "no person to calibrate the uncertainty on: people.toml lists none of these people under split 'validation'"
            )
        all_ratios = np.concatenate(ratios)
        quantiles = np.quantile(all_ratios[np.isfinite(all_ratios)], _HELD)
        inner.append(float(quantiles[0]))
        outer.append(float(quantiles[1]))
    return {"sd_scale": max(inner), "interval_95": max(outer) / max(inner)}
