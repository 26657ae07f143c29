"""The key of a trial, and how messages name it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

#: (subject, session, trial); session is "" where the subject has none
Key: TypeAlias = tuple[str, str, str]


def key_text(key: Iterable[str | None]) -> str:
    """A key as its folders would be written: ``S01/walk`` or ``S01/post/walk``."""
    return "/".join(part for part in key if part)
