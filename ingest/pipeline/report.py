"""What an ingest did: the report that the command prints."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from neurostore.errors import InputError
from neurostore.trial_key import Key


@dataclass(slots=True)
class IngestReport:
    """What an ingest did. Keys are (subject, session, trial); ``failed`` names each trial that is not in the lake."""

    added: list[Key] = field(default_factory=list)
    replaced: list[Key] = field(default_factory=list)
    skipped: list[Key] = field(default_factory=list)
    updated: list[Key] = field(default_factory=list)
    failed: list[InputError] = field(default_factory=list)
    renamed: list[tuple[str, str]] = field(default_factory=list)
    unknown: list[Path] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    lake: str = ""
    version: int | None = None
    n_bytes: int = 0
    seconds: float = 0.0
    n_results: int = 0  # trials whose results were stored
    is_dry_run: bool = False

    @property
    def exit_code(self) -> int:
        """Exit status: 1 if an input failed, else 0."""
        return 1 if self.failed else 0

    def counts(self) -> dict[str, int]:
        """Number of trials by outcome."""
        return {
            "in": len(self.added),
            "replaced": len(self.replaced),
            "skipped": len(self.skipped),
            "renewed": len(self.updated),
            "failed": len(self.failed),
        }

    def summary(self) -> str:
        """One line about the whole ingest."""
        if self.is_dry_run:
            return f"a dry run: nothing was written to {self.lake}"
        done = f"{self.n_bytes / 1e6:.1f} MB in {self.seconds:.1f} s" if self.n_bytes else f"{self.seconds:.1f} s"
        return f"lake {self.lake}, version {self.version}: {done}"
