"""One ingest at work: trials are read in workers, staged, and committed in the parent."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from neurostore.errors import InputError
from neurostore.ingest.cohort.source import Cohort, TrialSource
from neurostore.ingest.pipeline.batch import Batch, BatchResult, Outcome, calibrations_for, of_session
from neurostore.ingest.pipeline.plan import LakeState, Plan, make_batches
from neurostore.ingest.pipeline.progress import Progress
from neurostore.ingest.pipeline.report import IngestReport
from neurostore.ingest.pipeline.settings import Settings, Statics
from neurostore.ingest.pipeline.workers import InProcess, Pool, RayEngine, TrialEnded
from neurostore.trial_key import Key, key_text
from neurostore.wording import listed

if TYPE_CHECKING:
    from neurostore.ingest.pipeline.ray_pool import RayPool
    from neurostore.lake.commit import Staged

_COMMIT_EVERY_S = 5.0
_COMMIT_TRIALS = 500
_ROUNDS = 3  # a static trial may calibrate another static trial, which calibrates the rest
_SMALL_BYTES = 10_000_000  # with less, starting a process costs more than it saves


class Run:
    """One ingest at work: what is staged and not committed, and what is known of static trials by now."""

    def __init__(
        self,
        cohort: Cohort,
        state: LakeState,
        settings: Settings,
        lake: str,
        report: IngestReport,
        progress: Progress,
        ray: RayEngine | None = None,
    ):
        self.ray = ray
        self.cohort, self.state, self.settings, self.lake = cohort, state, settings, lake
        self.report, self.progress = report, progress
        self.statics: Statics = {key: dict(measured) for key, measured in state.statics.items()}
        self.version: int | None = None
        self._staged: list[Staged] = []
        self._outcomes: list[Outcome] = []
        self._done: dict[Key, Outcome] = {}
        self._committed = time.monotonic()
        self._pause = _COMMIT_EVERY_S
        self._pool: InProcess | Pool | RayPool | None = None

    def read(self, plan: Plan, n_workers: int | None) -> None:
        """Read the trials; then read those again that were computed before their static or functional trial was known."""
        sources = plan.to_read
        if self.ray is not None and sources:
            from neurostore.ingest.pipeline.ray_pool import RayPool

            self._pool = RayPool(n_workers, self.ray.address)
            n_workers = self._pool.n_workers
        n = n_workers or max(2, os.cpu_count() or 1)
        n_bytes = sum(s.n_bytes for s in sources)
        for _ in range(_ROUNDS):
            if not sources:
                break
            batches = make_batches(sources, self.cohort, self.statics, self.lake, self.settings, n)
            if self._pool is None:
                if any(s.is_video for s in sources):
                    from neurostore.ingest.video.estimate import processes_that_fit

                    n = min(n, processes_that_fit(self.settings.estimator, self.settings.estimator_options))
                is_small = n == 1 or n_bytes < _SMALL_BYTES or len(sources) == 1
                self._pool = InProcess() if is_small else Pool(min(n, len(batches)))
            self._run(batches)
            sources = self._stale(plan)

    def _run(self, batches: list[Batch]) -> None:
        assert self._pool is not None
        sources = [s for b in batches for s in b.sources]
        self.progress.begin(len(sources), sum(s.n_bytes for s in sources))
        try:
            for event in self._pool.run(batches):
                if isinstance(event, TrialEnded):
                    self.progress.advance(event.label, event.n_bytes)
                    self.report.n_bytes += event.n_bytes
                else:
                    self._take(event)
                self._commit_if_due()
        finally:
            self._commit()

    def _take(self, result: BatchResult) -> None:
        accepted = []
        for outcome in result.outcomes:
            if outcome.error is not None:
                self.report.failed.append(outcome.error)
                continue
            rival = self._done.get(outcome.key)
            if rival is not None and rival.source.paths != outcome.source.paths:
                where = key_text(outcome.key)
                problem = f"{rival.source.paths[0].name} is already the trial {where}; rename one of them"
                self.report.failed.append(InputError(outcome.source.paths[0], problem))
                continue
            accepted.append(outcome)
            self._done[outcome.key] = outcome
            kept = of_session((outcome.row or {}).get("kind", ""), outcome.calibrations)
            kept = tuple(c for c in kept if c.source != "participants")
            if kept:
                self.statics.setdefault(outcome.key[:2], {})[outcome.key[2]] = kept
        if result.staged is not None:
            ids = {(o.row or {})["ingest_id"] for o in accepted}
            rows = tuple(row for row in result.staged.rows if row["ingest_id"] in ids)
            self._staged.append(replace(result.staged, rows=rows))
        self._outcomes += accepted

    def _stale(self, plan: Plan) -> list[TrialSource]:
        """Trials whose session has a static trial that they were computed without."""
        candidates = [(o.source, key, (o.row or {})["settings_sha256"]) for key, o in self._done.items()]
        for source in plan.unchanged:
            key = plan.keys[id(source)]
            if key not in self._done:
                candidates.append((source, key, self.state.rows[key]["settings_sha256"]))
        stale = []
        for source, key, used in candidates:
            if key[:2] in self.statics:
                given = calibrations_for(key, self.cohort.metadata, self.statics, with_body=self.settings.body)
                if self.settings.sha256(source, given) != used:
                    stale.append(source)
        return stale

    def renew(self, plan: Plan) -> None:
        """Write what the tables now say about trials and subjects whose poses stay as they are."""
        changes = {key: news for key, news in plan.updates.items() if key not in self._done}
        if changes:
            from neurostore.lake.commit import renew_trials

            self.version = renew_trials(self.lake, changes, message=f"tables of {self.cohort.folder.name}")
        self.report.updated += list(changes)
        subjects = self._subject_rows({key[0] for key in self.state.rows})
        if subjects:
            from neurostore.lake.commit import commit

            self.version = commit(self.lake, subjects=subjects, message=f"tables of {self.cohort.folder.name}")
        if self.version is None:
            from neurostore.lake.version import open as open_lake

            self.version = open_lake(self.lake).version

    def review(self) -> None:
        """Record the exclusions of trials.tsv and cohort.toml that the lake does not have yet, and undo those that are gone."""
        from neurostore import reviews
        from neurostore.lake.version import open as open_lake

        lake = open_lake(self.lake)
        trials = lake.trials_table()
        columns = ("subject", "session", "trial", "source_path")
        rows = list(zip(*(trials[c].to_pylist() for c in columns), strict=True))
        there = {row[:3] for row in rows}
        here = {s.key for s in self.cohort.trials} & there
        ignored = {row[:3]: "ignore = true" for row in rows if row[3] in self.cohort.ignored and row[:3] not in here}
        decisions = reviews.of_tables(lake, {s.key: s.exclude for s in self.cohort.trials if s.key in there})
        decisions += reviews.of_tables(lake, {**dict.fromkeys(here), **ignored}, reviews.CONFIG)
        if decisions:
            self.version = reviews.decide(self.lake, decisions)
            for one in decisions:
                where = key_text((one["subject"], one["session"], one["trial"]))
                self.report.warnings.append(f"{one['reviewer']} {one['action']}s {where}: {one['reason']}")

    def compare_with_folder(self, *, prune: bool) -> None:
        """Report (and with prune remove) trials whose files the folder no longer has; report the same bytes and lost bodies."""
        from neurostore.lake.version import open as open_lake

        columns = ("subject", "session", "trial", "source_sha256", "source_path")
        table = open_lake(self.lake).trials_table()
        rows = list(zip(*(table[c].to_pylist() for c in columns), strict=True))
        here = {s.key for s in self.cohort.trials} | set(self._done)
        people = {key[0] for key in here}
        failed = {str(error.path) for error in self.report.failed}
        gone = [
            row[:3]
            for row in rows
            if (row[0] in people or row[4] in self.cohort.ignored)
            and row[:3] not in here
            and str(self.cohort.folder / row[4]) not in failed
        ]
        ignored = {row[:3] for row in rows if row[4] in self.cohort.ignored}
        if gone and prune:
            from neurostore.lake.commit import commit

            self.version = commit(self.lake, removed=gone, message=f"no longer in {self.cohort.folder.name}")
            self.report.warnings.append(
                f"removed, because their files are no longer in the cohort or are ignored: {listed(map(key_text, gone))}"
            )
        else:
            self._say_gone("no longer in the cohort", [key for key in gone if key not in ignored])
            self._say_gone("excluded, as cohort.toml ignores their files", [key for key in gone if key in ignored])
        self._say_lost_bodies()
        same: dict[str, dict[str, Key]] = {}
        for row in rows:
            if not (prune and row[:3] in gone):
                same.setdefault(row[3], {})[row[4]] = row[:3]
        for files in same.values():
            if len(files) > 1:
                self.report.warnings.append(
                    f"{len(files)} trials have identical files: {listed(map(key_text, files.values()))}; each is counted separately"
                )

    def _say_lost_bodies(self) -> None:
        """Report trials whose body is gone, because they were read again without one being asked for."""
        if self.settings.body:
            return
        lost = [
            key for key in self._done if dict((self.state.rows.get(key) or {}).get("table_rows") or ()).get("body_fit")
        ]
        if lost:
            self.report.warnings.append(
                f"read again without --body, so their fitted body is gone: {listed(map(key_text, lost))}; "
                "`neurostore body apply` fits one"
            )

    def _say_gone(self, what: str, keys: list[Key]) -> None:
        if keys:
            sentence = f"in the lake but {what}: {listed(map(key_text, keys))}; --prune removes them"
            self.report.warnings.append(sentence)

    def _subject_rows(self, subjects: Iterable[str]) -> list[dict[str, Any]]:
        """Rows of subjects of this cohort that the lake has not, or has otherwise."""
        here = {s.subject for s in self.cohort.trials} | {key[0] for key in self._done}
        rows = [self.cohort.metadata.subject_row(s) for s in sorted(set(subjects) & here)]
        changed = []
        for row in rows:
            name = str(row["subject"])
            have = self.state.subjects.get(name)
            if have is None or any(have.get(column) != value for column, value in row.items()):
                changed.append({**dict.fromkeys(have or ()), **row})
                self.state.subjects[name] = row
        return changed

    def _commit_if_due(self) -> None:
        is_long_ago = time.monotonic() - self._committed > self._pause
        if self._outcomes and (is_long_ago or len(self._outcomes) >= _COMMIT_TRIALS):
            self._commit()

    def _commit(self) -> None:
        """Make what is staged part of the lake. The pause to the next grows with what a commit costs."""
        if not self._outcomes:
            return
        from neurostore.lake.commit import commit

        start = time.monotonic()
        outcomes, staged = self._outcomes, self._staged
        self._outcomes, self._staged = [], []
        subjects = self._subject_rows({o.key[0] for o in outcomes})
        refused: dict[Key, InputError] = {}
        self.version = commit(
            self.lake,
            staged,
            subjects=subjects or None,
            message=f"ingest {self.cohort.folder.name}",
            on_refused=refused.update,
        )
        self.report.failed += refused.values()
        for outcome in outcomes:
            if outcome.key not in refused:
                self._count(outcome)
        self._committed = time.monotonic()
        self._pause = max(_COMMIT_EVERY_S, 10 * (self._committed - start))

    def _count(self, outcome: Outcome) -> None:
        key = outcome.key
        for counted in (self.report.added, self.report.replaced):
            if key in counted:  # read a second time, with its static trial
                return
        if key in self.report.skipped:
            self.report.skipped.remove(key)
        (self.report.replaced if key in self.state.rows else self.report.added).append(key)

    def close(self) -> None:
        """End the progress and the workers."""
        self.progress.end()  # after errors too, because a progress bar hides the terminal's cursor
        if self._pool is not None:
            self._pool.close()
