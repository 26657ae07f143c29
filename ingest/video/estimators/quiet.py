"""Native libraries write start-up messages straight to file descriptor 2; they are kept off the user's terminal."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import threading
from collections.abc import Iterator

_one_at_a_time = threading.RLock()


@contextlib.contextmanager
def native_stderr_held() -> Iterator[None]:
    """Hold back what is written to file descriptor 2 meanwhile; if the block raises, it is let out.

    For short blocks only (an import, the building of a graph): Python's own writes to stderr are held too.
    """
    with _one_at_a_time, contextlib.ExitStack() as stack:
        try:
            kept = os.dup(2)
        except OSError:  # there is no stderr
            yield
            return
        stack.callback(os.close, kept)
        held = stack.enter_context(tempfile.TemporaryFile())
        with contextlib.suppress(Exception):
            sys.stderr.flush()
        os.dup2(held.fileno(), 2)
        failed = True
        try:
            yield
            failed = False
        finally:
            with contextlib.suppress(Exception):
                sys.stderr.flush()
            os.dup2(kept, 2)
            if failed:
                held.seek(0)
                os.write(2, held.read())
