"""How a session's figures were computed, in sentences: what was left out by whom and why, which events are used, and the models."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from neurostore.report.sessions import Session
from neurostore.sql import views

SOURCES = {"force": "force platform", "computed": "computed from the movement", "file": "marks of the source file"}
_HIPS = {"harrington": "Harrington 2007", "hara": "Hara 2016", "bell": "Bell 1990", "davis": "Davis 1991"}
_EDITS = {
    "add_event": "added {event} at {time:.3f} s",
    "delete_event": "deleted {event} at {time:.3f} s",
    "move_event": "moved {event} from {time:.3f} s to {new_time:.3f} s",
    "relabel_event": "changed {event} at {time:.3f} s to {new_side} {new_event}",
}

_WHAT = {
    "exclude": "excluded",
    "note": "noted",
    "swap_sides": "left and right exchanged",
    "keep_sides": "left and right kept as in the file",
}


def left_out(block: Session) -> list[str]:
    """What reviewers excluded, each with reviewer and reason, and how many cycles are not steady for which reason."""
    decisions = _decisions(block)
    return [*decisions, *_not_steady(block)]


def _decisions(block: Session) -> list[str]:
    """The decisions of reviewers that the figures follow, in words."""
    import polars as pl

    if not block.data.reviews.height:
        return []
    if block.data.choices.get("reviews") == "off":
        return ["Reviews are not applied: the figures are as before anybody looked at the trials."]
    trials = block.rows(block.data.trials)["trial"].to_list()
    rows = block.rows(block.data.reviews, by_condition=False).filter(
        pl.col("trial").is_in(trials), ~pl.col("state").is_in(["superseded", "no trial"])
    )
    return [_decision(row) for row in rows.to_dicts() if row["action"] != "include"]


def _decision(row: dict[str, Any]) -> str:
    part = row["trial"]
    if row["cycle"] is not None:
        part += f", {row['side'] or ''} cycle {row['cycle']}".replace("  ", " ")
    elif row["from_s"] is not None:
        part += f", {row['from_s']:g} s to {row['to_s']:g} s" + (f", {row['side']}" if row["side"] else "")
    elif row["side"]:
        part += f", {row['side']}"
    if row.get("channel"):
        part += f", channel {row['channel']}"
    if row["action"] in _EDITS:
        event = (row["event"] or "event").replace("_", " ")
        what = _EDITS[row["action"]].format(
            event=event,
            time=row["time_s"],
            new_time=row["new_time_s"] or 0,
            new_side=row["new_side"] or row["side"] or "",
            new_event=(row["new_event"] or row["event"] or "").replace("_", " "),
        )
    else:
        what = _WHAT[row["action"]]
    day = str(row["reviewed_at"])[:10]
    doubt = " The file has changed since: to be checked." if row["state"] == "to be checked" else ""
    disputed = " Another reviewer decided otherwise." if row["is_disputed"] else ""
    reason = str(row["reason"]).rstrip(".")
    return f"{part}: {what} by {row['reviewer']} on {day}: {reason}.{doubt}{disputed}"


def _not_steady(block: Session) -> list[str]:
    """One sentence for each side with cycles that are not steady; those that reviewers excluded are listed separately."""
    import polars as pl

    trials = block.rows(block.data.trials)["trial"].to_list()
    cycles = block.rows(block.data.cycles, by_condition=False).filter(pl.col("trial").is_in(trials))
    sentences = []
    for side in ("left", "right"):
        mine = cycles.filter(pl.col("side") == side)
        out = mine.filter(~pl.col("is_steady"))
        if out.height:
            reasons = Counter(r for text in out["reason"] for r in (text or "not steady").split("; "))
            listed = "; ".join(f"{reason} ({n})" for reason, n in reasons.most_common())
            sentences.append(f"{side.capitalize()}: {out.height} of {mine.height} cycles are not steady: {listed}.")
    return sentences


def event_source(block: Session) -> str:
    """Which source of foot strikes begins the steady cycles of a session, with their numbers."""
    import polars as pl

    trials = block.rows(block.data.trials)["trial"].to_list()
    cycles = block.rows(block.data.cycles, by_condition=False).filter(
        pl.col("trial").is_in(trials), pl.col("is_steady")
    )
    counts = Counter(cycles["event_source"].to_list())
    if not counts:
        return "Events: no steady cycle."
    parts = [
        f"{SOURCES.get(source, source)}" + (f" ({n} cycles)" if len(counts) > 1 else "")
        for source, n in counts.most_common()
    ]
    wish = block.data.choices.get("event_source") or views.VARIABLES["event_source"][0]
    asked = {"force": "platform before computed", "computed": "computed only", "file": "the file's before computed"}[
        wish
    ]
    return f"Events: {', '.join(parts)}; rule: {asked}."


def models(block: Session) -> str:
    """What the movement was measured and computed with, as the trials of a session state it."""
    rows = [row for row in block.rows(block.data.trials).to_dicts() if row["kind"] != "static"]
    parts = [_joined("skeleton", {row["skeleton"] for row in rows})]
    parts += [_joined("pose model", {_pose_model(row) for row in rows})]
    hips = {json.loads(row["landmark_methods"] or "{}").get("left_hip") for row in rows}
    parts += [_joined("hip centres", {_HIPS.get(str(h), str(h)) if h else None for h in hips})]
    parts += [_joined("low-pass filter", {_cutoff(row["cutoff_hz"]) for row in rows})]
    parts += [_joined("angles from", {str(block.data.choices.get("angle_source") or "landmarks")})]
    parts += [_joined("read by neurostore", {row["software_version"] for row in rows})]
    return f"Models: {'; '.join(p for p in parts if p)}."


def _pose_model(row: dict[str, Any]) -> str | None:
    if not row["estimator"]:
        return None
    digest = row["model_sha256"]
    return str(row["estimator"]) + (f" (SHA-256 {digest[:12]}…)" if digest else "")


def _cutoff(cutoff_hz: float | None) -> str | None:
    return None if cutoff_hz is None else f"{cutoff_hz:g} Hz" if cutoff_hz else "none"


def _joined(title: str, values: set[str | None]) -> str:
    named = sorted(v for v in values if v)
    return f"{title} {', '.join(named)}" if named else ""
