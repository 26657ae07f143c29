"""Labels of markers, joints and channels: their names stay, the parts that name a person are masked letter by letter."""

from __future__ import annotations

import re
from collections.abc import Iterable

from neurostore.ingest.cohort.coding.study import Coder
from neurostore.ingest.cohort.coding.words import unknown_words

_LETTERS = "XYZWVUQJKABCDEFGHIMNOPRST"
_FEWEST = 4
_JOINTED = re.compile(r"^([^:_ .-]+(?:[ _-][^:_ .-]+)*?)([:_ .-])")


class Masks:
    """The masks of one file: each name becomes a run of one letter as long as its bytes, no two names the same letter."""

    def __init__(self, coder: Coder, names: Iterable[str] = ()) -> None:
        self.coder = coder
        self.masks: dict[str, str] = {}
        for name in names:
            self.mask(name)

    def mask(self, name: str) -> str:
        """The mask of a person's name; the same in any case."""
        low = name.strip().lower()
        if not low:
            return name
        self.coder.learn(name)
        if low not in self.masks:
            n = len(self.masks)
            letter = _LETTERS[n % len(_LETTERS)] + (_LETTERS[n // len(_LETTERS)] if n >= len(_LETTERS) else "")
            width = len(name.strip().encode())
            self.masks[low] = (letter * width)[:width]
        return self.masks[low]

    def label(self, label: str) -> str:
        """A label without the people in it: the name before a colon, and each name known so far wherever it stands."""
        prefix, colon, rest = label.rpartition(":")
        if colon and prefix.strip() and not _is_device(prefix):
            return self.mask(prefix) + colon + self._inside(rest)
        return self._inside(label)

    def _inside(self, label: str) -> str:
        low = label.lower()
        for name in sorted(self.masks, key=len, reverse=True):
            at = low.find(name)
            if at >= 0 and (len(name) >= _FEWEST or low.startswith((f"{name}_", f"{name}:")) or low == name):
                part = label[at : at + len(name)]
                label = label[:at] + (self.masks[name])[: len(part.encode())] + label[at + len(name) :]
                low = label.lower()
        for name in sorted(self.coder.seen, key=len, reverse=True):
            if len(name) >= _FEWEST and name in low:
                at = low.find(name)
                label = label[:at] + self.mask(label[at : at + len(name)]) + label[at + len(name) :]
                low = label.lower()
        return label

    def labels(self, labels: list[str]) -> list[str]:
        """Labels of one file: a word before every one of them that may name somebody is masked too."""
        for prefix in _common_prefix(labels):
            if unknown_words(prefix, self.coder.keep):
                self.mask(prefix)
        return [self.label(label) for label in labels]


def _is_device(prefix: str) -> bool:
    """Whether what stands before a colon is a device or a model (``Force plate 1``), or a run of one letter: a mask."""
    return not unknown_words(prefix) or len(set(prefix.lower())) == 1


def _common_prefix(labels: list[str]) -> list[str]:
    """What stands before a sign in every one of several labels, if it is the same everywhere; else nothing."""
    named = [label.strip() for label in labels if label.strip() and not label.strip().startswith("*")]
    if len(named) < _FEWEST:
        return []
    firsts = {m[1] if (m := _JOINTED.match(label)) else "" for label in named}
    return list(firsts) if len(firsts) == 1 and "" not in firsts else []
