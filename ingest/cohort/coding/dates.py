"""Dates as files and tables write them, moved by a number of days in the same form."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import date, datetime, timedelta

ISO = re.compile(r"(\d{4}-\d{2}-\d{2})(?:([T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)(Z|[+-]\d{2}:?\d{2})?)?")
OTHER = re.compile(
    r"\d{1,2}[./-]\d{1,2}[./-](\d{2}|\d{4})|\d{4}[./]\d{1,2}[./]\d{1,2}|(19|20)\d{2}(0[1-9]|1[0-2])[0-3]\d"
)
_MONTH = r"(?:jan|feb|mar|apr|ma[iy]|jun|jul|aug|sep|o[ck]t|nov|de[cz])[a-z]*"
#: a date in a name or a text: year first (groups y, m, d), or one with an uncertain order or with words
IN_TEXT = re.compile(
    r"(?<!\d)(?:(?P<y>(?:19|20)\d{2})(?P<sep>[-_./]?)(?P<m>0[1-9]|1[0-2])(?P=sep)(?P<d>0[1-9]|[12]\d|3[01])"
    r"|(?P<d2>0?[1-9]|[12]\d|3[01])\.(?P<m2>0?[1-9]|1[0-2])\.(?P<y2>(?:19|20)\d{2})"
    rf"|(?P<other>\d{{1,2}}[-_./]\d{{1,2}}[-_./](?:\d{{4}}|\d{{2}})|\d{{1,2}}[-_. ]?{_MONTH}[-_. ]?(?:\d{{4}}|\d{{2}})"
    rf"|{_MONTH}[-_. ]?\d{{1,2}},?[-_. ]+\d{{4}}|\d{{4}}[-_. ]?{_MONTH}[-_. ]?\d{{1,2}}))(?!\d)",
    re.IGNORECASE,
)


def moved_iso(value: str, days: int) -> str | None:
    """A whole date, with or without a time, moved; '' for one that does not exist; None if the text is not a date."""
    match = ISO.fullmatch(value)
    if not match:
        return None
    try:
        moved = date.fromisoformat(match[1]) + timedelta(days=days)
        if match[2]:
            datetime.fromisoformat(value.replace("Z", "+00:00"))
    except (ValueError, OverflowError):
        return ""
    return moved.isoformat() + (match[2] or "") + (match[3] or "")


def moved_match(match: re.Match[str], days: int) -> str | None:
    """A match of IN_TEXT moved in its own form; None if its order of day and month is not certain."""
    year_first = match["y"] is not None
    if match["other"] is not None:
        return None
    year, month, day = (match["y"], match["m"], match["d"]) if year_first else (match["y2"], match["m2"], match["d2"])
    try:
        moved = date(int(year), int(month), int(day)) + timedelta(days=days)
    except (ValueError, OverflowError):
        return None
    if year_first:
        return match["sep"].join((f"{moved.year:04d}", f"{moved.month:02d}", f"{moved.day:02d}"))
    return f"{moved.day:0{len(day)}d}.{moved.month:0{len(month)}d}.{moved.year:04d}"


_CLOCKS = ((8e8, 2.5e9, 86_400), (8e11, 2.5e12, 86_400_000))  # seconds and milliseconds since 1970, for 1995 to 2049


def moved_clock(value: float, days: int) -> float | None:
    """Seconds or milliseconds since 1970, moved by days; None for a number that is no such clock."""
    for least, most, per_day in _CLOCKS:
        if least < value < most:
            return value + days * per_day
    return None


def moved_column(block: bytes, column: int, separator: bytes, days: int) -> tuple[bytes, bool]:
    """Rows of numbers whose clock in one column is moved; and whether that column is such a clock."""
    rows = block.split(b"\n")
    out, is_clock = [], False
    for row in rows:
        cells = row.split(separator)
        with suppress(ValueError, IndexError):
            text = cells[column].strip()
            moved = moved_clock(float(text), days)
            if moved is not None:
                digits = len(text.partition(b".")[2])
                cells[column], is_clock = f"{moved:.{digits}f}".encode(), True
        out.append(separator.join(cells) if is_clock else row)
    return (b"\n".join(out), True) if is_clock else (block, False)


def spoken(text: str) -> list[str]:
    """Every date in a text, as written there."""
    return [match[0] for match in IN_TEXT.finditer(text)]
