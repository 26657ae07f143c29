"""A line on the terminal that shows a command at work: after two seconds without output, with the time and what is done.

It is written to stderr if that is a terminal, and removed before anything else is written. A command that draws a
progress bar of its own, asks a question or writes messages is not disturbed.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from neurostore import progress

QUIET_S = 2.0
_EVERY_S = 0.25
_SPINNER, _PLAIN_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "|/-\\"
_ERASE = "\r\x1b[K"
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")  # such as what shows the cursor again after a progress bar


class _Line:
    """The line, drawn by a thread of its own. stream : the terminal."""

    def __init__(self, stream: Any):
        self._stream = stream
        is_unicode = "utf" in str(getattr(stream, "encoding", "")).lower()
        self._spinner = _SPINNER if is_unicode else _PLAIN_SPINNER
        self._lock = threading.RLock()
        self._began = self._wrote = time.monotonic()
        self._is_shown, self._is_at_start, self._n_drawn = False, True, 0
        self._what, self._n_done, self._n_all = "working", 0, 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="neurostore-sign-of-life", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        with self._lock:
            self._erase()

    def listen(self, what: str, n_done: int, n_all: int) -> None:
        """Take what the work tells of its progress. A question that was asked before has been answered."""
        self._what, self._n_done, self._n_all = what, n_done, n_all
        self._is_at_start = True

    @contextmanager
    def writing(self, text: str | bytes) -> Iterator[None]:
        """Remove the line while something else is written."""
        with self._lock:
            self._erase()
            yield
            self._wrote = time.monotonic()
            shown_text = _CONTROL.sub("", text.decode("latin-1") if isinstance(text, bytes) else text)
            if shown_text:
                self._is_at_start = shown_text.endswith("\n")

    def _run(self) -> None:
        while not self._stop.wait(_EVERY_S):
            with self._lock:
                if self._is_at_start and time.monotonic() - self._wrote >= QUIET_S and not self._stop.is_set():
                    self._draw()

    def _draw(self) -> None:
        done = f" {self._n_done:,} of {self._n_all:,}," if self._n_all else ""
        mark = self._spinner[self._n_drawn % len(self._spinner)]
        text = f"{mark} {self._what},{done} {time.monotonic() - self._began:.0f} s"
        self._n_drawn += 1
        self._is_shown = True
        self._put(f"\r{text[: shutil.get_terminal_size().columns - 1]}\x1b[K\r")

    def _erase(self) -> None:
        if self._is_shown:
            self._is_shown = False
            self._put(_ERASE)

    def _put(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):  # the terminal has gone
            self._stop.set()


class _Watched:
    """A stream before whose writes the line is removed; its ``buffer`` is watched too."""

    def __init__(self, stream: Any, line: _Line):
        self._stream, self._line = stream, line
        self.buffer: Any = _Watched(stream.buffer, line) if hasattr(stream, "buffer") else None

    def write(self, text: Any) -> Any:
        with self._line.writing(text):
            return self._stream.write(text)

    def writelines(self, lines: Any) -> None:
        for text in lines:
            self.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def shown() -> Iterator[None]:
    """Show the line while a command works, if stderr is a terminal that can erase a line."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield
        return
    line, own = _Line(sys.stderr), (sys.stdout, sys.stderr)
    watched: list[Any] = [_Watched(stream, line) if stream.isatty() else stream for stream in own]
    sys.stdout, sys.stderr = watched
    line.start()
    try:
        with progress.listening(line.listen):
            yield
    finally:
        sys.stdout, sys.stderr = own
        line.stop()
