"""Text of strangers, safe to show: a terminal obeys control characters wherever they come from."""

from __future__ import annotations

import re

# C0 and C1 but tab and newline; marks that turn the direction of writing; halves of surrogate pairs
_OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """The text with every character that a terminal would obey spelled out: ESC as ``\\x1b``."""
    return _OBEYED.sub(lambda found: ascii(found[0])[1:-1], text)
