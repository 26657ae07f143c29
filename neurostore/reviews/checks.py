"""Whether a decision is possible: its columns, its trial, its event or cycle, and the order of events afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from neurostore import schema
from neurostore.lake.queryable import Queryable
from neurostore.sql.views import thresholds
from neurostore.trial_key import Key, key_text
from neurostore.wording import near

ACTIONS = schema.tables()["reviews"].column("action").values
TABLES = ("trials.tsv", "cohort.toml")  # reviewers of decisions that come from a cohort's table or configuration
SAME_EVENT_S = 0.025  # a decision applies to the event within this time, as in queries/_all_events.sql
EDITS = ("move_event", "delete_event", "relabel_event")
SIDE_ACTIONS = ("swap_sides", "keep_sides")  # they concern whole trials; the next ingest carries them out
_OF_A_PART = ("side", "cycle", "from_s", "to_s", "channel", "event", "source", "time_s")
_NEEDED = {
    "add_event": ("side", "event", "time_s"),
    "move_event": ("side", "event", "time_s", "new_time_s"),
    "delete_event": ("side", "event", "time_s"),
    "relabel_event": ("side", "event", "time_s"),
}
_ONLY_EMG = "Angles and landmarks are not channels: leave out the cycle or the time span"
_LEAST_SHARE = 0.4  # share of the shortest time between two events of one kind and foot
_AT_ONCE = timedelta(seconds=1)


@dataclass(frozen=True)
class Moment:
    """A foot strike or foot off. was_s : its time before the decisions, None if one adds it."""

    side: str
    event: str
    time_s: float
    was_s: float | None


def problems_of(shown: Queryable, decisions: Sequence[Mapping[str, Any]], trials: Mapping[Key, str]) -> list[list[str]]:
    """The problems of each decision, in sentences.

    Decisions on events of one trial are checked together and in order, so that a move may follow an addition.
    trials : the keys that the lake has.
    """
    alone = [_alone(decision, trials) for decision in decisions]
    by_trial: dict[Key, list[int]] = {}
    for i, decision in enumerate(decisions):
        if not alone[i]:
            by_trial.setdefault(key_of(decision), []).append(i)
    for key, places in by_trial.items():
        for i, problems in zip(places, _of_trial(shown, key, [decisions[i] for i in places]), strict=True):
            alone[i] += problems
    return alone


def key_of(decision: Mapping[str, Any]) -> Key:
    """Subject, session and trial of a decision."""
    return decision.get("subject", ""), decision.get("session", ""), decision.get("trial", "")


def _alone(decision: Mapping[str, Any], trials: Mapping[Key, str]) -> list[str]:
    """Problems of a single decision."""
    known = {c.name for c in schema.table("reviews").columns}
    problems = [f"there is no column {k!r}; {near(k, known)}" for k in decision if k not in known]
    problems += [f"{name} is missing" for name in ("reviewer", "reason", "subject", "trial") if not decision.get(name)]
    problems += reviewer_problems(decision.get("reviewer"))
    action = decision.get("action")
    if action not in ACTIONS:
        return [*problems, f"action is {action!r}; it can be {', '.join(ACTIONS)}"]
    problems += [f"{action} needs {name}" for name in _NEEDED.get(action, ()) if decision.get(name) is None]
    if action == "relabel_event" and not (decision.get("new_side") or decision.get("new_event")):
        problems.append("relabel_event needs new_side or new_event")
    if action in SIDE_ACTIONS:
        problems += [f"{action} is on a whole trial, not on a {n}" for n in _OF_A_PART if decision.get(n) is not None]
    elif decision.get("channel") and action not in ("exclude", "include", "note"):
        problems.append(f"{action} is on an event, which has no channel")
    for name in ("side", "new_side", "event", "new_event", "source"):
        allowed = schema.table("reviews").column(name).values
        if decision.get(name) is not None and decision[name] not in allowed:
            problems.append(f"{name} is {decision[name]!r}; it can be {' or '.join(allowed)}")
    if (decision.get("from_s") is None) != (decision.get("to_s") is None):
        problems.append("a span needs both from_s and to_s")
    elif decision.get("from_s") is not None and not decision["from_s"] < decision["to_s"]:
        problems.append(f"the span {decision['from_s']} to {decision['to_s']} s is empty")
    if decision.get("cycle") is not None and not decision.get("side"):
        problems.append("a cycle belongs to a side: give the side too")
    key = key_of(decision)
    if not problems and key not in trials:
        problems.append(f"there is no trial {key_text(key)}; {near(key_text(key), map(key_text, trials))}")
    return problems


def reviewer_problems(reviewer: str | None) -> list[str]:
    """Why a reviewer's code cannot be: a decision is never changed, so a person's name would stay for good."""
    if not reviewer or reviewer in TABLES or schema.KEY.fullmatch(reviewer):
        return []
    return [f"reviewer is {reviewer!r}; expected a code, not a name: letters, digits, _ and -, such as R1"]


def _of_trial(shown: Queryable, key: Key, decisions: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Problems of decisions on one trial, given its recording, cycles and events."""
    problems: list[list[str]] = [[] for _ in decisions]
    named = dict(zip(("subject", "session", "trial"), key, strict=True))
    where = "subject = $subject AND session = $session AND trial = $trial AND person = 0"
    if any(_times(d) for d in decisions):
        span = shown.sql(f"SELECT min(time_s), max(time_s) FROM landmarks WHERE {where}", named).row(0)
        for i, decision in enumerate(decisions):
            problems[i] += _outside(key, decision, span)
    if any(d.get("cycle") is not None for d in decisions):
        cycles = shown.sql(f"SELECT side, cycle FROM gait_cycles WHERE {where} ORDER BY ALL", named).rows()
        for i, decision in enumerate(decisions):
            if decision.get("cycle") is not None and (decision["side"], decision["cycle"]) not in cycles:
                there = [cycle for side, cycle in cycles if side == decision["side"]]
                problems[i].append(
                    f"{key_text(key)} has no {decision['side']} cycle {decision['cycle']}; it has {there}"
                )
    if any(d.get("channel") for d in decisions):
        query = "SELECT DISTINCT channel FROM emg WHERE subject = $subject AND session = $session AND trial = $trial"
        channels = shown.sql(query, named)["channel"].to_list()
        for i, decision in enumerate(decisions):
            if (name := decision.get("channel")) and name not in channels:
                problems[i].append(f"{key_text(key)} has no EMG channel {name!r}; {near(name, channels)}. {_ONLY_EMG}")
    if any(str(d["action"]).endswith("_event") for d in decisions):
        rows = shown.sql(
            f"SELECT DISTINCT side, event, time_s, source FROM gait_events WHERE {where} ORDER BY ALL", named
        )
        # a decision on one source is checked against the events of that source only
        for source in {d.get("source") for d in decisions}:
            of_source = sorted({row[:3] for row in rows.iter_rows() if source in (None, row[3])})
            places = [i for i, d in enumerate(decisions) if d.get("source") == source]
            _judge_events(
                key,
                decisions,
                places,
                [Moment(side, event, time_s, time_s) for side, event, time_s in of_source],
                problems,
            )
    return problems


