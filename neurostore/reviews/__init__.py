"""Decisions of reviewers on trials, cycles, spans and events: kept in the table ``reviews``, never changed.

Input: a decision (who, what, why), or a TSV of decisions. Output: a new version of the lake, in whose views cycles are
left out and events moved. The latest decision on a part counts; ``SET VARIABLE reviews = 'off'`` shows the data without
reviews. May import: lake and what is below it.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from neurostore import schema, storage
from neurostore.errors import ConflictError, UsageError
from neurostore.lake import delta, tombstones, writing
from neurostore.lake.commit import name_versions, named_versions
from neurostore.lake.queryable import Queryable
from neurostore.lake.version import Version
from neurostore.reviews import checks
from neurostore.reviews.checks import ACTIONS, SIDE_ACTIONS
from neurostore.trial_key import Key

if TYPE_CHECKING:
    import polars as pl

__all__ = ["ACTIONS", "SIDE_ACTIONS", "agreement", "decide", "listing", "rows_of"]


def decide(
    lake_path: object,
    decisions: Sequence[Mapping[str, Any]],
    *,
    shown: Queryable | None = None,
    seen_version: int | None = None,
) -> int:
    """Record decisions, all or none. Returns the lake's version.

    Parameters
    ----------
    decisions : dicts with reviewer, action, subject, session ('' for none), trial, reason and, where they apply, the
        columns of the table ``reviews`` that say on which part: side, cycle, from_s and to_s, channel, event, source,
        time_s … With a review_id (32 hexadecimal digits), a decision that is stored already is skipped: whoever had
        no answer may ask again.
    shown : where events and cycles are read for the checks, in place of the lake itself.
    seen_version : the version that the reviewer saw; None is the newest.

    Raises
    ------
    UsageError : no such trial, cycle or event, an impossible event, or something needed is missing; every problem
        at once. ConflictError : another reviewer decided on the same part since.
    """
    lake = Version.open(lake_path)
    named = lake.trials_table(["subject", "session", "trial", "source_sha256"]).to_pylist()
    trials = {(r["subject"], r["session"], r["trial"]): r["source_sha256"] for r in named}
    asked = _not_stored(lake, [{"session": "", "basis": None, **_given(one)} for one in decisions])
    listed = enumerate(checks.problems_of(shown or lake, asked, trials), start=1)
    problems = [f"decision {i}: {p}" if len(asked) > 1 else p for i, reasons in listed for p in reasons]
    if problems:
        raise UsageError("; ".join(problems))
    rows = rows_of(shown or lake, lake.version, asked, trials)
    if not rows:
        return lake.version
    root = lake.path
    with storage.named_errors(root, "review"), writing.writing(root, "review"):
        declared = schema.table("reviews")
        if not delta.exists(root, "reviews"):
            delta.create(root, "reviews", declared.arrow(), declared.partition)
        stones = tombstones.read(root)
        gone = sorted({r["subject"] for r in rows if stones.of_subject(r["subject"]) is not None})
        if gone:
            raise UsageError(f"{', '.join(gone)}: erased from this lake meanwhile; leave these subjects out")
        trials_now, reviews_now = delta.open_table(root, "trials"), delta.open_table(root, "reviews")
        stored, cut_off = _shown_and_cut_off(root, named_versions(root, trials_now).get("reviews"), reviews_now)
        conflicts = checks.conflicts(rows, stored, lake.version if seen_version is None else seen_version)
        if conflicts:
            raise ConflictError("; ".join(conflicts))
        new = schema.rows_table("reviews", rows)
        version = delta.replace_rows(root, "reviews", declared.key, new, drop=cut_off, at=reviews_now)
        return name_versions(root, {"reviews": version}, "review", at=trials_now)


def _given(decision: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a decision that are not empty."""
    return {k: v for k, v in decision.items() if v not in (None, "")}


