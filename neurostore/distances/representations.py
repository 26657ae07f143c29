"""Representations: which values of a trial or a cycle are compared, read from a lake as arrays.

| name | channels | unit |
|---|---|---|
| `angles` | joint angles; by default sagittal hip, knee, ankle of the item's side | deg |
| `coordinates` | points, aligned as asked | mm |
| `velocities` | their rates of change | m/s |
| `dual` | coordinates and angles, each times its weight | – |
| `relation` | displacement from one point to another | mm |
| `per_joint` | coordinates, each point warped alone | mm |
| `rotations` | segment quaternions | deg |

An item that lacks a channel anywhere is left out and named (or refused); nothing is ever compared on fewer channels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from neurostore.arrays import Floats, Ints
from neurostore.distances.alignment import align
from neurostore.distances.choice import Choice
from neurostore.distances.sampling import (
    labels_of,
    read_samples,
    read_spans,
    read_trials,
    reads_curves,
    refuse_mixture,
    split_side,
)
from neurostore.errors import UsageError
from neurostore.lake.queryable import Queryable
from neurostore.lake.sides import AFFECTION, SIDES, side_condition
from neurostore.sql.views import quote
from neurostore.wording import and_more

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Item:
    """One thing that is compared. label : its keys; values : (samples, channels) of Choice.sample_dtype, NaN where missing."""

    label: dict[str, Any]
    values: Floats


@dataclass
class Items:
    """Items of one side, complete ones only, and what was left out: name → what it lacks."""

    items: list[Item]
    channels: tuple[str, ...]
    unit: str
    left_out: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def read_items(lake: Queryable, choice: Choice) -> dict[str, Items]:
    """Items of a lake by side: ``{"left": …, "right": …}`` for what has a side, ``{"": …}`` for what has none."""
    import polars as pl

    trials = read_trials(lake, choice)
    spans = read_spans(lake, choice, trials)
    reader = {"angles": _angles, "rotations": _rotations, "relation": _relation, "dual": _dual}
    read = reader.get(choice.representation, _coordinates)
    spans = {own: part for own, part in spans.items() if own == "" or choice.side in (None, own, *AFFECTION)}
    one_side = choice.side if choice.side in AFFECTION and "" not in spans else None
    if one_side:
        spans = _of_chosen_side(lake, one_side, spans)
        needs_pelvis = any("hip" in angle or "pelvis" in angle for angle in choice.angles)
        refuse_mixture(choice, trials, pl.concat(spans.values()), needs_pelvis)
    by_span = {own: read(lake, choice, trials, part, own) for own, part in spans.items()}
    if one_side:
        by_span = {one_side: _of_both_sides(one_side, by_span)}
    if not any(items.items or items.left_out for items in by_span.values()):
        raise UsageError(_nothing(choice, trials))
    return by_span


def _of_chosen_side(lake: Queryable, side: str, spans: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """The spans of the affected, or the unaffected, side of each person."""
    import polars as pl

    chosen = lake.sql(
        f"SELECT subject, body_side FROM subjects CROSS JOIN (SELECT unnest(['left', 'right']) AS body_side) "
        f"WHERE {side_condition('body_side')}",
        {"side": side},
    )
    return {
        own: part.join(chosen.filter(pl.col("body_side") == own), on="subject", how="semi", maintain_order="left")
        for own, part in spans.items()
    }


def _of_both_sides(side: str, by_side: dict[str, Items]) -> Items:
    """Items of left and right as one; their labels name the chosen side, and the body's beside it.

    Raises UsageError if the angles of left and right are given against different zeros.
    """
    there = [items for items in by_side.values() if items.items]
    channels = {tuple(split_side(channel)[1] for channel in items.channels) for items in there}
    if len(channels) > 1:
        raise UsageError(
            "left and right items differ in the zero of their angles: "
            + " against ".join(", ".join(items.channels) for items in there)
        )
    labelled = (
        replace(item, label={**item.label, "side": side, "body_side": item.label["side"]})
        for items in there
        for item in items.items
    )
    notes = dict.fromkeys(note for items in there for note in items.notes)
    return Items(list(labelled), channels.pop() if channels else (), "deg", notes=list(notes))


def complete(items: Items, incomplete: str) -> Items:
    """Items without those that lack a channel; refuse them where incomplete is ``"refuse"``."""
    whole, left_out = [], dict(items.left_out)
    for item in items.items:
        gaps = ~np.isfinite(item.values).all(axis=0)
        if len(item.values) == 0 or gaps.any():
            lacking = [c for c, gap in zip(items.channels, gaps, strict=False) if gap]
            left_out[name_of(item.label)] = "lacks " + ", ".join(and_more(lacking, 4) or ["every sample"])
        else:
            whole.append(item)
    if left_out and incomplete == "refuse":
        shown = "; ".join(f"{k} {v}" for k, v in list(left_out.items())[:5])
        raise UsageError(f"{len(left_out)} of {len(left_out) + len(whole)} items lack a channel: {shown}")
    return replace(items, items=whole, left_out=left_out)


def name_of(label: dict[str, Any]) -> str:
    """subject/session/trial/cycle/side, empty ones left out."""
    keys = ("subject", "session", "trial", "cycle", "side", "body_side")
    return "/".join(str(label[k]) for k in keys if label.get(k) not in (None, ""))


def _nothing(choice: Choice, trials: pl.DataFrame) -> str:
    if trials.height == 0:
        return "no trial matches" + (f": {choice.where}" if choice.where else "; the lake holds none")
    if choice.item_unit == "cycle":
        steady = "steady " if choice.steady_only else ""
        return (
            f"none of the {trials.height} trials has a {steady}gait cycle; "
            "SELECT reason, count(*) FROM gait_cycles GROUP BY ALL tells why, unit='trial' compares whole trials"
        )
    return f"none of the {trials.height} trials has frames for representation={choice.representation!r}"


def _angles(lake: Queryable, choice: Choice, trials: pl.DataFrame, spans: pl.DataFrame, side: str) -> Items:
    """The plain column of an angle, or the one relative to the neutral pose if more items have it; never both."""
    known = _angles_known(lake, choice)
    plain = [_angle_column(a, side, known) for a in choice.angles]
    relative = [p.removesuffix("_deg") + "_rel_deg" for p in plain]
    both = {c: quote(c) for pair in zip(plain, relative, strict=True) for c in pair if c in known}
    refuse_mixture(choice, trials, spans, needs_pelvis=any(r in both for r in relative))
    read = read_samples(lake, choice, trials, spans, "joint_angles", both)
    arrays = [x.astype(choice.sample_dtype) for _, x in read]
    index = {c: k for k, c in enumerate(both)}
    chosen = []
    n_whole = _whole_channels(arrays, len(both))
    for first, second in zip(plain, relative, strict=True):
        is_second = second in index and n_whole[index[second]] > n_whole[index[first]]
        chosen.append(second if is_second else first)
    items = [Item(label, x[:, [index[c] for c in chosen]]) for label, x in zip(labels_of(spans), arrays, strict=True)]
    notes = [f"{c} stands for {p}" for c, p in zip(chosen, plain, strict=True) if c != p]
    return Items(items, tuple(chosen), "deg", notes=notes)


def _angles_known(lake: Queryable, choice: Choice) -> set[str]:
    """Names of the angles. cycle_curves has the same as joint_angles and, if it is stored, needs no frames."""
    view = "cycle_curves" if reads_curves(lake, choice, "joint_angles") else "joint_angles"
    return {name for name in lake.sql(f"SELECT * FROM {view} LIMIT 0").columns if name.endswith("_deg")}


def _whole_channels(arrays: Sequence[Floats], n_channels: int) -> Ints:
    """In how many of the arrays (samples, channels) each channel is known at every sample."""
    by_length: dict[int, list[Floats]] = {}
    for x in arrays:
        by_length.setdefault(len(x), []).append(x)
    counts = (np.isfinite(np.stack(group)).all(axis=1).sum(axis=0) for group in by_length.values())
    return sum(counts, start=np.zeros(n_channels, int))


def _angle_column(angle: str, side: str, known: set[str]) -> str:
    name = angle if angle.endswith("_deg") else f"{angle}_deg"
    own = split_side(name)[0]
    if own and side and own != side:
        raise UsageError(
            f"left and right are never mixed: {angle} was asked for with {side} items; give its name without the side"
        )
    for column in (name, f"{side}_{name}"):
        if column in known:
            return column
    raise UsageError(f"no angle {angle!r} in joint_angles; lake.describe() lists them")


def _point(name: str, side: str, known: set[str]) -> str:
    for column in (name, f"{side}_{name}"):
        if column in known and column not in ("subject", "session", "trial", "frame", "person"):
            return column
    raise UsageError(f"no point {name!r} in landmarks; lake.describe() lists them")


def _read_points(
    lake: Queryable, choice: Choice, trials: pl.DataFrame, spans: pl.DataFrame, points: Sequence[str]
) -> Iterator[tuple[Floats, Floats]]:
    """(instants, points (n, points, 3)) of each span, one after another."""
    columns = {f"{p}.{axis}": f"{quote(p)}.{axis}" for p in points for axis in "xyz"}
    for instants, x in read_samples(lake, choice, trials, spans, "landmarks", columns):
        yield instants, x.reshape(len(x), len(points), 3)


def _coordinates(lake: Queryable, choice: Choice, trials: pl.DataFrame, spans: pl.DataFrame, side: str) -> Items:
    known = set(lake.sql("SELECT * FROM landmarks LIMIT 0").columns)
    points = [_point(p, side, known) for p in choice.points]
    refuse_mixture(choice, trials, spans, needs_pelvis=False)
    arrays = _read_points(lake, choice, trials, spans, points)
    lengths = _leg_lengths(lake) if choice.align == "root+scale" else {}
    labels, items, left_out = labels_of(spans), [], {}
    for label, (instants, x) in zip(labels, arrays, strict=True):
        gaps = [p for p, gap in zip(points, ~np.isfinite(x).all(axis=(0, 2)), strict=True) if gap]
        if gaps or len(x) < 2:
            left_out[name_of(label)] = "lacks " + ", ".join(and_more(gaps, 4) or ["samples"])
            continue
        length = lengths.get((label["subject"], label["session"])) or _own_leg_length(x, points)
        x = align(x, points, choice.align, leg_length_mm=length)
        if not np.isfinite(x).all():
            what = "leg length" if choice.align == "root+scale" else "determined direction"
            left_out[name_of(label)] = f"has no {what} for align={choice.align!r}"
            continue
        if choice.representation == "velocities":
            x = np.gradient(x, instants, axis=0) / (1.0 if choice.align == "root+scale" else 1000.0)
        items.append(Item(label, x.reshape(len(x), -1).astype(choice.sample_dtype)))
    unit = "mm"
    if choice.align == "root+scale":
        unit = "leg lengths/s" if choice.representation == "velocities" else "leg lengths"
    elif choice.representation == "velocities":
        unit = "m/s"
    return Items(items, tuple(f"{p}.{a}" for p in points for a in "xyz"), unit, left_out)


def _leg_lengths(lake: Queryable) -> dict[tuple[str, str], float]:
    """Mean leg length in mm by subject and session, as stated in the calibrations (else it is computed from the points)."""
    frame = lake.sql(
        "SELECT subject, session, avg(value * CASE unit WHEN 'm' THEN 1000 WHEN 'cm' THEN 10 ELSE 1 END) AS mm "
        "FROM calibrations WHERE parameter = 'leg_length' AND value > 0 GROUP BY ALL"
    )
    return {(a, b): mm for a, b, mm in frame.iter_rows()}


def _own_leg_length(values: Floats, points: Sequence[str]) -> float:
    """Hip to knee to ankle, the median over samples, the mean of both sides, mm; NaN without these points."""
    if not all(f"{side}_{joint}" in points for side in SIDES for joint in ("hip", "knee", "ankle")):
        return np.nan
    place = {p: values[:, k] for k, p in enumerate(points)}
    bones = [(f"{s}_{a}", f"{s}_{b}") for s in SIDES for a, b in (("hip", "knee"), ("knee", "ankle"))]
    return float(sum(np.median(np.linalg.norm(place[a] - place[b], axis=1)) for a, b in bones) / 2)


def _relation(lake: Queryable, choice: Choice, trials: pl.DataFrame, spans: pl.DataFrame, side: str) -> Items:
    known = set(lake.sql("SELECT * FROM landmarks LIMIT 0").columns)
    start, end = (_point(p, side, known) for p in choice.relation)
    refuse_mixture(choice, trials, spans, needs_pelvis=False)
    arrays = (x for _, x in _read_points(lake, choice, trials, spans, [start, end]))
    displacements = ((x[:, 1] - x[:, 0]).astype(choice.sample_dtype) for x in arrays)
    items = [Item(label, x) for label, x in zip(labels_of(spans), displacements, strict=True)]
    return Items(items, tuple(f"{start} to {end} {a}" for a in "xyz"), "mm")


def _dual(lake: Queryable, choice: Choice, trials: pl.DataFrame, spans: pl.DataFrame, side: str) -> Items:
    points = _coordinates(lake, replace(choice, representation="coordinates", metric=None), trials, spans, side)
    angles = _angles(lake, choice, trials, spans, side)
    place = {name_of(item.label): item.values for item in points.items}
    items = [
        Item(a.label, np.hstack([place[name_of(a.label)] * choice.weights[0], a.values * choice.weights[1]]))
        for a in angles.items
        if name_of(a.label) in place
    ]
    left_out = points.left_out | angles.left_out
    return Items(items, (*points.channels, *angles.channels), "", left_out, angles.notes)


def _rotations(lake: Queryable, choice: Choice, trials: pl.DataFrame, spans: pl.DataFrame, side: str) -> Items:
    """Segment quaternions; align="root" gives them relative to the pelvis. _line_rotation columns are never used.

    A segment has its anatomical axes where more items have those, else the axes that are zero in the neutral pose.
    """
    known = set(lake.sql("SELECT * FROM landmarks LIMIT 0").columns)
    plain = [_point(f"{segment}_rotation", side, known) for segment in choice.segments]
    neutral = [c.removesuffix("_rotation") + "_neutral_rotation" for c in plain]
    both = list(dict.fromkeys(c for pair in zip(plain, neutral, strict=True) for c in pair if c in known))
    columns = {f"{c}.{axis}": f"{quote(c)}.{axis}" for c in both for axis in "wxyz"}
    refuse_mixture(choice, trials, spans, needs_pelvis=False)
    read = read_samples(lake, choice, trials, spans, "landmarks", columns)
    arrays = [x.reshape(len(x), len(both), 4) for _, x in read]
    whole = {c: sum(bool(np.isfinite(x[:, k]).all()) for x in arrays) for k, c in enumerate(both)}
    chosen = [p if whole[p] >= whole.get(n, 0) else n for p, n in zip(plain, neutral, strict=True)]
    notes = [f"{c} stands for {p}" for c, p in zip(chosen, plain, strict=True) if c != p]
    root = choice.segments.index("pelvis") if "pelvis" in choice.segments else None
    if choice.align == "root" and root is None:
        raise UsageError("align='root' of rotations needs the segment pelvis")
    items = []
    for label, x in zip(labels_of(spans), arrays, strict=True):
        picked = x[:, [both.index(c) for c in chosen]]
        size = np.linalg.norm(picked, axis=2, keepdims=True)
        unit = np.where(size > 0, picked / np.where(size > 0, size, 1.0), np.nan)
        if choice.align == "root":
            assert root is not None
            others = [k for k in range(len(chosen)) if k != root]
            unit = relative_rotation(unit[:, [root]], unit[:, others])
        items.append(Item(label, unit.reshape(len(x), -1)))
    names = [c for c in chosen if choice.align == "none" or root is None or c != chosen[root]]
    return Items(items, tuple(f"{c}.{axis}" for c in names for axis in "wxyz"), "deg", notes=notes)


def relative_rotation(parent: Floats, child: Floats) -> Floats:
    """Unit quaternions (w, x, y, z) of child in the axes of parent: conjugate(parent) * child, broadcast."""
    w, v = parent[..., :1], -parent[..., 1:]
    u, t = child[..., :1], child[..., 1:]
    scalar = w * u - (v * t).sum(axis=-1, keepdims=True)
    return np.concatenate([scalar, w * t + u * v + np.cross(v, t)], axis=-1)
