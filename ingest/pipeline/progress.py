"""How an ingest reports progress: a bar on a terminal, plain lines elsewhere, and a table at the end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from neurostore.progress import tell
from neurostore.trial_key import key_text
from neurostore.wording import and_more, counted, printable

if TYPE_CHECKING:
    from neurostore.ingest.pipeline.report import IngestReport


class Progress(Protocol):
    """What the pipeline reports. n_bytes are of source files."""

    def begin(self, n_trials: int, n_bytes: int) -> None:
        """Start with the number of trials and bytes to read."""

    def advance(self, label: str, n_bytes: int) -> None:
        """Count a finished trial."""

    def end(self) -> None:
        """Finish."""


class Silent:
    """Says nothing."""

    def begin(self, n_trials: int, n_bytes: int) -> None:
        """Nothing."""

    def advance(self, label: str, n_bytes: int) -> None:
        """Nothing."""

    def end(self) -> None:
        """Nothing."""


class Telling:
    """Tells :mod:`neurostore.progress`."""

    def __init__(self) -> None:
        self._n_done = self._n_all = 0

    def begin(self, n_trials: int, n_bytes: int) -> None:
        """Start with the number of trials and bytes to read."""
        self._n_done, self._n_all = 0, n_trials
        tell("reading trials", 0, n_trials)

    def advance(self, label: str, n_bytes: int) -> None:
        """Count a finished trial."""
        self._n_done += 1
        tell("reading trials", self._n_done, self._n_all)

    def end(self) -> None:
        """Finish."""
        tell("judging trials")


class Lines:
    """A plain line every ``every_s`` seconds, for logs and pipes."""

    def __init__(self, stream: TextIO, every_s: float = 5.0):
        self._stream, self._every_s = stream, every_s
        self._n_trials = self._n_bytes = self._done = self._done_bytes = 0
        self._start = self._said = 0.0

    def begin(self, n_trials: int, n_bytes: int) -> None:
        """Start with the number of trials and bytes to read."""
        self._n_trials, self._n_bytes, self._done, self._done_bytes = n_trials, n_bytes, 0, 0
        self._start = self._said = time.monotonic()
        print(f"reading {counted(n_trials, 'trial')}, {n_bytes / 1e6:.1f} MB", file=self._stream, flush=True)

    def advance(self, label: str, n_bytes: int) -> None:
        """Count a finished trial."""
        self._done += 1
        self._done_bytes += n_bytes
        now = time.monotonic()
        if now - self._said < self._every_s:
            return
        self._said = now
        rate = self._done_bytes / (now - self._start)
        left = (self._n_bytes - self._done_bytes) / rate if rate else 0.0
        line = f"{self._done} of {self._n_trials} trials, {rate / 1e6:.1f} MB/s, {left:.0f} s left, last {label}"
        print(printable(line), file=self._stream, flush=True)

    def end(self) -> None:
        """The closing table says the rest."""


class Bar:
    """A bar with rate and time left on a terminal."""

    def __init__(self, console: Any):
        from rich.progress import (
            BarColumn,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )
        from rich.progress import Progress as RichProgress

        columns = (
            BarColumn(),
            TextColumn("{task.fields[done]} of {task.fields[trials]} trials"),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.description}", markup=False),
        )
        self._bar = RichProgress(*columns, console=console, transient=True)
        self._task: Any = None
        self._done = 0

    def begin(self, n_trials: int, n_bytes: int) -> None:
        """Start with the number of trials and bytes to read."""
        self._done = 0
        if self._task is None:
            self._bar.start()
        else:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task("", total=n_bytes, done=0, trials=n_trials)

    def advance(self, label: str, n_bytes: int) -> None:
        """Count a finished trial."""
        self._done += 1
        self._bar.update(self._task, advance=n_bytes, description=label, done=self._done)

    def end(self) -> None:
        """Finish."""
        self._bar.stop()


def print_report(report: IngestReport, console: Any, *, n_shown: int = 20) -> None:
    """The closing table: what was ingested, and the names of everything that was not or was changed."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    def say(title: str, items: list[str]) -> None:
        for item in and_more(items, n_shown):
            console.print(Text(printable(f"{title}: {item}")), soft_wrap=True)

    say("renamed", [f"{source} is {key} in the lake" for source, key in report.renamed])
    say("not a trial", [str(path) for path in report.unknown])
    say("warning", report.warnings)
    for error in report.failed:  # all are printed, because each names a trial that is not in the lake
        console.print(Text(printable(f"failed: {error}")), soft_wrap=True)
    if report.is_dry_run:
        say("would go in", [key_text(key) for key in report.added])
        say("would be replaced", [key_text(key) for key in report.replaced])
        say("would be renewed", [key_text(key) for key in report.updated])
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    counts = report.counts()
    for name in counts:
        table.add_column(name, justify="right")
    table.add_row(*(str(n) for n in counts.values()))
    console.print(table)
    console.print(Text(report.summary()), soft_wrap=True)
