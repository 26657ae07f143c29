"""A command that works shows it on a terminal after a while, and never between the lines of what it writes."""

from __future__ import annotations

import io
import sys
import time
from contextlib import contextmanager

import pytest

from neurostore import progress, sign_of_life


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True

    def wait_for(self, text: str, seconds: float = 10.0) -> None:
        end = time.monotonic() + seconds
        while text not in self.getvalue():
            assert time.monotonic() < end, self.getvalue()
            time.sleep(0.005)


@pytest.fixture
def terminal(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sign_of_life, "QUIET_S", 0.02)
    monkeypatch.setattr(sign_of_life, "_EVERY_S", 0.005)
    monkeypatch.delenv("TERM", raising=False)
    return terminal


@contextmanager
def shown_on(terminal):
    """The line of the command on this terminal; pytest replaces sys.stderr between fixture and test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stderr", terminal)
        with sign_of_life.shown():
            yield
        assert sys.stderr is terminal


def test_a_quiet_command_shows_what_it_does_and_how_far_it_is(terminal):
    with shown_on(terminal):
        for _ in progress.counting(["a", "b"], "reading files"):
            pass
        terminal.wait_for(" reading files, 1 of 2, 0 s")
        print("done", file=sys.stderr)
    assert terminal.getvalue().endswith("\r\x1b[Kdone\n")  # the line is removed before the message
    progress.tell("nobody listens")


def test_a_question_is_not_written_over(terminal):
    with shown_on(terminal):
        print("a bar\n\x1b[?25h", end="", file=sys.stderr)
        terminal.wait_for(" working, 0 s")
        terminal.truncate(0)
        terminal.seek(0)
        print("Erase S01? [y/N]: ", end="", file=sys.stderr)
        time.sleep(0.1)
        assert terminal.getvalue().endswith("Erase S01? [y/N]: ")  # and nothing after it
        progress.tell("erasing")  # the answer was given
        terminal.wait_for(" erasing, 0 s")


def test_nothing_is_shown_where_stderr_is_no_terminal(terminal, monkeypatch):
    monkeypatch.setattr(terminal, "isatty", lambda: False)
    with shown_on(terminal):
        progress.tell("reading files")
        time.sleep(0.1)
    assert terminal.getvalue() == ""
