"""The date that a file states: read if it is unambiguous, stored as a step of the trial.

An ``acq_time`` in the tables of the cohort takes precedence. A video's creation_time is only noted, because exporting or
copying a video changes it.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

from neurostore.ingest.recording import Step

STEP = "recorded_at"
VERSION = 1
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_CLOCK = r"(?:[T ]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?)?"
_YEAR_FIRST = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})" + _CLOCK + r"Z?")
_MONTH_NAMED = re.compile(r"(\d{1,2})[-/. ]([A-Za-z]{3})[a-z]*[-/. ](\d{4})" + _CLOCK)
_OF_C = re.compile(r"[A-Za-z]{3} ([A-Za-z]{3}) +(\d{1,2}) (\d{1,2}):(\d{2}):(\d{2})(?:\.\d+)? (\d{4})")
_FIRST_YEAR = 1970  # no C3D file is older


def time_of(text: str) -> str | None:
    """A date, or a date and time, as ISO 8601; None if it can be read in two ways (03/04/2020) or not at all."""
    text = text.strip()
    if match := _YEAR_FIRST.fullmatch(text):
        year, month, day, *clock = (int(x or 0) for x in match.groups())
    elif match := _MONTH_NAMED.fullmatch(text):
        day, month, year = int(match[1]), _month(match[2]), int(match[3])
        clock = [int(x or 0) for x in match.groups()[3:]]
    elif match := _OF_C.fullmatch(text):
        month, day, year = _month(match[1]), int(match[2]), int(match[6])
        clock = [int(x) for x in match.groups()[2:5]]
    else:
        return None
    try:
        hour, minute, second = clock
        at = datetime(year, month, day, hour, minute, second)
    except ValueError:
        return None
    return at.isoformat() if _FIRST_YEAR <= at.year <= datetime.now(UTC).year else None


def of_milliseconds(text: str) -> str | None:
    """Milliseconds since 1970 (UTC) as ISO 8601 without a zone; None if the text is no such number."""
    if not re.fullmatch(r"\d{9,14}", text.strip()):
        return None
    return datetime.fromtimestamp(int(text) / 1000, UTC).replace(tzinfo=None, microsecond=0).isoformat()


def step(at: str, field: str) -> Step:
    """The step that keeps it. field : where the file says so, such as ``TRIAL:DATE``."""
    return Step(STEP, VERSION, {"acq_time": at, "field": field})


def kept(steps: str | None) -> str | None:
    """The time in the steps of a stored trial (JSON), None if its file stated none."""
    if not steps or f'"{STEP}"' not in steps:
        return None
    return next((s["parameters"]["acq_time"] for s in json.loads(steps) if s["name"] == STEP), None)


def _month(name: str) -> int:
    return _MONTHS.index(name.lower()) + 1 if name.lower() in _MONTHS else 0
