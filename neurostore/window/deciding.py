"""Decisions as a browser sends them: read strictly, checked against the trial, stored by ``neurostore.reviews``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from neurostore import reviews
from neurostore.errors import UsageError
from neurostore.reviews import checks

if TYPE_CHECKING:
    from neurostore.trial_key import Key
    from neurostore.window.bench import Bench
    from neurostore.window.shelf import Shelf

MOST_DECISIONS = 200
BASIS = "window"
_TEXTS = ("action", "side", "event", "new_side", "new_event", "reason", "review_id", "basis")
_NUMBERS = ("from_s", "to_s", "time_s", "new_time_s")
_ID = re.compile(r"[0-9a-f]{32}")


def drafts_of(body: Any) -> tuple[Key, list[dict[str, Any]]]:
    """The trial and the decisions in a request's body.

    Raises
    ------
    UsageError : something has another type than expected; every problem at once.
    """
    if not isinstance(body, dict):
        raise UsageError("expected an object with subject, session, trial and decisions")
    problems = [f"{n} is not a text" for n in ("subject", "session", "trial") if not isinstance(body.get(n), str)]
    given = body.get("decisions")
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        problems.append("decisions is not a list of objects")
    elif len(given) > MOST_DECISIONS:
        problems.append(f"{len(given)} decisions at once; at most {MOST_DECISIONS} are taken")
    if problems:
        raise UsageError("; ".join(problems))
    drafts = []
    for number, one in enumerate(given or (), start=1):
        problems += [f"decision {number}: {problem}" for problem in _wrong_kinds(one)]
        drafts.append({k: v for k, v in one.items() if v is not None})
    if problems:
        raise UsageError("; ".join(problems))
    return (body["subject"], body["session"], body["trial"]), drafts


def _wrong_kinds(one: Mapping[str, Any]) -> list[str]:
    problems = []
    for name, value in one.items():
        if value is None:
            continue
        if name in _TEXTS:
            if not isinstance(value, str) or len(value) > 1000:
                problems.append(f"{name} is not a text of at most 1,000 letters")
        elif name in _NUMBERS:
            if isinstance(value, bool) or not isinstance(value, int | float) or value - value != 0:
                problems.append(f"{name} is not a number")
        elif name == "cycle":
            if isinstance(value, bool) or not isinstance(value, int):
                problems.append("cycle is not a whole number")
        else:
            problems.append(f"there is no column {name!r}")
    if isinstance(one.get("review_id"), str) and not _ID.fullmatch(one["review_id"]):
        problems.append("review_id is not 32 hexadecimal digits")
    return problems


def preview_rows(bench: Bench, key: Key, drafts: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Drafts as rows of ``reviews``, as they would be stored. Raises UsageError if they are not possible."""
    named = dict(zip(("subject", "session", "trial"), key, strict=True))
    asked = [{"reviewer": "draft", "reason": "draft", **d, **named} for d in drafts]
    problems = [problem for each in checks.problems_of(bench, asked, {key: ""}) for problem in each]
    if problems:
        raise UsageError("; ".join(problems))
    return reviews.rows_of(bench, bench.version, asked, {key: ""})


def store(shelf: Shelf, reviewer: str, body: Any) -> dict[str, Any]:
    """Store the decisions of a request. Returns the new version and how the trial now is.

    Raises
    ------
    UsageError : what is wrong with them. ConflictError : somebody decided on the same part since the page was loaded.
    LakeError : the lake cannot be written.
    """
    key, drafts = drafts_of(body)
    shelf.trial(key)
    seen = body.get("version")
    if isinstance(seen, bool) or not isinstance(seen, int):
        raise UsageError("version is missing: the version of the lake that the page shows")
    named = dict(zip(("subject", "session", "trial"), key, strict=True))
    decisions = [{"basis": BASIS, **d, **named, "reviewer": reviewer} for d in drafts]
    with shelf.bench(*key[:2]) as bench:
        version = reviews.decide(shelf.path, decisions, shown=bench, seen_version=seen)
    shelf.lake(is_fresh=True)
    shelf.cohort.wake()
    shelf.renewal.ask()
    return {"version": version, "n_stored": len(decisions)}
