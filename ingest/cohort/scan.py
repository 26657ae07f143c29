"""A cohort folder: its trials, their subjects and files, and what its tables say about them.

``cohort/<subject>/<trial>.<ext>``, ``cohort/<subject>/<session>/<trial>.<ext>``, BIDS names, or files directly in the
folder. Nothing is read here but names, the tables, cohort.toml and the heads of JSON files.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from neurostore.errors import CohortError, InputError
from neurostore.ingest.cohort.cameras import filmed_trials
from neurostore.ingest.cohort.config import FILE_NAME, CohortConfig, read_config
from neurostore.ingest.cohort.curve_files import curve_trials, is_curves
from neurostore.ingest.cohort.files import SIDECARS, CohortFile, walk
from neurostore.ingest.cohort.foreign import foreign_capture
from neurostore.ingest.cohort.metadata import read_metadata
from neurostore.ingest.cohort.source import KEY, Cohort, TrialSource, bare, key_from
from neurostore.ingest.cohort.times import date_named
from neurostore.ingest.readers import READERS, stem_of
from neurostore.ingest.recording import ReadOptions, ViewOptions
from neurostore.lake.contents import is_of_file_browser
from neurostore.trial_key import key_text
from neurostore.wording import counted, listed

_FORCES = re.compile(r"(?i)(?P<trial>.+?)[ _-]?(grf|forces?|ground_?reactions?)")
_TABLE_SUFFIXES = frozenset({".csv", ".tsv", ".txt", ".xlsx", ".xlsm", ".xls", ".ods", ".numbers"})
_ALMOST_A_TABLE = re.compile(r"(?i)participant|subject|patient|session|visit|trial|scans")
_ENTITY = re.compile(r"([a-zA-Z0-9]+)-([a-zA-Z0-9]+)")


def scan(folder: Path | str) -> Cohort:
    """Find the trials of a cohort folder.

    Raises
    ------
    CohortError : the folder does not exist, it cannot be read, or its cohort.toml is wrong.
    """
    folder = Path(folder)
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise CohortError(f"{folder}: {what}; expected a cohort folder (cohort/<subject>/<trial>.<ext>)")
    cohort = Cohort(folder)
    config = read_config(folder)
    every = walk(folder, cohort.refused)
    files = [f for f in every if not config.is_ignored(f.relative)]
    cohort.ignored = {f.relative for f in every} - {f.relative for f in files}
    for pattern in config.unused([f.relative for f in every]):
        cohort.warnings.append(f"{FILE_NAME}: no file matches {pattern!r}")

    roles = {f: f.role for f in files}
    roles |= {f: "curves" for f in files if is_curves(f, roles[f], config)}
    unknown = [f.path for f in files if roles[f] == "unknown" and not config.is_named_file(f.path)]
    unknown = [path for path in unknown if not is_of_file_browser(path.name)]
    cohort.unknown = _without_captures(unknown, files, roles, cohort.refused)
    _say_almost_tables(cohort)
    filmed = _add_filmed(files, roles, config, cohort)
    recordings = [
        f for f in files if roles[f] in ("positions", "video", "angles", "forces", "results") and f not in filmed
    ]
    placed = _place(recordings, cohort)
    companions = [f for f in files if roles[f] in ("asf", "sidecar")]
    for place, group in _by_stem(placed).items():
        for source in _trials(place, group, roles, cohort):
            relative = cohort.relative(source.paths[0])
            extra = tuple(str(f.path) for f in _companions(source.paths[0], group[0].parts, companions))
            source.options = replace(config.options(relative), companions=extra, member=source.options.member)
            cohort.trials.append(source)
    for file in (f for f in files if roles[f] == "curves"):
        cohort.trials += curve_trials(file, config, cohort.renamed, cohort.refused)
    _refuse_collisions(cohort)
    tables = [(f.path, f.parts[:-1]) for f in files if roles[f] == "table"]
    cohort.metadata = read_metadata(cohort, tables)
    _give_places(cohort, config.session_order)
    _take_dates_of_names(cohort)
    _refuse_collisions(cohort)  # trials.tsv may give two files in the top folder the same key
    _say_root_files(cohort)
    _say_days_for_people(cohort)
    return cohort


def _say_days_for_people(cohort: Cohort) -> None:
    """People who are called by dates: the folder of one person was given, or sessions hold the people."""
    days = sorted({t.subject for t in cohort.trials if date_named(t.subject)})
    if days:
        cohort.warnings.append(
            f"people are called by dates ({listed(days, 3)}); expected <subject>/<session>/<trial>.<ext>: if this is the "
            "folder of one person, give the folder above it"
        )


def _say_almost_tables(cohort: Cohort) -> None:
    """Files that are tables of people or sessions by their name, but not by one that is read."""
    for path in cohort.unknown:
        if path.suffix.lower() in _TABLE_SUFFIXES and _ALMOST_A_TABLE.search(path.name):
            cohort.warnings.append(
                f"{cohort.relative(path)}: is not read; expected a table called participants, sessions, trials or *_scans that ends in "
                ".tsv, .csv, .txt or .xlsx"
            )


def _add_filmed(
    files: list[CohortFile], roles: dict[CohortFile, str], config: CohortConfig, cohort: Cohort
) -> set[CohortFile]:
    """Add the trials of several calibrated cameras; returns the videos that are theirs."""
    by_parts = {f.parts: f for f in files}
    videos = [f.parts for f in files if roles[f] == "video"]
    trials, idle = filmed_trials(cohort.folder, videos, [f.parts for f in files if roles[f] != "video"], config)
    taken = {by_parts[parts] for parts in idle}
    for trial in trials:
        taken |= {by_parts[parts] for parts in (*trial.videos, *trial.left_out)}
        shots = [by_parts[parts] for parts in trial.videos]
        place = (*trial.place, shots[0].name)
        placed = _place([CohortFile(shots[0].path, place, shots[0].n_bytes)], cohort)
        source = _source(*placed[0][0], shots, trial.trial, cohort) if placed else None
        if source is None:
            continue
        if trial.left_out:
            names = ", ".join("/".join(parts) for parts in trial.left_out)
            cohort.warnings.append(f"{names}: not read, because another video of that camera belongs to the same trial")
        views = tuple(
            ViewOptions(name, config.options(shot.relative).camera)
            for name, shot in zip(trial.cameras, shots, strict=True)
        )
        source.paths = (*source.paths, *trial.calibration)
        source.options = replace(config.options(shots[0].relative), views=views)
        cohort.trials.append(source)
    return taken


def _without_captures(
    unknown: list[Path], files: list[CohortFile], roles: dict[CohortFile, str], refused: list[InputError]
) -> list[Path]:
    """The unknown files that are not captures; captures in a format without a reader are refused and named."""
    stems: dict[Path, set[str]] = defaultdict(set)
    for file in files:
        if roles[file] in ("positions", "video", "results"):
            stems[file.path.parent].add(file.path.stem)
    stray = []
    for path in unknown:
        what = foreign_capture(path, frozenset(stems[path.parent]))
        if what is None:
            stray.append(path)
        else:
            refused.append(InputError(path, f"is {what}; these can be read: {', '.join(sorted(READERS))} and videos"))
    return stray


def _place(recordings: list[CohortFile], cohort: Cohort) -> list[tuple[tuple[str, str, bool], str, CohortFile]]:
    """((subject, session, is known), stem, file) of each recording; folders that cannot be keys are refused and named."""
    placed = []
    bad_folders: dict[tuple[str, ...], list[CohortFile]] = defaultdict(list)
    for file in recordings:
        folders, stem = file.parts[:-1], stem_of(file.path)
        if file.name.lower().endswith("_motion.tsv"):
            folders, stem = _bids(file, cohort)
            if not stem:
                continue
        bad = next((i for i, name in enumerate(folders[:2]) if not KEY.fullmatch(name)), None)
        if bad is not None:
            bad_folders[folders[: bad + 1]].append(file)
        elif len(folders) > 2:
            problem = f"is {len(folders)} folders deep; expected <subject>/<trial> or <subject>/<session>/<trial>"
            cohort.refused.append(InputError(file.path, problem))
        else:
            subject = folders[0] if folders else _folder_key(cohort.folder)
            session = folders[1] if len(folders) > 1 else ""
            placed.append(((subject, session, bool(folders)), stem, file))
    for folders, files in bad_folders.items():
        what = "subject" if len(folders) == 1 else "session"
        names = listed((f.name for f in files), 5)
        problem = (
            f"{folders[-1]!r} cannot be used as the key of a {what}: expected letters, digits, _ and -, "
            "beginning with a letter or digit, at most 64; rename the folder, or let `neurostore pseudonymise` make a copy with "
            f"random keys. Not read: {names}"
        )
        cohort.refused.append(InputError(cohort.folder.joinpath(*folders), problem))
    return placed


def _bids(file: CohortFile, cohort: Cohort) -> tuple[tuple[str, ...], str]:
    """(folders that count, trial) of a BIDS motion file: sub-01/ses-1/motion/sub-01_ses-1_task-walk_motion.tsv."""
    stem = file.name[: -len("_motion.tsv")]
    folders = tuple(f for f in file.parts[:-1] if f != "motion")
    entities = dict(_ENTITY.findall(stem))
    for index, entity in enumerate(("sub", "ses")):
        if entity not in entities:
            continue
        name = f"{entity}-{entities[entity]}"
        if len(folders) > index and folders[index] not in (name, entities[entity]):
            problem = f"the name says {name}, the folder {folders[index]}; which one is right?"
            cohort.refused.append(InputError(file.path, problem))
            return folders, ""
        if len(folders) == index:
            folders = (*folders, name)
    plain = [part for part in stem.split("_") if not part.startswith(("sub-", "ses-"))]
    return folders, "_".join(plain) or "motion"


def _by_stem(
    placed: list[tuple[tuple[str, str, bool], str, CohortFile]],
) -> dict[tuple[str, str, bool, str], list[CohortFile]]:
    """Files by trial. ``walk_grf.mot`` (forces) belongs to ``walk.trc`` where that is there."""
    groups: dict[tuple[str, str, bool, str], list[CohortFile]] = defaultdict(list)
    known = {(*place, stem) for place, stem, _ in placed}
    for place, stem, file in placed:
        forces = _FORCES.fullmatch(stem) if file.path.suffix.lower() in (".mot", ".sto") else None
        owner = (*place, forces["trial"]) if forces else None
        groups[owner if owner in known else (*place, stem)].append(file)
    return groups


def _trials(
    place: tuple[str, str, bool, str], group: list[CohortFile], roles: dict[CohortFile, str], cohort: Cohort
) -> Iterator[TrialSource]:
    """The trials of the files of one stem: one, or one for each video of a results.json."""
    subject, session, is_known, stem = place
    results = [f for f in group if roles[f] == "results"]
    for file in results:
        for member in members(file.path):
            source = _source(subject, session, is_known, [file], Path(member or stem).stem, cohort)
            if source is not None:
                source.options = ReadOptions(member=member)
                yield source
    rest = [f for f in group if f not in results]
    positions = _without_copies([f for f in rest if roles[f] == "positions"], cohort)
    videos = [f for f in rest if roles[f] == "video"]
    if len(positions) > 1 or (len(videos) > 1 and not positions):
        rivals = positions if len(positions) > 1 else videos
        names = " and ".join(f.name for f in rivals)
        problem = (
            f"{names} belong to one trial, {stem!r}, and each has positions; rename all but one, or leave it out "
            f"with ignore = true in {FILE_NAME}"
        )
        cohort.refused.append(InputError(rivals[0].path, problem))
        return
    if positions and videos:
        names = ", ".join(f.relative for f in videos)
        cohort.warnings.append(f"{names}: not estimated, because {positions[0].name} has the positions of that trial")
        videos = []
    if rest:
        forces = [f for f in rest if roles[f] == "forces"]
        if forces and not positions:
            names = ", ".join(f.relative for f in forces)
            cohort.warnings.append(f"{names}: forces of OpenSim without positions of the same name, not read")
            forces = []
        ordered = [*positions, *videos, *(f for f in rest if roles[f] == "angles"), *forces]
        if not ordered:
            return
        source = _source(subject, session, is_known, ordered, stem, cohort)
        if source is not None:
            yield source


def _without_copies(positions: list[CohortFile], cohort: Cohort) -> list[CohortFile]:
    """The files with positions of one trial; where there is a C3D, without a table or TRC that the same program wrote beside it."""
    if sum(f.path.suffix.lower() == ".c3d" for f in positions) != 1:
        return positions
    tables = [f for f in positions if f.path.suffix.lower() in (".csv", ".tsv", ".trc")]
    if tables:
        names = ", ".join(f.relative for f in tables)
        cohort.warnings.append(
            f"{names}: not read, because the C3D of that name holds the positions too, and more than them"
        )
    return [f for f in positions if f not in tables]


def _source(
    subject: str, session: str, is_known: bool, files: list[CohortFile], stem: str, cohort: Cohort
) -> TrialSource | None:
    trial = key_from(stem)
    if not trial:
        problem = f"no key can be made from the name {stem!r}; expected letters or digits in it"
        cohort.refused.append(InputError(files[0].path, problem))
        return None
    if trial != stem:
        cohort.renamed.append((files[0].relative, trial))
    paths = tuple(f.path for f in files)
    n_bytes = sum(f.n_bytes for f in files)
    return TrialSource(subject, session, trial, paths, is_subject_known=is_known, n_bytes=n_bytes)


def _folder_key(folder: Path) -> str:
    return key_from(folder.resolve().name) or "cohort"


def members(path: Path) -> list[str | None]:
    """The videos a NeuroPose results.json holds; [None] where that cannot be determined (its reader then says why)."""
    try:
        with path.open("rb") as file:
            # if written with indent 2, as by NeuroPose, it need not be parsed completely
            if file.readline().strip() == b"{":
                keys = [json.loads(line.split(b'": {')[0] + b'"') for line in file if line.startswith(b'  "')]
            else:
                file.seek(0)
                keys = list(json.load(file))
    except (OSError, ValueError, TypeError):
        return [None]
    names = [name for name in keys if isinstance(name, str)]
    return list(names) or [None]


def _companions(path: Path, parts: tuple[str, ...], candidates: list[CohortFile]) -> list[CohortFile]:
    """The files a reader may need beside the trial's own: the ASF of an AMC, the sidecars of a BIDS file."""
    above = {parts[:n] for n in range(len(parts))}
    near = [f for f in candidates if f.parts[:-1] in above]
    if path.suffix.lower() == ".amc":
        skeletons = [f for f in near if f.path.suffix.lower() == ".asf"]
        deepest = max((len(f.parts) for f in skeletons), default=0)
        skeletons = [f for f in skeletons if len(f.parts) == deepest]
        named = [f for f in skeletons if path.stem.startswith(f.path.stem)]
        return [max(named, key=lambda f: len(f.path.stem))] if named else skeletons
    if path.name.lower().endswith("_motion.tsv"):
        entities = set(_ENTITY.findall(path.name))
        sidecars = [f for f in near if f.name.lower().endswith(SIDECARS)]
        return [f for f in sidecars if set(_ENTITY.findall(PurePosixPath(f.name).stem)) <= entities]
    return []


