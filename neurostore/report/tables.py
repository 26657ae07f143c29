"""The tables of the report: groups, comparisons, parameters of a block, quality of trials."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurostore.report.cohort_figures import groups_in_order
from neurostore.report.data import ReportData, group_of, subject_values
from neurostore.report.details import Details, details_of, is_detail
from neurostore.report.html import Html, table, tag
from neurostore.report.panels import BY_COLUMN, NO_GROUP, OVERVIEW, PARAMETERS, Parameter
from neurostore.report.ranges import Usual, detectable_change, ranges_of
from neurostore.report.sessions import Session, plain

ABOUT = (("age", "Age (years)", 0), ("height_m", "Height (m)", 2), ("mass_kg", "Mass (kg)", 1))


def group_table(data: ReportData) -> Html:
    """One row per group: people, trials, steady cycles, age, height, mass and the overview's parameters as mean ± SD.

    A number in brackets says how many people have the parameter, where not all do.
    """
    import polars as pl

    groups = group_of(data)
    numbers = [(c, t, d) for c, t, d in ABOUT if c in data.subjects.columns and data.subjects[c].count()]
    parameters = [BY_COLUMN[c] for c in OVERVIEW if data.summary[c].count()]
    values = {p.column: subject_values(data.summary, p.column) for p in parameters}
    head = [
        "Group",
        "People",
        "Trials",
        "Steady cycles",
        *(t for _, t, _ in numbers),
        *(_titled(p) for p in parameters),
    ]
    rows = []
    for group in groups_in_order(data):
        people = [s for s in data.subjects["subject"] if (groups.get(s) or NO_GROUP) == group]
        trials = data.trials.filter(pl.col("subject").is_in(people))
        subjects = data.subjects.filter(pl.col("subject").is_in(people))
        cells: list[Any] = [group, len(people), trials.height, int(trials["n_steady_cycles"].sum() or 0)]
        cells += [_mean_sd(subjects[c].drop_nulls().to_list(), d) for c, _, d in numbers]
        for p in parameters:
            mine = [v for s, v in values[p.column].items() if s in people]
            cells.append(_mean_sd(mine, p.decimals) + (f" ({len(mine)})" if 0 < len(mine) < len(people) else ""))
        rows.append(cells)
    return table(head, rows, "Groups")


def compared_table(data: ReportData) -> Html | None:
    """Differences between groups with their 95 % intervals; None if there are none."""
    if not data.compared.height:
        return None
    rows = []
    for r in data.compared.iter_rows(named=True):
        p = BY_COLUMN[r["parameter"]]
        rows.append(
            [
                _titled(p),
                f"{r['b']} − {r['a']}",
                f"{number(r['difference'], p.decimals, sign=True)} "
                f"[{number(r['ci_low'], p.decimals)}, {number(r['ci_high'], p.decimals)}]",
                number(r["hedges_g"], 1, sign=True),
                _p_value(r["p_holm"]),
                f"{r['n_a']} and {r['n_b']}",
            ]
        )
    head = ["Parameter", "Groups", "Difference [95 % interval]", "Hedges g", "p (Holm)", "People"]
    return table(head, rows, "Groups compared")


def parameter_table(block: Session) -> Html | None:
    """Parameters of a block: both sides, symmetry, reference range, change and detectable change. None without cycles.

    Below it the sources of the detectable changes, numbered as in the table.
    """
    rows = {r["side"]: r for r in block.rows(block.data.summary).to_dicts()}
    if not rows:
        return None
    ranges, population = ranges_of(block)
    changes, sources = changes_of(block), Sources()
    head: list[Any] = ["Parameter"]
    details = subject_details(block.data, block.subject)
    affected = _affected_side(block.data, block.subject)
    for side in ("left", "right"):
        mark = ", affected" if details.is_affected(side) else ", unaffected" if affected else ""
        head.append(tag("th", f"{side.capitalize()}{mark} (SD)", scope="col", class_=side))
    head.append(f"Symmetry index ({'affected − unaffected' if affected else 'right − left'})")
    head.append(f"Range of normal ({population})" if ranges else None)
    head += [f"Change since {block.before.session}" if block.before else None, "Detectable change (MDC95)"]
    n_columns = sum(cell is not None for cell in head)
    body: list[list[Any]] = []
    for i, p in enumerate(PARAMETERS):
        if i == 0 or p.kind != PARAMETERS[i - 1].kind:
            body.append([tag("th", p.kind, colspan=n_columns, scope="colgroup")])
        if not any(r.get(p.column) is not None for r in rows.values()):
            continue
        cells: list[Any] = [_titled(p)]
        for side in ("left", "right"):
            cells.append(_value_cell(rows.get(side, {}), p, ranges.get(p.column), side))
        index = next(iter(rows.values())).get(f"{p.symmetry}_symmetry_index_pct") if p.symmetry else None
        sign = -1 if affected == "left" else 1
        cells.append("" if index is None else f"{number(sign * index, 1, sign=True)} %")
        if ranges:
            cells.append(range_text(ranges.get(p.column), p))
        if block.before:
            cells.append(_change_cell(changes.get(p.column, {}), p))
        cells.append(_detectable_cell(block, p, sources))
        body.append(cells)
    headings = [i for i, cells in enumerate(body) if len(cells) == 1]
    body = [c for i, c in enumerate(body) if i not in headings or i + 1 not in (*headings, len(body))]
    shown = table(head, body, f"Gait parameters of {block.subject} {block.name}".strip())
    return tag("div", shown, sources.note())


def _affected_side(data: ReportData, subject: str) -> str | None:
    """Left or right if one side of the person is affected, else None."""
    if "affected_side" not in data.subjects.columns:
        return None
    sides = dict(data.subjects.select("subject", "affected_side").iter_rows()).get(subject)
    return sides if sides in ("left", "right") else None


def warnings_list(block: Session) -> Html:
    """What trial_quality says of the block's trials, in plain words: one line if all is well, else one line per verdict."""
    import polars as pl

    every = block.rows(block.data.trials)
    trials = every.filter(pl.col("kind") != "static")
    n_static = every.height - trials.height
    static = f" {n_static} static trial{'s' if n_static > 1 else ''} for calibration." if n_static else ""
    doubtful = trials.filter(pl.col("verdict").fill_null("") != "Usable.")
    if not doubtful.height:
        n = trials.height
        return tag(
            "p",
            f"Quality: {'the trial is' if n == 1 else f'all {n} trials are'} usable, without warnings.{static}",
            class_="fine",
        )
    trials_by_verdict: dict[str, list[str]] = {}
    for trial, verdict in doubtful.select("trial", "verdict").iter_rows():
        trials_by_verdict.setdefault(verdict or "not judged.", []).append(trial)
    lines = [tag("li", tag("b", ", ".join(names)), ": ", verdict) for verdict, names in trials_by_verdict.items()]
    rest = trials.height - doubtful.height
    text = (f"The other {rest} trial{'s are' if rest != 1 else ' is'} usable." if rest else "") + static
    more = tag("p", text.strip()) if text else None
    return tag("div", tag("h4", "Quality warnings"), tag("ul", lines), more, class_="warning", role="note")


