"""Cohort comparison: distance matrices and neighbours of trials, cycles or subjects of a lake.

Input: a Lake and a `neurostore.distances.choice.Choice` of what is compared, frozen and checked once. Output: matrices,
or files of them. `neurostore.distances.representations` computes an item's values, `neurostore.distances.alignment`
removes its place and size, `neurostore.dtw` warps. Left is compared with right only where the affected sides of people
are asked for. May import: dtw, ray_cluster,
storage, sql, lake, and what is below them.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from neurostore.distances.choice import Choice, Options
from neurostore.distances.comparison import Comparison, Part, between, square, whiten
from neurostore.distances.matrix import DistanceMatrix, check_suffix, labels_frame
from neurostore.distances.representations import Items, complete, name_of, read_items
from neurostore.dtw.options import check_band
from neurostore.errors import SeriesError, UsageError
from neurostore.lake.mixture import excluded_texts
from neurostore.lake.queryable import Queryable
from neurostore.lake.releases import state_facts
from neurostore.lake.selection import EVERY_TRIAL, Filters, Selection, check_values, selected
from neurostore.lake.sides import SIDES
from neurostore.release import VERSION
from neurostore.storage import temporary
from neurostore.trial_key import Key, key_text
from neurostore.wording import and_more, near

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Choice", "DistanceMatrix", "distances", "neighbours", "write_distances"]


@dataclass(frozen=True)
class Prepared:
    """What is compared by side, how, and where it comes from."""

    parts: dict[str, Part]
    comparison: Comparison
    provenance: dict[str, Any]


def distances(
    lake: Queryable, choice: Choice | None = None, **options: Unpack[Options]
) -> DistanceMatrix | dict[str, DistanceMatrix]:
    """Distances between all trials, cycles or subjects of a lake.

    Parameters
    ----------
    choice : what is compared and how. options : fields of `Choice` in place of one, and of
        :class:`~neurostore.lake.selection.Selection`, which chooses trials: session, condition, event_source, subject.

    Returns
    -------
    DistanceMatrix, or a dict of one per side where items have sides and no side is asked for.

    Raises
    ------
    UsageError : unknown options, nothing to compare, a single item, items that may not be mixed.

    Examples
    --------
    >>> distances(lake, unit="cycle", side="left").values.shape      # doctest: +SKIP
    (72, 72)
    """
    lake, choice = _chosen(lake, choice, options)
    return finish(_matrices(prepare(lake, choice)), choice)


def write_distances(
    lake: Queryable,
    out: Path | str,
    choice: Choice | None = None,
    *,
    progress: bool = False,
    block: int = 1024,
    engine: str = "local",
    ray_address: str | None = None,
    **options: Unpack[Options],
) -> list[Path]:
    """`distances` to a file: .parquet (long), .npy or .csv (square), in blocks, with its description beside it.

    Needs little memory, whatever the number of items. After a kill, the same call continues. If the file exists with
    the same options, only new items of the lake are computed, and items that are gone are removed.

    Parameters
    ----------
    out : the file. Both sides of items that have one go into one .parquet with a column side; .npy and .csv become
        out.left.npy and out.right.npy. progress : show a progress bar on stderr. block : rows at once.
    engine : ``local``, or ``ray``: blocks are tasks of the cluster at ray_address, else of one started here.
    choice, options : as `distances`.

    Returns
    -------
    The files written.
    """
    from neurostore.distances import matrix_files

    out = Path(out)
    check_suffix(out)
    temporary.check_folder(out)
    if engine not in ("local", "ray"):
        raise UsageError(f"engine is {engine!r}; it can be local, ray")
    lake, choice = _chosen(lake, choice, options)
    prepared = prepare(lake, choice)
    if choice.unit == "subject" and len(prepared.parts) == 2:  # there are few rows: take the mean of the two matrices
        return [mean_of_sides(_matrices(prepared)).write(out)]
    what = (out, prepared.parts, prepared.comparison, prepared.provenance)
    if engine == "local":
        return matrix_files.write(*what, progress=progress, block=block)
    from neurostore.ray_cluster import Cluster

    cluster = Cluster(ray_address, choice.n_threads)
    try:
        return matrix_files.write(*what, progress=progress, block=block, cluster=cluster)
    finally:
        cluster.close()


def neighbours(
    lake: Queryable,
    subject: str,
    trial: str,
    k: int = 10,
    session: str | Sequence[str] | None = None,
    *,
    cycle: int | None = None,
    **options: Any,
) -> pl.DataFrame:
    """The cycles (or trials) of the lake that are most like those of one trial.

    Parameters
    ----------
    subject, trial : the trial, ``session/trial`` where the subject has several of this name. It need not be one of those
        that session and options choose.
    k : how many per side. cycle : only this cycle of the trial.
    session : look in these sessions alone.
    options : fields of `Choice` and filters as of `distances`; unit is ``cycle`` or ``trial`` (whole recordings).

    Returns
    -------
    polars.DataFrame : side, rank, the keys and group of the neighbour, distance and, for cycles, query_cycle: the
    trial's cycle that it is most like; n_compared, n_subjects: among how many, of how many people, it was found.
    Cycles of the trial itself are not neighbours.
    """
    import polars as pl

    filters, fields_ = _parted({**options, "session": session} if session else options)
    if fields_.get("unit", "cycle") not in ("cycle", "trial"):
        raise UsageError(f"unit is {fields_['unit']!r}; neighbours need unit 'cycle' or 'trial'")
    if k < 1:
        raise UsageError(f"k is {k}; at least 1 is needed")
    if fields_.get("pairing") is not None:
        raise UsageError("neighbours compare cycles or whole trials; leave pairing out")
    choice = Choice.of(fields_)
    key = _key_of(lake, subject, trial, Selection(**filters).session)
    if choice.where:
        filters["where"], choice = choice.where, replace(choice, where=None)
    prepared = prepare(selected(lake, {**filters, "also": key} if filters else {}), choice)
    rows: list[dict[str, Any]] = []
    for name, part in prepared.parts.items():
        own = [i for i, label in enumerate(part.labels) if (label["subject"], label["session"], label["trial"]) == key]
        queries = [i for i in own if cycle is None or part.labels[i].get("cycle") == cycle]
        others = [label for i, label in enumerate(part.labels) if i not in own]
        about = {"n_compared": len(others), "n_subjects": len({label["subject"] for label in others})}
        rows += [{"side": name, **row, **about} for row in _nearest(part, prepared.comparison, queries, own, k)]
    if not rows:
        raise UsageError(_no_neighbours(prepared, choice.unit, key))
    frame = pl.DataFrame(rows, infer_schema_length=None)
    return frame.drop("side") if frame["side"].unique().to_list() == [""] else frame


def _key_of(lake: Queryable, subject: str, trial: str, sessions: Sequence[str]) -> Key:
    """The key of a trial that is named with or without its session. sessions : those that are looked in, if any.

    Raises UsageError, which says the near names, where the lake has no such trial, or several.
    """
    check_values(lake, "subject", [subject])
    there = lake.sql("SELECT session, trial FROM trials WHERE subject = $subject", {"subject": subject}).rows()
    session, _, name = trial.rpartition("/")
    if name not in (names := {t for _, t in there}):
        raise UsageError(f"subject {subject} has no trial {name!r}; {near(name, names)}")
    own = {s or "" for s, t in there if t == name}
    if session:
        if session not in own:
            raise UsageError(f"subject {subject} has no trial {name!r} in session {session!r}; {near(session, own)}")
        return subject, session, name
    candidates = own & set(sessions) if len(own) > 1 else own
    if len(candidates) != 1:
        example = f"{min(own)}/{name}"
        raise UsageError(f"{subject}/{name} is in the sessions {', '.join(sorted(own))}; name one, as in {example}")
    return subject, candidates.pop(), name


def _nearest(
    part: Part, comparison: Comparison, queries: list[int], own: list[int], k: int
) -> Iterator[dict[str, Any]]:
    """The k rows of a part nearest to any of the queries, without the rows in ``own``."""
    others = np.setdiff1d(np.arange(len(part.labels)), own)
    if not queries or not len(others):
        return
    table = between(part, comparison, np.array(queries), others)
    best = table.argmin(axis=0)
    nearest = table[best, np.arange(len(others))]
    for rank, place in enumerate(np.argsort(nearest, kind="stable")[:k], start=1):
        label = part.labels[others[place]]
        row = {"rank": rank, **{x: y for x, y in label.items() if x != "side"}, "distance": float(nearest[place])}
        query = part.labels[queries[best[place]]]
        yield row | ({"query_cycle": query["cycle"]} if "cycle" in query else {})


def _no_neighbours(prepared: Prepared, unit: str, key: Key) -> str:
    left_out = {k: v for part in prepared.parts.values() for k, v in part.left_out.items()}
    reasons = [f"{k} {v}" for k, v in left_out.items() if k.startswith(f"{key[0]}/") and key[2] in k.split("/")]
    why = f" ({reasons[0]})" if reasons else ""
    return f"{key_text(key)} has no {unit} that can be compared{why}; `neurostore trials` lists the trials"


def prepare(lake: Queryable, choice: Choice) -> Prepared:
    """Read the items and say what is left out."""
    comparison = Comparison.of(choice)
    parts = {
        name: _rows(complete(items, choice.incomplete), choice.unit, comparison)
        for name, items in read_items(lake, choice).items()
    }
    left_out = {k: v for part in parts.values() for k, v in part.left_out.items()}
    most = max(len(part.labels) for part in parts.values())
    if most < 2:
        why = "; ".join(f"{k} {v}" for k, v in list(left_out.items())[:5])
        raise UsageError(
            f"at least 2 {choice.unit}s of one side are needed, found {most}" + (f"; left out: {why}" if why else "")
        )
    if left_out:
        shown = "; ".join(and_more([f"{k} {v}" for k, v in left_out.items()], 5))
        warnings.warn(f"{len(left_out)} items are left out: {shown}", stacklevel=3)
    parts = {name: part for name, part in parts.items() if len(part.labels) > 1}
    if comparison.metric == "mahalanobis":
        whiten(parts, choice.reference)
    for part in parts.values():
        _check_band(part, comparison)
    provenance = {
        "lake": str(getattr(lake, "path", "")),
        **state_facts(lake),
        "software": f"neurostore {VERSION}",
        "left_out_by_review": excluded_texts(lake),
        "trials": chosen.describe() if (chosen := getattr(lake, "selection", None)) else EVERY_TRIAL,
        "options": {k: v for k, v in choice.options().items() if k != "n_threads"},
    }
    return Prepared(parts, comparison, provenance)


def _check_band(part: Part, comparison: Comparison) -> None:
    """Raise UsageError, naming the shortest and the longest item, where the band does not fit the lengths."""
    lengths = np.array([len(x) for x in part.series])
    try:
        check_band(comparison.band, lengths, lengths)
    except SeriesError as error:
        if lengths.min() == lengths.max():
            raise
        ends = [name_of(_label_of(part, int(k))) for k in (lengths.argmin(), lengths.argmax())]
        raise UsageError(f"{error}; the shortest is {ends[0]}, the longest {ends[1]}") from None


def _chosen(lake: Queryable, choice: Choice | None, options: Mapping[str, Any]) -> tuple[Queryable, Choice]:
    """The lake with the trials that the options choose, and what is compared how."""
    filters, fields_ = _parted(options)
    if choice is not None and fields_:
        raise UsageError(f"give either a Choice or options, not both; found {', '.join(sorted(fields_))} beside it")
    return selected(lake, filters), choice if choice is not None else Choice.of(fields_)


def _parted(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """(filters of trials, fields of a Choice). where is both: a Choice states it, and chooses trials by it."""
    names = Filters.__annotations__.keys() - {"where"}
    filters = {name: value for name, value in options.items() if name in names}
    return filters, {name: value for name, value in options.items() if name not in names}


def _matrices(prepared: Prepared) -> dict[str, DistanceMatrix]:
    """The square of each side."""
    matrices = {}
    for name, part in prepared.parts.items():
        about = {**prepared.provenance, "left_out": part.left_out, "notes": part.notes}
        matrices[name] = DistanceMatrix(square(part, prepared.comparison), labels_frame(part.labels), part.unit, about)
    return matrices


def _label_of(part: Part, k: int) -> dict[str, Any]:
    """The keys of the row that series k belongs to."""
    return next(label for label, members in zip(part.labels, part.members, strict=True) if k in members)


def finish(matrices: dict[str, DistanceMatrix], choice: Choice) -> DistanceMatrix | dict[str, DistanceMatrix]:
    """One matrix, or one per side; subjects of both sides become their mean."""
    if choice.side is not None or list(matrices) == [""]:
        return next(iter(matrices.values()))
    return mean_of_sides(matrices) if choice.unit == "subject" else matrices


def mean_of_sides(matrices: dict[str, DistanceMatrix]) -> DistanceMatrix:
    """The mean of left and right over the subjects that have both."""
    import polars as pl

    if set(matrices) != set(SIDES):
        raise UsageError(f"only the {', '.join(matrices)} side can be compared; ask for it with side=…")
    subjects = {name: m.labels["subject"].to_list() for name, m in matrices.items()}
    both = [s for s in subjects["left"] if s in set(subjects["right"])]
    if len(both) < 2:
        raise UsageError(f"{len(both)} subjects have cycles of both sides; at least 2 are needed (or ask for one side)")
    alone = sorted(set(subjects["left"]) ^ set(subjects["right"]))
    index = {name: [subjects[name].index(s) for s in both] for name in SIDES}
    values = sum(np.asarray(matrices[name].values)[np.ix_(index[name], index[name])] for name in SIDES) / 2
    left = matrices["left"]
    left_out = {k: v for m in matrices.values() for k, v in m.provenance["left_out"].items()}
    provenance = {**left.provenance, "left_out": left_out | dict.fromkeys(alone, "has cycles of one side only")}
    provenance["notes"] = [note for m in matrices.values() for note in m.provenance["notes"]]
    labels = left.labels[index["left"]].drop("side", strict=False)
    return DistanceMatrix(np.asarray(values), labels.with_columns(pl.col("group")), left.unit, provenance)


def _rows(items: Items, unit: str, comparison: Comparison) -> Part:
    """Items as rows, those of one trial or subject together where cycles are paired."""
    series = [np.ascontiguousarray(item.values) for item in items.items]
    if comparison.pairing is None:
        labels = [item.label for item in items.items]
        members = [np.array([k]) for k in range(len(series))]
    else:
        keys = ("subject",) if unit == "subject" else ("subject", "session", "trial", "person", "body_side")
        keep = (*keys, "side", "group")
        groups: dict[tuple[Any, ...], list[int]] = {}
        for k, item in enumerate(items.items):
            groups.setdefault(tuple(item.label.get(x) for x in keys), []).append(k)
        members = [np.array(m) for m in groups.values()]
        labels = [{x: items.items[m[0]].label[x] for x in keep if x in items.items[m[0]].label} for m in members]
    unit_of_values = items.unit if comparison.metric != "mahalanobis" else "standard deviations"
    return Part(labels, series, members, unit_of_values, dict(items.left_out), list(items.notes))
