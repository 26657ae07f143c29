"""Store the results of the views for new and changed sessions after an ingest."""

from __future__ import annotations

from neurostore.errors import LakeError
from neurostore.ingest.pipeline.report import IngestReport


def store_results(report: IngestReport, n_workers: int | None = None) -> None:
    """Store the results of every session where they are missing or out of date, and say so in the report.

    The trials are in the lake whether this works or not: an error becomes a warning.
    """
    from neurostore.upkeep.refresh import refresh

    if report.is_dry_run:
        return
    try:
        report.n_results = refresh(report.lake, n_workers=n_workers).n_trials
    except LakeError as error:
        again = f"`neurostore refresh --lake {report.lake}` stores them"
        report.warnings.append(f"results were not stored: {error}; {again}")
