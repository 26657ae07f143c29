"""Kinetics and EMG of one session as static figures (matplotlib; the extra ``report``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from neurostore.errors import UsageError
from neurostore.report.cycle_lists import kinetic_means, read_kinetics, whole_cycles
from neurostore.report.kinetic_data import norm_bands, read_emg
from neurostore.report.kinetic_figures import emg_figure, kinetics_figure
from neurostore.report.matplotlib_figures import draw, empty_figure, plain
from neurostore.report.specification import Plot
from neurostore.wording import listed

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure

    from neurostore.lake.version import Version


def kinetics(lake: Version, subject: str, session: str | None = None, condition: str | None = None) -> Figure:
    """Moments, powers and ground reaction over the gait cycle: mean and SD of both sides, norm, foot off.

    Raises
    ------
    UsageError : no whole steady cycle of this subject is on a force platform, or there are several sessions or conditions.
    """
    cycles = read_kinetics(lake, subject)
    rows = None if cycles is None else whole_cycles(cycles)
    if rows is None or rows.is_empty():
        raise UsageError(
            f"{subject}: no steady gait cycle has moments; ground_reaction gives the reason per frame, and joint_kinetics "
            "needs the body mass (cohort's participants.tsv, or the C3D file)"
        )
    one, name = _one_session(rows, session, condition)
    speed = lake.sql(
        "SELECT speed_band FROM _speed_band WHERE subject = ? AND session = ?", [subject, one["session"][0]]
    )["speed_band"].to_list()
    plots = kinetics_figure(kinetic_means(one), norm_bands(speed[0] if speed else None), _foot_off(lake, one))
    return _grid(plots, f"{subject} {name}".strip(), 3)


def emg(lake: Version, subject: str, session: str | None = None, condition: str | None = None) -> Figure:
    """Mean envelope of each EMG channel over the gait cycle, with bars where the muscle is normally active.

    Raises
    ------
    UsageError : the subject has no EMG, or there are several sessions or conditions.
    """
    rows = read_emg(lake, subject)
    if rows.is_empty():
        raise UsageError(
            f"{subject}: no trial has an EMG channel; `[emg]` in cohort.toml names channels (docs/kinetics.md)"
        )
    one, name = _one_session(rows, session, condition)
    return _grid(emg_figure(one, _foot_off(lake, one)), f"{subject} {name}".strip(), 4)


def _one_session(rows: pl.DataFrame, session: str | None, condition: str | None) -> tuple[pl.DataFrame, str]:
    """The rows of one session and condition, and their name."""
    import polars as pl

    if session is not None:
        rows = rows.filter(pl.col("session") == session)
    if condition is not None:
        rows = rows.filter(pl.col("condition") == condition)
    kinds = rows.select("session", "condition").unique().sort("session", "condition").rows()
    if len(kinds) != 1:
        given = f"session={session!r}, condition={condition!r}"
        sessions = listed([f"session={s!r}, condition={c!r}" for s, c in kinds]) if kinds else "nothing"
        raise UsageError(f"one session and condition can be drawn; with {given} there is {sessions}")
    return rows, ", ".join(str(part) for part in kinds[0] if part)


def _foot_off(lake: Version, rows: pl.DataFrame) -> dict[str, float]:
    subject, session, condition = rows.select("subject", "session", "condition").row(0)
    percents = lake.sql(
        "SELECT side, avg(stance_pct) FROM spatiotemporal INNER JOIN trials USING (subject, session, trial) "
        "WHERE is_steady AND person = 0 AND subject = ? AND session = ? AND condition IS NOT DISTINCT FROM ? GROUP BY side",
        [subject, session, condition],
    )
    return {side: percent for side, percent in percents.iter_rows() if percent is not None}


def _grid(plots: Sequence[Plot], title: str, n_columns: int) -> Figure:
    """Plots side by side in rows, with one legend."""
    n_rows = -(-len(plots) // n_columns)
    figure = empty_figure(3.3 * n_columns, 2.2 * n_rows + 0.8)
    axes = figure.subplots(n_rows, n_columns, squeeze=False)
    for plot, ax in zip(plots, axes.flat, strict=False):
        draw(plot, ax, label_size=7)
    for ax in axes.flat[len(plots) :]:
        ax.axis("off")
    for ax in axes[-1]:
        ax.set_xlabel("gait cycle (%)", fontsize=8)
    names: dict[str, Any] = {}
    for ax in axes.flat:
        handles, labels = ax.get_legend_handles_labels()
        names |= dict(zip(labels, handles, strict=True))
    figure.legend(list(names.values()), list(names), loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    figure.suptitle(plain(title), fontsize=10)
    return figure
