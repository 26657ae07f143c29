"""neurostore compare"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from neurostore.commands.help_sections import COMPARE
from neurostore.commands.options import (
    ByOption,
    Format,
    FormatOption,
    OutputOption,
    TrialOptions,
    choosing_trials,
)

if TYPE_CHECKING:
    import polars as pl


class Test(StrEnum):
    welch = "welch"
    permutation = "permutation"
    mixed = "mixed"


def register(app: typer.Typer) -> None:
    app.command(short_help="Compare groups, sessions or conditions: interval, test.", rich_help_panel=COMPARE)(compare)


@choosing_trials
def compare(
    parameters: Annotated[
        list[str],
        typer.Argument(
            metavar="PARAMETER",
            help="Columns of subject_summary, affected_summary, gait_profile or kinetic_profile, numeric columns of "
            "subjects, angles, or dtw_distance_deg.",
        ),
    ],
    by: ByOption = "group",
    test: Annotated[Test, typer.Option(help="Test between levels; mixed is a mixed model over sessions.")] = Test.welch,
    seed: Annotated[int, typer.Option(help="Seed of the permutations.")] = 0,
    change: Annotated[
        bool, typer.Option("--change", help="Compare each person's change between two sessions (group × session).")
    ] = False,
    reference: Annotated[
        str | None,
        typer.Option(
            "--reference",
            metavar="GROUP",
            help="Reference group of dtw_distance_deg and of the scores.",
            show_default=False,
        ),
    ] = None,
    *,
    chosen: TrialOptions,
    format: FormatOption = None,
    output: OutputOption = None,
) -> None:
    """Compare groups, sessions or conditions, one value per subject: difference, 95 % interval, Hedges g, test.

    Sessions are compared in the order they were recorded in (acq_time in sessions.tsv, or session_order in cohort.toml).

    With --change, people's changes from the earlier to the later session are compared.

    Example: neurostore compare walking_speed_m_s --by group --lake lake/
    """
    import polars as pl

    from neurostore.commands.output import say, write_frame
    from neurostore.lake.releases import state_text
    from neurostore.statistics.pooling import cycles_texts

    lake = chosen.lake()
    how: dict[str, Any] = {
        "side": chosen.side,
        "test": test.value,
        "seed": seed,
        "change": change,
        "mixed": chosen.mixed,
    }
    contrasts = lake.compare(parameters, by, reference=reference, **how, **chosen.filters)
    contrasts = contrasts.with_columns(state=pl.lit(state_text(lake)))
    if (format or Format.table) is not Format.table or output is not None:
        write_frame(contrasts, format, output, lake=lake.path, kind="compare")
        return
    write_frame(_readable(contrasts), format, output, lake=lake.path, kind="compare")
    value = "each person's change between the sessions" if change else "one value per subject"
    say(f"difference: b − a, {value}{', [95 % interval]' if 'ci_low' in contrasts.columns else ''}")
    for text in dict.fromkeys(contrasts["pooled"] if "pooled" in contrasts.columns else ()):
        say(f"pooled: {text}")
    for text in cycles_texts(_cycles(contrasts.to_dicts())):
        say(text)
    if reference is not None:
        say(f"reference: the group {reference}")
    say(state_text(lake))
    left_out = sorted({name for names in contrasts["left_out"] for name in names})
    if left_out:
        say(f"left out, because they have values in only one session or level: {', '.join(left_out)}")


def _cycles(rows: list[dict[str, Any]]) -> dict[str, list[tuple[str, int]]]:
    """Parameter -> (level, cycles) of each level; several of one where people are left out of some pairs."""
    counts: dict[str, list[tuple[str, int]]] = {}
    for row in rows:
        for one in ("a", "b"):
            if row.get(f"n_cycles_{one}") is not None:
                counts.setdefault(row["parameter"], []).append((row[one], row[f"n_cycles_{one}"]))
    return counts


def _readable(contrasts: pl.DataFrame) -> pl.DataFrame:
    """The table for people: mean ± SD, interval and p as one text each; every figure is in --format csv."""
    rows = contrasts.to_dicts()
    if "hedges_g" not in contrasts.columns:
        return contrasts.drop("left_out", "pooled", "state", "n_cycles_a", "n_cycles_b").with_columns(
            p=_texts(rows, lambda r: _p(r["p"]))
        )
    return contrasts.select("parameter", "a", "b", "contrast").with_columns(
        _texts(rows, lambda r: f"{_number(r['mean_a'])} ± {_number(r['sd_a'])} ({r['n_a']})").alias("a: mean ± SD (n)"),
        _texts(rows, lambda r: f"{_number(r['mean_b'])} ± {_number(r['sd_b'])} ({r['n_b']})").alias("b: mean ± SD (n)"),
        _texts(rows, lambda r: f"{_number(r['difference'])} [{_number(r['ci_low'])}, {_number(r['ci_high'])}]").alias(
            "difference"
        ),
        _texts(rows, lambda r: "–" if r["hedges_g"] is None else f"{r['hedges_g']:.2f}").alias("Hedges g"),
        _texts(rows, lambda r: _p(r["p"])).alias("p"),
        _texts(rows, lambda r: _p(r["p_holm"])).alias("p (Holm)"),
        contrasts["test"],
    )


def _texts(rows: list[dict[str, Any]], text: Callable[[dict[str, Any]], str]) -> pl.Series:
    import polars as pl

    return pl.Series([text(row) for row in rows], dtype=pl.String)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def _p(value: float | None) -> str:
    return "–" if value is None else "< 0.001" if value < 0.001 else f"{value:.3f}"
