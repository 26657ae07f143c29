"""Which trials of a lake are read: one filter for every command and function that reads trials.

A selection is applied once, to the connection: the view ``trials`` then holds the chosen trials alone, and every other
table and view only rows of these. Static trials of a chosen session stay, since calibrations come from them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from neurostore.errors import UsageError
from neurostore.lake.queryable import Queryable
from neurostore.sql import views
from neurostore.sql.statements import bracketed_condition
from neurostore.trial_key import Key
from neurostore.wording import near

# choices that name a group or a trial
_NAMES = {"reference": "group", "retest_group": "group", "emg_reference": "trial"}


class Filters(TypedDict, total=False):
    """The fields of `Selection` as keyword arguments."""

    where: str | None
    session: str | Sequence[str]
    condition: str | Sequence[str]
    event_source: str | None
    subject: str | Sequence[str]


EVERY_TRIAL = "every trial"


@dataclass(frozen=True)
class Selection:
    """What is chosen; an empty one is every trial.

    Attributes
    ----------
    where : an SQL condition on trials (t) and subjects (s), such as ``s.age >= 18 AND t.kind = 'mocap'``.
    session, condition : names, any of which a trial may have; () is all.
    event_source : ``force`` (before computed; the default), ``computed`` or ``file``: whose foot strikes make the cycles.
    subject : names of people; () is everybody.
    also : the key of a trial that is read beside those chosen, whatever it is.
    """

    where: str | None = None
    session: tuple[str, ...] = ()
    condition: tuple[str, ...] = ()
    event_source: str | None = None
    subject: tuple[str, ...] = ()
    also: Key | None = None

    def __post_init__(self) -> None:
        for name in ("session", "condition", "subject"):
            value = getattr(self, name)
            object.__setattr__(self, name, (value,) if isinstance(value, str) else tuple(value or ()))
        views.check_variables({"event_source": self.event_source})

    @property
    def is_everything(self) -> bool:
        """Whether nothing is selected, so that all trials remain."""
        return not (self.where or self.session or self.condition or self.subject)

    def describe(self) -> str:
        """The selection in words: ``session pre; condition barefoot; where t.kind = 'mocap'``."""
        parts = [f"session {', '.join(self.session)}"] if self.session else []
        parts += [f"condition {', '.join(self.condition)}"] if self.condition else []
        parts += [f"subject {', '.join(self.subject)}"] if self.subject else []
        parts += [f"where {self.where}"] if self.where else []
        parts += [f"events {self.event_source}"] if self.event_source else []
        return "; ".join(parts) or EVERY_TRIAL


def chosen_ids(lake: Queryable, selection: Selection) -> list[str]:
    """The ingest_id of every trial chosen, and of the static trials of their sessions.

    Raises
    ------
    UsageError : no trial has one of the names, the condition is not SQL over trials and subjects, or nothing matches.
    """
    for column, names in (
        ("session", selection.session),
        ("condition", selection.condition),
        ("subject", selection.subject),
    ):
        check_values(lake, column, names)
    rows = lake.sql(
        f"""
        SELECT t.subject, t.session, t.ingest_id, t.kind FROM trials AS t LEFT JOIN subjects AS s USING (subject)
        WHERE {bracketed_condition(selection.where) if selection.where else "true"}
            AND (len($sessions) = 0 OR list_contains($sessions, t.session))
            AND (len($conditions) = 0 OR list_contains($conditions, t.condition))
            AND (len($subjects) = 0 OR list_contains($subjects, t.subject))
        """,
        {
            "sessions": list(selection.session),
            "conditions": list(selection.condition),
            "subjects": list(selection.subject),
        },
    ).rows()
    if not any(kind != "static" for *_, kind in rows):
        raise UsageError(f"no trial matches: {selection.describe()}; `neurostore trials` lists them")
    if selection.also is not None:
        query = "SELECT subject, session, ingest_id, kind FROM trials WHERE (subject, session, trial) = ($1, $2, $3)"
        rows += lake.sql(query, selection.also).rows()
    sessions = {(subject, session) for subject, session, *_ in rows}
    static = lake.sql("SELECT subject, session, ingest_id FROM trials WHERE kind = 'static'").rows()
    ids = [ingest_id for _, _, ingest_id, _ in rows]
    return sorted({*ids, *(ingest_id for subject, session, ingest_id in static if (subject, session) in sessions)})


def check_values(lake: Queryable, column: str, names: Sequence[str]) -> None:
    """Raise UsageError where no trial has one of the names in a column, such as ``subject``; says the near ones."""
    if not names:
        return
    there = {str(v) for v in lake.sql(f"SELECT DISTINCT {column} FROM trials WHERE {column} IS NOT NULL")[column]}
    for name in names:
        if name not in there:
            raise UsageError(f"no trial has the {column} {name!r}; {near(name, there - {''})}")


def check_names(lake: Queryable, choices: Mapping[str, Any]) -> None:
    """Raise UsageError if a choice of the views names a group or a trial that the lake does not have."""
    for choice, value in choices.items():
        if value is None or choice not in _NAMES:
            continue
        what = _NAMES[choice]
        table = "subjects" if what == "group" else "trials"
        query = f"SELECT DISTINCT CAST({views.quote(what)} AS VARCHAR) AS name FROM {table} WHERE {views.quote(what)} IS NOT NULL"
        there = lake.sql(query)["name"].to_list()
        if str(value) not in there:
            raise UsageError(f"{choice} is {value!r}, but no {what} has this name; {near(str(value), there)}")


def selected(lake: Any, filters: Mapping[str, Any]) -> Any:
    """The lake with the trials that the filters choose; the lake itself if there are none."""
    return lake.select(**filters) if filters else lake
