"""When a session was recorded, as tables write it: ISO 8601 in the lake, what was inferred in words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from neurostore.ingest.cohort.people import Inferred
from neurostore.ingest.readers.recorded_at import time_of

#: columns that say when, if none is called acq_time
OTHER_NAMES = (
    "acq_date", "acquisition_time", "acquisition_date", "recording_date", "recorded_at", "session_date", "visit_date",
    "measurement_date", "test_date", "date_time", "datetime", "date",
)  # fmt: skip
EXPECTED = "expected YYYY-MM-DD or YYYY-MM-DDThh:mm:ss"
_CLOCK = r"(?:[T ,]+(\d{1,2}:\d{2}(?::\d{2})?))?"
_DOTTED = re.compile(r"(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{4})" + _CLOCK)
_SLASHED = re.compile(r"(\d{1,2})[/-](\d{1,2})[/-](\d{4})" + _CLOCK)
_MONTH_FIRST = re.compile(r"([A-Za-z]{3})[a-z]*\.? (\d{1,2}),? (\d{4})" + _CLOCK)
_NAMED = re.compile(r"(?:ses-)?((?:19|20)\d\d)[-_]?(\d\d)[-_]?(\d\d)")
_SERIAL = re.compile(r"([2-6]\d{4})(?:\.(\d+))?")  # days since 1899-12-30, as spreadsheet programs count: 1954 to 2091


def times_of(texts: Sequence[str | None], column: str, where: Sequence[str], inferred: Inferred) -> list[str | None]:
    """A column of times as ISO 8601; None, with a note, for a text that cannot be read or that can be read in two ways.

    A date like 04/03/2024 is read like the others in its column: if one of them has a number above 12, this is the
    place of the day. where : the row of each cell in words.
    """
    slashed = [match for text in texts if text and (match := _SLASHED.fullmatch(text))]
    is_day_first = {int(m[1]) > 12 for m in slashed if max(int(m[1]), int(m[2])) > 12}
    order = next(iter(is_day_first)) if len(is_day_first) == 1 else None
    times = []
    for text, inferred.where in zip(texts, where, strict=True):
        times.append(None if text is None else _time_of(text, column, order, inferred))
    return times


def date_named(session: str) -> str | None:
    """The day that a session is called by, as ISO 8601; None if its name is no date with the year first."""
    match = _NAMED.fullmatch(session)
    return time_of("-".join(match.groups())) if match else None


def date_in(text: str) -> str | None:
    """The day that a text says plainly, as ISO 8601: ``01.03.2024`` is 2024-03-01; None if it says none."""
    try:
        at: str | None = datetime.fromisoformat(text).isoformat()
    except ValueError:
        at = _other(text, None)[0]
    return at.partition("T")[0] if at else None


def _time_of(text: str, column: str, is_day_first: bool | None, inferred: Inferred) -> str | None:
    try:
        return datetime.fromisoformat(text).isoformat()
    except ValueError:
        at, how = _other(text, is_day_first)
    if at is None:
        inferred.say(f"column {column!r}: {how if how.startswith('the day') else EXPECTED}; left empty", repr(text))
    else:
        inferred.say(f"column {column!r} {how}", f"{text!r} as {at.removesuffix('T00:00:00')}")
    return at


def _other(text: str, is_day_first: bool | None) -> tuple[str | None, str]:
    """The time in a text that is not ISO 8601, and how it was read; or None and why."""
    if at := time_of(text):
        return at, "was read as a date"
    if match := _MONTH_FIRST.fullmatch(text):
        return time_of(f"{match[2]} {match[1]} {match[3]}{f' {match[4]}' if match[4] else ''}"), "was read as a date"
    if match := _DOTTED.fullmatch(text):
        return _joined(match[3], match[2], match[1], match[4]), "was read with the day first"
    if match := _SLASHED.fullmatch(text):
        if is_day_first is None:
            return None, f"the day and the month cannot be told apart, {EXPECTED}"
        day, month = (match[1], match[2]) if is_day_first else (match[2], match[1])
        order = "day" if is_day_first else "month"
        return _joined(match[3], month, day, match[4]), f"was read with the {order} first, as other cells need it"
    if match := _SERIAL.fullmatch(text):
        seconds = round(float(f"0.{match[2] or 0}") * 86_400)
        day = datetime(1899, 12, 30) + timedelta(days=int(match[1]), seconds=seconds)
        return day.isoformat(), "was read as the number of a day, as spreadsheet programs count them"
    return None, ""


def _joined(year: str, month: str, day: str, clock: str | None) -> str | None:
    return time_of(f"{year}-{month}-{day}{f' {clock}' if clock else ''}")