def _judge_events(
    key: Key,
    decisions: Sequence[Mapping[str, Any]],
    places: Sequence[int],
    moments: Sequence[Moment],
    problems: list[list[str]],
) -> None:
    """Add the problems of these decisions on events to ``found``, each checked after those before it."""
    least_s = _least_apart_s(moments)
    for i in places:
        decision = decisions[i]
        if problems[i] or not str(decision["action"]).endswith("_event"):
            continue
        problems[i] += _not_there(key, decision, moments)
        if not problems[i]:
            after = _applied(moments, decision)
            problems[i] += _impossible(decision, moments, after, least_s)
            moments = after


def _times(decision: Mapping[str, Any]) -> dict[str, float]:
    return {n: decision[n] for n in ("time_s", "new_time_s") if decision.get(n) is not None}


def _outside(key: Key, decision: Mapping[str, Any], span: tuple[float | None, float | None]) -> list[str]:
    """An event would be outside the recording; a span of time may reach beyond it."""
    first, last = span
    if first is None or last is None:
        return (
            [f"{key_text(key)} has no points, so no events: an event cannot be placed in it"]
            if _times(decision)
            else []
        )
    problems = []
    placed = {"add_event": "time_s", "move_event": "new_time_s"}.get(decision["action"])
    for name, value in _times(decision).items():
        if name != placed or first - SAME_EVENT_S <= value <= last + SAME_EVENT_S:
            continue
        where = f"the recording of {key_text(key)}, which is {first:.3f} to {last:.3f} s"
        is_likely = value > last and first <= value / 1000 <= last
        problems.append(f"{name} is {value:g} s, outside {where}" + (_in_milliseconds(value) if is_likely else ""))
    return problems


def _in_milliseconds(value: float) -> str:
    return f"; times are in seconds: {value:g} ms are {value / 1000:g} s"


def _not_there(key: Key, decision: Mapping[str, Any], moments: Sequence[Moment]) -> list[str]:
    """The event of a decision does not exist, or an event to be added already does."""
    of_kind = sorted({m.time_s for m in moments if (m.side, m.event) == (decision["side"], decision["event"])})
    is_there = any(abs(t - decision["time_s"]) <= SAME_EVENT_S for t in of_kind)
    what = f"{decision['side']} {decision['event']}"
    if decision["action"] == "add_event":
        return [f"there is a {what} at {decision['time_s']:.3f} s already; move it instead"] if is_there else []
    if is_there:
        return []
    there = ", ".join(f"{t:.3f}" for t in of_kind) or "none"
    is_likely = any(abs(t - decision["time_s"] / 1000) <= SAME_EVENT_S for t in of_kind)
    unit = _in_milliseconds(decision["time_s"]) if is_likely else ""
    return [f"{key_text(key)} has no {what} at {decision['time_s']} s; they are at: {there}{unit}"]


