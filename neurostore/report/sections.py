"""Parts of the page: a person's article with its blocks, chart, tables, trials and player."""

from __future__ import annotations

from typing import Any

from neurostore import normative
from neurostore.report import figures
from neurostore.report.cohort_figures import group_dashes, groups_in_order, style_of
from neurostore.report.conduct import event_source, left_out, models
from neurostore.report.data import ReportData, group_of
from neurostore.report.figure_element import figure
from neurostore.report.html import Html, raw, tag
from neurostore.report.kinetic_parts import kinetic_parts
from neurostore.report.panels import BAND_COLOUR, GVS, NO_GROUP, PANELS, PLANES, SIDE_COLOURS, SIDE_DASHES, TITLES
from neurostore.report.ranges import ranges_of
from neurostore.report.scores import gps_change, short_sides
from neurostore.report.sessions import Session, relative_titles, sessions_of
from neurostore.report.tables import (
    about_subject,
    compared_table,
    group_table,
    parameter_table,
    quality_table,
    subject_details,
    warnings_list,
)
from neurostore.report.trial_parts import packed_strides, trials

__all__ = ["compared", "figure", "group_key", "group_table", "quality_table", "subject_article"]


def compared(data: ReportData) -> Html | None:
    """The table of group differences with its heading, or None."""
    table = compared_table(data)
    if table is None:
        return None
    note = (
        "One value per person. Difference in the parameter's unit with its 95 % interval, Hedges g in standard deviations; "
        "Welch tests (paired where people repeat), p adjusted by Holm over the whole table."
    )
    return tag("div", tag("h3", "Groups compared"), tag("p", note, class_="soft"), table, class_="together")


def subject_article(data: ReportData, subject: str) -> Html:
    """All of one person: blocks by session and condition, then the trials."""
    group = group_of(data).get(subject) or NO_GROUP
    blocks = sessions_of(data, subject)
    order = data.order_notes.get(subject)
    unknown = f"The order of the sessions is not known, so they are listed by name and no change is given: {order}."
    return tag(
        "article",
        tag("h3", subject),
        tag("p", about_subject(data, subject), class_="soft"),
        _heading(data, subject),
        tag("p", unknown, class_="warning") if order else None,
        [_block(block) for block in blocks]
        or tag("p", "Only static trials, for calibration; no gait.", class_="empty"),
        trials(data, subject, blocks),
        class_="subject",
        id=f"subject-{subject}",
        data_subject=subject,
        data_group=group,
    )


def _heading(data: ReportData, subject: str) -> Html | None:
    """Laboratory, clinician, affected side and comment, those that are given."""
    details = subject_details(data, subject)
    named = (
        ("Laboratory", details.laboratory),
        ("Clinician", details.clinician),
        ("Affected side", details.affected_side),
        ("Comment", details.comment),
    )
    rows = [tag("div", tag("dt", title), tag("dd", text)) for title, text in named if text]
    return tag("dl", rows, class_="details") if rows else None


def _conduct(block: Session) -> Html:
    """What was left out, which events are used, and the models."""
    excluded = left_out(block)
    none = tag("p", "Nothing was excluded; every cycle found is steady.", class_="soft") if block.strides else None
    listed = tag("ul", [tag("li", line) for line in excluded]) if excluded else none
    return tag(
        "details",
        tag("summary", f"What was left out ({len(excluded)}), events and models" if excluded else "Events and models"),
        listed,
        tag("p", event_source(block), class_="soft"),
        tag("p", models(block), class_="soft"),
        class_="conduct",
        open=bool(excluded),
    )


def _block(block: Session) -> Html:
    parts: list[Any] = [tag("h3", block.heading) if block.heading else None, warnings_list(block), _conduct(block)]
    if block.rows(block.data.summary).height:
        chart = [_key(block), _chart(block), _chart_note(block)]
        none = tag(
            "p", "No joint angles: the points of this skeleton do not define any over the cycle.", class_="empty"
        )
        parts += [tag("h4", "Kinematics"), *(chart if block.curves else [none])]
        parts += kinetic_parts(block)
        parts += [tag("h4", "Gait parameters"), _parameters(block)]
        parts += [tag("h4", "Movement analysis profile"), _profile(block)]
    elif block.curves:  # a data set of curves: without events there are no cycles and parameters
        parts += [tag("h4", "Kinematics"), _key(block), _chart(block), _chart_note(block)]
        parts += [tag("h4", "Movement analysis profile"), _profile(block)]
    else:
        parts.append(
            tag("p", "No steady gait cycle in this session: no mean curves and no parameters.", class_="empty")
        )
        if any(stride.curves for strides in block.strides.values() for stride in strides):
            why = "Each line is a cycle; none is steady, so there is no mean and nothing to compare with."
            parts += [tag("h4", "Kinematics, cycle by cycle"), tag("p", why, class_="soft"), _chart(block)]
            parts += kinetic_parts(block)
    return tag(
        "section",
        parts,
        packed_strides(block),
        class_="block",
        id=f"block-{block.slug}",
        data_session=block.session,
        data_condition=block.condition or "",
    )


