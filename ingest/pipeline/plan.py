"""The plan of an ingest: for each trial, read it, leave it, or only renew what the tables say about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from neurostore.errors import InputError
from neurostore.ingest.cohort.source import STATED, Cohort, Metadata, TrialSource
from neurostore.ingest.pipeline.batch import Batch, calibrations_for
from neurostore.ingest.pipeline.settings import Settings, Statics, source_sha256
from neurostore.ingest.readers import recorded_at
from neurostore.ingest.recording import Calibration
from neurostore.schema import tables
from neurostore.trial_key import Key

_STATIC_NAMES = ("static", "calib", "standing", "tpose", "t-pose", "neutral")
_BYTES_A_BATCH = (2_000_000, 32_000_000)  # least and largest number of source bytes in one batch
_BATCHES_A_WORKER = 4


@dataclass(slots=True)
class LakeState:
    """What the lake holds when an ingest begins: the rows of its trials by key, and what their static trials gave."""

    rows: dict[Key, dict[str, Any]] = field(default_factory=dict)
    statics: Statics = field(default_factory=dict)
    subjects: dict[str, dict[str, Any]] = field(default_factory=dict)
    sides: dict[Key, dict[str, Any]] = field(default_factory=dict)  # the latest review of left and right


@dataclass(slots=True)
class Plan:
    """The trials of a cohort by what has to be done. ``updates``: key in the lake -> columns that say something new."""

    new: list[TrialSource] = field(default_factory=list)
    changed: list[TrialSource] = field(default_factory=list)
    unchanged: list[TrialSource] = field(default_factory=list)
    updates: dict[Key, dict[str, Any]] = field(default_factory=dict)
    keys: dict[int, Key] = field(default_factory=dict)  # id() of a source -> its key in the lake
    failed: list[InputError] = field(default_factory=list)

    @property
    def to_read(self) -> list[TrialSource]:
        """Trials that have to be read: new and changed ones."""
        return [*self.new, *self.changed]


def make_plan(cohort: Cohort, state: LakeState, settings: Settings, *, force: bool = False) -> Plan:
    """Compare each trial's bytes and settings with what the lake has of it."""
    plan = Plan()
    rows = {id(source): row_of(source, state) for source in cohort.trials}
    there = [source for source in cohort.trials if rows[id(source)] is not None]
    plan.new = [source for source in cohort.trials if rows[id(source)] is None]
    if force:
        plan.changed = there
        return plan
    with ThreadPoolExecutor(max_workers=4) as threads:
        hashes = list(threads.map(_hash_or_error, there))
    for source, digest in zip(there, hashes, strict=True):
        row = rows[id(source)] or {}
        if isinstance(digest, InputError):
            plan.failed.append(digest)
            continue
        given = calibrations_for(_key_of(row), cohort.metadata, state.statics, with_body=settings.body)
        if digest != row["source_sha256"] or settings.sha256(source, given) != row["settings_sha256"]:
            plan.changed.append(source)
            continue
        plan.keys[id(source)] = _key_of(row)
        plan.unchanged.append(source)
        changes = new_values(source, row, cohort)
        if changes:
            plan.updates[_key_of(row)] = changes
    return plan


def row_of(source: TrialSource, state: LakeState) -> dict[str, Any] | None:
    """The trial's row in the lake. Where only the file knows its subject: the one of any subject that came from it."""
    row = state.rows.get(source.key)
    if row is not None or source.is_subject_known:
        return row
    rivals = [
        r for key, r in state.rows.items() if key[1:] == source.key[1:] and r["source_path"] == source.paths[0].name
    ]
    return rivals[0] if len(rivals) == 1 else None


def _key_of(row: Mapping[str, Any]) -> Key:
    return (row["subject"], row["session"], row["trial"])


def _hash_or_error(source: TrialSource) -> str | InputError:
    try:
        return source_sha256(source)
    except InputError as error:
        return error


def new_values(source: TrialSource, row: Mapping[str, Any], cohort: Cohort) -> dict[str, Any]:
    """Columns of ``trials`` for which the tables and folders now say something else than the lake."""
    declared = {c.name for c in tables()["trials"].columns}
    values = {
        **{name: None for name in row if name not in declared},
        **dict.fromkeys(STATED),
        "acq_time": recorded_at.kept(row.get("steps")),
        **{name: value for name, value in source.metadata.items() if name != "acq_time" or value is not None},
        "source_path": cohort.relative(source.paths[0]),
        "source_paths": [cohort.relative(path) for path in source.paths],
    }
    return {name: value for name, value in values.items() if not _is_alike(row.get(name), value)}


def _is_alike(stored: Any, stated: Any) -> bool:
    """Whether a stored value is what a table says; numbers may be stored in a column of text."""
    is_text = isinstance(stored, str) and isinstance(stated, float)
    return stored == stated or (is_text and stored in (str(stated), f"{stated:g}"))


def make_batches(
    sources: Iterable[TrialSource],
    cohort: Cohort,
    statics: Mapping[tuple[str, str], Mapping[str, tuple[Calibration, ...]]],
    lake: str,
    settings: Settings,
    n_workers: int,
) -> list[Batch]:
    """Trials by subject, static and then functional trials of each session first, cut so that workers share the bytes evenly."""
    ordered = sorted(sources, key=lambda s: (s.is_subject_known, s.subject, s.session, _rank(s), s.trial))
    least, most = _BYTES_A_BATCH
    n_bytes = sum(s.n_bytes for s in ordered)
    limit = min(most, max(least, n_bytes // max(1, n_workers * _BATCHES_A_WORKER)))
    groups: list[list[TrialSource]] = []
    filled = 0
    for source in ordered:
        is_of_group = groups and _group(groups[-1][0]) == _group(source)
        if not is_of_group or filled + source.n_bytes > limit or source.is_video or groups[-1][0].is_video:
            groups.append([])
            filled = 0
        groups[-1].append(source)
        filled += source.n_bytes
    batches = [
        Batch(group, _metadata_of(group, cohort.metadata), _statics_of(group, statics), lake, cohort.folder, settings)
        for group in groups
    ]
    # largest first, so that all workers end at about the same time
    return sorted(batches, key=lambda b: -sum(s.n_bytes for s in b.sources))


def _rank(source: TrialSource) -> int:
    """Trials that contribute to the other trials of their session come first."""
    return 0 if _may_be_static(source) else 1 if source.options.functional is not None else 2


def _may_be_static(source: TrialSource) -> bool:
    return any(name in source.trial.lower() for name in _STATIC_NAMES)


def _group(source: TrialSource) -> tuple[str, bool]:
    return (source.subject, source.is_subject_known)


def _metadata_of(group: list[TrialSource], metadata: Metadata) -> Metadata:
    """The body measures that a batch can need, without the rows of other people."""
    if not group[0].is_subject_known:
        return Metadata(measures=metadata.measures)
    subject = group[0].subject.removeprefix("sub-")
    return Metadata(measures={key: m for key, m in metadata.measures.items() if key[0] == subject})


def _statics_of(
    group: list[TrialSource], statics: Mapping[tuple[str, str], Mapping[str, tuple[Calibration, ...]]]
) -> Statics:
    known = group[0].is_subject_known
    return {key: dict(measured) for key, measured in statics.items() if not known or key[0] == group[0].subject}
