"""Labels that name their side in another language or another place than L and R: ``SIAS_G``, ``genou droit``, ``ASISDX``, ``KNEEL``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

_SEPARATORS = " _.-"
_WORDS = (
    (("links", "linke", "linker", "linkes", "li", "lks"), ("rechts", "rechte", "rechter", "rechtes", "re", "rts")),
    (("gauche",), ("droite", "droit")),
    (("sinistra", "sinistro", "sx"), ("destra", "destro", "dx")),
    (("izquierda", "izquierdo", "izq", "izda", "izdo"), ("derecha", "derecho", "der", "dcha", "dcho")),
    (("esquerda", "esquerdo", "esq"), ("direita", "direito", "dir")),
    (("lt", "lft"), ("rt", "rgt")),
)
_LETTERS = tuple(((left,), ("d",)) for left in "gsie")  # gauche, sinistra, izquierda, esquerda
_JOINED = (
    (("sx",), ("dx",)),
    *_LETTERS,
    (("l",), ("r",)),
)
_LEAST_PAIRS = 3
_LEAST_JOINED = 4
_SHORTEST = 3  # letters of a name from which a joined letter may be taken away


@lru_cache(maxsize=64)  # the files of a laboratory have the same labels
def in_letters(labels: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    """The labels with L or R in front of those whose sides are named otherwise, and a note ('' where none is).

    A way of naming the sides is recognised by three pairs or more: two labels that differ by it alone. Where nothing
    separates the side from the name, four pairs, and more than there are of L and R in front.
    """
    usual = _pairs(labels, ("l", "left"), ("r", "right"), at_end=False)
    ways = [(*sides, at_end, True, _LEAST_PAIRS) for sides in (*_WORDS, *_LETTERS) for at_end in (False, True)]
    ways += [(*sides, True, False, max(_LEAST_JOINED, len(usual) // 2 + 1)) for sides in _JOINED]
    for left, right, at_end, is_apart, least in ways:
        changed = _pairs(labels, left, right, at_end=at_end, is_apart=is_apart)
        if len(changed) >= 2 * least:
            first = list(changed)[:4]
            note = f"sides are read from the labels as in {', '.join(f'{name} as {changed[name]}' for name in first)}"
            return tuple(changed.get(label, label) for label in labels), note
    return labels, ""


def _pairs(
    labels: Sequence[str], left: Sequence[str], right: Sequence[str], *, at_end: bool, is_apart: bool | None = None
) -> dict[str, str]:
    """Labels that exist for both sides in this way, and what they are with L or R in front.

    is_apart : whether something separates the side from the name; None for either.
    """
    sided = {
        (letter, rest.lower()): (label, f"{letter}{rest}")
        for label in labels
        for letter, words in (("L", left), ("R", right))
        for rest in _rests(label, words, at_end=at_end, is_apart=is_apart)
    }
    return {
        label: name for (letter, rest), (label, name) in sided.items() if ("R" if letter == "L" else "L", rest) in sided
    }


def _rests(label: str, words: Sequence[str], *, at_end: bool, is_apart: bool | None) -> Iterator[str]:
    """The label without a word of the side, if it has one there."""
    lower = label.lower()
    for word in words:
        if len(lower) != len(label) or not (lower.endswith(word) if at_end else lower.startswith(word)):
            continue
        rest = label[: -len(word)] if at_end else label[len(word) :]
        bare = rest.strip(_SEPARATORS)
        edges = (rest[-1:], label[-len(word)]) if at_end else (label[len(word) - 1], rest[:1])
        changes_case = edges[0].islower() and edges[1].isupper()
        fits = len(bare) < len(rest) or changes_case if is_apart else len(bare) == len(rest) and len(bare) >= _SHORTEST
        if bare and (fits or is_apart is None):
            yield bare
            return