def _not_stored(lake: Version, decisions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The decisions without those whose review_id the lake has."""
    asked = {d["review_id"] for d in decisions if "review_id" in d}
    if not asked or "reviews" not in lake.table_versions:
        return decisions
    newest = delta.open_table(lake.path, "reviews", lake.table_versions["reviews"])
    stored = set(delta.read(lake.path, "reviews", newest, ["review_id"])["review_id"].to_pylist())
    return [d for d in decisions if d.get("review_id") not in stored]


def _shown_and_cut_off(root: str, at: int | None, newest: Any) -> tuple[list[dict[str, Any]], set[tuple[Any, ...]]]:
    """The decisions that the lake shows, and the keys of those that no version of it names.

    The writer of these was killed, and whoever decided repeats them. at : the version of ``reviews`` that the lake names.
    newest : the newest version of that table.
    """
    written = delta.read(root, "reviews", newest).to_pylist()
    if at == newest.version():
        return written, set()
    shown = [] if at is None else delta.read(root, "reviews", delta.open_table(root, "reviews", at)).to_pylist()
    key = schema.table("reviews").key
    keys = {tuple(row[c] for c in key) for row in written}
    return shown, keys - {tuple(row[c] for c in key) for row in shown}


def listing(lake: Version) -> pl.DataFrame:
    """Every decision with its state: holds, superseded, to be checked, or no trial; the latest first."""
    return lake.sql("SELECT * FROM review_state ORDER BY reviewed_at DESC, review_id DESC")


def agreement(lake: Version) -> pl.DataFrame:
    """Trials, cycles and spans on which reviewers differ: the latest decision of each, side by side."""
    return lake.sql(
        """
        WITH latest AS (
            SELECT * FROM review_state WHERE action IN ('exclude', 'include')
            QUALIFY row_number() OVER (
                PARTITION BY subject, session, trial, side, cycle, from_s, to_s, channel, reviewer
                ORDER BY reviewed_at DESC, review_id DESC
            ) = 1
        )
        SELECT subject, session, trial, side, cycle, from_s, to_s, channel, count(*) AS n_reviewers,
            count(DISTINCT action) = 1 AS is_agreed,
            string_agg(reviewer || ': ' || action || ' (' || reason || ')', '; ' ORDER BY reviewer) AS decisions
        FROM latest GROUP BY ALL HAVING count(*) > 1 ORDER BY ALL
        """
    )


TABLES, CONFIG = checks.TABLES


def of_tables(
    lake: Version, excluded: Mapping[tuple[str, str, str], str | None], source: str = TABLES
) -> list[dict[str, Any]]:
    """The decisions that bring the lake into agreement with trials.tsv or cohort.toml; none if it agrees already.

    excluded : of every trial of the cohort, why the source leaves it out, or None. A decision of a person that came
    after the source's own stays: the source counts again only if it has changed.
    """
    if not any(excluded.values()) and "reviews" not in lake.table_versions:
        return []
    rows = lake.sql(
        "SELECT subject, session, trial, arg_max(action, reviewed_at) AS action, arg_max(reason, reviewed_at) AS reason "
        "FROM reviews WHERE reviewer = $tables GROUP BY ALL",
        {"tables": source},
    ).rows()
    content = {row[:3]: row[3:] for row in rows}
    decisions = []
    for key, reason in excluded.items():
        before = content.get(key, ("include", ""))
        wanted = ("exclude", reason) if reason else ("include", before[1])
        if wanted != before:
            action, why = wanted[0], reason or f"no longer excluded by {source}"
            names = dict(zip(("subject", "session", "trial"), key, strict=True))
            decisions.append({**names, "action": action, "reviewer": source, "reason": why, "basis": source})
    return decisions


def rows_of(
    shown: Queryable, version: int, decisions: Sequence[Mapping[str, Any]], trials: Mapping[Key, str]
) -> list[dict[str, Any]]:
    """Decisions without problems as rows of the table ``reviews``, each a moment later than the one before.

    shown : identifies the event of a decision if earlier decisions moved or renamed it.
    """
    now = datetime.now(UTC)
    rows: list[dict[str, Any]] = []
    for i, decision in enumerate(decisions):
        row = _original(decision, [*reversed(rows), *_stored_edits(shown, decision)])
        row |= {
            "review_id": decision.get("review_id") or uuid.uuid4().hex,
            "reviewed_at": now + timedelta(microseconds=i),
        }
        rows.append({**row, "lake_version": version, "source_sha256": trials[checks.key_of(decision)]})
    return rows


def _stored_edits(shown: Queryable, decision: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Valid decisions on events of the same trial, the latest first; none if they do not matter."""
    if decision["action"] not in (*checks.EDITS, "add_event"):
        return []
    edits = shown.sql(
        "SELECT * FROM review_state WHERE subject = $subject AND session = $session AND trial = $trial "
        "AND list_contains($edits, action) AND state <> 'superseded' ORDER BY reviewed_at DESC, review_id DESC",
        {"edits": list(checks.EDITS), **{k: decision[k] for k in ("subject", "session", "trial")}},
    )
    return edits.to_dicts()


def _original(decision: Mapping[str, Any], earlier: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The decision with the time and label that an event had before earlier decisions moved or renamed it.

    An event added where one was deleted is that one, moved: the deletion would hide it.
    """
    row = {k: v for k, v in decision.items() if k not in ("review_id", "reviewed_at", "lake_version", "source_sha256")}
    seen = set()
    for one in earlier:
        part = (*checks.key_of(one), one.get("side"), one.get("event"), one.get("time_s"), one.get("source"))
        if one["action"] not in checks.EDITS or checks.key_of(one) != checks.key_of(row) or part in seen:
            continue
        seen.add(part)
        kept = {k: one[k] for k in ("new_time_s", "new_side", "new_event") if one.get(k) is not None}
        first = {k: one[k] for k in ("side", "event", "time_s")}
        label = kept.get("new_side") or one["side"], kept.get("new_event") or one["event"]
        times = [kept.get("new_time_s", one["time_s"])] + ([one["time_s"]] if one["action"] == "delete_event" else [])
        is_same = label == (row.get("side"), row.get("event")) and one.get("source") == row.get("source")
        if not is_same or not any(abs(t - row["time_s"]) <= checks.SAME_EVENT_S for t in times):
            continue
        if one["action"] == "delete_event" and row["action"] == "add_event":
            return {**kept, **row, **first, "action": "move_event", "new_time_s": row["time_s"]}
        if one["action"] != "delete_event" and row["action"] in checks.EDITS:
            return {**kept, **row, **first}
    return row
