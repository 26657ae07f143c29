"""The process that answers one locked question: ``python -m neurostore.lake.locked_child``, a JSON object on standard input.

DuckDB looks at its limits between vectors of rows, not inside a function: ``repeat('x', 4000000000)``, a DTW of two
lists of a million values or the planning of an enormous query escape them. Here the operating system limits memory,
and an alarm whose default action ends the process limits time. The answer is ``R`` and an Arrow stream, or ``E`` and
JSON; no answer means that a limit was met.
"""

from __future__ import annotations

import io
import json
import os
import signal
import sys

from neurostore import child_process, errors

HEADROOM_BYTES = 1 << 30  # memory for code, thread stacks and the result that is sent


def main() -> None:
    """Read the question, answer it on standard output."""
    asked = json.load(sys.stdin)
    answers = os.fdopen(os.dup(1), "wb")
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    child_process.end_with_parent()
    try:
        answer = b"R" + _answer(**asked)
    except errors.NeurostoreError as error:
        answer = b"E" + json.dumps([type(error).__name__, str(error)]).encode()
    answers.write(answer)
    answers.flush()
    os._exit(0)  # do not wait for the threads of a stopped query


def _answer(
    path: str,
    version: int | None,
    release: str | None,
    text: str,
    time_limit_s: float,
    memory_limit_mb: int,
    row_limit: int,
) -> bytes:
    from neurostore.lake import locked
    from neurostore.lake import version as lake

    opened = lake.open(path, version, release)
    with opened.connect_in_one_query(text) as connection:
        locked.lock(connection, opened, memory_limit_mb)
        child_process.limit_memory(2 * memory_limit_mb * 2**20 + HEADROOM_BYTES)
        signal.setitimer(signal.ITIMER_REAL, 1.2 * time_limit_s + 0.5)  # the interrupt in answer() comes first
        try:
            rows = locked.answer(connection, text, time_limit_s, memory_limit_mb, row_limit)
        except MemoryError:
            raise errors.UsageError(locked.too_much(memory_limit_mb)) from None
        signal.setitimer(signal.ITIMER_REAL, 0)
        content = io.BytesIO()
        rows.write_ipc_stream(content)
        return content.getvalue()


if __name__ == "__main__":
    main()
