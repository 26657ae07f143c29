"""Words for messages: foreign text made safe to show, and names similar to one that does not exist.

A terminal obeys control characters, whatever their origin.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence

MOST = 8

# Control characters C0 and C1 except tab and newline, line and paragraph separators, marks that change the direction of
# writing, and halves of surrogate pairs.
_OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    r"""The text with every control character of a terminal written out: ESC as ``\x1b``."""
    return _OBEYED.sub(lambda match: ascii(match[0])[1:-1], text)


def and_more(items: Sequence[str], n_shown: int = MOST, what: str = "") -> list[str]:
    """The first items, and where there are more, a last one that says how many: ``and 12 more``.

    what : words after the number, such as ``lines that are not numbers``.
    """
    n_left = len(items) - n_shown
    return [*items[:n_shown], f"and {n_left} more{f' {what}' if what else ''}"] if n_left > 0 else list(items)


def counted(n: int, what: str) -> str:
    """A number of things: ``1 trial``, ``2,000 trials``. what : the word for one."""
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def listed(names: Iterable[str], n_shown: int = MOST) -> str:
    """Names for a sentence, and how many more there are: ``a, b`` or ``a, b and 12 more``."""
    names = list(names)
    n_left = len(names) - n_shown
    return ", ".join(names[:n_shown]) + (f" and {n_left} more" if n_left > 0 else "")


def near(name: str, names: Iterable[str]) -> str:
    """The names most similar to one, or if there are none, the first few: ``similar: walk_01``, ``there are: a, b and 12 more``."""
    known = sorted(set(names))
    if not known:
        return "there are none"
    folded = {n.lower(): n for n in known}
    like = [folded[n] for n in difflib.get_close_matches(name.lower(), list(folded), n=5, cutoff=0.5)]
    like += [n for n in known if name.lower() in n.lower() and n not in like][: MOST - len(like)]
    some = like or known[:MOST]
    more = f" and {len(known) - len(some)} more" if len(known) > len(some) else ""
    return f"{'similar' if like else 'there are'}: {', '.join(some)}{more}"


def rows_of(text: str) -> list[str]:
    """Rows of a table in a text file, which end at a line feed or a carriage return alone.

    str.splitlines would also end them at U+2028, U+2029, U+0085, vertical tabs and form feeds, which people paste into
    cells.
    """
    plain = text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n")
    return plain.split("\n") if plain else []


def is_whole(text: str) -> bool:
    """Whether a text is a whole number from 0, such as ``int`` takes: digits 0 to 9, at most 18 of them.

    str.isdigit also takes ``²``, which no number is made of, and more digits than ``int`` reads.
    """
    return 0 < len(text) <= 18 and text.isascii() and text.isdigit()