def quality_table(data: ReportData) -> Html:
    """How many trials of each group got which verdict (its first sentence)."""
    import polars as pl

    groups = group_of(data)
    first = [(v or "Not judged.").split(".")[0].split(":")[0] + "." for v in data.trials["verdict"]]
    of = [groups.get(s) or NO_GROUP for s in data.trials["subject"]]
    counts = pl.DataFrame({"group": of, "verdict": first}).group_by("group", "verdict").len()
    verdicts = counts.group_by("verdict").agg(pl.col("len").sum()).sort("len", "verdict", descending=[True, False])
    numbers = {(g, v): n for g, v, n in counts.iter_rows()}
    order = [g for g in groups_in_order(data) if g in of]
    rows = [[v, *(numbers.get((g, v), 0) for g in order), n] for v, n in verdicts.iter_rows()]
    return table(["Verdict on trials", *order, "All"], rows, "Quality of the trials")


def number(value: float | None, decimals: int, sign: bool = False) -> str:
    """A number with a true minus sign; a dash for none."""
    if value is None or not np.isfinite(value):
        return "–"
    text = f"{value:{'+' if sign else ''}.{decimals}f}"
    return (text[1:] if float(text) == 0 and text[0] in "+-" else text).replace("-", "−")


def about_subject(data: ReportData, subject: str) -> str:
    """What participants.tsv says about a person, in one line."""
    row = next((r for r in data.subjects.to_dicts() if r["subject"] == subject), {})
    units = {"age": " years", "height_m": " m", "mass_kg": " kg"}
    parts = []
    for column, value in row.items():
        if column == "subject" or value in (None, "") or is_detail(column):
            continue
        name = "" if column in ("group", "height_m", "mass_kg") else f"{column.replace('_', ' ')} "
        parts.append(f"{name}{plain(value)}{units.get(column, '')}")
    return " · ".join(parts)


