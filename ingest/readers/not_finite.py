"""Values that are not finite numbers (nan, inf), in formats that state every value: counted while a file is read, then noted.

In tables of markers an empty cell or nan is a marker that was not seen; quality counts those, and they need no note.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from neurostore.arrays import Bools, Floats
from neurostore.wording import listed

_MOST_NAMES = 5


@dataclass(slots=True)
class NotFinite:
    """What is not finite in the columns of a file.

    names : of the columns (joints, coordinates), may repeat. n : values so far. first_frame : of them, from 0; -1 for none.
    """

    names: Sequence[str]
    n: int = 0
    first_frame: int = -1
    _n_rows: int = 0
    _columns: Bools = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))

    def look(self, rows: Floats) -> None:
        """Count in the next rows (k, len(names)) of the file."""
        with np.errstate(invalid="ignore", over="ignore"):
            is_clean = np.isfinite(rows.sum())  # a sum is not finite if a value is not: a tenth of the time of isfinite
        if not is_clean:
            bad = ~np.isfinite(rows)
            of_columns = bad.any(axis=0)
            if self.first_frame < 0 and of_columns.any():
                self.first_frame = self._n_rows + int(bad.any(axis=1).argmax())
            self.n += int(bad.sum())
            self._columns = of_columns if not len(self._columns) else self._columns | of_columns
        self._n_rows += len(rows)

    def notes(self) -> list[str]:
        """A note that says how many there were, since which frame and where; nothing if all were finite."""
        if not self.n:
            return []
        where = dict.fromkeys(name for name, is_bad in zip(self.names, self._columns, strict=True) if is_bad)
        return [
            "values that are not finite numbers (nan, inf) were taken as missing: "
            f"{self.n:,}, the first in frame {self.first_frame}, of {listed(where, _MOST_NAMES)}"
        ]
