"""Curves in MAT files: matrices of points by curves, named by the path of their variable (``Kin.Knee.Sagittal``)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from neurostore.arrays import Floats
from neurostore.errors import InputError
from neurostore.ingest.readers.curves.layout import LEAST_POINTS, RawCurve
from neurostore.ingest.readers.curves.statement import SIDES, Statement
from neurostore.wording import listed

_USUAL = (101, 51, 100, 1001, 201)  # numbers of points, most likely first


def read_matlab(path: Path, statement: Statement, notes: list[str]) -> Iterator[RawCurve]:
    """Every curve of the stated variables of a MAT file (versions 4 to 7.2).

    Raises
    ------
    InputError : it is of version 7.3 or no MAT file, a stated variable is absent, or a matrix has no side of points.
    """
    content = _load(path)
    if statement.each is None:
        yield from _curves_in(path, content, statement, "")
        return
    people = _at(content, statement.each)
    people = people if isinstance(people, list) else list(np.atleast_1d(np.asarray(people, object)))
    if not people or not all(isinstance(person, dict) for person in people):
        raise InputError(path, f"[curves] each = {statement.each!r} is not a struct array; {_there(content)}")
    for number, person in enumerate(people, start=1):
        yield from _curves_in(path, person, statement, str(number))


def _load(path: Path) -> dict[str, Any]:
    from scipy.io import loadmat

    try:
        content: dict[str, Any] = loadmat(path, simplify_cells=True)
    except NotImplementedError:
        raise InputError(
            path, "is a MAT file of version 7.3 (HDF5), which is not read; save it in MATLAB with save(name, '-v7')"
        ) from None
    except Exception as error:  # scipy raises many kinds of errors for truncated or other files
        raise InputError(path, f"cannot be read as a MAT file: {error}") from None
    return {name: value for name, value in content.items() if not name.startswith("__")}


def _curves_in(path: Path, content: dict[str, Any], statement: Statement, number: str) -> Iterator[RawCurve]:
    if not statement.angles:
        raise InputError(path, f"no variable is stated in [curves.angles] of cohort.toml; {_there(content)}")
    for name, _ in statement.angles:
        matrix = _matrix(path, content, name, statement)
        subjects = _labels(path, content, statement.subject, len(matrix), number)
        sessions = _labels(path, content, statement.session, len(matrix), "")
        is_side = statement.side is not None and statement.side.lower() in SIDES
        side = statement.side or ""
        sides = [side] * len(matrix) if is_side else _labels(path, content, statement.side, len(matrix), "")
        cycles = _labels(path, content, statement.cycle, len(matrix), "")
        counts = [statement.n_cycles] * len(matrix)
        if isinstance(statement.n_cycles, str):
            counts = [max(int(float(n)), 1) for n in _labels(path, content, statement.n_cycles, len(matrix), "1")]
        for i, values in enumerate(matrix):
            cycle = cycles[i] if statement.cycle else None
            yield RawCurve(name, subjects[i], sessions[i], sides[i], cycle, int(counts[i]), None, values)


def _matrix(path: Path, content: dict[str, Any], name: str, statement: Statement) -> Floats:
    """A stated variable as (curves, points)."""
    value = _at(content, name)
    if value is None:
        raise InputError(path, f"has no variable {name!r}; {_there(content)}")
    try:
        matrix = np.atleast_2d(np.asarray(value, np.float64))
    except (TypeError, ValueError):
        raise InputError(path, f"{name} is not a matrix of numbers") from None
    if matrix.ndim != 2:
        shape = " x ".join(map(str, matrix.shape))
        raise InputError(path, f"{name} is {shape}; expected a matrix of points by curves: save each angle as one")
    rows, columns = matrix.shape
    axis = {"rows": 0, "columns": 1}.get(statement.points or "")
    if axis is None and 1 in (rows, columns):
        axis = 0 if columns == 1 else 1
    if axis is None:
        usual = [n for n in _USUAL if n in (rows, columns)]
        if not usual or rows == columns:
            raise InputError(
                path,
                f'{name} is {rows} x {columns}: which side are the points? State points = "rows" or "columns" in [curves]',
            )
        axis = (rows, columns).index(usual[0])
    matrix = matrix.T if axis == 0 else matrix
    if matrix.shape[1] < LEAST_POINTS:
        raise InputError(path, f"{name} has {matrix.shape[1]} points; expected 101, at least {LEAST_POINTS}")
    return matrix


def _labels(path: Path, content: dict[str, Any], name: str | None, n: int, default: str) -> list[str]:
    """The text of each curve in a stated variable: one for all, or one per curve."""
    if name is None:
        return [default] * n
    value = _at(content, name)
    if value is None:
        raise InputError(path, f"has no variable {name!r}; {_there(content)}")
    given = [_text(v) for v in np.atleast_1d(np.asarray(value, object)).ravel()]
    if len(given) not in (1, n):
        raise InputError(path, f"{name} has {len(given)} entries; expected 1 or {n}, one per curve")
    return given * n if len(given) == 1 else given


def _text(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def _at(content: Any, dotted: str) -> Any:
    for part in dotted.split("."):
        content = content.get(part) if isinstance(content, dict) else None
    return content


def _there(content: dict[str, Any]) -> str:
    """The variables that are matrices, in words."""

    def names(value: Any, before: str) -> Iterator[str]:
        for name, inner in value.items():
            if isinstance(inner, dict):
                yield from names(inner, f"{before}{name}.")
            else:
                yield f"{before}{name}"

    there = list(names(content, ""))
    return f"there are {listed(there, 10)}" if there else "there is none"
