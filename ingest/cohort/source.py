"""What a cohort folder says about its trials: the types that the scan returns and the tables fill."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from neurostore.errors import InputError
from neurostore.ingest.cohort.tables import Value
from neurostore.ingest.readers import VIDEO_SUFFIXES
from neurostore.ingest.recording import Calibration, ReadOptions

KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(slots=True)
class TrialSource:
    """One trial before it is read. ``paths[0]`` is the file with positions, if any.

    ``exclude`` is why trials.tsv leaves the trial out, None where it does not. ``is_subject_known`` is False for a file
    directly in the folder that no table names: the subject is then what the file itself says, else ``subject``.
    ``metadata`` are the further columns of the lake's trials table.
    """

    subject: str
    session: str
    trial: str
    paths: tuple[Path, ...]
    options: ReadOptions = field(default_factory=ReadOptions)
    metadata: dict[str, str | float | None] = field(default_factory=dict)
    is_subject_known: bool = True
    exclude: str | None = None
    n_bytes: int = 0

    @property
    def key(self) -> tuple[str, str, str]:
        """Subject, session and trial."""
        return (self.subject, self.session, self.trial)

    @property
    def n_videos(self) -> int:
        """How many videos the trial has: those of its cameras, or itself."""
        return len(self.options.views) or int(self.is_video)

    @property
    def is_video(self) -> bool:
        """Whether the first file is a video."""
        return self.paths[0].suffix.lower() in VIDEO_SUFFIXES


# Columns of the lake's trials that tables and cohort.toml state, not the recording.
STATED = ("condition", "acq_time", "session_order")
_OWN_SUBJECT = ("subject", "group", "sex", "age", "height_m", "mass_kg", "affected_side")


@dataclass(slots=True)
class Metadata:
    """Rows of participants.tsv by subject, and the body measures the tables state."""

    participants: dict[str, dict[str, Value]] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    measures: dict[tuple[str, str], tuple[Calibration, ...]] = field(default_factory=dict)

    def subject_row(self, subject: str) -> dict[str, Value]:
        """The row of the lake's subjects table; all but the key None where participants.tsv does not name it."""
        named = _named(self.participants, "sub-", subject)
        return {"subject": subject, **dict.fromkeys((*_OWN_SUBJECT[1:], *self.columns)), **(named or {})}

    def calibrations(self, subject: str, session: str) -> tuple[Calibration, ...]:
        """Body measures of a subject's session; those of the session come before those of the subject."""
        calibrations = {(c.parameter, c.side): c for c in self.measures.get((bare(subject), ""), ())}
        calibrations |= {(c.parameter, c.side): c for c in self.measures.get((bare(subject), bare(session)), ())}
        return tuple(calibrations.values())


@dataclass(slots=True)
class Cohort:
    """What :func:`scan` found. ``refused`` trials are not in ``trials``; unknown files and warnings are not fatal.

    ``ignored`` are the files, relative to the folder, that cohort.toml says to ignore.
    """

    folder: Path
    trials: list[TrialSource] = field(default_factory=list)
    metadata: Metadata = field(default_factory=Metadata)
    unknown: list[Path] = field(default_factory=list)
    renamed: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    refused: list[InputError] = field(default_factory=list)
    ignored: set[str] = field(default_factory=set)

    @property
    def subjects(self) -> list[dict[str, str | float | None]]:
        """A row of the lake's subjects table for every subject with a trial here."""
        return [self.metadata.subject_row(s) for s in sorted({t.subject for t in self.trials})]

    def relative(self, path: Path) -> str:
        """A path relative to the cohort's folder, with forward slashes."""
        return path.relative_to(self.folder).as_posix()


def key_from(name: str) -> str:
    """The key made of a name: what a key cannot have becomes _, at most 64 characters; '' where nothing is left."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", name).lstrip("_-")[:64]


def bare(key: str) -> str:
    """A key without the prefix BIDS gives it: tables name subjects and sessions with or without."""
    return key.removeprefix("sub-").removeprefix("ses-")


def _named(rows: dict[str, dict[str, Value]], prefix: str, key: str) -> dict[str, Value] | None:
    return rows.get(key) or rows.get(prefix + key) or rows.get(key.removeprefix(prefix))
