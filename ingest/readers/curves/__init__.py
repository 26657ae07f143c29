"""Curves of angles over the gait cycle (CSV, text, MAT of published data sets), as cohort.toml states them in [curves].

Input: a file and its statement. Output: the Recording of one person's session: curves of 101 points in degrees, with
our signs. One file may hold many people: ``members`` lists them. May import: recording, and neurostore's normative,
errors, wording and sql.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from neurostore.errors import InputError
from neurostore.ingest.readers.curves.layout import Curve, curves_of
from neurostore.ingest.readers.curves.matlab import read_matlab
from neurostore.ingest.readers.curves.plausible import check_range, check_unit, notes_on_signs
from neurostore.ingest.readers.curves.statement import Statement, statement_of
from neurostore.ingest.readers.curves.text import read_text
from neurostore.ingest.recording import ReadOptions, Recording, SourceCurve, Step
from neurostore.wording import counted

VERSION = 1
SUFFIXES = frozenset({".csv", ".tsv", ".txt", ".mat"})


def members(path: Path, stated: dict[str, Any]) -> list[tuple[str, str]]:
    """(subject, session) of everyone the file has curves of, as it names them; '' if it names none.

    Raises
    ------
    InputError : the file is not what the statement says.
    """
    curves, _ = _curves_in(path, stated)
    return list(dict.fromkeys((curve.subject, curve.session) for curve in curves))


def read(path: Path, options: ReadOptions) -> Recording:
    """Read the curves of one person's session: ``options.member`` (``subject/session``), or the only one.

    Raises
    ------
    InputError : the file is not what the statement says, its unit cannot be the stated one, or a curve is beyond any joint.
    """
    statement = statement_of(options.curves)
    curves, notes = _curves_in(path, options.curves)
    subject, _, session = (options.member or "/").partition("/")
    own = [c for c in curves if (c.subject, c.session) == (subject, session)]
    if not own:
        raise InputError(path, f"has no curve of {subject or 'a person without a name'}")
    check_range(path, own)
    sign_notes = notes_on_signs(own)
    n_given = sorted({c.n_given for c in own} - {101})
    if n_given:
        given = " and ".join(map(str, n_given))
        notes = [*notes, f"curves of {given} points were brought to 101 by linear interpolation"]
    sides = sum(1 for _ in {(c.side, c.cycle) for c in own})
    notes = [f"{counted(sides, 'gait cycle')} as curves; there are no points, events or times", *notes, *sign_notes]
    return Recording(
        kind="curves",
        rate_hz=0.0,
        poses=[],
        length_basis="none",
        subject=subject or None,
        curves=[
            SourceCurve(
                c.source_name, c.angle, c.side, c.cycle, c.n_cycles, statement.model, statement.recorded_by, c.values
            )
            for c in own
        ],
        steps=[Step("read_curves", VERSION, {"unit": statement.unit, "model": statement.model})],
        notes=notes,
        quality={"curves_against_norm": float(len(sign_notes))},
    )


def _curves_in(path: Path, stated: dict[str, Any]) -> tuple[tuple[Curve, ...], list[str]]:
    try:
        stamp = path.stat()
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror or error}") from None
    curves, notes = _parsed(path, stamp.st_mtime_ns, stamp.st_size, statement_of(stated))
    return curves, list(notes)


@lru_cache(maxsize=2)  # a file with many people is read again for each of them
def _parsed(path: Path, mtime_ns: int, size: int, statement: Statement) -> tuple[tuple[Curve, ...], tuple[str, ...]]:
    notes: list[str] = []
    table = (read_matlab if path.suffix.lower() == ".mat" else read_text)(path, statement, notes)
    curves = curves_of(path, table, statement, notes)
    check_unit(path, curves, statement.unit)
    return tuple(curves), tuple(notes)