def _chart(block: Session) -> Html:
    cells = []
    for which in PANELS:
        content = figures.panel(block, which)
        if content is None:
            cells.append(tag("div", f"{which.title}: not available from this skeleton.", class_="empty"))
            continue
        label = f"{which.title} of {block.subject} {block.name}: {_spoken(block, which.angle)}"
        name = f"{block.slug}-{which.angle}"
        cells.append(figure(content, name, label, class_="panel cyclic", data_curve=which.angle))
    planes = [tag("div", f"{plane} plane", class_="plane") for plane in PLANES]
    return tag("div", planes, cells, class_="grid chart")


def _spoken(block: Session, angle: str) -> str:
    """The curve in words, for those who cannot see it."""
    import numpy as np

    parts = []
    for side in figures.SIDES:
        curve = block.curves.get((angle, side))
        if curve is not None:
            low, high = np.nanargmin(curve.mean), np.nanargmax(curve.mean)
            parts.append(
                f"{side} from {curve.mean[low]:.0f}° at {low} % to {curve.mean[high]:.0f}° at {high} %, {curve.n_cycles} cycles"
            )
    return "; ".join(parts)


def _key(block: Session) -> Html:
    """The legend, once for the whole chart."""
    entries = []
    for side in figures.SIDES:
        curve = next((c for (_, s), c in block.curves.items() if s == side), None)
        if curve is not None:
            n = max(c.n_cycles for (_, s), c in block.curves.items() if s == side)
            one, many = ("curve", "curves") if block.is_of_curves else ("stride", "strides")
            text = f"{side}, mean ± SD of {n} {many}" if n > 1 else f"{side}, one {one}"
            entries.append(tag("li", stroke(SIDE_COLOURS[side], SIDE_DASHES[side]), text, class_=side))
    if block.before and block.before.curves:
        entries.append(tag("li", stroke("#52606D", "dot"), f"mean of {block.before.heading}"))
    shown = [w.angle for w in PANELS if not figures.is_fixed(block, w.angle)]
    names = sorted({b.name for angle in shown if (b := block.band(angle)) is not None})
    for name in names:
        swatch = raw(
            '<svg width="26" height="12" aria-hidden="true">'
            f'<rect width="26" height="12" fill="{BAND_COLOUR}" opacity=".35"/><path d="M0 6H26" stroke="{BAND_COLOUR}"/></svg>'
        )
        population = "" if block.data.reference else f" ({normative.POPULATION})"
        entries.append(tag("li", swatch, f"mean ± SD of {name}{population}"))
    mark = (
        '<svg width="14" height="12" aria-hidden="true"><path d="M7 0V12" stroke="#52606D" stroke-width="1.5"/></svg>'
    )
    entries.append(tag("li", raw(mark), "foot off"))
    return tag("ul", entries, class_="key")


def group_key(data: ReportData) -> Html:
    """The legend of the groups' mean curves, with the number of people."""
    import polars as pl

    styles, dashes = style_of(data), group_dashes(data)
    n = dict(data.group_curves.group_by("group").agg(pl.col("n_subjects").max()).iter_rows())
    shown = [g for g in groups_in_order(data) if (g if g != NO_GROUP else None) in n]
    entries = [
        tag("li", stroke(styles[g][0], dashes[g]), f"{g} (n = {n[g if g != NO_GROUP else None]})") for g in shown
    ]
    return tag("ul", entries, class_="key")


