"""Compile kernels with numba, kept on disk so that a fresh worker process pays a load, not a compile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """``numba.njit`` with the compiled code cached, or without where no folder can be written.

    numba refuses to decorate at all when neither the package's folder, NUMBA_CACHE_DIR nor the user's cache folder is
    writable (a read-only installation without a home); then the kernel is compiled once a process.
    """
    try:
        return njit(cache=True, nogil=True)(function)  # type: ignore[no-any-return]
    except RuntimeError:
        return njit(nogil=True)(function)  # type: ignore[no-any-return]
