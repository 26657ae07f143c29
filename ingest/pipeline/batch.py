"""The work of a worker: read a batch of trials, compute their landmarks, write them as files that no reader sees yet."""

from __future__ import annotations

import traceback
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurostore.errors import InputError, NeurostoreError
from neurostore.ingest.body import static_choice
from neurostore.ingest.cohort.source import KEY, STATED, Metadata, TrialSource, key_from
from neurostore.ingest.pipeline import session_up
from neurostore.ingest.pipeline.settings import Settings, Statics, source_sha256
from neurostore.ingest.readers import recorded_at
from neurostore.ingest.recording import Calibration, Recording, unique
from neurostore.trial_key import Key

if TYPE_CHECKING:
    from neurostore.ingest.body.fitting import BodyFit
    from neurostore.ingest.landmarks import Landmarks
    from neurostore.lake.commit import Staged, TrialTables


@dataclass(slots=True)
class Batch:
    """Trials of one subject (or of files that only state their subject themselves), and what is known of their sessions."""

    sources: list[TrialSource]
    metadata: Metadata
    statics: Statics
    lake: str
    folder: Path
    settings: Settings
    environment: dict[str, Any] = field(default_factory=dict)  # columns that are the same for all trials


@dataclass(slots=True)
class Outcome:
    """What became of one trial. Exactly one of ``row`` (it is staged) and ``error`` is given."""

    source: TrialSource
    key: Key
    row: dict[str, Any] | None = None
    calibrations: tuple[Calibration, ...] = ()
    error: InputError | None = None


@dataclass(slots=True)
class BatchResult:
    """What a worker returns for a batch: the staged files and the outcome of each trial."""

    staged: Staged | None
    outcomes: list[Outcome]


@dataclass(slots=True)
class Computed:
    """A batch read and computed, nothing of it written yet."""

    lake: str
    trials: list[TrialTables]
    outcomes: list[Outcome]

    def stage(self) -> BatchResult:
        """Write the batch as files that no reader sees yet; trials that break a declaration become failed outcomes."""
        from neurostore.lake.commit import stage

        staged = stage(self.lake, self.trials)
        for outcome in self.outcomes:
            if outcome.key in staged.refused:
                problems = staged.refused[outcome.key].problems
                outcome.row, outcome.error = None, InputError(outcome.source.paths[0], *problems)
        return BatchResult(staged, self.outcomes)


def compute(batch: Batch, began: Callable[[int], None], ended: Callable[[int], None]) -> Computed:
    """Read and compute a batch. began, ended : called with the index of each trial.

    Static trials come first and serve the trials after them; the caller sees from the outcomes which trials were
    computed before a static trial of their session was known.
    """
    statics = {session: dict(measured) for session, measured in batch.statics.items()}
    outcomes: list[Outcome] = []
    trials: list[TrialTables] = []
    for index, source in enumerate(batch.sources):
        began(index)
        outcome = Outcome(source, source.key)
        try:
            trials.append(_trial(source, batch, statics, outcome))
        except InputError as error:
            outcome.error = _with_file(source, error)
        except MemoryError:
            outcome.error = InputError(source.paths[0], "there is not enough memory to read it")
        except NeurostoreError as error:
            outcome.error = InputError(source.paths[0], str(error))
        except Exception as error:  # an error in this software must not affect the other trials
            outcome.error = InputError(source.paths[0], _fault(error))
        outcomes.append(outcome)
        ended(index)
    return Computed(batch.lake, trials, outcomes)


def _with_file(source: TrialSource, error: InputError) -> InputError:
    """The error with the name of a file of the trial added, because computations do not know the origin of their arrays."""
    files = (*map(str, source.paths), *source.options.companions)
    is_named = error.path.startswith(files) or Path(error.path) in source.paths[0].parents
    return error if is_named and error.path else InputError(source.paths[0], str(error))


def _fault(error: Exception) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(last.filename).name}, line {last.lineno}"
    return f"an unexpected {type(error).__name__} in {where}: {error}; please report it with the file"


