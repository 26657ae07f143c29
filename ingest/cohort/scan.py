"""A cohort folder: which trials it holds, of whom, in which files, and what its tables say of them.

``cohort/<subject>/<trial>.<ext>``, ``cohort/<subject>/<session>/<trial>.<ext>``, BIDS names, or files directly in the
folder. Nothing is read here but names, the tables, cohort.toml and the heads of JSON files.
"""

from __future__ import annotations

import json
import os
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from neurostore.errors import CohortError, InputError
from neurostore.ingest.cohort.config import FILE_NAME, read_config
from neurostore.ingest.cohort.foreign import foreign_capture
from neurostore.ingest.cohort.metadata import read_metadata
from neurostore.ingest.cohort.source import KEY, Cohort, TrialSource, bare, key_from
from neurostore.ingest.readers import READERS, VIDEO_SUFFIXES, stem_of, suffix_of
from neurostore.ingest.readers.markers.points_kind import is_points
from neurostore.ingest.recording import ReadOptions
from neurostore.trial_key import key_text
from neurostore.wording import listed

ANGLE_SUFFIXES = frozenset({".mot", ".sto"})
_FORCES = re.compile(r"(?i)(?P<trial>.+?)[ _-]?(grf|forces?|ground_?reactions?)")
_SIDECARS = ("_channels.tsv", "_channels.json", "_motion.json", "_coordsystem.json", "_events.tsv")
_KNOWN = ("_scans.json", "_sessions.json", "_events.json")
_TABLES = tuple(
    f"{kind}{suffix}"
    for kind in ("participants", "sessions", "trials", "scans")
    for suffix in (".tsv", ".csv", ".xlsx")
)
_PLAIN = {FILE_NAME, "participants.json", "sessions.json", "trials.json", "dataset_description.json", ".bidsignore"}
_ENTITY = re.compile(r"([a-zA-Z0-9]+)-([a-zA-Z0-9]+)")


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    parts: tuple[str, ...]  # below the cohort folder
    n_bytes: int

    @property
    def name(self) -> str:
        return self.parts[-1]

    @property
    def relative(self) -> str:
        return "/".join(self.parts)

    @property
    def role(self) -> str:
        """'positions', 'video', 'angles', 'results', 'table', 'asf', 'sidecar', 'known' or 'unknown'."""
        name, suffix = self.name.lower(), suffix_of(self.path)
        if name in _PLAIN or name.endswith(_KNOWN):
            return "known"
        if name.startswith("."):
            return "unknown"
        if name.endswith("_motion.tsv"):
            return "positions"
        if name in _TABLES or name.endswith(tuple(f"_{t}" for t in _TABLES)):
            return "table"
        if name.endswith(_SIDECARS):
            return "sidecar"
        if suffix == ".json":
            return "results" if _is_results(self.path) else "unknown"
        if suffix == ".asf":
            return "asf"
        if suffix in VIDEO_SUFFIXES:
            return "video"
        if suffix in ANGLE_SUFFIXES:
            return "forces" if _holds_forces_alone(self.path) else "angles"
        if suffix in (".csv", ".npy"):
            return "positions" if is_points(self.path) else "unknown"
        return "positions" if suffix in READERS and suffix != ".tsv" else "unknown"


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
    every = _walk(folder, cohort.refused)
    files = [f for f in every if not config.is_ignored(f.relative)]
    cohort.ignored = {f.relative for f in every} - {f.relative for f in files}
    for pattern in config.unused([f.relative for f in every]):
        cohort.warnings.append(f"{FILE_NAME}: no file matches {pattern!r}")

    roles = {f: f.role for f in files}
    unknown = [f.path for f in files if roles[f] == "unknown" and not config.is_skeleton_file(f.path)]
    cohort.unknown = _without_captures(unknown, files, roles, cohort.refused)
    recordings = [f for f in files if roles[f] in ("positions", "video", "angles", "forces", "results")]
    placed = _place(recordings, cohort)
    companions = [f for f in files if roles[f] in ("asf", "sidecar")]
    for place, group in _by_stem(placed).items():
        for source in _trials(place, group, roles, cohort):
            relative = cohort.relative(source.paths[0])
            extra = tuple(str(f.path) for f in _companions(source.paths[0], group[0].parts, companions))
            source.options = replace(config.options(relative), companions=extra, member=source.options.member)
            cohort.trials.append(source)
    _refuse_collisions(cohort)
    tables = [(f.path, f.parts[:-1]) for f in files if roles[f] == "table"]
    cohort.metadata = read_metadata(cohort, tables)
    _give_places(cohort, config.session_order)
    _refuse_collisions(cohort)  # trials.tsv may have given two files directly in the folder one key
    _say_root_files(cohort)
    return cohort


def _holds_forces_alone(path: Path) -> bool:
    """Whether a MOT or STO file names ground forces and no coordinate of a joint among its columns."""
    try:
        with path.open("rb") as file:
            head = file.read(1 << 16).lower()
    except OSError:
        return False
    columns = head.partition(b"endheader")[2].lstrip().split(b"\n", 1)[0]
    is_force = b"_vx" in columns or b"ground_force" in columns or b"grf" in columns
    return is_force and not any(name in columns for name in (b"knee", b"hip_flexion", b"ankle_angle", b"pelvis_t"))


