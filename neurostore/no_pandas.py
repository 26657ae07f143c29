"""Keep pandas out of a process that does not use it: pyarrow loads it only to see whether a list is one of its series.

That takes 0.4 s of processor time, as long as everything else that a command loads.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


class _NoPandas:
    def find_spec(self, name: str, *place: object) -> None:
        if name == "pandas":
            raise ModuleNotFoundError("pandas is not used in this process", name=name)


@contextmanager
def kept_out() -> Iterator[None]:
    """Let `import pandas` fail in here, as where it is not installed; nothing changes where it is loaded already."""
    finder = _NoPandas()
    sys.meta_path.insert(0, finder)  # type: ignore[arg-type]
    try:
        yield
    finally:
        sys.meta_path.remove(finder)  # type: ignore[arg-type]