def _trial(source: TrialSource, batch: Batch, statics: Statics, outcome: Outcome) -> TrialTables:
    from neurostore.ingest import trial_tables
    from neurostore.lake.commit import TrialTables

    sha256 = source_sha256(source)
    recording = read_trial(source, batch.settings)
    outcome.key = key = resolved_key(source, recording)
    notes = [] if source.is_subject_known else [_subject_note(recording, key)]
    given = calibrations_for(key, batch.metadata, statics, with_body=batch.settings.body)
    up = session_up.other_up(recording, given) if source.options.up is None else None
    if up is not None:
        recording = read_trial(replace(source, options=replace(source.options, up=up)), batch.settings)
        notes.append(
            f"the markers alone indicate another axis, but the static trial of the session shows that {up} is up, which was used"
        )
    recording.quality |= session_up.quality_of(recording)
    shown, landmarks = _landmarks(recording, source, batch.settings, given) if recording.poses else (recording, None)
    if doubtful := sum(plate.is_doubtful for plate in recording.plates):
        recording.quality["doubtful_plates"] = float(doubtful)
    if landmarks is not None and recording.plates:
        from neurostore.ingest.kinetics import body_check

        notes += body_check.judge(recording, landmarks)
    body, body_notes = _body(shown, landmarks, given, source, batch.settings)
    notes += body_notes
    if body is not None and recording.kind != "static":
        notes += _static_choice(key, statics)
    stated = unique(
        [
            *recording.calibrations,
            *(landmarks.calibrations if landmarks is not None else ()),
            *session_up.up_calibrations(recording),
        ]
    )
    if given_on := of_session(recording.kind, stated):
        statics.setdefault(key[:2], {})[key[2]] = given_on
    ingest_id = uuid.uuid4().hex
    stated_columns = {name: source.metadata.get(name) for name in STATED}
    if stated_columns["acq_time"] is None:
        stated_columns["acq_time"] = _own_time(recording, notes)
    row = {
        **source.metadata,
        **trial_tables.row_of(key, ingest_id, shown, landmarks, notes),
        **batch.environment,
        **stated_columns,
        "cutoff_hz": batch.settings.cutoff_hz if landmarks is not None else None,
        "source_path": source.paths[0].relative_to(batch.folder).as_posix(),
        "source_paths": [path.relative_to(batch.folder).as_posix() for path in source.paths],
        "source_sha256": sha256,
        "settings_sha256": batch.settings.sha256(source, given),
    }
    outcome.row, outcome.calibrations = row, stated
    tables = trial_tables.tables_of(recording, landmarks, unique([*stated, *given]), batch.settings.cutoff_hz)
    if body is not None:
        from neurostore.ingest.body.trial import body_tables

        tables |= body_tables(body)
    return TrialTables(key=key, ingest_id=ingest_id, row=row, tables=tables)


def _body(
    recording: Recording,
    landmarks: Landmarks | None,
    given: tuple[Calibration, ...],
    source: TrialSource,
    settings: Settings,
) -> tuple[BodyFit | None, list[str]]:
    """The fitted body, None where none is asked for or can be fitted, and notes."""
    if not settings.body or landmarks is None:
        return None, []
    from neurostore.ingest.body.trial import body_of

    files = [path.stem for path in source.paths]
    return body_of(recording, landmarks, given, source.options.body, files)


def _other_statics(key: Key, statics: Statics) -> dict[str, tuple[Calibration, ...]]:
    return {trial: given for trial, given in sorted(statics.get(key[:2], {}).items()) if trial != key[2]}


def _static_choice(key: Key, statics: Statics) -> list[str]:
    """A note where the body could come from several static trials."""
    _, choice = static_choice.chosen(_other_statics(key, statics))
    return [] if choice is None else [choice]


def _own_time(recording: Recording, notes: list[str]) -> str | None:
    """The recording's own date, for a trial to which the tables give none; noted."""
    step = next((s for s in recording.steps if s.name == recorded_at.STEP), None)
    if step is None:
        return None
    notes.append(f"acq_time is the recording's own date ({step.parameters['field']}), because no table gives one")
    return str(step.parameters["acq_time"])


def _landmarks(
    recording: Recording, source: TrialSource, settings: Settings, given: tuple[Calibration, ...]
) -> tuple[Recording, Landmarks]:
    """(the recording, refined where that is asked for, its landmarks)."""
    from neurostore.ingest.landmarks import compute_landmarks

    depth_sd_mm = None
    if settings.refine and recording.position_basis == "triangulated":
        recording.notes.append("depth was measured by several cameras and is not refined")
    elif settings.refine and recording.kind == "video":
        from neurostore.ingest.refine.apply import refined_recording

        recording, depth_sd_mm = refined_recording(recording, where=str(source.paths[0]))
    landmarks = compute_landmarks(
        recording,
        cutoff_hz=settings.cutoff_hz,
        calibrations=given,
        hip_method=source.options.hip_method or settings.hip_method,
        functional=source.options.functional,
        path=str(source.paths[0]),
    )
    if depth_sd_mm is not None:
        landmarks.scalars["depth_sd_mm"] = depth_sd_mm
    return recording, landmarks


