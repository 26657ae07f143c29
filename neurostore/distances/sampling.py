"""From a lake to samples: which trials, which spans of them, and the values of a table at their instants.

Frames and cycles are read for some subjects at a time, so that little memory is needed for a lake of any size.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from neurostore.arrays import Floats
from neurostore.distances.choice import Choice
from neurostore.lake import mixture
from neurostore.lake.mixture import TRIAL_KEYS, read_models
from neurostore.lake.queryable import Queryable
from neurostore.lake.sides import SIDES
from neurostore.sql.views import quote

if TYPE_CHECKING:
    import polars as pl

N_POINTS = 101
LONGEST_GAP_S = 0.1
FRAMES_AT_ONCE = 100_000
STORED_AT_ONCE = 1_000_000  # the same if stored curves of cycles are read instead of frames


def read_trials(lake: Queryable, choice: Choice) -> pl.DataFrame:
    """Trials that may be compared: kind of source, rate, group and model."""
    return read_models(lake, choice.where)


def refuse_mixture(choice: Choice, trials: pl.DataFrame, keys: pl.DataFrame, needs_pelvis: bool) -> None:
    """Refuse items of different models, cut-offs or zeros of pelvis angles, unless mixing is requested."""
    if not choice.mixed and keys.height:
        used = trials.join(keys.select(TRIAL_KEYS).unique(), on=list(TRIAL_KEYS), how="semi")
        mixture.refuse_mixture(used, needs_pelvis)


def read_spans(lake: Queryable, choice: Choice, trials: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The span of each item, by side: keys, side, cycle, start_s, end_s (NULL for whole trials)."""
    import polars as pl

    if choice.item_unit == "trial":
        whole = trials.select(*TRIAL_KEYS, "group").with_columns(
            person=pl.lit(0, pl.Int32), start_s=pl.lit(None, pl.Float64), end_s=pl.lit(None, pl.Float64)
        )
        sided = choice.representation in ("angles", "dual", "relation") and has_side(choice)
        return {side: whole.with_columns(side=pl.lit(side)) for side in (SIDES if sided else ("",))}
    steady = "is_steady" if choice.steady_only else "coalesce(reason, '') NOT LIKE 'excluded %'"
    columns = "subject, session, trial, person, cycle, side, start_s, end_s"
    query = f"SELECT {columns} FROM gait_cycles WHERE person = 0 AND {steady} AND subject BETWEEN $first AND $last"
    parts = [
        lake.sql(query + " ORDER BY subject, session, trial, side, cycle", {"first": first, "last": last})
        for first, last in subject_ranges(lake, trials["subject"].unique().to_list(), _at_once(lake))
    ]
    cycles = pl.concat(parts) if parts else lake.sql(f"SELECT {columns} FROM gait_cycles LIMIT 0")
    cycles = cycles.join(trials.select(*TRIAL_KEYS, "group"), on=list(TRIAL_KEYS), how="inner", maintain_order="left")
    return {side: cycles.filter(pl.col("side") == side) for side in SIDES}


def _at_once(lake: Queryable) -> int:
    """Frames of the subjects whose cycles are read together."""
    return STORED_AT_ONCE if lake.reads_results() else FRAMES_AT_ONCE


def subject_ranges(lake: Queryable, chosen: list[str], at_once: int | None = None) -> list[tuple[str, str]]:
    """(first, last) subject of ranges that contain the chosen subjects and about FRAMES_AT_ONCE frames each, or ``at_once``.

    Ranges, because the costly views open only the files of a subject, or of subjects from one to another.
    """
    sizes = lake.sql("SELECT subject, sum(n_frames)::BIGINT AS n FROM trials GROUP BY subject ORDER BY subject")
    ranges: list[tuple[str, str]] = []
    wanted, n_frames, n_between = set(chosen), 0, 0
    at_once = at_once or FRAMES_AT_ONCE
    for subject, n in sizes.iter_rows():
        if subject not in wanted:
            n_between += n or 0
        elif ranges and n_frames + n_between + (n or 0) <= at_once:
            ranges[-1] = (ranges[-1][0], subject)
            n_frames, n_between = n_frames + n_between + (n or 0), 0
        else:
            ranges.append((subject, subject))
            n_frames, n_between = n or 0, 0
    return ranges


