"""Types of NumPy arrays for annotations, and a reader for arrays in files that may come from anybody.

Shapes and units are stated in docstrings; these names say only the kind of number, of any size: ``Floats`` is float32
or float64.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[np.integer[Any]]
Bools = npt.NDArray[np.bool_]
#: Images (height, width, colours).
Pixels = npt.NDArray[np.uint8]
#: Of any kind: text, objects, records, or whatever a caller gave.
Array = npt.NDArray[Any]


def runs_of(is_so: Bools) -> tuple[Ints, Ints]:
    """Start and stop (k,) of each run of True in (n,); the stop is the first index after the run."""
    edges = np.flatnonzero(np.diff(is_so, prepend=False, append=False))
    return edges[::2], edges[1::2]


def read_array(file: Path | BinaryIO) -> Array:
    """The array of a ``.npy`` file; pickled objects are not read.

    Raises
    ------
    ValueError : the file holds no array. NumPy reads the header as Python and raises errors of many kinds.
    OSError : it cannot be read at all. MemoryError : it contains, or claims to contain, more than fits into memory.
    """
    try:
        values = np.load(file, allow_pickle=False)
    except (OSError, MemoryError):
        raise
    except Exception as error:
        raise ValueError(str(error)) from None
    if not isinstance(values, np.ndarray):
        values.close()
        raise ValueError("it is an archive of arrays (.npz)")
    return values
