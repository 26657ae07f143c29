"""Cohort comparison: distance matrices and neighbours of trials, cycles or subjects of a lake.

What an item is comes from `neurostore.representations`, how its place and size are taken out from
`neurostore.alignment`,
the warping from `neurostore.dtw`. Left is never compared with right.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neurostore import __version__, dtw
from neurostore.distance_matrix import DistanceMatrix, check_suffix
from neurostore.dtw.distance import check_band, check_normalize, circular_cross
from neurostore.errors import MissingExtraError, UsageError
from neurostore.representations import POINTS, SAGITTAL, SEGMENTS, SIDES, Choice, Items, complete, read_items

if TYPE_CHECKING:
    import polars as pl

__all__ = ["DistanceMatrix", "distances", "neighbours", "write_distances"]

UNITS = ("trial", "cycle", "subject")
METRICS = ("euclidean", "angular", "so3", "mahalanobis")
ITEMS_A_CHANNEL = 2  # a covariance from fewer items than this many times the channels (or 10) is refused


@dataclass(frozen=True)
class Comparison:
    """How items are compared; fields as the options of `distances`."""

    metric: str
    band: float | None
    normalize: str
    dtype: str
    pairing: str | None
    reduce: str
    is_per_joint: bool
    n_threads: int | None = None
    backend: str = "numba"


@dataclass(frozen=True)
class Side:
    """What is compared of one side: rows of the matrix, their labels, and the series of each row.

    series : every item's series; members : for each row the indices of its series (one, unless rows are reduced).
    """

    labels: list[dict[str, Any]]
    series: list[np.ndarray]
    members: list[np.ndarray]
    unit: str
    left_out: dict[str, str]
    notes: list[str]


def distances(
    lake: Any,
    *,
    unit: str = "cycle",
    side: str | None = None,
    representation: str = "angles",
    align: str = "none",
    metric: str | None = None,
    band: float | None = None,
    normalize: str = "none",
    pairing: str | None = None,
    reduce: str = "mean",
    angles: Sequence[str] = SAGITTAL,
    points: Sequence[str] = POINTS,
    segments: Sequence[str] = SEGMENTS,
    relation: tuple[str, str] = ("pelvis", "ankle"),
    weights: tuple[float, float] = (0.01, 0.1),
    clock: str = "percent",
    rate_hz: float = 100.0,
    steady_only: bool = True,
    reference: str | None = None,
    mixed: bool = False,
    incomplete: str = "leave_out",
    where: str | None = None,
    dtype: str = "float32",
    n_threads: int | None = None,
    backend: str = "numba",
) -> DistanceMatrix | dict[str, DistanceMatrix]:
    """Distances between all trials, cycles or subjects of a lake.

    Parameters
    ----------
    unit : ``cycle`` (every gait cycle by itself), ``trial`` (whole recordings, or their cycles: see pairing),
    ``subject``
        (their cycles, all with all; the mean of both sides unless one is asked for).
    side : ``left`` or ``right``; None gives both, never mixed: one matrix a side.
    representation : angles, coordinates, velocities, dual, relation, per_joint, rotations
    (`neurostore.representations`).
    align : none, root, root+scale, root+heading, procrustes (one rotation an item), procrustes-frame (one a sample).
    metric : euclidean, angular (degrees modulo 360), so3 (for rotations, and their default), mahalanobis against
    `reference`.
    band, normalize : as `neurostore.dtw`; ``normalize="path_length"`` gives RMS per matched sample in the unit of the
    channels.
    pairing : for trials and subjects, compare cycle by cycle: ``nth`` (n-th with n-th) or ``all`` (all with all),
    reduced by
        `reduce`: ``mean`` or ``sum``. Subjects: ``all`` by default. Trials: None warps whole recordings.
    angles, points, segments, relation, weights : what the representation is made of; a name without a side is the
    item's own.
    clock : ``percent`` (101 points a cycle: duration does not count) or ``seconds`` (rate_hz samples a second: it
    does).
    steady_only : leave cycles out that are not steady. mixed : compare items of different model, cut-off or angle zero.
    reference : group whose scatter is the yardstick of mahalanobis. incomplete : ``leave_out`` or ``refuse`` items
    with gaps.
    where : SQL condition on trials (t) and subjects (s), such as ``t.condition = 'barefoot'``.

    Returns
    -------
    DistanceMatrix, or a dict of one a side where items have sides and no side is asked for.

    Raises
    ------
    UsageError : unknown options, nothing to compare, a single item, items that may not be mixed.

    Examples
    --------
    >>> distances(lake, unit="cycle", side="left").values.shape      # doctest: +SKIP
    (72, 72)
    """
    options = {k: v for k, v in locals().items() if k != "lake"}
    compared, comparison, provenance = prepare(lake, options)
    found = {}
    for name, part in compared.items():
        about = {**provenance, "left_out": part.left_out, "notes": part.notes}
        found[name] = DistanceMatrix(square(part, comparison), labels_frame(part.labels), part.unit, about)
    return finish(found, unit, side)


def write_distances(
    lake: Any, out: Path | str, *, progress: bool = False, block: int = 1024, **options: Any
) -> list[Path]:
    """`distances` to a file: .parquet (long), .npy or .csv (square), in blocks, with its description beside it.

    Works in little memory whatever the number of items; after a kill the same call goes on where it was; where the
    file is
    there with the same options, only what is new in the lake is computed and what has gone drops out.

    Parameters
    ----------
    out : the file. Both sides of items that have one go into one .parquet with a column side; .npy and .csv become
        out.left.npy and out.right.npy. progress : show a bar with the time left on stderr. block : rows at once.
    options : as `distances`.

    Returns
    -------
    The files written.
    """
    from neurostore import blocks

    out = Path(out)
    check_suffix(out)
    if not out.parent.is_dir():
        raise UsageError(f"there is no folder {out.parent} to write {out.name} in")
    unknown = set(options) - set(_defaults())
    if unknown:
        raise UsageError(f"unknown options: {', '.join(sorted(unknown))}; there are {', '.join(_defaults())}")
    options = {**_defaults(), **options}
    compared, comparison, provenance = prepare(lake, options)
    if options["unit"] == "subject" and len(compared) == 2:
        found = distances(lake, **options)  # few rows: the mean of two matrices
        return [found.write(out)]  # type: ignore[union-attr]
    return blocks.write(out, compared, comparison, provenance, progress=progress, block=block)


def neighbours(
    lake: Any,
    subject: str,
    trial: str,
    k: int = 10,
    session: str | None = None,
    *,
    unit: str = "cycle",
    side: str | None = None,
    cycle: int | None = None,
    **options: Any,
) -> pl.DataFrame:
    """The cycles (or trials) of the lake that are most like those of one trial.

    Parameters
    ----------
    subject, trial, session : the trial; session may be left out where the trial's name is unique.
    k : how many a side. unit : ``cycle`` or ``trial`` (whole recordings). cycle : only this cycle of the trial.
    options : as `distances`.

    Returns
    -------
    polars.DataFrame : side, rank, the keys and group of the neighbour, distance and, for cycles, query_cycle: the
    trial's cycle
        that it is most like. Cycles of the trial itself are no neighbours.
    """
    import polars as pl

    if unit not in ("cycle", "trial"):
        raise UsageError(f"unit is {unit!r}; neighbours are of unit 'cycle' or 'trial'")
    if k < 1:
        raise UsageError(f"k is {k}; at least 1 is needed")
    options = {**_defaults(), **options, "unit": unit, "side": side}
    if options["pairing"] is not None:
        raise UsageError("neighbours compare cycles or whole trials; leave pairing out")
    compared, comparison, _ = prepare(lake, options)
    rows = []
    for name, part in compared.items():
        own = [
            i
            for i, label in enumerate(part.labels)
            if label["subject"] == subject and label["trial"] == trial and session in (None, label["session"])
        ]
        sessions = {part.labels[i]["session"] for i in own}
        if len(sessions) > 1:
            raise UsageError(f"{subject}/{trial} is in the sessions {', '.join(sorted(sessions))}; say which")
        queries = [i for i in own if cycle is None or part.labels[i].get("cycle") == cycle]
        others = np.setdiff1d(np.arange(len(part.labels)), own)
        if not queries or not len(others):
            continue
        found = between(part, comparison, np.array(queries), others)
        best = found.argmin(axis=0)
        nearest = found[best, np.arange(len(others))]
        for rank, place in enumerate(np.argsort(nearest, kind="stable")[:k], start=1):
            label = part.labels[others[place]]
            row = {"side": name, "rank": rank, **{x: y for x, y in label.items() if x != "side"}}
            row["distance"] = float(nearest[place])
            if unit == "cycle":
                row["query_cycle"] = part.labels[queries[best[place]]]["cycle"]
            rows.append(row)
    if not rows:
        left_out = {k: v for part in compared.values() for k, v in part.left_out.items()}
        reasons = [f"{k} {v}" for k, v in left_out.items() if k.startswith(f"{subject}/") and trial in k.split("/")]
        why = f" ({reasons[0]})" if reasons else ""
        wanted = "/".join(x for x in (subject, session, trial) if x)
        raise UsageError(f"{wanted} has no {unit} that can be compared{why}; `neurostore trials` lists the trials")
    frame = pl.DataFrame(rows, infer_schema_length=None)
    return frame.drop("side") if frame["side"].unique().to_list() == [""] else frame


def prepare(lake: Any, options: dict[str, Any]) -> tuple[dict[str, Side], Comparison, dict[str, Any]]:
    """Check the options, read the items; (what is compared by side, how, provenance)."""
    choice, comparison = _check(options)
    compared = {}
    for name, items in read_items(lake, choice).items():
        if options["side"] in (None, name) or name == "":
            compared[name] = _rows(complete(items, options["incomplete"]), options["unit"], comparison)
    left_out = {k: v for part in compared.values() for k, v in part.left_out.items()}
    sizes = {name: len(part.labels) for name, part in compared.items()}
    if max(sizes.values()) < 2:
        why = "; ".join(f"{k} {v}" for k, v in list(left_out.items())[:5])
        raise UsageError(
            f"{sum(sizes.values())} {options['unit']}s can be compared, at least 2 of one side are needed"
            + (f"; left out: {why}" if why else "")
        )
    if left_out:
        shown = "; ".join(f"{k} {v}" for k, v in list(left_out.items())[:5])
        more = f"; and {len(left_out) - 5} more" if len(left_out) > 5 else ""
        warnings.warn(f"{len(left_out)} items are left out: {shown}{more}", stacklevel=3)
    compared = {name: part for name, part in compared.items() if len(part.labels) > 1}
    if comparison.metric == "mahalanobis":
        whiten(compared, options["reference"])
    for part in compared.values():
        lengths = np.array([len(x) for x in part.series])
        check_band(comparison.band, lengths, lengths)
    provenance = {
        "lake": str(getattr(lake, "path", "")),
        "lake_version": getattr(lake, "version", None),
        "software": f"neurostore {__version__}",
        "options": {k: list(v) if isinstance(v, tuple) else v for k, v in options.items() if k != "n_threads"},
    }
    return compared, comparison, provenance


def labels_frame(labels: list[dict[str, Any]]) -> pl.DataFrame:
    """Labels as a frame; group is text, NULL where not known."""
    import polars as pl

    return pl.DataFrame(labels, infer_schema_length=None).with_columns(pl.col("group").cast(pl.String))


def square(part: Side, comparison: Comparison) -> np.ndarray:
    """(n, n) distances of all rows of one side."""
    n = len(part.labels)
    is_plain = comparison.metric in ("euclidean", "mahalanobis") and not comparison.is_per_joint
    if is_plain and comparison.pairing is None:
        return dtw.pairwise(
            part.series,
            band=comparison.band,
            dtype=comparison.dtype,
            normalize=comparison.normalize,
            n_threads=comparison.n_threads,
            backend=comparison.backend,
        )
    result = np.zeros((n, n), comparison.dtype)
    step = 64
    for first in range(0, n, step):
        rows, columns = np.arange(first, min(n, first + step)), np.arange(first, n)
        found = between(part, comparison, rows, columns)
        result[np.ix_(rows, columns)] = found
        result[np.ix_(columns, rows)] = found.T
    upper = np.triu(result, 1)  # of rows within one block the first series is the one with the smaller index
    return upper + upper.T


def between(part: Side, comparison: Comparison, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """(rows, columns) distances of some rows of one side to others; that of a row to itself is not promised to be 0."""
    if comparison.pairing is None:
        first = [part.series[part.members[i][0]] for i in rows]
        second = [part.series[part.members[j][0]] for j in columns]
        return _cross(first, second, comparison)
    row_members, column_members = [part.members[i] for i in rows], [part.members[j] for j in columns]
    first = [part.series[k] for members in row_members for k in members]
    second = [part.series[k] for members in column_members for k in members]
    table = _cross(first, second, comparison).astype(np.float64)
    n_rows, n_columns = [len(m) for m in row_members], [len(m) for m in column_members]
    i0, j0 = np.cumsum([0, *n_rows[:-1]]), np.cumsum([0, *n_columns[:-1]])
    if comparison.pairing == "all":
        total = np.add.reduceat(np.add.reduceat(table, i0, axis=0), j0, axis=1)
        count = np.outer(n_rows, n_columns)
    else:
        total = np.zeros((len(rows), len(columns)))
        count = np.minimum.outer(n_rows, n_columns)
        for nth in range(count.max()):
            has = nth < count
            i, j = np.minimum(nth, np.array(n_rows) - 1), np.minimum(nth, np.array(n_columns) - 1)
            total += np.where(has, table[np.ix_(i0 + i, j0 + j)], 0.0)
    return (total / count if comparison.reduce == "mean" else total).astype(comparison.dtype)


def finish(found: dict[str, DistanceMatrix], unit: str, side: str | None) -> DistanceMatrix | dict[str, DistanceMatrix]:
    """One matrix, or one a side; subjects of both sides become their mean."""
    if side is not None or list(found) == [""]:
        return next(iter(found.values()))
    return mean_of_sides(found) if unit == "subject" else found


def mean_of_sides(found: dict[str, DistanceMatrix]) -> DistanceMatrix:
    """The mean of left and right over the subjects that have both."""
    import polars as pl

    if set(found) != set(SIDES):
        raise UsageError(f"only the {', '.join(found)} side can be compared; ask for it with side=…")
    subjects = {name: m.labels["subject"].to_list() for name, m in found.items()}
    both = [s for s in subjects["left"] if s in set(subjects["right"])]
    if len(both) < 2:
        raise UsageError(f"{len(both)} subjects have cycles of both sides; at least 2 are needed (or ask for one side)")
    alone = sorted(set(subjects["left"]) ^ set(subjects["right"]))
    index = {name: [subjects[name].index(s) for s in both] for name in SIDES}
    values = sum(np.asarray(found[name].values)[np.ix_(index[name], index[name])] for name in SIDES) / 2
    left = found["left"]
    left_out = {k: v for m in found.values() for k, v in m.provenance["left_out"].items()}
    provenance = {**left.provenance, "left_out": left_out | dict.fromkeys(alone, "has cycles of one side only")}
    labels = left.labels[index["left"]].drop("side", strict=False)
    return DistanceMatrix(np.asarray(values), labels.with_columns(pl.col("group")), left.unit, provenance)


def whiten(compared: dict[str, Side], reference: str | None) -> None:
    """Turn series so that Euclidean distance is Mahalanobis distance against a reference group, each side by its own.

    The covariance is that of the group's departures from its mean curve (series of one length) or mean sample, shrunk
    by
    Ledoit and Wolf (2004, doi:10.1016/S0047-259X(03)00096-4).
    """
    try:
        from sklearn.covariance import LedoitWolf
    except ImportError:
        raise MissingExtraError("metric='mahalanobis' needs scikit-learn: pip install 'neurostore[report]'") from None
    for name, part in compared.items():
        groups = [label.get("group") for label in part.labels]
        if reference is None or reference not in groups:
            known = ", ".join(sorted({g for g in groups if g})) or "none"
            raise UsageError(
                f"metric='mahalanobis' needs reference=…, a group of subjects; found {reference!r}, there are: {known}"
            )
        own = [part.series[k] for g, m in zip(groups, part.members, strict=True) if g == reference for k in m]
        channels = own[0].shape[1]
        needed = max(10, ITEMS_A_CHANNEL * channels)
        if len(own) < needed:
            raise UsageError(
                f"group {reference!r} has {len(own)} {name} items; a covariance of {channels} channels needs {needed}"
            )
        if len({len(x) for x in own}) == 1:
            departures = np.concatenate(list(np.array(own) - np.mean(own, axis=0)))
        else:
            departures = np.concatenate(own) - np.concatenate(own).mean(axis=0)
        covariance = LedoitWolf(assume_centered=True).fit(departures).covariance_
        if np.linalg.cond(covariance) > 1e12:
            raise UsageError(f"group {reference!r} does not vary in some channel; no Mahalanobis distance exists")
        turn = np.linalg.cholesky(np.linalg.inv(covariance))
        part.series[:] = [x @ turn for x in part.series]


def _cross(first: list[np.ndarray], second: list[np.ndarray], comparison: Comparison) -> np.ndarray:
    shared: dict[str, Any] = {
        "band": comparison.band,
        "normalize": comparison.normalize,
        "n_threads": comparison.n_threads,
    }
    if comparison.metric in ("angular", "so3"):
        return circular_cross(first, second, comparison.metric, **shared).astype(comparison.dtype)
    shared |= {"dtype": comparison.dtype, "backend": comparison.backend}
    if not comparison.is_per_joint:
        return dtw.cross(first, second, **shared)
    n = first[0].shape[1] // 3
    total = np.zeros((len(first), len(second)))
    for c in range(0, 3 * n, 3):
        total += dtw.cross([x[:, c : c + 3] for x in first], [y[:, c : c + 3] for y in second], **shared)
    return (total / n).astype(comparison.dtype)


def _check(options: dict[str, Any]) -> tuple[Choice, Comparison]:
    unit, metric, representation = options["unit"], options["metric"], options["representation"]
    _one_of("unit", unit, UNITS)
    _one_of("side", options["side"], (None, *SIDES))
    metric = metric or ("so3" if representation == "rotations" else "euclidean")
    _one_of("metric", metric, METRICS)
    if (metric == "so3") != (representation == "rotations"):
        raise UsageError(f"metric={metric!r} does not go with representation={representation!r}: so3 is for rotations")
    if metric == "angular" and representation != "angles":
        raise UsageError(f"metric='angular' is for representation='angles', not {representation!r}")
    if options["reference"] is not None and metric != "mahalanobis":
        raise UsageError("reference is only used by metric='mahalanobis'")
    _one_of("dtype", options["dtype"], ("float32", "float64"))
    _one_of("pairing", options["pairing"], (None, "nth", "all"))
    _one_of("reduce", options["reduce"], ("mean", "sum"))
    check_normalize(options["normalize"])
    if unit == "cycle" and options["pairing"]:
        raise UsageError("pairing reduces the cycles of trials or subjects; with unit='cycle' each cycle stands alone")
    pairing = options["pairing"] or ("all" if unit == "subject" else None)
    choice = Choice(
        unit="cycle" if pairing else unit,
        **_picked(options, "representation", "align", "clock", "rate_hz", "steady_only", "mixed", "where"),
        **{k: tuple(v) for k, v in _picked(options, "angles", "points", "segments", "relation", "weights").items()},
    )
    if metric == "mahalanobis" and representation == "per_joint":
        raise UsageError("metric='mahalanobis' does not go with representation='per_joint': joints are warped alone")
    comparison = Comparison(
        metric,
        options["band"],
        options["normalize"],
        options["dtype"],
        pairing,
        options["reduce"],
        representation == "per_joint",
        options["n_threads"],
        options["backend"],
    )
    return choice, comparison


def _picked(options: dict[str, Any], *names: str) -> dict[str, Any]:
    return {k: options[k] for k in names}


def _one_of(name: str, value: Any, allowed: Sequence[Any]) -> None:
    if value not in allowed:
        raise UsageError(f"{name} is {value!r}; it can be {', '.join(str(a) for a in allowed)}")


def _rows(items: Items, unit: str, comparison: Comparison) -> Side:
    """Items as rows, those of one trial or subject together where cycles are paired."""
    series = [np.ascontiguousarray(item.values) for item in items.items]
    if comparison.pairing is None:
        labels = [item.label for item in items.items]
        members = [np.array([k]) for k in range(len(series))]
    else:
        keys = ("subject",) if unit == "subject" else ("subject", "session", "trial", "person")
        keep = (*keys, "side", "group")
        groups: dict[tuple[Any, ...], list[int]] = {}
        for k, item in enumerate(items.items):
            groups.setdefault(tuple(item.label.get(x) for x in keys), []).append(k)
        members = [np.array(m) for m in groups.values()]
        labels = [{x: items.items[m[0]].label[x] for x in keep if x in items.items[m[0]].label} for m in members]
    unit_of_values = items.unit if comparison.metric != "mahalanobis" else "standard deviations"
    return Side(labels, series, members, unit_of_values, dict(items.left_out), list(items.notes))


def _defaults() -> dict[str, Any]:
    return dict(distances.__kwdefaults__ or {})