def has_side(choice: Choice) -> bool:
    """Whether something chosen belongs to a side although its name has none, so that the item's side decides."""
    names = list(choice.relation) if choice.representation == "relation" else list(choice.angles)
    return any(split_side(n)[0] == "" and n not in ("pelvis_tilt_deg", "trunk_tilt_deg", "pelvis") for n in names)


def split_side(name: str) -> tuple[str, str]:
    """(side, rest) of a name; no side is ''."""
    for side in SIDES:
        if name.startswith(side + "_"):
            return side, name[len(side) + 1 :]
    return "", name


def labels_of(spans: pl.DataFrame) -> list[dict[str, Any]]:
    """The keys of every span."""
    keep = [c for c in ("subject", "session", "trial", "person", "cycle", "side", "group") if c in spans.columns]
    labels = spans.select(keep).to_dicts()
    return [{k: v for k, v in label.items() if k != "side" or v} for label in labels]


def read_samples(
    lake: Queryable, choice: Choice, trials: pl.DataFrame, spans: pl.DataFrame, table: str, columns: dict[str, str]
) -> Iterator[tuple[Floats, Floats]]:
    """(instants, samples (n, channels) float64) of each span, one after another, sorted by subject.

    columns : name → SQL expression over the table's frames.
    """
    if spans.height == 0:
        return
    read = _from_curves if reads_curves(lake, choice, table) else _from_frames
    yield from read(lake, choice, trials, spans, table, columns)


def reads_curves(lake: Queryable, choice: Choice, table: str) -> bool:
    """Whether the samples of a table are those of cycle_curves, and a lake keeps these."""
    is_kept = table == "joint_angles" and choice.item_unit == "cycle" and choice.clock == "percent"
    return is_kept and lake.reads_results()


def _from_frames(
    lake: Queryable, choice: Choice, trials: pl.DataFrame, spans: pl.DataFrame, table: str, columns: dict[str, str]
) -> Iterator[tuple[Floats, Floats]]:
    import polars as pl

    select = ", ".join(f"CAST({sql} AS DOUBLE) AS {quote(name)}" for name, sql in columns.items())
    query = (
        f"SELECT subject, session, trial, time_s, {select} FROM {table} "
        "WHERE person = 0 AND subject BETWEEN $first AND $last ORDER BY subject, session, trial, frame"
    )
    empty = (np.zeros(0), np.zeros((0, len(columns))))
    rate = common_rate(choice, trials, spans)
    for first, last in subject_ranges(lake, spans["subject"].unique().to_list()):
        part = spans.filter(pl.col("subject").is_between(pl.lit(first), pl.lit(last)))
        frames = lake.sql(query, {"first": first, "last": last})
        by_trial = {
            key: (frame["time_s"].to_numpy(), frame.drop("time_s").to_numpy())
            for key, frame in frames.partition_by(TRIAL_KEYS, as_dict=True, include_key=False).items()
        }
        if choice.representation == "rotations":
            by_trial = {key: (time, one_sheet(values)) for key, (time, values) in by_trial.items()}
        for row in part.select(*TRIAL_KEYS, "start_s", "end_s").iter_rows():
            time, values = by_trial.get(tuple(row[:3]), empty)
            instants = instants_of(choice, time, row[3], row[4], rate)
            yield instants, resample(time, values, instants)


def _from_curves(
    lake: Queryable, choice: Choice, trials: pl.DataFrame, spans: pl.DataFrame, table: str, columns: dict[str, str]
) -> Iterator[tuple[Floats, Floats]]:
    """As from frames, but from cycle_curves, which a lake keeps: the same linear interpolation.

    A cycle in which a column is known at some points only is read from frames: at a frame whose neighbour lacks the
    angle, `resample` gives the frame's own value and cycle_curves gives none.
    """
    import polars as pl

    keys = ["subject", "session", "trial", "side", "cycle"]
    select = ", ".join(f"CAST({sql} AS DOUBLE) AS {quote(name)}" for name, sql in columns.items())
    query = (
        f"SELECT {', '.join(keys)}, percent, {select} FROM cycle_curves WHERE person = 0 "
        "AND list_contains($sides, side) AND subject BETWEEN $first AND $last"
    )
    sides = spans["side"].unique().to_list()
    for first, last in subject_ranges(lake, spans["subject"].unique().to_list(), STORED_AT_ONCE):
        part = spans.filter(pl.col("subject").is_between(pl.lit(first), pl.lit(last)))
        rows = _in_cycles(lake.sql(query, {"first": first, "last": last, "sides": sides}), keys)
        values = rows.drop(*keys, "percent").to_numpy().reshape(-1, N_POINTS, len(columns))
        place = {key: k for k, key in enumerate(rows.select(keys).gather_every(N_POINTS).iter_rows())}
        is_known = np.isfinite(values)
        is_partly = (is_known.any(axis=1) & ~is_known.all(axis=1)).any(axis=1)
        places = [place.get(key) for key in part.select(keys).iter_rows()]
        again = [k is None or bool(is_partly[k]) for k in places]
        from_frames = _from_frames(
            lake, choice, trials, part.filter(pl.Series(again, dtype=pl.Boolean)), table, columns
        )
        instants = np.linspace(part["start_s"].to_numpy(), part["end_s"].to_numpy(), N_POINTS, axis=1)
        for k, is_again, own in zip(places, again, instants, strict=True):
            yield next(from_frames) if is_again else (own, values[k])


