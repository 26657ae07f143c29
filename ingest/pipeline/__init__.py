"""A cohort folder into a lake: scan, plan, read in workers, commit in the parent, report.

Input: a folder, a lake and settings. Output: an IngestReport; the trials are in the lake.
May import: all of ingest, and neurostore.lake and what stands below it.
"""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

from neurostore.errors import CohortError
from neurostore.ingest.cohort.scan import scan
from neurostore.ingest.cohort.source import Cohort
from neurostore.ingest.pipeline.plan import Plan, make_plan
from neurostore.ingest.pipeline.progress import Progress, Silent
from neurostore.ingest.pipeline.report import IngestReport
from neurostore.ingest.pipeline.run import Run
from neurostore.ingest.pipeline.settings import Settings, source_sha256
from neurostore.ingest.pipeline.sides import follow_reviews
from neurostore.ingest.pipeline.state import read_state
from neurostore.ingest.pipeline.workers import RayEngine
from neurostore.wording import listed


def ingest(
    cohort: Path | str | Cohort,
    lake: Path | str,
    settings: Settings | None = None,
    *,
    n_workers: int | None = None,
    force: bool = False,
    dry_run: bool = False,
    consent_renewed: bool = False,
    prune: bool = False,
    engine: RayEngine | str = "local",
    progress: Progress | None = None,
) -> IngestReport:
    """Bring the trials of a cohort folder into a lake, which is made if there is none.

    Trials whose bytes and settings the lake has are skipped; changed ones replaced. What was committed stays, however
    the call ends; a trial is in the lake completely or not at all.

    Parameters
    ----------
    cohort : a folder, or one already scanned.
    n_workers : processes that read; None for one per core (two at least), 1 to read in this process.
    force : read every trial again.
    dry_run : only report what would be done.
    consent_renewed : take people back in who were erased from this lake.
    prune : take trials out of the lake whose files the cohort no longer has, of people who are in the cohort.
    engine : ``local`` processes, or ``ray``: tasks of a cluster that is started here, or of the one that a
        RayEngine names; n_workers is then how many at once (None for one per processor of the cluster).

    Raises
    ------
    CohortError : the folder does not exist, or nothing in it could be read.
    LakeError : the lake cannot be opened or written.
    """
    from neurostore.lake.create import create
    from neurostore.lake.heartbeat import running
    from neurostore.upkeep.erase import finish_erasures

    start = time.monotonic()
    settings = settings or Settings()
    scanned = _scanned(cohort)
    state = read_state(lake)
    plan = make_plan(follow_reviews(scanned, state), state, settings, force=force)
    report = _begun_report(scanned, plan, lake, is_dry_run=dry_run)
    if report.is_dry_run:
        return report
    root = create(lake)
    finish_erasures(root)
    if consent_renewed:
        _lift_tombstones(root, plan)
    ray = RayEngine() if engine == "ray" else engine if isinstance(engine, RayEngine) else None
    with running(root), closing(Run(scanned, state, settings, root, report, progress or Silent(), ray)) as run:
        run.read(plan, n_workers)
        run.renew(plan)
        run.review()
        run.compare_with_folder(prune=prune)
    report.version, report.seconds = run.version, time.monotonic() - start
    if not (report.added or report.replaced or report.skipped or report.updated):
        raise CohortError(_nothing(scanned, report))
    return report


def _scanned(cohort: Path | str | Cohort) -> Cohort:
    """The cohort of a folder, if not scanned already. Raises CohortError if it holds no trial."""
    scanned = cohort if isinstance(cohort, Cohort) else scan(cohort)
    if not scanned.trials and not scanned.refused:
        if (scanned.folder / "_neurostore" / "lake.json").exists():
            raise CohortError(f"{scanned.folder}: is a lake; expected a cohort folder (cohort/<subject>/<trial>.<ext>)")
        names = listed((p.name for p in scanned.unknown), 5) or "no file"
        raise CohortError(f"{scanned.folder}: has no trial (found {names}); expected <subject>/<trial>.<ext>")
    return scanned


def _begun_report(cohort: Cohort, plan: Plan, lake: Path | str, *, is_dry_run: bool) -> IngestReport:
    """What is known before anything is read; for a dry run, the whole report."""
    report = IngestReport(
        failed=[*cohort.refused, *plan.failed],
        skipped=[plan.keys[id(s)] for s in plan.unchanged if plan.keys[id(s)] not in plan.updates],
        renamed=cohort.renamed,
        unknown=cohort.unknown,
        warnings=cohort.warnings,
        lake=str(lake),
        is_dry_run=is_dry_run,
    )
    if is_dry_run:
        report.added = [s.key for s in plan.new]
        report.replaced = [s.key for s in plan.changed]
        report.updated = list(plan.updates)
    return report


def _lift_tombstones(root: str, plan: Plan) -> None:
    from neurostore.lake import tombstones

    if tombstones.read(root).stones:
        tombstones.lift(root, [(s.key[0], source_sha256(s)) for s in plan.to_read])


def _nothing(cohort: Cohort, report: IngestReport) -> str:
    problems = "\n  ".join(str(e) for e in report.failed)
    return f"{cohort.folder}: nothing could be read, so no trial was added to {report.lake}\n  {problems}"
