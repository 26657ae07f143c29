"""What a cohort folder says about its trials: the types that the scan returns and the tables fill."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from neurostore.errors import InputError
from neurostore.ingest.cohort.tables import Value
from neurostore.ingest.readers import READERS, VIDEO_SUFFIXES, suffix_of
from neurostore.ingest.recording import Calibration, ReadOptions

KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(slots=True)
class TrialSource:
    """One trial before it is read. ``paths[0]`` is the file with positions, if any.

    ``exclude`` is why trials.tsv leaves the trial out, None if it does not. ``is_subject_known`` is False for a file
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
OWN_SUBJECT = ("subject", "group", "sex", "age", "height_m", "mass_kg", "affected_side")


@dataclass(slots=True)
class Metadata:
    """Rows of participants.tsv by subject, and the body measures the tables state."""

    participants: dict[str, dict[str, Value]] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    measures: dict[tuple[str, str], tuple[Calibration, ...]] = field(default_factory=dict)

    def subject_row(self, subject: str) -> dict[str, Value]:
        """The row of the lake's subjects table; all but the key None if participants.tsv does not name it."""
        named = named_row(self.participants, subject)
        return {"subject": subject, **dict.fromkeys((*OWN_SUBJECT[1:], *self.columns)), **(named or {})}

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
    """The key made of a name: what a key cannot have becomes _, at most 64 characters; '' if nothing is left."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", name).lstrip("_-")[:64]


def key_like(name: str) -> str:
    """A key that a person would choose for a name: ``Müller`` is Muller, ``Gang 1`` Gang_1; '' if nothing is left."""
    return re.sub("_+", "_", key_from(unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode())).strip(
        "_"
    )


def composed(name: str) -> str:
    """A name of a file as tables have it: letters and their accents in one character, which macOS stores apart."""
    return unicodedata.normalize("NFC", name)


def bare(key: str) -> str:
    """A key without the prefix BIDS gives it: tables name subjects and sessions with or without."""
    return key.removeprefix("sub-").removeprefix("ses-")


def alike(wanted: Iterable[str], there: Iterable[str], *, one_each: bool = False) -> dict[str, str]:
    """Of the keys that are not there, those of which one alone differs only as spreadsheet programs change keys.

    That is in capitals, in zeros before a number (``1`` is 001, ``S1`` is S01), in ``.0`` after it, in blanks, hyphens and
    underscores, in an apostrophe before it and in the ending of a file. one_each : no two keys are one that is there, as no
    two people are. Returns key -> the key that is there.
    """
    names, wanted = set(there), set(wanted)
    known, asked = {bare(name) for name in names}, {bare(name) for name in wanted}
    by_folded: dict[str, set[str]] = defaultdict(set)
    for name in names:
        if not (one_each and bare(name) in asked):
            by_folded[_folded(name)].add(name)
    missing = {name for name in wanted if bare(name) not in known}
    n_wanted = Counter(_folded(name) for name in missing)
    return {
        name: next(iter(by_folded[folded]))
        for name in missing
        if len(by_folded.get(folded := _folded(name), ())) == 1 and (not one_each or n_wanted[folded] == 1)
    }


def _folded(key: str) -> str:
    suffix = suffix_of(Path(key))
    plain = key[: -len(suffix)] if suffix in READERS or suffix in VIDEO_SUFFIXES else key
    plain = re.sub(r"\.0+$", "", bare(plain.strip(" '").lower()))
    return re.sub(r"(?<!\d)0+(?=\d)", "", re.sub(r"[\s_-]+", "", plain))


def named_row(rows: dict[str, dict[str, Value]], subject: str) -> dict[str, Value] | None:
    """The row of a subject, with or without ``sub-``; None if there is none."""
    return rows.get(subject) or rows.get("sub-" + subject) or rows.get(subject.removeprefix("sub-"))


def say_renamed(name: str, columns: dict[str, str], cohort: Cohort) -> None:
    """List the columns of a table that have another name in the lake."""
    cohort.renamed += [(f"{name}: column {source}", column) for source, column in columns.items() if source != column]