def _in_cycles(rows: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """Rows of cycle_curves, the points of each cycle together and in order, as they are usually stored."""
    percent = rows["percent"].to_numpy()
    is_whole = len(percent) % N_POINTS == 0 and (percent.reshape(-1, N_POINTS) == np.arange(N_POINTS)).all()
    if is_whole and rows.select(keys).gather_every(N_POINTS).equals(
        rows.select(keys).gather_every(N_POINTS, N_POINTS - 1)
    ):
        return rows
    return rows.sort([*keys, "percent"])


def one_sheet(values: Floats) -> Floats:
    """Quaternions (n, segments * 4) with the sign that is nearer to the sample before: q and -q are one rotation."""
    quaternions = values.reshape(len(values), -1, 4)
    is_flip = (np.nan_to_num(quaternions[1:]) * np.nan_to_num(quaternions[:-1])).sum(axis=2) < 0
    sign = np.concatenate([np.ones_like(quaternions[:1, :, 0]), np.where(is_flip, -1.0, 1.0)]).cumprod(axis=0)
    return (quaternions * sign[..., None]).reshape(values.shape)


def common_rate(choice: Choice, trials: pl.DataFrame, spans: pl.DataFrame) -> float | None:
    """None if whole trials have one rate and keep their samples; the lowest where rates differ."""
    if choice.item_unit != "trial":
        return choice.rate_hz
    rates = trials.join(spans.select(TRIAL_KEYS).unique(), on=list(TRIAL_KEYS), how="semi")["rate_hz"].unique()
    return None if rates.len() < 2 else float(rates.min())  # type: ignore[arg-type]


def instants_of(choice: Choice, time: Floats, start: float | None, end: float | None, rate: float | None) -> Floats:
    """When a span is sampled: every frame of a whole trial, 101 points of a cycle, or a step of 1 / rate."""
    if start is None or end is None:  # a whole trial
        if rate is None or len(time) == 0:
            return time
        return np.arange(time[0], time[-1] + 1e-9, 1.0 / rate)
    if choice.clock == "seconds":
        return np.arange(start, end + 1e-9, 1.0 / choice.rate_hz)
    return np.linspace(start, end, N_POINTS)


def resample(time: Floats, values: Floats, instants: Floats) -> Floats:
    """Values at instants, linear between frames; NaN outside, beside a NaN frame and across gaps over 0.1 s.

    time (n,), values (n, channels), instants (m,) → (m, channels)
    """
    if len(time) == 0 or len(instants) == 0:
        return np.full((len(instants), values.shape[1]), np.nan)
    if instants is time:
        return values
    after = np.clip(np.searchsorted(time, instants, side="left"), 0, len(time) - 1)
    exact = np.abs(time[after] - instants) < 1e-9
    before = np.where(exact, after, np.maximum(after - 1, 0))
    step = time[after] - time[before]
    share = np.where(step > 0, (instants - time[before]) / np.where(step > 0, step, 1.0), 0.0)[:, None]
    out = np.where(share > 0, values[before] * (1 - share) + values[after] * share, values[before])
    outside = ((instants < time[0] - 1e-9) | (instants > time[-1] + 1e-9)) | (~exact & (step > LONGEST_GAP_S))
    out[outside] = np.nan
    return out
