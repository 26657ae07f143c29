"""Whether a person's coordinates are among numbers: In mm, cm or m, as text of at least three decimals or in any binary form."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neurostore.arrays import Floats

N = 3  # consecutive numbers that are searched for
_PLACES = 3  # places in each point that are searched for
_TO_MM = (1.0, 10.0, 1000.0)
_AS_STORED = 2e-4  # tolerance, mm; the resolution of float32 at hip height is finer, in mm and in metres
_AS_TEXT = 6e-4  # tolerance of text with three decimals, mm
_APART = 0.1  # least mm between consecutive numbers, since a point at rest identifies nobody
_NUMBER = re.compile(rb"(?<![A-Za-z0-9_.])-?\d+\.\d+(?:[eE][-+]?\d+)?")
_WITH_COMMA = re.compile(rb"(?<![A-Za-z0-9_.,])-?\d+,\d+(?=[;\t\r\n\"])")


@dataclass(frozen=True, eq=False)
class Coordinates:
    """Triples of consecutive coordinates, of points in frames and over frames.

    triples : (n, 3) mm, in the order of the first.
    """

    triples: Floats = field(default_factory=lambda: np.empty((0, N)))

    @classmethod
    def of(cls, points: Iterable[Floats]) -> Coordinates:
        """The triples to look for, from points (frames, 3) mm."""
        triples = np.array([t for point in points for t in _telling(point)], float).reshape(-1, N)
        return cls(triples[np.argsort(triples[:, 0])])

    def are_among(self, values: np.ndarray[Any, Any], tolerance_mm: float = _AS_STORED) -> bool:
        """Whether any triple stands in a sequence of numbers; arrays are read row by row."""
        flat = np.asarray(values, float).ravel()
        if not len(self.triples) or len(flat) < N:
            return False
        return any(self._follow(flat * unit, tolerance_mm) for unit in _TO_MM)

    def are_in_text(self, content: bytes) -> bool:
        """Whether a text has any triple, as decimals with a point or, in tables of semicolons or tabs, with a comma."""
        if not len(self.triples):
            return False
        written = [_NUMBER.findall(content)]
        if b";" in content or b"\t" in content:
            written.append([n.replace(b",", b".") for n in _WITH_COMMA.findall(content)])
        return any(self.are_among(np.array(numbers, "S").astype(float), _AS_TEXT) for numbers in written if numbers)

    def are_in_bytes(self, content: bytes) -> bool:
        """Whether bytes that are numbers one after another, of 4 or 8 bytes, have any triple."""
        with np.errstate(all="ignore"):
            return any(
                self.are_among(np.frombuffer(content[: len(content) // size * size], f"<f{size}")) for size in (4, 8)
            )

    def _follow(self, values: Floats, tolerance_mm: float) -> bool:
        first = self.triples[:, 0]
        low = np.searchsorted(first, values[: 1 - N] - tolerance_mm)
        high = np.searchsorted(first, values[: 1 - N] + tolerance_mm)
        return any(
            (np.abs(self.triples[low[i] : high[i]] - values[i : i + N]) <= tolerance_mm).all(axis=1).any()
            for i in np.flatnonzero(high > low)
        )


def _telling(point: Floats) -> Iterator[Floats]:
    """A few frames of a point, and one coordinate over as many frames; none of round numbers, or of a point at rest."""
    for first in np.linspace(0, max(len(point) - N, 0), _PLACES).astype(int):
        part = point[first : first + N]
        if part.shape == (N, N):
            yield from (triple for triple in (part[0], part[:, 0]) if _tells(triple))


def _tells(triple: Floats) -> bool:
    hundredths = triple.astype(float) * 100
    has_decimals = (
        bool((np.abs(hundredths - np.round(hundredths)) > 0.02).all()) if np.isfinite(triple).all() else False
    )
    return has_decimals and bool((np.abs(np.diff(triple)) > _APART).all())
