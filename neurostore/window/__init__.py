"""The window: look at a cohort and its trials in a browser, compare them, and record decisions.

Input: a lake and, for decisions, a reviewer's code. Output: pages on 127.0.0.1 for whoever has the
token, and decisions in the table ``reviews`` (`neurostore.reviews`). `guard` decides who may ask, `shelf` holds what
is shown, `app` has the routes; the pages are plain ES modules beside them. May import: api, ingest, report and what is
below them.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from neurostore.errors import LakeError, MissingExtraError, UsageError
from neurostore.release import how_to_install

__all__ = ["serve"]

HOST = "127.0.0.1"


def serve(
    lake: object,
    *,
    reviewer: str | None = None,
    reference: str | None = None,
    cohort: Path | None = None,
    release: str | None = None,
    port: int = 0,
    say: Callable[[str], None] = print,
) -> None:
    """Show a lake in the browser until interrupted.

    Parameters
    ----------
    lake : its folder, or ``s3://bucket/prefix``.
    reviewer : code that decisions are stored under; None shows only.
    reference : group that trials are compared with; None is everybody.
    cohort : folder with the source videos. release : name of a release to show, without decisions. port : 0 takes a free one. say : receives the address with its token.

    Raises
    ------
    MissingExtraError : starlette or uvicorn is not installed. NotALakeError, LakeError : as `neurostore.open`.
    UsageError : the reviewer, group or folder cannot be, or the port is taken.
    """
    try:
        import uvicorn
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"neurostore serve needs {error.name}: {how_to_install('app')}") from None
    from neurostore.window import app
    from neurostore.window.shelf import Shelf

    if cohort is not None and not cohort.is_dir():
        raise UsageError(f"{cohort}: no such folder; --cohort is the folder that the trials were read from")
    check_reviewer(reviewer)
    if release is not None and reviewer is not None:
        raise UsageError(
            "a release does not change, so no decision can be stored on it; leave out --release to review, or --reviewer to look"
        )
    shelf = Shelf(lake, reference, release)
    if reviewer is not None:
        check_writable(shelf.path)
    with _listening(port) as listener:
        port = listener.getsockname()[1]
        token = secrets.token_urlsafe(24)
        window = app.Window(shelf, reviewer, cohort)
        guarded = app.build(window, token, (f"{HOST}:{port}", f"localhost:{port}"))
        config = uvicorn.Config(
            guarded, log_level="warning", access_log=False, server_header=False, ws="none", lifespan="off",
            timeout_graceful_shutdown=2,
        )  # fmt: skip
        shelf.start()
        say(f"http://{HOST}:{port}/?token={token}")
        try:
            uvicorn.Server(config).run(sockets=[listener])
        finally:
            shelf.stop()


def check_reviewer(reviewer: str | None) -> None:
    """Raise UsageError for a reviewer's code that is not a short one of letters and digits."""
    from neurostore.schema import KEY

    if reviewer is not None and not KEY.fullmatch(reviewer):
        raise UsageError(f"--reviewer is {reviewer!r}; expected a code of letters, digits, _ and -, such as R1")


def check_writable(root: str) -> None:
    """Raise LakeError if decisions could not be stored in the lake."""
    import os

    from neurostore import storage

    if not storage.is_remote(root) and not all(os.access(Path(root) / d, os.W_OK) for d in ("", "trials")):
        raise LakeError(f"{root}: this user may not write here; leave out --reviewer to look only")


def _listening(port: int) -> Any:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(128)  # from now on a browser waits and is not refused
    except OSError as error:
        listener.close()
        raise UsageError(
            f"port {port} cannot be used ({error.strerror}); choose another, or leave --port out"
        ) from None
    return listener