def _applied(moments: Sequence[Moment], decision: Mapping[str, Any]) -> list[Moment]:
    """The events after one decision."""
    side, event, time_s = decision["side"], decision["event"], decision["time_s"]
    if decision["action"] == "add_event":
        return [*moments, Moment(side, event, time_s, None)]
    after = []
    for m in moments:
        if (m.side, m.event) != (side, event) or abs(m.time_s - time_s) > SAME_EVENT_S:
            after.append(m)
        elif decision["action"] != "delete_event":
            new_s = decision.get("new_time_s")
            was_s = None if decision["action"] == "relabel_event" else m.was_s
            kind = decision.get("new_side") or side, decision.get("new_event") or event
            after.append(Moment(*kind, m.time_s if new_s is None else new_s, was_s))
    return after


def _impossible(
    decision: Mapping[str, Any], before: Sequence[Moment], after: Sequence[Moment], least_s: float
) -> list[str]:
    """A decision would lead to something that no foot can do.

    A moved event may not pass another of its foot. A swing lasts 0.15 s at least (`_least_swing_s`), and two events of
    one kind and foot are at least `least_s` apart.
    """
    if decision["action"] == "delete_event":
        return []
    side = decision.get("new_side") or decision["side"]
    event = decision.get("new_event") or decision["event"]
    time_s = decision["time_s"] if decision.get("new_time_s") is None else decision["new_time_s"]
    what = f"{side} {event}"
    if decision["action"] == "move_event":
        low, high = sorted((decision["time_s"], time_s))
        between = [m for m in before if m.side == side and low + SAME_EVENT_S < m.time_s < high - SAME_EVENT_S]
        if between:
            other = min(between, key=lambda m: abs(m.time_s - decision["time_s"]))
            return [
                f"the {what} would pass the {other.side} {other.event} at {other.time_s:.3f} s: events of a foot keep "
                "their order; delete or move that one first"
            ]
    others = [m for m in after if m.side == side and not (m.event == event and abs(m.time_s - time_s) < 1e-6)]
    least_swing = thresholds()["least_swing_s"][0]
    for m in others:
        apart = abs(m.time_s - time_s)
        is_swing = m.event != event and ((m.event == "foot_off") == (m.time_s < time_s))
        if m.event == event and apart < least_s:
            return [
                f"a {what} at {time_s:.3f} s would be {apart:.3f} s from the one at {m.time_s:.3f} s; in this trial "
                f"two are at least {least_s / _LEAST_SHARE:.3f} s apart"
            ]
        if is_swing and apart < least_swing:
            return [
                f"a {what} at {time_s:.3f} s would be {apart:.3f} s from the {side} {m.event} at {m.time_s:.3f} s; "
                f"a swing lasts {least_swing:g} s or more"
            ]
    return []


def _least_apart_s(moments: Sequence[Moment]) -> float:
    """The smallest allowed time between two events of one kind and foot: a share of the smallest time between two in the trial.

    Small enough where every other event was missed, and of both feet, because one may have none.
    """
    by_kind: dict[tuple[str, str], set[float]] = {}
    for m in moments:
        by_kind.setdefault((m.side, m.event), set()).add(m.time_s)
    steps = [b - a for times in by_kind.values() for a, b in pairwise(sorted(times)) if b - a > SAME_EVENT_S]
    return _LEAST_SHARE * min(steps) if steps else thresholds()["least_swing_s"][0]


def conflicts(
    decisions: Sequence[Mapping[str, Any]], stored: Sequence[Mapping[str, Any]], seen_version: int
) -> list[str]:
    """Decisions of other reviewers on the same parts that the present reviewer cannot have seen.

    stored : rows of ``reviews``. Those recorded on a version that was not older than the one seen, and those on the
    same event of the last second, in which nobody reads and answers.
    """
    just_now = datetime.now(UTC) - _AT_ONCE
    sentences = []
    for decision in decisions:
        for other in stored:
            if other["reviewer"] == decision["reviewer"] or key_of(other) != key_of(decision):
                continue
            is_event = _is_same_event(decision, other)
            is_late = other["lake_version"] >= seen_version
            is_at_once = is_event and other["reviewed_at"] > just_now
            if (is_event or _is_same_part(decision, other)) and (is_late or is_at_once):
                sentences.append(
                    f"{other['reviewer']} decided {other['action']} on the same part of {key_text(key_of(other))} at "
                    f"{other['reviewed_at']:%H:%M:%S} ({other['reason']}); look again, then decide"
                )
    return list(dict.fromkeys(sentences))


def _is_same_event(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    if not all(str(d["action"]).endswith("_event") for d in (one, other)):
        return False
    kinds = [
        {(d["side"], d["event"]), (d.get("new_side") or d["side"], d.get("new_event") or d["event"])}
        for d in (one, other)
    ]
    times = [_times(d).values() for d in (one, other)]
    return bool(kinds[0] & kinds[1]) and any(abs(a - b) <= SAME_EVENT_S for a in times[0] for b in times[1])


def _is_same_part(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    if not all(d["action"] in ("exclude", "include") for d in (one, other)):
        return False
    return all(one.get(name) == other.get(name) for name in ("side", "cycle", "from_s", "to_s"))
