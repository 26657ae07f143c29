"""Table 1 of a paper: who the groups are and how they walk, one value per person, differences with intervals.

Every number is in the frames ``cells`` and ``contrasts``; the printed table is made from these alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from neurostore.errors import UsageError
from neurostore.lake.selection import selected
from neurostore.lake.sides import check_side
from neurostore.sql import views
from neurostore.statistics import two_groups
from neurostore.statistics.order import levels_of
from neurostore.statistics.pairs import compare_levels
from neurostore.statistics.pooling import check_mixture, cycles_texts, pooled_text, unused_text
from neurostore.statistics.values import columns, numeric_columns, subject_values, unscored_text

if TYPE_CHECKING:
    import polars as pl

    from neurostore.lake.queryable import Queryable

COVARIATES = ("age", "height_m", "mass_kg", "bmi")
GAIT = ("walking_speed_m_s", "cadence_steps_min", "stride_length_m", "step_width_m", "stance_pct", "gps_deg")
CENTRES = ("mean", "median")
_TITLES = {
    "age": ("Age", "years"), "height_m": ("Height", "m"), "mass_kg": ("Mass", "kg"), "bmi": ("BMI", "kg/m²"),
    "walking_speed_m_s": ("Walking speed", "m/s"), "cadence_steps_min": ("Cadence", "steps/min"),
    "gps_deg": ("GPS", "°"),
}  # fmt: skip
_SUFFIXES = (("_m_s", "m/s"), ("_steps_min", "steps/min"), ("_deg", "°"), ("_pct", "%"), ("_mm", "mm"), ("_kg", "kg"), ("_m", "m"), ("_s", "s"))  # fmt: skip


@dataclass(frozen=True)
class Table1:
    """A table of groups.

    Attributes
    ----------
    by : the column that defines the levels. levels : in order. centre : mean (± SD) or median ([quartiles]).
    cells : parameter, level, n, mean, sd, ci_low, ci_high (95 % of the mean), median, q1, q3.
    contrasts : parameter, a, b, n of each, difference (b less a), ci_low, ci_high, hedges_g, p, p_holm, test, left_out.
    people : level, n, and counts of each sex. notes : what was pooled and left out.
    """

    by: str
    levels: tuple[str, ...]
    centre: str
    cells: pl.DataFrame
    contrasts: pl.DataFrame
    people: pl.DataFrame
    notes: tuple[str, ...]

    def printed(self) -> pl.DataFrame:
        """The table as text: a row per parameter, units in the first column, a column per level and contrast."""
        import polars as pl

        counts = {r["level"]: r for r in self.people.iter_rows(named=True)}
        pairs = list(combinations(self.levels, 2))
        headers = [f"{level} (n = {counts[level]['n']})" for level in self.levels]
        headers += [x for a, b in pairs for x in (f"{b} − {a} [95 % CI]", f"p ({b} − {a})", f"p, Holm ({b} − {a})")]
        rows = [["Sex", *(counts[level]["sexes"] for level in self.levels), *[""] * (3 * len(pairs))]]
        for parameter in self.cells["parameter"].unique(maintain_order=True):
            rows.append([title(parameter), *self._values(parameter), *self._contrasts(parameter, pairs)])
        return pl.DataFrame(rows, schema=["Parameter", *headers], orient="row")

    def _repr_html_(self) -> str:
        """A notebook shows the table as it is printed."""
        from neurostore.whole_table import WholeTable

        return WholeTable(self.printed())._repr_html_()

    def _values(self, parameter: str) -> list[str]:
        own = {r["level"]: r for r in self.cells.iter_rows(named=True) if r["parameter"] == parameter}
        digits = _digits([r["mean"] for r in own.values()])
        texts = []
        for level in self.levels:
            r = own.get(level)
            if r is None:
                texts.append("–")
                continue
            n = next(p["n"] for p in self.people.iter_rows(named=True) if p["level"] == level)
            few = "" if r["n"] == n else f" (n = {r['n']})"
            if self.centre == "median":
                texts.append(f"{_text(r['median'], digits)} [{_text(r['q1'], digits)}, {_text(r['q3'], digits)}]{few}")
            else:
                spread = "" if r["sd"] is None else f" ± {_text(r['sd'], digits)}"
                texts.append(f"{_text(r['mean'], digits)}{spread}{few}")
        return texts

    def _contrasts(self, parameter: str, pairs: Sequence[tuple[str, str]]) -> list[str]:
        own = {(r["a"], r["b"]): r for r in self.contrasts.iter_rows(named=True) if r["parameter"] == parameter}
        texts: list[str] = []
        for pair in pairs:
            r = own.get(pair)
            if r is None or r["difference"] is None:
                texts += ["–", "–", "–"]
                continue
            digits = _digits([r["mean_a"], r["mean_b"]])
            low, high = r["ci_low"], r["ci_high"]
            interval = "" if low is None else f" [{_text(low, digits)}, {_text(high, digits)}]"
            texts += [_text(r["difference"], digits, sign=True) + interval, p_text(r["p"]), p_text(r["p_holm"])]
        return texts


def table1(
    lake: Queryable,
    parameters: Sequence[str] = (),
    by: str = "group",
    *,
    side: str | None = None,
    centre: str = "mean",
    test: str = "welch",
    mixed: bool = False,
    **filters: Any,
) -> Table1:
    """The groups of a lake side by side.

    Parameters
    ----------
    parameters : rows beside the people's own numbers; () takes speed, cadence, stride, width, stance and GPS.
    by : a column of subjects, ``session`` or ``condition``. side, test, mixed, filters : as `compare`.
    centre : ``mean`` prints mean ± SD, ``median`` prints median [quartiles].

    Raises
    ------
    UsageError : no such column or parameter, or fewer than two levels.
    """
    import polars as pl

    if centre not in CENTRES:
        raise UsageError(f"centre is {centre!r}; it can be {' or '.join(CENTRES)}")
    check_side(side)
    lake = selected(lake, filters)
    names = list(parameters) or list(GAIT)
    mixture = check_mixture(lake, names, by, mixed=mixed)
    tables = _covariates(lake, by) | subject_values(lake, names, by, side)
    if not parameters:
        tables = {name: frame for name, frame in tables.items() if frame.height}
    nobody = pl.DataFrame(schema={"subject": pl.String, "level": pl.String})
    everybody = pl.concat([nobody, *(frame.select("subject", "level") for frame in tables.values())]).unique()
    levels = levels_of(lake, everybody, by, "table1")
    cells = [_cell(name, level, frame) for name, frame in tables.items() for level in levels]
    contrasts = [
        {"parameter": name, "a": a, "b": b, **compare_levels(frame, a, b, test, 0)}
        for name, frame in tables.items()
        for a, b in combinations(levels, 2)
    ]
    adjusted = two_groups.holm(np.array([c["p"] for c in contrasts], float))
    rows = [{**c, "p_holm": float(p)} for c, p in zip(contrasts, adjusted, strict=True)]
    gait = [tables[name] for name in names if name in tables]
    notes = [mixture, unscored_text(lake, tables, side), unused_text(lake)]
    notes = (
        [pooled_text(lake, pl.concat(gait), by, side), *cycles_texts(_cycles(tables, names)), *notes] if gait else []
    )
    nulls = pl.selectors.float().fill_nan(None)
    cells_frame = pl.DataFrame(cells, infer_schema_length=None).with_columns(nulls)
    contrasts_frame = pl.DataFrame(rows, infer_schema_length=None).with_columns(nulls)
    people = _people(lake, everybody, levels)
    return Table1(by, tuple(levels), centre, cells_frame, contrasts_frame, people, tuple(filter(None, notes)))


def _cycles(tables: Mapping[str, pl.DataFrame], names: Sequence[str]) -> dict[str, list[tuple[str, int]]]:
    """Parameter -> (level, cycles) of each level, of those that are measured in cycles."""
    import polars as pl

    counts = {}
    for name in names:
        if name in tables and tables[name]["n_cycles"].count():
            counts[name] = tables[name].group_by("level").agg(pl.col("n_cycles").sum()).sort("level").rows()
    return counts


def title(parameter: str) -> str:
    """A parameter as a paper names it, with its unit after a comma."""
    if parameter in _TITLES:
        return ", ".join(_TITLES[parameter])
    for suffix, unit in _SUFFIXES:
        if parameter.endswith(suffix):
            return f"{parameter.removesuffix(suffix).replace('_', ' ').capitalize()}, {unit}"
    return parameter.replace("_", " ").capitalize()


def p_text(p: float | None) -> str:
    """A p value as journals print it."""
    return "–" if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}"


def _covariates(lake: Queryable, by: str) -> dict[str, pl.DataFrame]:
    """Age, height, mass and BMI of the people with a trial; none where levels are not of people."""
    import polars as pl

    if by in ("session", "condition") or by not in columns(lake, "subjects"):
        return {}
    here = set(lake.sql("SELECT DISTINCT subject FROM trials WHERE kind <> 'static'")["subject"])
    known = numeric_columns(lake)
    values = subject_values(lake, [n for n in COVARIATES if n in known], by, None)
    bmi = lake.sql(
        f'SELECT subject, {views.quote(by)}::VARCHAR AS "level", mass_kg / height_m ^ 2 AS value, NULL::BIGINT AS n_cycles, '
        "[]::VARCHAR[] AS sessions, []::VARCHAR[] AS conditions FROM subjects "
        f"WHERE {views.quote(by)} IS NOT NULL AND value IS NOT NULL ORDER BY subject"
    )
    tables = {**values, "bmi": bmi}
    tables = {name: frame.filter(pl.col("subject").is_in(list(here))) for name, frame in tables.items()}
    return {name: tables[name] for name in COVARIATES if name in tables and tables[name].height}


def _cell(parameter: str, level: str, frame: pl.DataFrame) -> dict[str, Any]:
    import polars as pl
    from scipy import stats

    values = frame.filter(pl.col("level") == level)["value"].to_numpy()
    n = len(values)
    cell: dict[str, Any] = {"parameter": parameter, "level": level, "n": n, "mean": float(values.mean()) if n else None}
    sd = float(values.std(ddof=1)) if n > 1 else None
    half = float(stats.t.ppf(0.975, n - 1)) * sd / np.sqrt(n) if sd is not None else None
    quartiles = [float(q) for q in np.percentile(values, [25, 50, 75])] if n else [None] * 3
    low, high = (None, None) if half is None else (cell["mean"] - half, cell["mean"] + half)
    return cell | {
        "sd": sd,
        "ci_low": low,
        "ci_high": high,
        "median": quartiles[1],
        "q1": quartiles[0],
        "q3": quartiles[2],
    }


def _people(lake: Queryable, everybody: pl.DataFrame, levels: Sequence[str]) -> pl.DataFrame:
    """level, n and the count of each sex, as ``7 F, 5 M``."""
    import polars as pl

    sexes = dict(lake.sql("SELECT subject, sex FROM subjects").iter_rows())
    rows = []
    for level in levels:
        people = everybody.filter(pl.col("level") == level)["subject"].to_list()
        counts: dict[str, int] = {}
        for person in people:
            counts[sexes.get(person) or "not stated"] = counts.get(sexes.get(person) or "not stated", 0) + 1
        rows.append(
            {"level": level, "n": len(people), "sexes": ", ".join(f"{n} {s}" for s, n in sorted(counts.items()))}
        )
    return pl.DataFrame(rows)


def _digits(values: Sequence[float | None]) -> int:
    """Decimals for about three figures of the largest value."""
    known = [abs(v) for v in values if v is not None and np.isfinite(v)]
    largest = max(known, default=0.0)
    return 1 if largest >= 20 else 2 if largest >= 0.5 else 3 if largest >= 0.05 else 4


def _text(value: float | None, digits: int, sign: bool = False) -> str:
    if value is None or not np.isfinite(value):
        return "–"
    return f"{value:{'+' if sign else ''}.{digits}f}".replace("-", "−")
