"""Decisions of reviewers on trials, cycles, spans and events: kept in the table ``reviews``, never changed.

What comes in: a decision (who, what, why), or a TSV of them. What goes out: a new version of the lake, in whose views
cycles are left out and events moved. The latest decision on a part counts; ``SET VARIABLE reviews = 'off'`` shows the
untouched. May import: lake and what is below it.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from neurostore import schema, storage
from neurostore.errors import UsageError
from neurostore.lake import delta, tombstones, writing
from neurostore.lake.commit import name_versions
from neurostore.lake.version import Version
from neurostore.trial_key import key_text
from neurostore.wording import near

if TYPE_CHECKING:
    import polars as pl

__all__ = ["ACTIONS", "agreement", "decide", "listing"]

ACTIONS = schema.tables()["reviews"].column("action").values
SAME_EVENT_S = 0.025  # a decision on an event is on the one this near, as queries/_events.sql has it
_NEEDED = {
    "add_event": ("side", "event", "time_s"),
    "move_event": ("side", "event", "time_s", "new_time_s"),
    "delete_event": ("side", "event", "time_s"),
    "relabel_event": ("side", "event", "time_s"),
}
_PART = ("side", "cycle", "from_s", "to_s", "event", "time_s", "new_time_s", "new_side", "new_event")


def decide(lake_path: object, decisions: Sequence[Mapping[str, Any]]) -> int:
    """Record decisions, all or none. Returns the lake's version.

    Parameters
    ----------
    decisions : dicts with reviewer, action, subject, session ('' for none), trial, reason and, where they apply, the
        columns of the table ``reviews`` that say on which part: side, cycle, from_s and to_s, event, time_s …

    Raises
    ------
    UsageError : no such trial, cycle or event, or something needed is missing; every problem at once.
    """
    lake = Version.open(lake_path)
    trials = {(r["subject"], r["session"], r["trial"]): r["source_sha256"] for r in lake.trials_table().to_pylist()}
    problems, rows = [], []
    for number, given in enumerate(decisions, start=1):
        decision = {"session": "", "basis": None, **{k: v for k, v in given.items() if v not in (None, "")}}
        found = _problems(lake, decision, trials)
        problems += [f"decision {number}: {problem}" if len(decisions) > 1 else problem for problem in found]
        if not found:
            rows.append(_row(lake, decision, trials))
    if problems:
        raise UsageError("; ".join(problems))
    if not rows:
        return lake.version
    root = lake.path
    with writing.writing(root, "review"), storage.named_errors(root, "review"):
        declared = schema.table("reviews")
        if not delta.exists(root, "reviews"):
            delta.create(root, "reviews", declared.arrow(), declared.partition)
        stones = tombstones.read(root)
        gone = sorted({r["subject"] for r in rows if stones.of_subject(r["subject"]) is not None})
        if gone:
            raise UsageError(f"{', '.join(gone)}: erased from this lake meanwhile")
        new = schema.rows_table("reviews", rows)
        version = delta.replace_rows(root, "reviews", declared.key, new, drop=_cut_off(root))
        return name_versions(root, {"reviews": version}, "review")


def _cut_off(root: str) -> set[tuple[Any, ...]]:
    """Keys of decisions that no version of the lake names: their writer was killed, and whoever decided repeats them."""
    key = schema.table("reviews").key
    named = Version.open(root).table_versions.get("reviews")
    newest = delta.open_table(root, "reviews")
    if named == newest.version():
        return set()
    said = [delta.read(root, "reviews", newest, key).to_pylist()]
    said += [delta.read(root, "reviews", delta.open_table(root, "reviews", named), key).to_pylist()] if named else []
    keys = [{tuple(row[c] for c in key) for row in rows} for rows in said]
    return keys[0].difference(*keys[1:])


def listing(lake: Any) -> pl.DataFrame:
    """Every decision with its state: holds, superseded, to be checked, or no trial; the latest first."""
    return lake.sql("SELECT * FROM review_state ORDER BY reviewed_at DESC, review_id DESC")


def agreement(lake: Any) -> pl.DataFrame:
    """Trials, cycles and spans on which reviewers differ: the latest decision of each, side by side."""
    return lake.sql(
        """
        WITH latest AS (
            SELECT * FROM review_state WHERE action IN ('exclude', 'include')
            QUALIFY row_number() OVER (
                PARTITION BY subject, session, trial, side, cycle, from_s, to_s, reviewer
                ORDER BY reviewed_at DESC, review_id DESC
            ) = 1
        )
        SELECT subject, session, trial, side, cycle, from_s, to_s, count(*) AS n_reviewers,
            count(DISTINCT action) = 1 AS is_agreed,
            string_agg(reviewer || ': ' || action || ' (' || reason || ')', '; ' ORDER BY reviewer) AS decisions
        FROM latest GROUP BY ALL HAVING count(*) > 1 ORDER BY ALL
        """
    )


TABLES = "trials.tsv"  # the reviewer of decisions that stand in a cohort's own table


def of_tables(lake: Any, excluded: Mapping[tuple[str, str, str], str | None]) -> list[dict[str, Any]]:
    """The decisions by which the lake comes to say what trials.tsv says; none where it does already.

    excluded : of every trial of the cohort, why the table leaves it out, or None. A decision of a person that came
    after the table's own stays: the table speaks again only where it has changed.
    """
    if not any(excluded.values()) and "reviews" not in lake.table_versions:
        return []
    rows = lake.sql(
        "SELECT subject, session, trial, arg_max(action, reviewed_at) AS action, arg_max(reason, reviewed_at) AS reason "
        "FROM reviews WHERE reviewer = $tables GROUP BY ALL",
        {"tables": TABLES},
    ).rows()
    content = {row[:3]: row[3:] for row in rows}
    decisions = []
    for key, reason in excluded.items():
        before = content.get(key, ("include", ""))
        wanted = ("exclude", reason) if reason else ("include", before[1])
        if wanted != before:
            action, why = wanted[0], reason or "no longer excluded by the table"
            names = dict(zip(("subject", "session", "trial"), key, strict=True))
            decisions.append({**names, "action": action, "reviewer": TABLES, "reason": why, "basis": TABLES})
    return decisions


def _problems(lake: Version, decision: Mapping[str, Any], trials: Mapping[tuple[str, str, str], str]) -> list[str]:
    """What is wrong with a decision, in sentences."""
    known = {c.name for c in schema.table("reviews").columns}
    found = [f"there is no column {k!r}; {near(k, known)}" for k in decision if k not in known]
    found += [f"{name} is missing" for name in ("reviewer", "reason", "subject", "trial") if not decision.get(name)]
    action = decision.get("action")
    if action not in ACTIONS:
        return [*found, f"action is {action!r}; it can be {', '.join(ACTIONS)}"]
    found += [f"{action} needs {name}" for name in _NEEDED.get(action, ()) if decision.get(name) is None]
    if action == "relabel_event" and not (decision.get("new_side") or decision.get("new_event")):
        found.append("relabel_event needs new_side or new_event")
    for name in ("side", "new_side", "event", "new_event"):
        allowed = schema.table("reviews").column(name).values
        if decision.get(name) is not None and decision[name] not in allowed:
            found.append(f"{name} is {decision[name]!r}; it can be {' or '.join(allowed)}")
    if (decision.get("from_s") is None) != (decision.get("to_s") is None):
        found.append("a span needs both from_s and to_s")
    elif decision.get("from_s") is not None and not decision["from_s"] < decision["to_s"]:
        found.append(f"the span {decision['from_s']} to {decision['to_s']} s is empty")
    if decision.get("cycle") is not None and not decision.get("side"):
        found.append("a cycle belongs to a side: give the side too")
    key = (decision.get("subject", ""), decision.get("session", ""), decision.get("trial", ""))
    if not found and key not in trials:
        found.append(f"there is no trial {key_text(key)}; {near(key_text(key), map(key_text, trials))}")
    return found or _not_there(lake, decision)


def _not_there(lake: Version, decision: Mapping[str, Any]) -> list[str]:
    """That the cycle or event a decision is on does not exist."""
    trial = {k: decision.get(k, "") for k in ("subject", "session", "trial")}
    where = "subject = $subject AND session = $session AND trial = $trial AND person = 0 AND side = $side"
    if decision.get("cycle") is not None:
        query = f"SELECT cycle FROM gait_cycles WHERE {where} ORDER BY cycle"
        cycles = lake.sql(query, {**trial, "side": decision["side"]})["cycle"].to_list()
        if decision["cycle"] not in cycles:
            return [f"{key_text(trial.values())} has no {decision['side']} cycle {decision['cycle']}; it has {cycles}"]
    if decision["action"] in ("move_event", "delete_event", "relabel_event"):
        query = f"SELECT time_s FROM gait_events WHERE {where} AND event = $event ORDER BY time_s"
        times = lake.sql(query, {**trial, "side": decision["side"], "event": decision["event"]})["time_s"].to_list()
        if not any(abs(t - decision["time_s"]) <= SAME_EVENT_S for t in times):
            there = ", ".join(f"{t:.3f}" for t in dict.fromkeys(times)) or "none"
            what = f"{decision['side']} {decision['event']}"
            return [f"{key_text(trial.values())} has no {what} at {decision['time_s']} s; they are at: {there}"]
    return []


def _row(lake: Version, decision: Mapping[str, Any], trials: Mapping[tuple[str, str, str], str]) -> dict[str, Any]:
    key = (decision["subject"], decision["session"], decision["trial"])
    return {
        **_original(lake, decision),
        "review_id": uuid.uuid4().hex,
        "reviewed_at": datetime.now(UTC),
        "lake_version": lake.version,
        "source_sha256": trials[key],
    }


def _original(lake: Version, decision: Mapping[str, Any]) -> dict[str, Any]:
    """The decision with the time and label that an event had before earlier decisions moved or renamed it."""
    row = {k: v for k, v in decision.items() if k not in ("review_id", "reviewed_at", "lake_version", "source_sha256")}
    if decision["action"] not in ("move_event", "delete_event", "relabel_event"):
        return row
    earlier = lake.sql(
        "SELECT * FROM review_state WHERE subject = $subject AND session = $session AND trial = $trial "
        "AND action IN ('move_event', 'relabel_event') AND state <> 'superseded' ORDER BY reviewed_at DESC",
        {k: decision[k] for k in ("subject", "session", "trial")},
    )
    for one in earlier.iter_rows(named=True):
        side, event = one["new_side"] or one["side"], one["new_event"] or one["event"]
        time_s = one["time_s"] if one["new_time_s"] is None else one["new_time_s"]
        is_same = (side, event) == (row["side"], row["event"]) and abs(time_s - row["time_s"]) <= SAME_EVENT_S
        if is_same:
            kept = {k: one[k] for k in ("new_time_s", "new_side", "new_event") if one[k] is not None}
            return {**kept, **row, **{k: one[k] for k in ("side", "event", "time_s")}}
    return row
