"""The table of the page for print: both sessions, both sides, change, detectable change and range of normal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from neurostore.report.html import Html, tag
from neurostore.report.panels import PEAKS, PRINTED, Parameter
from neurostore.report.ranges import Usual, detectable_change, ranges_of
from neurostore.report.sessions import Session
from neurostore.report.tables import Sources, changes_of, is_outside, number, range_text, subject_details

SIDES = ("left", "right")


def parameters(first: Session | None, last: Session) -> Html:
    """One row per parameter of movement; the change is given if the order of the sessions is known."""
    return _table(first, last, PRINTED) or tag("p", "No steady gait cycle: no parameters.", class_="warning")


def peaks(first: Session | None, last: Session) -> Html | None:
    """Peaks of forces, moments and powers, which have neither norm nor detectable change; None if no session has them."""
    return _table(first, last, PEAKS, is_plain=True)


def _table(first: Session | None, last: Session, which: Sequence[Parameter], *, is_plain: bool = False) -> Html | None:
    """is_plain : without the columns for the detectable change and the range of normal."""
    blocks = [last] if first is None else [first, last]
    rows = {id(block): {r["side"]: r for r in block.rows(block.data.summary).to_dicts()} for block in blocks}
    shown = [p for p in which if any(r.get(p.column) is not None for sides in rows.values() for r in sides.values())]
    if not shown:
        return None
    ranges, population = ranges_of(last)
    changes, sources = changes_of(last), Sources()
    body = []
    for p in shown:
        cells = [tag("th", f"{p.title} ({p.unit})", scope="row")]
        for block in blocks:
            cells += [_value(rows[id(block)].get(side, {}), p, ranges.get(p.column), side) for side in SIDES]
        if first is not None:
            cells += [_change(changes.get(p.column, {}).get(side), p, side) for side in SIDES]
        if not is_plain:
            cells += [_detectable(first or last, p, sources), tag("td", range_text(ranges.get(p.column), p))]
        body.append(tag("tr", cells))
    if is_plain:
        return tag("table", _head(first, last, None), tag("tbody", body), class_="plain")
    head = _head(first, last, population)
    return tag("div", tag("table", head, tag("tbody", body)), sources.note(), class_="parameters")


def _head(first: Session | None, last: Session, population: str | None) -> Html:
    """population : of the range of normal; None leaves out that and the detectable change."""
    blocks = [last] if first is None else [first, last]
    details = subject_details(last.data, last.subject)
    above: list[Html] = [tag("th", "Parameter", rowspan=2)]
    above += [tag("th", block.heading or "Session", colspan=2) for block in blocks]
    above += [tag("th", "Change", colspan=2)] if first is not None else []
    if population is not None:
        short = population.split(":")[0]
        above += [tag("th", "Detectable change (MDC95)", rowspan=2)]
        above += [tag("th", "Range of normal" + (f": {short}" if short else ""), rowspan=2)]
    n_pairs = len(blocks) + (first is not None)
    sides = [
        tag("th", f"{side.capitalize()}{' (affected)' if details.is_affected(side) else ''}", class_=side)
        for _ in range(n_pairs)
        for side in SIDES
    ]
    return tag("thead", tag("tr", above), tag("tr", sides))


def _value(row: dict[str, Any], p: Parameter, usual: Usual | None, side: str) -> Html:
    value, sd = row.get(p.column), row.get(f"{p.column}_sd")
    if value is None:
        return tag("td", "–", class_=side)
    mark = ""
    if usual and is_outside(value, usual, p.decimals):
        mark = " ▲" if value > usual.mean else " ▼"
    return tag(
        "td", number(value, p.decimals), f" ({number(sd, p.decimals)})" if sd is not None else "", mark, class_=side
    )


def _change(row: dict[str, Any] | None, p: Parameter, side: str) -> Html:
    if row is None or row["difference"] is None:
        return tag("td", "–", class_=side)
    text = number(row["difference"], p.decimals, sign=True)
    return tag("td", tag("b", text, "*") if row["is_beyond_mdc"] else text, class_=side)


def _detectable(block: Session, p: Parameter, sources: Sources) -> Html:
    values = block.rows(block.data.summary)[p.column].drop_nulls()
    changes = sorted({d for v in values if (d := detectable_change(block.data, p.column, v))})
    if not changes:
        return tag("td", "–")
    return tag("td", " to ".join(number(mdc, p.decimals) for mdc, _ in changes), sources.mark(changes[0][1]))