def _refuse_collisions(cohort: Cohort) -> None:
    groups: dict[tuple[str, str, str], list[TrialSource]] = defaultdict(list)
    for source in cohort.trials:
        groups[source.key].append(source)
    for key, sources in groups.items():
        if len(sources) > 1:
            names = ", ".join(cohort.relative(s.paths[0]) for s in sources)
            where = key_text(key)
            problem = f"{len(sources)} files belong to the trial {where}: {names}; rename all but one"
            cohort.refused.append(InputError(sources[0].paths[0], problem))
    cohort.trials = [s for s in cohort.trials if len(groups[s.key]) == 1]


def _give_places(cohort: Cohort, session_order: tuple[str, ...]) -> None:
    """Give each trial its place in session_order; warn about sessions that it does not name or that no folder has."""
    if not session_order:
        return
    places = {bare(name): i for i, name in enumerate(session_order, start=1)}
    for source in cohort.trials:
        if bare(source.session) in places:
            source.metadata["session_order"] = places[bare(source.session)]
    there = {bare(t.session): t.session for t in cohort.trials if t.session}
    unnamed = sorted(name for key, name in there.items() if key not in places)
    absent = sorted(name for name in session_order if bare(name) not in there)
    if unnamed:
        cohort.warnings.append(f"{FILE_NAME}: session_order does not name {', '.join(unnamed)}")
    if absent:
        cohort.warnings.append(f"{FILE_NAME}: session_order names {', '.join(absent)}, but no folder has that name")


def _take_dates_of_names(cohort: Cohort) -> None:
    """Sessions that are called by a date (2024-05-01, 20240501) were recorded then, where no table says when."""
    named = []
    for source in cohort.trials:
        at = date_named(source.session)
        if at is not None and not source.metadata.get("acq_time") and "session_order" not in source.metadata:
            source.metadata["acq_time"] = at
            named.append(source.session)
    if named:
        shown = listed(sorted(set(named)), 3)
        cohort.warnings.append(
            f"sessions named by a date ({shown}) were taken as recorded on that day, because no table gives a time"
        )


def _say_root_files(cohort: Cohort) -> None:
    loose = [s for s in cohort.trials if not s.is_subject_known]
    if loose:
        cohort.warnings.append(
            f"{counted(len(loose), 'trial')} directly in the folder, whose subject no table names: it is the one that the file "
            f"names, or else {loose[0].subject!r}, after the folder"
        )