def subject_details(data: ReportData, subject: str) -> Details:
    """The heading of a person: the options, else the person's row of participants.tsv."""
    row = next((r for r in data.subjects.to_dicts() if r["subject"] == subject), {})
    return details_of(row, data.details)


def _value_cell(row: dict[str, Any], p: Parameter, usual: Usual | None, side: str) -> Html:
    value, sd, n = row.get(p.column), row.get(f"{p.column}_sd"), row.get(f"{p.column}_n")
    if value is None:
        return tag("td", "–", class_=side)
    text = number(value, p.decimals) + (f" ({number(sd, p.decimals)})" if sd is not None else "")
    mark = None
    if usual and is_outside(value, usual, p.decimals):
        is_above = value > usual[0]
        word = "above" if is_above else "below"
        mark = tag(
            "span",
            " ▲" if is_above else " ▼",
            class_="outside",
            title=f"{word} the range",
            role="img",
            aria_label=f"{word} the range",
        )
    return tag(
        "td", text, mark, class_=side, title=f"median of {n} strides", data_value=f"{value:.6g}", data_column=p.column
    )


def is_outside(value: float, usual: Usual, decimals: int) -> bool:
    """Whether a value is outside a range, by the rounded figures that are shown, so that 7.0 is never outside 7.0 to 7.0."""
    low, high = (round(usual[0] + k * usual[1], decimals) for k in (-2, 2))
    return not low <= round(value, decimals) <= high


def range_text(usual: Usual | None, p: Parameter) -> str:
    """The range of normal as the table shows it: mean ± 2 SD; a dash if there is none."""
    if usual is None:
        return "–"
    mean, sd, _ = usual
    return f"{number(mean - 2 * sd, p.decimals)} to {number(mean + 2 * sd, p.decimals)}"


def changes_of(block: Session) -> dict[str, dict[str, dict[str, Any]]]:
    """parameter → side → row of the view change, against the session before."""
    import polars as pl

    if block.before is None:
        return {}
    rows = block.data.change.filter(
        pl.col("subject") == block.subject,
        pl.col("session_a") == block.before.session,
        pl.col("session_b") == block.session,
        pl.col("condition").eq_missing(block.condition),
    )
    changes: dict[str, dict[str, dict[str, Any]]] = {}
    for row in rows.to_dicts():
        changes.setdefault(row["parameter"], {})[row["side"]] = row
    return changes


class Sources:
    """Sources cited in a table, numbered in the order in which they come up."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def mark(self, source: str) -> Html:
        """The number of a source."""
        if source not in self.names:
            self.names.append(source)
        return tag("sup", self.names.index(source) + 1)

    def note(self) -> Html | None:
        """All of them, for below the table."""
        texts = [Html(f"{tag('sup', i)} {tag('span', name)}") for i, name in enumerate(self.names, start=1)]
        if not texts:
            return tag("p", "No detectable change is known for these; --retest-group measures it.", class_="soft")
        return tag("p", "Detectable change: ", [[s, ". "] for s in texts], "– is not known.", class_="soft")


def _change_cell(sides: dict[str, dict[str, Any]], p: Parameter) -> Any:
    if not sides:
        return "–"
    parts: list[Any] = []
    for side in ("left", "right"):
        if side in sides:
            is_beyond = sides[side]["is_beyond_mdc"]
            text = number(sides[side]["difference"], p.decimals, sign=True)
            parts.append(
                tag("span", f"{side[0].upper()}\u00a0", tag("b", text, "*") if is_beyond else text, class_=side)
            )
            parts.append(" ")
    return tag("td", parts)


def _detectable_cell(block: Session, p: Parameter, sources: Sources) -> Any:
    """The detectable change from the values of the first session: of both sides, once where they are the same."""
    values = (block.before or block).rows(block.data.summary)[p.column].drop_nulls()
    changes = sorted({d for v in values if (d := detectable_change(block.data, p.column, v))})
    if not changes:
        return "–"
    return tag("td", " to ".join(number(mdc, p.decimals) for mdc, _ in changes), sources.mark(changes[0][1]))


def _titled(p: Parameter) -> str:
    return f"{p.title} ({p.unit})"


def _mean_sd(values: list[float], decimals: int) -> str:
    if not values:
        return "–"
    sd = f" ± {number(float(np.std(values, ddof=1)), decimals)}" if len(values) > 1 else ""
    return f"{number(float(np.mean(values)), decimals)}{sd}"


def _p_value(p: float | None) -> str:
    if p is None or not np.isfinite(p):
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
