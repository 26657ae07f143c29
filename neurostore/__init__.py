"""Neurostore: the open lakehouse for human movement.

>>> import neurostore
>>> neurostore.__version__
'0.1.0'

Input: the path of a lake. Output: a Lake: `open` and `Lake` are those of neurostore.api, which is imported when first
asked for. May import: api and release.
"""

from __future__ import annotations

import importlib
from typing import Any

from neurostore.release import VERSION as __version__

# Public name -> module that holds it. Loaded on first use, so that importing neurostore costs nothing.
_PUBLIC = {
    "open": "neurostore.api",
    "Lake": "neurostore.api",
    "DistanceMatrix": "neurostore.distances",
    "NeurostoreError": "neurostore.errors",
    "dtw": "neurostore.dtw",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'neurostore' has no attribute {name!r}")
    module = importlib.import_module(_PUBLIC[name])
    return module if name == "dtw" else getattr(module, name)


def __dir__() -> list[str]:
    return sorted(__all__)
