"""Types of NumPy arrays by what they hold, for annotations.

Shapes and units are stated in docstrings; these names say only the kind of number, of any size: ``Floats`` is float32 or float64.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[np.integer[Any]]
Bools = npt.NDArray[np.bool_]
#: Pictures (height, width, colours).
Pixels = npt.NDArray[np.uint8]
#: Of any kind: text, objects, records, or whatever a caller gave.
Array = npt.NDArray[Any]
