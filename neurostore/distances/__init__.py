"""Cohort comparison: distance matrices and neighbours of trials, cycles or subjects of a lake.

What an item is comes from `neurostore.distances.representations`, how its place and size are taken out from
`neurostore.distances.alignment`,
the warping from `neurostore.dtw`. Left is never compared with right.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neurostore.distances.choice import POINTS, SAGITTAL, SEGMENTS, Choice
from neurostore.distances.comparison import Comparison, Side, between, square, whiten
from neurostore.distances.matrix import DistanceMatrix, check_suffix, labels_frame
from neurostore.distances.representations import Items, complete, name_of, read_items
from neurostore.distances.sampling import SIDES
from neurostore.dtw.options import check_band, check_normalize
from neurostore.errors import SeriesError, UsageError
from neurostore.release import VERSION
from neurostore.trial_key import key_text
from neurostore.wording import and_more

if TYPE_CHECKING:
    import polars as pl

__all__ = ["DistanceMatrix", "distances", "neighbours", "write_distances"]

UNITS = ("trial", "cycle", "subject")
METRICS = ("euclidean", "angular", "so3", "mahalanobis")


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
    (`neurostore.distances.representations`).
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
    lake: Any,
    out: Path | str,
    *,
    progress: bool = False,
    block: int = 1024,
    engine: str = "local",
    ray_address: str | None = None,
    **options: Any,
) -> list[Path]:
    """`distances` to a file: .parquet (long), .npy or .csv (square), in blocks, with its description beside it.

    Works in little memory whatever the number of items; after a kill the same call goes on where it was; where the
    file is
    there with the same options, only what is new in the lake is computed and what has gone drops out.

    Parameters
    ----------
    out : the file. Both sides of items that have one go into one .parquet with a column side; .npy and .csv become
        out.left.npy and out.right.npy. progress : show a bar with the time left on stderr. block : rows at once.
    engine : ``local``, or ``ray``: blocks are tasks of the cluster at ray_address, else of one started here.
    options : as `distances`.

    Returns
    -------
    The files written.
    """
    from neurostore.distances import matrix_files

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
    _one_of("engine", engine, ("local", "ray"))
    if engine == "local":
        return matrix_files.write(out, compared, comparison, provenance, progress=progress, block=block)
    from neurostore.ray_cluster import Cluster

    cluster = Cluster(ray_address, options["n_threads"])
    try:
        return matrix_files.write(
            out, compared, comparison, provenance, progress=progress, block=block, cluster=cluster
        )
    finally:
        cluster.close()


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
        wanted = key_text((subject, session, trial))
        raise UsageError(f"{wanted} has no {unit} that can be compared{why}; `neurostore trials` lists the trials")
    frame = pl.DataFrame(rows, infer_schema_length=None)
    return frame.drop("side") if frame["side"].unique().to_list() == [""] else frame


def prepare(lake: Any, options: dict[str, Any]) -> tuple[dict[str, Side], Comparison, dict[str, Any]]:
    """Check the options, read the items; (what is compared by side, how, provenance)."""
    choice, comparison = _check(options)
    compared = {
        name: _rows(complete(items, options["incomplete"]), options["unit"], comparison)
        for name, items in read_items(lake, choice, options["side"]).items()
    }
    left_out = {k: v for part in compared.values() for k, v in part.left_out.items()}
    sizes = {name: len(part.labels) for name, part in compared.items()}
    if max(sizes.values()) < 2:
        why = "; ".join(f"{k} {v}" for k, v in list(left_out.items())[:5])
        raise UsageError(
            f"at least 2 {options['unit']}s of one side are needed, found {max(sizes.values())}"
            + (f"; left out: {why}" if why else "")
        )
    if left_out:
        shown = "; ".join(and_more([f"{k} {v}" for k, v in left_out.items()], 5))
        warnings.warn(f"{len(left_out)} items are left out: {shown}", stacklevel=3)
    compared = {name: part for name, part in compared.items() if len(part.labels) > 1}
    if comparison.metric == "mahalanobis":
        whiten(compared, options["reference"])
    for part in compared.values():
        lengths = np.array([len(x) for x in part.series])
        try:
            check_band(comparison.band, lengths, lengths)
        except SeriesError as error:
            if lengths.min() == lengths.max():
                raise
            ends = [name_of(_label_of(part, int(k))) for k in (lengths.argmin(), lengths.argmax())]
            raise UsageError(f"{error}; the shortest is {ends[0]}, the longest {ends[1]}") from None
    provenance = {
        "lake": str(getattr(lake, "path", "")),
        "lake_version": getattr(lake, "version", None),
        "software": f"neurostore {VERSION}",
        "options": {k: list(v) if isinstance(v, tuple) else v for k, v in options.items() if k != "n_threads"},
    }
    return compared, comparison, provenance


def _label_of(part: Side, k: int) -> dict[str, Any]:
    """The keys of the row that series k belongs to."""
    return next(label for label, members in zip(part.labels, part.members, strict=True) if k in members)


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
    provenance["notes"] = [note for m in found.values() for note in m.provenance["notes"]]
    labels = left.labels[index["left"]].drop("side", strict=False)
    return DistanceMatrix(np.asarray(values), labels.with_columns(pl.col("group")), left.unit, provenance)


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
        angles=tuple(options["angles"]),
        points=tuple(options["points"]),
        segments=tuple(options["segments"]),
        relation=options["relation"],
        weights=options["weights"],
        # angles between samples and covariances are computed in float64; else a sample is rounded once, here
        dtype=options["dtype"] if metric == "euclidean" else "float64",
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
