"""Stored results renewed after decisions, when nobody has decided anything for a while."""

from __future__ import annotations

import logging
import threading

from neurostore.errors import LakeError
from neurostore.lake.results import are_kept
from neurostore.lake.version import open as open_lake
from neurostore.upkeep.refresh import refresh

QUIET_S = 30.0  # waiting time after the last decision, so that a reviewer at work is not slowed down
_log = logging.getLogger("neurostore.results")


class Renewal:
    """Renews the results of a lake QUIET_S after the last decision, and at the end where that has not come yet.

    Where the results of many trials are out of date, it leaves them to `neurostore refresh`.
    """

    def __init__(self, path: str):
        self._path = path
        self._lock = threading.Lock()
        self._at_work = threading.Lock()
        self._timer: threading.Timer | None = None

    def ask(self) -> None:
        """A decision was stored."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = threading.Timer(QUIET_S, self._on_time)
            self._timer.daemon = True
            self._timer.start()

    def stop(self) -> None:
        """Renew what is still to be renewed, and wait for what is at work."""
        with self._lock:
            waiting, self._timer = self._timer, None
        if waiting is not None:
            waiting.cancel()
            self._renew()
        with self._at_work:
            pass

    def _on_time(self) -> None:
        with self._lock:
            if self._timer is not threading.current_thread():  # there was another decision, or the window was closed
                return
            self._timer = None
        self._renew()

    def _renew(self) -> None:
        with self._at_work:
            try:
                if not are_kept(self._path):
                    return
                results = open_lake(self._path).results()
                if results.is_usable and results.stale:
                    refresh(self._path, n_workers=1)
            except LakeError as error:
                _log.warning("results were not renewed: %s; `neurostore refresh` stores them", error)