def read_trial(source: TrialSource, settings: Settings) -> Recording:
    """Read every file of a trial as one recording: the first gives positions, all give events and angles."""
    if source.options.views:
        return _read_views(source, settings)
    recording = _read(source.paths[0], source, settings)
    for path in source.paths[1:]:
        other = _read(path, source, settings)
        recording.angles += other.angles
        recording.events += other.events
        recording.plates += other.plates
        recording.kinetics += other.kinetics
        recording.notes += [f"{path.name}: {note}" for note in [*other.notes, *_beside_the_frames(recording, other)]]
        recording.steps += other.steps
    has_positions = bool(recording.poses) and any(len(p.frame) for p in recording.poses)
    is_without_motion = not has_positions and not recording.angles and not recording.curves
    if is_without_motion and recording.plates:
        raise InputError(
            source.paths[0],
            "has only forces and no person; put the TRC of the same name (or without _grf) beside it",
        )
    if is_without_motion:
        raise InputError(source.paths[0], "has no frame with positions and no angle")
    if source.options.swap_sides:
        from neurostore.ingest.landmarks.sides import exchanged

        recording = exchanged(recording)
    return recording


def _beside_the_frames(recording: Recording, other: Recording) -> list[str]:
    """A note if the forces of another file are there for less than half of the trial's time."""
    if not (other.plates and recording.poses and len(recording.poses[0].time_s)):
        return []
    first, last = float(recording.poses[0].time_s[0]), float(recording.poses[0].time_s[-1])
    start = min(plate.start_s for plate in other.plates)
    end = max(plate.start_s + (len(plate.force) - 1) / plate.rate_hz for plate in other.plates)
    shared = min(last, end) - max(first, start)
    if shared >= 0.5 * (last - first):
        return []
    return [
        f"its forces are from {start:.2f} to {end:.2f} s, the positions from {first:.2f} to {last:.2f} s: feet that stand at "
        "other times have no force; make the times of both files agree"
    ]


def _read(path: Path, source: TrialSource, settings: Settings) -> Recording:
    import numpy as np

    from neurostore.ingest import limits
    from neurostore.ingest.readers import VIDEO_SUFFIXES, read

    if path.suffix.lower() not in VIDEO_SUFFIXES:
        # extreme numbers overflow here and are checked afterwards (limits.py)
        with np.errstate(over="ignore", invalid="ignore"):
            recording = read(path, source.options)
    else:
        from neurostore.ingest.video.estimate import estimate

        recording = estimate(path, source.options, estimator=settings.estimator, **settings.estimator_options)
    limits.check(path, recording)
    return recording


def _read_views(source: TrialSource, settings: Settings) -> Recording:
    """The recording of a trial that several cameras filmed."""
    from neurostore.ingest import limits
    from neurostore.ingest.multiview.trial import Film, estimate_views

    views = source.options.views
    n_videos = len(views)
    films = [
        Film(view.name, path, replace(source.options, camera=view.camera, views=()))
        for view, path in zip(views, source.paths[:n_videos], strict=True)
    ]
    recording = estimate_views(
        films, source.paths[n_videos:], source.options, settings.estimator, **settings.estimator_options
    )
    limits.check(source.paths[0].parent, recording)
    return recording


def resolved_key(source: TrialSource, recording: Recording) -> Key:
    """The key of a trial; the subject of a file directly in the folder is the one it names itself, if any."""
    if source.is_subject_known or not recording.subject:
        return source.key
    return (key_from(recording.subject) or source.subject, source.session, source.trial)


def _subject_note(recording: Recording, key: Key) -> str:
    if not recording.subject:
        return f"no folder, table or file names the subject, which is called {key[0]} after the cohort folder"
    made = "" if KEY.fullmatch(recording.subject) else f" (made a key of {recording.subject!r})"
    return f"the subject is the one the file names: {key[0]}{made}"


def calibrations_for(
    key: Key, metadata: Metadata, statics: Statics, *, with_body: bool = True
) -> tuple[Calibration, ...]:
    """What is known of a trial's session beside the trial itself: participants.tsv first, then its static trials.

    with_body : also the sizes of a fitted body, which `neurostore body apply` may have put into a lake without bodies.
    """
    known = list(metadata.calibrations(key[0], key[1]))
    known += static_choice.given_by(_other_statics(key, statics))
    return unique(c for c in known if with_body or not static_choice.is_of_body(c))


def of_session(kind: str, calibrations: Iterable[Calibration]) -> tuple[Calibration, ...]:
    """What the other trials of a session use of one: all of a static trial, the joint centres of a functional trial."""
    return tuple(c for c in calibrations if kind == "static" or c.source == "functional")
