"""The progress of an ingest as lines of JSON, for programs that watch it: one object per line, with time, event and level."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from neurostore.errors import NeurostoreError
    from neurostore.ingest.pipeline.report import IngestReport


class JsonLines:
    """Progress as JSON: ``begin``, ``trial`` for each trial read, and what :func:`log_report` adds."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def begin(self, n_trials: int, n_bytes: int) -> None:
        """Write the first line: number of trials and bytes."""
        write(self._stream, "begin", n_trials=n_trials, n_bytes=n_bytes)

    def advance(self, label: str, n_bytes: int) -> None:
        """Write a line for a finished trial."""
        write(self._stream, "trial", trial=label, n_bytes=n_bytes)

    def end(self) -> None:
        """The closing lines say the rest."""


def log_report(report: IngestReport, stream: TextIO) -> None:
    """The closing lines: everything that was renamed, refused or warned of, and last the counts."""
    for source, key in report.renamed:
        write(stream, "renamed", source=str(source), key=key)
    for path in report.unknown:
        write(stream, "not_a_trial", path=str(path))
    for warning in report.warnings:
        write(stream, "warning", "warning", message=str(warning))
    for error in report.failed:
        write(stream, "failed", "error", path=error.path, problems=list(error.problems))
    counts: dict[str, Any] = {f"n_{name}": n for name, n in report.counts().items()}
    write(
        stream,
        "end",
        lake=report.lake,
        version=report.version,
        seconds=round(report.seconds, 3),
        n_bytes=report.n_bytes,
        is_dry_run=report.is_dry_run,
        **counts,
    )


def log_fatal(error: NeurostoreError, stream: TextIO) -> None:
    """The only line of an ingest that could do nothing."""
    write(stream, "fatal", "error", kind=type(error).__name__, message=str(error))


def write(stream: TextIO, event: str, level: str = "info", **content: Any) -> None:
    """One line."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    print(json.dumps({"time": now, "level": level, "event": event, **content}, default=str), file=stream, flush=True)
