"""Compile kernels with numba, with a cache on disk, so that a new process loads instead of compiling."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, Literal

from numba import njit
from numba.core.options import DefaultOptions


def kernel(
    function: Callable[..., Any],
    *,
    error_model: Literal["python", "numpy"] = "python",
    sources: str = "",
    counts_references: bool = True,
) -> Any:
    """``numba.njit`` without the GIL, with the compiled code cached where some cache folder can be written.

    numba refuses to decorate at all when neither the package's folder, NUMBA_CACHE_DIR nor the user's cache folder is
    writable (a read-only installation without a home); then the kernel is compiled once per process.

    Parameters
    ----------
    error_model : ``python`` (division by zero raises) or ``numpy`` (it gives inf or NaN).
    sources : hash of the files whose kernels this one calls. numba drops a cached function when its own file has
        changed, not when a function that it calls has; with a hash it is dropped when the hash changes.
    counts_references : whether numba counts references to the arrays that the function uses. Counting is atomic and takes
        longer than the arithmetic of a small function with many arrays. A function can do without if it makes no array
        and calls none that does; numba refuses to compile others.
    """
    options: dict[str, Any] = {"nogil": True, "error_model": error_model}
    if not counts_references and hasattr(DefaultOptions, "_nrt"):
        options["_nrt"] = False  # has no public name
    try:
        compiled = njit(cache=True, **options)(function)
    except RuntimeError:  # numba found no folder to cache in
        return njit(**options)(function)
    file: Any = getattr(getattr(compiled, "_cache", None), "_cache_file", None)
    if hasattr(file, "_source_stamp"):
        if sources:
            file._source_stamp = (file._source_stamp, sources)
        file.save = partial(_save, file)
    return compiled


def _save(file: Any, key: Any, data: Any) -> None:
    """Store the code of one signature in a file of its own, named after the signature and the sources.

    numba numbers these files by what the index lists. Two processes that compile different signatures at the same time
    take the same number, and the one that is listed last may be given the code of the other: float64 read as float32.
    Here the later of two indexes only forgets the other's code, which is then compiled once more.

    file : numba's IndexDataCacheFile. key : signature, processor and hash of the function. data : what numba stores.
    """
    overloads = file._load_index()
    name = hashlib.sha256(repr((file._source_stamp, key)).encode()).hexdigest()[:16]
    overloads[key] = file._data_name_pattern.replace("{number:d}", name)
    file._save_data(overloads[key], data)
    file._save_index(overloads)
    folder = Path(file._cache_path)
    for path in folder.glob(file._data_name_pattern.replace("{number:d}", "*")):
        if path.name not in overloads.values():
            path.unlink(missing_ok=True)


def hash_of(files: Iterable[Path]) -> str:
    """Hash of files of kernels, for ``sources`` of :func:`kernel`."""
    return hashlib.sha256(b"".join(file.read_bytes() for file in sorted(files))).hexdigest()
