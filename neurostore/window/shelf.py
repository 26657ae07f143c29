"""The lake as the window sees it: its newest version, benches with sessions on them, and the cohort's figures.

One shelf serves every browser. The newest version is looked up at most a few times per second, so that what another
process commits appears without a restart.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from neurostore.errors import UsageError
from neurostore.lake import version as lakes
from neurostore.trial_key import Key, key_text
from neurostore.window.bench import Bench, layout
from neurostore.window.cohort import Cohort
from neurostore.window.renewing import Renewal
from neurostore.wording import near

if TYPE_CHECKING:
    from neurostore.lake.version import Version

LOOK_EVERY_S = 0.3
# Columns of trials that pages show; the others (steps, methods, versions of tables) are most of its memory.
_COLUMNS = ("subject", "session", "trial", "ingest_id", "source_path", "source_paths", "source_sha256", "kind", "skeleton",
            "n_frames", "rate_hz", "duration_s", "condition", "position_basis", "notes")  # fmt: skip
N_BENCHES = 2


class Shelf:
    """Opens the lake once for all requests; every method may be called from any thread.

    Parameters
    ----------
    path : the lake. reference : the group that trials are compared with, or None for everybody.
    release : the name of a release, which is shown as it is in place of the newest version.

    Raises
    ------
    NotALakeError, LakeError : as :meth:`neurostore.lake.version.Version.open`. UsageError : no such group.
    """

    def __init__(self, path: object, reference: str | None = None, release: str | None = None):
        self.reference = reference
        self._lake = lakes.open(path, release=release)
        self._is_pinned = release is not None
        self.path = self._lake.path
        self._looked_at = time.monotonic()
        self._lock = threading.Lock()
        self._bench_lock = threading.Condition()
        self._benches: list[Bench] = []
        self._busy: dict[int, tuple[str, str]] = {}  # session for which each busy bench was requested
        self._table: dict[Key, dict[str, Any]] = {}
        self._table_version = -1
        self.cohort = Cohort(self)
        self.renewal = Renewal(self.path)
        self.trials()
        if reference is not None:
            self.cohort.check_group(reference)

    def start(self) -> None:
        """Make the first bench, then compute the cohort's figures, in the background."""
        threading.Thread(target=self._begin, name="neurostore-begin", daemon=True).start()

    def stop(self) -> None:
        """End the background threads."""
        self.cohort.stop()
        self.renewal.stop()

    def _begin(self) -> None:
        lake = self.lake()
        with self._bench_lock:
            if not self._benches:
                self._benches.append(Bench(lake))
            self._bench_lock.notify_all()
        self.cohort.start()

    def lake(self, is_fresh: bool = False) -> Version:
        """The newest version, or the release. is_fresh : look now, for example after writing."""
        if self._is_pinned:
            return self._lake
        with self._lock:
            now = time.monotonic()
            if is_fresh or now - self._looked_at > LOOK_EVERY_S:
                newest = lakes.open(self.path)
                if newest.version != self._lake.version:
                    newest.take_states(self._lake)
                    self._lake = newest
                self._looked_at = now
            return self._lake

    def trials(self) -> dict[Key, dict[str, Any]]:
        """Every trial of the newest version by its key, with the columns of ``trials`` that the pages show."""
        lake = self.lake()
        with self._lock:
            if self._table_version != lake.version:
                rows = lake.trials_table(_COLUMNS).to_pylist()
                self._table = {(r["subject"], r["session"], r["trial"]): r for r in rows}
                self._table_version = lake.version
            return self._table

    def trial(self, key: Key) -> dict[str, Any]:
        """The row of one trial. Raises UsageError if the lake has none of that key."""
        trials = self.trials()
        if key not in trials:
            raise UsageError(
                f"there is no trial {key_text(key)} in this lake; {near(key_text(key), map(key_text, trials))}"
            )
        return trials[key]

    @contextmanager
    def bench(self, subject: str, session: str) -> Iterator[Bench]:
        """A bench that holds this session of the newest version, for the caller alone."""
        lake = self.lake()
        bench = self._taken(lake, (subject, session))
        try:
            bench.load(lake, subject, session)
            yield bench
        finally:
            with self._bench_lock:
                del self._busy[id(bench)]
                self._benches.append(bench)  # the bench used last is at the end
                self._bench_lock.notify_all()

    def _taken(self, lake: Version, session: tuple[str, str]) -> Bench:
        """A bench, no longer free: the session's own, even if it has to be waited for, else the one unused longest.

        Making one takes seconds, so a second one is made only for a session that is requested while the first one is busy.
        """
        with self._bench_lock:
            while True:
                ours = [b for b in self._benches if b.session == session]
                is_at_work = session in self._busy.values()
                if ours or (self._benches and not is_at_work):
                    bench = ours[0] if ours else self._benches[0]
                    self._benches.remove(bench)
                    break
                if len(self._busy) < N_BENCHES and not is_at_work:
                    bench = Bench(lake)
                    break
                self._bench_lock.wait()
            if bench.layout != layout(lake):  # another ingest has declared columns meanwhile
                bench = Bench(lake)
            self._busy[id(bench)] = session
        return bench
