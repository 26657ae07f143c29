"""Names near one that is not there, for messages."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

MOST = 8


def near(name: str, names: Iterable[str]) -> str:
    """The names most like one, or where none is, the first few: ``near it: walk_01``, ``there are: a, b and 12 more``."""
    known = sorted(set(names))
    if not known:
        return "there are none"
    folded = {n.lower(): n for n in known}
    like = [folded[n] for n in difflib.get_close_matches(name.lower(), list(folded), n=5, cutoff=0.5)]
    like += [n for n in known if name.lower() in n.lower() and n not in like][: MOST - len(like)]
    some = like or known[:MOST]
    more = f" and {len(known) - len(some)} more" if len(known) > len(some) else ""
    return f"{'near it' if like else 'there are'}: {', '.join(some)}{more}"
