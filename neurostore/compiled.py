"""Compile kernels with numba, with a cache on disk, so that a new process loads instead of compiling."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal

from numba import njit


def kernel(
    function: Callable[..., Any], *, error_model: Literal["python", "numpy"] = "python", sources: str = ""
) -> Any:
    """``numba.njit`` without the GIL, with the compiled code cached where some cache folder can be written.

    numba refuses to decorate at all when neither the package's folder, NUMBA_CACHE_DIR nor the user's cache folder is
    writable (a read-only installation without a home); then the kernel is compiled once per process.

    Parameters
    ----------
    error_model : ``python`` (division by zero raises) or ``numpy`` (it gives inf or NaN).
    sources : hash of the files whose kernels this one calls. numba drops a cached function when its own file has
        changed, not when a function that it calls has; with a hash it is dropped when the hash changes.
    """
    try:
        compiled = njit(nogil=True, cache=True, error_model=error_model)(function)
    except RuntimeError:  # numba found no folder to cache in
        return njit(nogil=True, error_model=error_model)(function)
    file: Any = getattr(getattr(compiled, "_cache", None), "_cache_file", None)
    if sources and hasattr(file, "_source_stamp"):
        file._source_stamp = (file._source_stamp, sources)
    return compiled


def hash_of(files: Iterable[Path]) -> str:
    """Hash of files of kernels, for ``sources`` of :func:`kernel`."""
    return hashlib.sha256(b"".join(file.read_bytes() for file in sorted(files))).hexdigest()
