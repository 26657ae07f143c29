"""The order of sessions over people: the one in which everybody who has two of them had them."""

from __future__ import annotations

from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import TYPE_CHECKING

from neurostore.errors import UsageError
from neurostore.sql import views
from neurostore.wording import and_more, counted

if TYPE_CHECKING:
    import polars as pl

    from neurostore.lake.queryable import Queryable


def levels_of(lake: Queryable, frame: pl.DataFrame, by: str, name: str) -> list[str]:
    """The levels that are compared: sessions in the order they were recorded in, anything else by name."""
    levels = sorted(frame["level"].unique())
    if not levels:
        raise UsageError(
            f"{name}: none of the chosen people has a value{_why_null(lake, name)}{_why_no_level(lake, by)}"
        )
    if len(levels) < 2:
        raise UsageError(f"{name}: all values are of one {by} ({levels[0] or 'without a name'}); two are needed")
    return sessions_in_order(lake, levels, set(frame["subject"])) if by == "session" else levels


def shared_pairs(values: pl.DataFrame, pairs: list[tuple[str, str]]) -> tuple[list[tuple[str, str]], str]:
    """The pairs of sessions that somebody has both of, and how many others there are, in words; all if nobody has two.

    Sessions that are called by dates are other sessions of everybody, so most pairs of them compare nothing.
    """
    people = {level: set(frame["subject"]) for (level,), frame in values.group_by("level")}
    shared = [(a, b) for a, b in pairs if people[a] & people[b]]
    n_apart = len(pairs) - len(shared)
    if not shared or not n_apart:
        return pairs, ""
    return (
        shared,
        f"not compared: {counted(n_apart, 'pair')} of sessions, because nobody has both sessions of these pairs",
    )


def _why_null(lake: Queryable, name: str) -> str:
    """Why a score has no value, as gait_profile says; '' if it says nothing."""
    if name not in ("gps_deg", "gdi_star"):
        return ""
    notes = lake.sql("SELECT DISTINCT note FROM gait_profile WHERE note IS NOT NULL ORDER BY note")["note"].to_list()
    return f"; gait_profile: {'; '.join(and_more(notes, 3))}" if notes else "; gait_profile has no row for them"


def _why_no_level(lake: Queryable, by: str) -> str:
    """A hint that the column by which people are compared is empty, and how to fill it; '' if it has a value."""
    table = {"session": "", "condition": "trials"}.get(by, "subjects")
    if not table or lake.sql(f"SELECT count({views.quote(by)}) AS n FROM {table}")["n"][0]:
        return ""
    return f"; {by} is empty in {table}: fill the column in {'trials.tsv' if table == 'trials' else 'participants.tsv'}"


def sessions_in_order(lake: Queryable, sessions: Sequence[str], subjects: set[str]) -> list[str]:
    """Sessions from the first to the last, by acq_time or session_order of each subject.

    Raises
    ------
    UsageError : the order of a person's sessions is not known, or people had the sessions in different orders; says who and what is
        missing.
    """
    rows = lake.sql(
        "SELECT subject, session, position, missing FROM _session_order ORDER BY subject, position, session"
    ).rows(named=True)
    wanted = set(sessions)
    own: dict[str, list[str]] = {}
    unknown: dict[str, str] = {}
    for row in rows:
        if row["subject"] in subjects and row["session"] in wanted:
            own.setdefault(row["subject"], []).append(row["session"])
            if row["position"] is None:
                unknown[row["subject"]] = row["missing"]
    unknown = {subject: missing for subject, missing in unknown.items() if len(own[subject]) > 1}
    if unknown:
        text = "; ".join(and_more([f"{subject}: {missing}" for subject, missing in unknown.items()], 3))
        raise UsageError(
            f"which session came first is not known ({text}); give every session an acq_time in sessions.tsv, or write "
            f'session_order = ["{sessions[0]}", "{sessions[1]}"] into cohort.toml, in the order they were recorded, and ingest again'
        )
    return _agreed(own, sessions)


def _agreed(own: dict[str, list[str]], sessions: Sequence[str]) -> list[str]:
    """The one order that holds everybody's own."""
    before: dict[str, set[str]] = {s: set() for s in sessions}
    example: dict[tuple[str, str], str] = {}
    for subject, ordered in own.items():
        for first, second in pairwise(ordered):
            before[second].add(first)
            example.setdefault((first, second), subject)
    try:
        return list(TopologicalSorter({s: sorted(before[s]) for s in sorted(sessions)}).static_order())
    except CycleError:
        clash = (
            next((f, s) for f, s in example if (s, f) in example)
            if any((s, f) in example for f, s in example)
            else None
        )
        who = (
            f"{example[clash]} had {clash[0]} before {clash[1]}, {example[clash[1], clash[0]]} the other way round"
            if clash
            else "the order of three or more sessions is circular"
        )
        raise UsageError(
            f"people had the sessions in different orders: {who}; choose some with where=… (--where)"
        ) from None
