"""The lake's views over the session of a bench: made when a question first names them, their steps held as tables.

DuckDB takes longer to plan a view than to compute it over one session, and plans it again each time it is asked. So
steps that no review changes (the motion of the feet, events before review, forces) are tables that stand in for their
definitions; what reviews change is computed from the definitions, so a draft gives what the lake gives once it is saved.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from neurostore.sql import views

if TYPE_CHECKING:
    import duckdb

_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Step:
    """A step of the views that is held as a table. rows : SQL of what the table holds; is_reviewed : reviews change it."""

    name: str
    rows: str
    is_reviewed: bool = False

    @property
    def table(self) -> str:
        """The table: under the step's own name, where that is not the name of a macro."""
        return f"_kept{self.name}" if views.arguments_of(views.sources()[self.name]) else self.name


STEPS = (  # each after those that it reads
    Step("_foot_motion", "_now_foot_motion"),
    Step("_leg_length", "_now_leg_length"),
    Step("_ground_reaction", "_now_ground_reaction('_foot_motion')"),
    Step("_force_events", "_now_force_events('_kept_ground_reaction')"),
    Step("_events", "_now_events('_foot_motion')"),
    Step("_all_events", "_now_all_events('_foot_motion')", is_reviewed=True),
    Step("_measured_cycles", "_all_cycles('_foot_motion')", is_reviewed=True),
)
_OF_A_TRIAL = {"_events": "_trial_events", "_all_events": "_trial_all_events"}  # their rows over _trial_motion
NAMES = frozenset(step.name for step in STEPS)
_FIRST = ("joint_angles", "gait_events", "gait_cycles", "spatiotemporal", "review_state")  # of a trial's page


@lru_cache(maxsize=256)
def words_behind(query: str) -> frozenset[str]:
    """Every word of a query and of the views that it reads, directly or through others."""
    texts = views.sources()
    words, waiting = set(_WORD.findall(query)), [query]
    while waiting:
        text = waiting.pop()
        new = views.words_of(text) - words if text is not query else set(words)
        words |= new
        waiting += [texts[word] for word in new & texts.keys()]
    return frozenset(words)


class Steps:
    """The views and steps of one connection, which must hold the tables that they read.

    Attributes
    ----------
    made : names of those that the connection has.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection):
        self._connection = connection
        self._texts = views.sources() | {"_shown_reviews": "SELECT * FROM reviews"}
        self.made: set[str] = set()
        views.register_base(connection)
        views.fix_choices(connection, {})  # nobody sets variables here
        for name in (*(step.name for step in STEPS), *_FIRST):
            self.need(words_behind(name))

    def need(self, words: Collection[str]) -> None:
        """Make the views and steps among these words. words : with those of every view among them."""
        missing = {name: self._texts[name] for name in words if name in self._texts and name not in self.made}
        if not missing:
            return
        for name in views.ordered(missing):
            step = next((s for s in STEPS if s.name == name), None)
            if step is None:
                views.create(self._connection, name, missing[name])
            else:
                self._hold(step)
            self.made.add(name)

    def _hold(self, step: Step) -> None:
        """Make the table of a step, empty, and let the step's name read it."""
        run, text = self._connection.execute, self._texts[step.name].rstrip().rstrip(";")
        arguments = views.arguments_of(text)
        if f"_now{step.name}" in step.rows:
            kind = f"MACRO _now{step.name}({arguments}) AS TABLE" if arguments else f"VIEW _now{step.name} AS"
            run(f"CREATE {kind}\n{text}")
        run(f"CREATE TABLE {step.table} AS FROM {step.rows} WITH NO DATA")
        if step.name == "_foot_motion":
            run("CREATE TABLE _trial_motion AS FROM _foot_motion WITH NO DATA")
        if arguments and step.name in _OF_A_TRIAL:
            run(f"CREATE TABLE {_OF_A_TRIAL[step.name]} AS FROM {step.table} WITH NO DATA")
            chosen = f"CASE {arguments} WHEN '_trial_motion' THEN '{_OF_A_TRIAL[step.name]}' ELSE '{step.table}' END"
            run(f"CREATE MACRO {step.name}({arguments}) AS TABLE SELECT * FROM query_table({chosen})")
        elif arguments:
            run(f"CREATE MACRO {step.name}({arguments}) AS TABLE SELECT * FROM {step.table}")

    def empty(self) -> None:
        """Drop the rows of every step."""
        for table in ("_trial_motion", *_OF_A_TRIAL.values(), *(step.table for step in STEPS)):
            self._connection.execute(f"DELETE FROM {table}")

    def renew(self, *, is_reviewed: bool) -> None:
        """Compute the steps that reviews change, or those that they do not."""
        for step in STEPS:
            if step.is_reviewed == is_reviewed:
                self._fill(step)

    def _fill(self, step: Step) -> None:
        self._replace(step.table, f"FROM {step.rows}")

    def _replace(self, table: str, rows: str, trial: str | None = None) -> None:
        """Put rows into a table in place of every row, or of those of one trial."""
        where, given = ("", {}) if trial is None else (" WHERE trial = $trial", {"trial": trial})
        self._connection.execute(f"DELETE FROM {table}{where}", given)
        self._connection.execute(f"INSERT INTO {table} {rows}{where}", given)

    def choose(self, trial: str) -> None:
        """Put what reviews of this trial are applied to into tables of its own, for `renew_trial`."""
        given = {"trial": trial}
        for table in ("_trial_motion", "_trial_events"):
            self._connection.execute(f"DELETE FROM {table}")
        self._connection.execute("INSERT INTO _trial_motion FROM _foot_motion WHERE trial = $trial", given)
        # Platforms correct the events of a whole session; without them each trial is timed by itself.
        is_needed = "trial = $trial OR (SELECT count(*) FROM _kept_force_events) > 0"
        self._connection.execute(f"INSERT INTO _trial_events FROM _kept_events WHERE {is_needed}", given)

    def renew_trial(self, trial: str) -> None:
        """Compute what reviews of the chosen trial change: cycles are measured within their trial, so others' stay."""
        self._replace("_trial_all_events", "FROM _now_all_events('_trial_motion')")
        self._replace("_kept_all_events", "FROM _trial_all_events", trial)
        self._replace("_measured_cycles", "FROM _all_cycles('_trial_motion')", trial)