def _without_captures(
    unknown: list[Path], files: list[_File], roles: dict[_File, str], refused: list[InputError]
) -> list[Path]:
    """The unknown files that are no captures; captures in a format without a reader are refused by name."""
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


def _walk(folder: Path, refused: list[InputError]) -> list[_File]:
    """Every file below the folder, sorted; links are followed, loops and unreadable folders refused."""
    files: list[_File] = []

    def enter(path: Path, parts: tuple[str, ...], above: frozenset[tuple[int, int]]) -> None:
        here = path.stat()
        above = above | {(here.st_dev, here.st_ino)}
        try:
            entries = sorted(os.scandir(path), key=lambda e: e.name)
        except OSError as error:
            refused.append(InputError(path, f"the folder cannot be read: {error.strerror}"))
            return
        for entry in entries:
            below = (*parts, entry.name)
            try:
                stat = entry.stat()
                if not entry.is_dir():
                    files.append(_File(Path(entry.path), below, stat.st_size))
                elif (stat.st_dev, stat.st_ino) in above:
                    refused.append(InputError(entry.path, "is a symbolic link to a folder that contains it (a loop)"))
                else:
                    enter(Path(entry.path), below, above)
            except OSError as error:
                what = "a symbolic link to a file that does not exist" if entry.is_symlink() else "unreadable"
                refused.append(InputError(entry.path, f"is {what}: {error.strerror}"))

    try:
        enter(folder, (), frozenset())
    except OSError as error:
        raise CohortError(f"{folder}: cannot be read: {error.strerror}") from None
    return files


def _is_results(path: Path) -> bool:
    """Whether a JSON file is NeuroPose output, by its name or the first 64 kB."""
    if path.name == "results.json":
        return True
    try:
        with path.open("rb") as file:
            head = file.read(65536)
    except OSError:
        return False
    return b'"frame_count"' in head or b'"frame_0' in head


def _place(recordings: list[_File], cohort: Cohort) -> list[tuple[tuple[str, str, bool], str, _File]]:
    """((subject, session, is known), stem, file) of each recording; folders that cannot be keys are refused by name."""
    placed = []
    bad_folders: dict[tuple[str, ...], list[_File]] = defaultdict(list)
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
            f"beginning with a letter or digit, at most 64; rename the folder. Not read: {names}"
        )
        cohort.refused.append(InputError(cohort.folder.joinpath(*folders), problem))
    return placed


def _bids(file: _File, cohort: Cohort) -> tuple[tuple[str, ...], str]:
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


def _by_stem(placed: list[tuple[tuple[str, str, bool], str, _File]]) -> dict[tuple[str, str, bool, str], list[_File]]:
    """Files by trial. ``walk_grf.mot`` (forces) belongs to ``walk.trc`` where that is there."""
    groups: dict[tuple[str, str, bool, str], list[_File]] = defaultdict(list)
    known = {(*place, stem) for place, stem, _ in placed}
    for place, stem, file in placed:
        forces = _FORCES.fullmatch(stem) if file.path.suffix.lower() in (".mot", ".sto") else None
        owner = (*place, forces["trial"]) if forces else None
        groups[owner if owner in known else (*place, stem)].append(file)
    return groups


def _trials(
    place: tuple[str, str, bool, str], group: list[_File], roles: dict[_File, str], cohort: Cohort
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
    positions = [f for f in rest if roles[f] == "positions"]
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
            cohort.warnings.append(f"{names}: forces of OpenSim without the positions of that name, not read")
            forces = []
        ordered = [*positions, *videos, *(f for f in rest if roles[f] == "angles"), *forces]
        if not ordered:
            return
        source = _source(subject, session, is_known, ordered, stem, cohort)
        if source is not None:
            yield source


def _source(
    subject: str, session: str, is_known: bool, files: list[_File], stem: str, cohort: Cohort
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
            if file.readline().strip() == b"{":  # written with indent 2, as NeuroPose does: no need to parse it all
                keys = [json.loads(line.split(b'": {')[0] + b'"') for line in file if line.startswith(b'  "')]
            else:
                file.seek(0)
                keys = list(json.load(file))
    except (OSError, ValueError, TypeError):
        return [None]
    names = [name for name in keys if isinstance(name, str)]
    return list(names) or [None]


def _companions(path: Path, parts: tuple[str, ...], candidates: list[_File]) -> list[_File]:
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
        sidecars = [f for f in near if f.name.lower().endswith(_SIDECARS)]
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
    """Each trial's place in session_order; a session it does not name, or one that no folder has, is entities."""
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


def _say_root_files(cohort: Cohort) -> None:
    loose = [s for s in cohort.trials if not s.is_subject_known]
    if loose:
        cohort.warnings.append(
            f"{len(loose)} trials are directly in the folder and no table names their subject: it is the one the file "
            f"itself names, else {loose[0].subject!r} after the folder"
        )
