"""The page for print: for each person, condition and pair of sessions at most four A4 pages for the patient's file."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from neurostore import normative
from neurostore.report import figures, print_figures
from neurostore.report.conduct import event_source, left_out, models
from neurostore.report.data import ReportData
from neurostore.report.html import Html, raw, tag
from neurostore.report.kinetic_parts import muscles_of
from neurostore.report.page import source_of, title_of
from neurostore.report.panels import BAND_COLOUR, SIDE_COLOURS, SIDE_DASHES
from neurostore.report.print_tables import parameters, peaks
from neurostore.report.scores import gps_change, short_sides
from neurostore.report.sections import stroke
from neurostore.report.sessions import Session, relative_titles, sessions_of
from neurostore.report.tables import about_subject, subject_details

if TYPE_CHECKING:
    from matplotlib.figure import Figure

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_GRID_MM, _COMPARED_MM, _PROFILE_MM, _EMG_MM, _EMG_ROW_MM = 120.0, 122.0, 44.0, 116.0, 27.0
# Heights if the table of peaks shares the page with kinetics and, for a single session, with EMG.
_GRID_WITH_PEAKS_MM, _EMG_WITH_PEAKS_MM = 91.0, 82.0


@dataclass(frozen=True)
class Pair:
    """What is printed together: a session and, if there is one, another session for comparison. others : left out."""

    first: Session | None
    last: Session
    others: tuple[str, ...] = ()

    @property
    def blocks(self) -> list[Session]:
        """The sessions there are, the earlier first."""
        return [self.last] if self.first is None else [self.first, self.last]


def build(data: ReportData) -> str:
    """An HTML document without scripts that fills A4 pages."""
    pairs = [pair for subject in data.shown for pair in pairs_of(data, subject)]
    sheets = [sheet for pair in pairs for sheet in _sheets(pair)]
    none = tag("p", "No trial with movement: nothing to print.")
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("title", title_of(data)),
        tag("style", raw(_style())),
    )
    return "<!DOCTYPE html>\n" + tag("html", head, tag("body", sheets or none), lang="en")


def pairs_of(data: ReportData, subject: str) -> list[Pair]:
    """The last two sessions of a person in each condition; `neurostore report --session` chooses others."""
    by_condition: dict[str | None, list[Session]] = {}
    for block in sessions_of(data, subject):
        by_condition.setdefault(block.condition, []).append(block)
    pairs = []
    for blocks in by_condition.values():
        last = blocks[-1]
        first = last.before or (blocks[-2] if len(blocks) > 1 else None)
        others = tuple(b.heading for b in blocks if b not in (first, last))
        pairs.append(Pair(first, last, others))
    return pairs


def _sheets(pair: Pair) -> list[Html]:
    """The pages of a pair: parameters, single strides, forces, session against session with EMG.

    The peaks of forces stand below session against session; where EMG fills that page, and of a single session, they
    stand with the curves of kinetics, which are then drawn lower.
    """
    is_single = pair.first is None
    strides = [_figure(block, print_figures.kinematics(block, _GRID_MM, has_strides=True)) for block in pair.blocks]
    compared = [_compared(pair)]
    rows = peaks(pair.first, pair.last)
    table = [tag("h3", "Peaks of forces, moments and powers"), rows] if rows else []
    emg = _emg(pair, _EMG_WITH_PEAKS_MM if is_single and table else _EMG_MM)
    has_peaks = bool(table) and bool(is_single or emg)  # shown on the page of kinetics
    height_mm = _GRID_WITH_PEAKS_MM if has_peaks and (emg or not is_single) else _GRID_MM
    forces = [_figure(block, print_figures.kinetics(block, height_mm)) for block in pair.blocks]
    strides += compared if is_single else []
    forces += emg if is_single else []
    forces += table if has_peaks else []
    last = [] if is_single else [*compared, *emg, *([] if has_peaks else table)]
    sheets = [_first_sheet(pair)]
    for title, figures_shown, has_strides in (
        ("Kinematics, every stride", strides, True),
        ("Kinetics, every stride", forces, True),
        ("Session against session", last, False),
    ):
        if any(figures_shown):
            sheets.append(_sheet(pair, title, _key(pair, has_strides), figures_shown))
    return sheets


def _sheet(pair: Pair, title: str, *parts: Any) -> Html:
    data = pair.last.data
    names = " and ".join(block.heading for block in pair.blocks if block.heading)
    who = f"{pair.last.subject}{f' · {names}' if names else ''}"
    foot = tag("footer", f"{title_of(data)} · {source_of(data)}")
    return tag("section", tag("header", tag("h2", title), tag("span", who)), *parts, foot, class_="sheet")


def _first_sheet(pair: Pair) -> Html:
    """The first page: heading, parameters, what was left out, events, models, profile."""
    last = pair.last
    data, subject = last.data, last.subject
    details = subject_details(data, subject)
    about = about_subject(data, subject)
    named = (
        ("Patient", f"{subject}{f' · {about}' if about else ''}"),
        ("Sessions", "; ".join(block.heading or "one session" for block in pair.blocks)),
        ("Laboratory", details.laboratory),
        ("Clinician", details.clinician),
        ("Affected side", details.affected_side),
        ("Comment", details.comment),
    )
    heading = tag("dl", [tag("div", tag("dt", name), tag("dd", text)) for name, text in named if text])
    order = data.order_notes.get(subject)
    notes = [f"The order of the sessions is not known: {order}." if order else None]
    notes += [f"Not printed: {', '.join(pair.others)} (--session chooses sessions)." if pair.others else None]
    return tag(
        "section",
        tag("h1", title_of(data)),
        heading,
        [tag("p", note, class_="warning") for note in notes if note],
        parameters(pair.first, last),
        _profile(last),
        [_conduct(block) for block in pair.blocks],
        tag("p", _reading(pair), class_="soft"),
        tag("footer", source_of(data)),
        class_="sheet",
    )


def _conduct(block: Session) -> Html:
    """Quality, what was left out, events and models of a session, as a paragraph."""
    warnings = [
        f"{trial}: {verdict or 'not judged.'}"
        for trial, verdict, kind in block.rows(block.data.trials).select("trial", "verdict", "kind").iter_rows()
        if kind != "static" and verdict != "Usable." and not str(verdict).startswith("Excluded by")  # left_out says it
    ]
    lines = [*warnings, *left_out(block)] or ["Nothing was left out."]
    text = tag("p", [[line, " "] for line in lines], event_source(block), " ", models(block))
    return tag("div", tag("h3", f"How {block.heading or 'this session'} was measured"), text, class_="conduct")


def _reading(pair: Pair) -> str:
    data = pair.last.data
    norm = (
        f"Reference: the group {data.reference} of this lake, mean ± SD between people."
        if data.reference
        else f"Norm: {normative.CITATION}; {normative.POPULATION}, by walking speed; for an adult an orientation, not a limit."
    )
    texts = [
        "Median (SD) over steady cycles. ▲ ▼: outside mean ± 2 SD of normal. *: change larger than MDC95, the smallest change that "
        "measurement error alone does not explain.",
        norm,
        "Names are pseudonyms; gait identifies people.",
    ]
    titles = sorted({t for block in pair.blocks for t in relative_titles(block)})
    if titles:
        texts.insert(1, f"{', '.join(titles)}: change from the neutral pose, not comparable with the published norm.")
    return " ".join(texts)


def _figure(block: Session, drawn: Figure | None) -> Html | None:
    """A grid of panels with a line per stride, and how many there are."""
    if drawn is None:
        return None
    counts = ", ".join(f"{len(strides)} {side}" for side, strides in sorted(block.strides.items()))
    is_steady = all(s.is_steady for strides in block.strides.values() for s in strides)
    caption = f"{block.heading or 'Strides'}: {counts}{'' if is_steady else ', not steady, so without a mean'}"
    return tag("figure", tag("figcaption", caption), print_figures.element(drawn, caption))


def _compared(pair: Pair) -> Html | None:
    """The mean curves of the last session with those of the one before it."""
    last, first = pair.last, pair.first
    drawn = print_figures.kinematics(last, _COMPARED_MM, has_strides=False) if last.curves else None
    if drawn is None:
        return None
    is_compared = first is not None and last.before is not None and bool(first.curves)
    caption = f"{last.heading or 'Mean curves'}, mean ± SD"
    caption += f", dotted: mean of {first.heading}" if is_compared and first is not None else ""
    return tag("figure", tag("figcaption", caption), print_figures.element(drawn, caption))


def _emg(pair: Pair, room_mm: float) -> list[Html]:
    """Envelopes of each session, as high as the page has room for."""
    shown = [(block, muscles_of(block)) for block in pair.blocks]
    n_rows = sum(-(-len(muscles) // print_figures.EMG_COLUMNS) for _, muscles in shown)
    panels = []
    for block, muscles in shown:
        rows = -(-len(muscles) // print_figures.EMG_COLUMNS)
        drawn = print_figures.emg(block, muscles, rows * min(_EMG_ROW_MM, room_mm / max(n_rows, 1)))
        if drawn is not None:
            caption = (
                f"EMG, {block.heading or 'envelopes'}: 1 is the peak of the mean cycle; grey bars: normal activation"
            )
            panels.append(tag("figure", tag("figcaption", caption), print_figures.element(drawn, caption)))
        if block.emg_problems:
            panels.append(tag("p", f"EMG not shown: {'. '.join(block.emg_problems)}.", class_="warning"))
    return panels


def _profile(block: Session) -> Html | None:
    """The movement analysis profile of a session."""
    bars, short = figures.map_bars(block), short_sides(block)
    title = f"Movement analysis profile, {block.heading or 'session'}"
    if bars is None:
        return tag("p", f"{title}: {short[:1].lower()}{short[1:]}") if short else None
    caption = f"{title}: {_scores(block)}{f'. {short}' if short else ''}"
    drawn = print_figures.profile(bars, _PROFILE_MM)
    change = gps_change(block)
    parts = [tag("figcaption", caption), print_figures.element(drawn, caption), tag("p", change) if change else None]
    return tag("figure", parts)


def _scores(block: Session) -> str:
    rows = figures.scores(block)
    parts = [f"GPS {side} {row['gps_deg']:.1f}°" for side, row in rows.items() if row["gps_deg"] is not None]
    against = next(iter(rows.values()))["reference"] if rows else ""
    return f"{', '.join(parts) or 'no GPS'} against {against}"


def _key(pair: Pair, has_strides: bool) -> Html:
    """The legend of a sheet."""
    entries = [
        tag("li", stroke(SIDE_COLOURS[side], SIDE_DASHES[side]), side, f"{', mean' if has_strides else ', mean ± SD'}")
        for side in figures.SIDES
    ]
    if has_strides:
        entries.append(tag("li", "thin lines: single strides"))
    elif pair.last.before is not None:
        entries.append(tag("li", stroke("#52606D", "dot"), f"mean of {pair.last.before.heading}"))
    names = sorted({band.name for block in pair.blocks for (angle, _) in block.curves if (band := block.band(angle))})
    for name in names:
        population = "" if pair.last.data.reference else f" ({normative.POPULATION})"
        entries.append(
            tag(
                "li",
                tag("span", class_="swatch", style=f"background:{BAND_COLOUR}"),
                f"mean ± SD of {name}{population}",
            )
        )
    entries.append(tag("li", "vertical lines: foot off"))
    return tag("ul", entries, class_="key")


@cache
def _style() -> str:
    return (resources.files(__package__ or "neurostore.report") / "print.css").read_text(encoding="utf-8")