def stroke(colour: str, dash: str) -> Html:
    """A piece of a line, for a legend."""
    array = {"solid": "none", "dash": "7 4", "dot": "2 3", "dashdot": "7 3 2 3", "longdash": "12 4"}[dash]
    return raw(
        '<svg width="26" height="12" aria-hidden="true">'
        f'<path d="M0 6H26" stroke="{colour}" stroke-width="2.4" stroke-dasharray="{array}"/></svg>'
    )


def _chart_note(block: Session) -> Html:
    texts = ["Across: one gait cycle, from foot strike to the next strike of the same foot, in %; up: degrees."]
    relative = relative_titles(block)
    if relative:
        without = "; no published norm fits them" if not block.data.reference else ""
        texts.append(
            f"{_listed(relative)}: change from the neutral pose, because this skeleton gives the pelvis no anatomical zero{without}."
        )
    fixed = [w.title for w in PANELS if figures.is_fixed(block, w.angle)]
    if fixed:
        texts.append(f"{_listed(fixed)}: this skeleton's joint does not move that way, so no band is shown.")
    speed, is_assumed = block.speed_band
    if not block.data.reference and is_assumed:
        texts.append(f"The norm is that of {speed} speed, because this person's speed or leg length is not known.")
    if block.data.reference and not any(block.band(w.angle) for w in PANELS):
        texts.append(f"No band: fewer than 3 other people of {block.data.reference} were measured with this skeleton.")
    return tag("p", " ".join(texts), class_="soft")


def _parameters(block: Session) -> list[Any]:
    table = parameter_table(block)
    if table is None:
        return [tag("p", "No parameters.", class_="empty")]
    notes = []
    if block.data.reference is None:
        has_norm = bool(ranges_of(block)[0])
        notes.append(
            (
                "Range of normal: mean ± 2 SD read off the norm's curve where the parameter is a value of it. "
                if has_norm
                else "No range of normal. "
            )
            + "None is published for time and distance that holds for any adult and any way of measuring; --reference GROUP takes "
            "the range of a group of this lake."
        )
    basis = block.rows(block.data.summary)["length_basis"].drop_nulls().unique().to_list()
    if "nominal" in basis:
        notes.append(
            "Lengths are nominal (a generic skeleton): step, stride, width and speed are not this person's own."
        )
    if "none" in basis:
        notes.append("Lengths and speeds are not known in this recording (positions are relative to the pelvis).")
    return [table, tag("p", " ".join(notes), class_="soft") if notes else None]


def _profile(block: Session) -> list[Any]:
    rows = block.rows(block.data.profile, by_condition=False)
    content = figures.map_bars(block)
    if content is None:
        has_strides = block.rows(block.data.summary)["n_strides"].sum() > 0
        # otherwise angles are missing, not cycles
        short = short_sides(block) if block.curves or not has_strides else ""
        none = (
            "no variable of this skeleton can be compared with the reference" if block.curves else "there are no angles"
        )
        text = short or f"Not scored: {none}."
        notes = [] if short else sorted(set(rows["note"].drop_nulls()))
        return [tag("p", text + (f" {notes[0]}." if notes else ""), class_="empty")]
    scores = [
        f"GPS {side} {value:.1f}°" + (f", GDI* {star:.0f}" if star is not None else "")
        for side, value, star in rows.select("side", "gps_deg", "gdi_star").iter_rows()
        if value is not None
    ]
    against, speed = rows["reference"][0], next(iter(rows["speed_band"].drop_nulls()), None)
    people = rows["n_reference"].drop_nulls()
    caption = f"Against {against}"
    caption += f", {speed.replace('_', ' ')} speed" if speed else ""
    caption += f", n = {int(people.to_numpy().min())}" if len(people) else ""
    caption += f"; {'; '.join(scores)}" if scores else ""
    caption += "".join(f". {n[:1].upper()}{n[1:]}" for n in rows.sort("n_cycles")["note"].drop_nulls()[-1:]) + "."
    caption += f" {short}" if (short := short_sides(block)) else ""
    missing = [TITLES[a].lower() for a in GVS if rows[f"gvs_{a}_deg"].null_count() == rows.height]
    caption += f" n/a: {_listed(missing)} cannot be compared with this reference." if missing else ""
    label = f"Movement analysis profile of {block.subject} {block.name}"
    change = gps_change(block)
    return [figure(content, f"{block.slug}-map", label, caption), tag("p", change, class_="gps") if change else None]


def _listed(names: list[str]) -> str:
    """Names as a list in English."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
