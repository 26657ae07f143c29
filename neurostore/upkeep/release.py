"""Making, checking and removing releases of a lake."""

from __future__ import annotations

from datetime import UTC, datetime

from neurostore import storage
from neurostore.errors import ConflictError, DamagedLakeError, UsageError, VanishedVersionError
from neurostore.lake import hashes, heartbeat, releases, writing
from neurostore.lake.content import Content, content_of, is_source, people_of
from neurostore.lake.releases import Release
from neurostore.lake.stored import Stored
from neurostore.lake.version import Version
from neurostore.lake.version import open as open_lake
from neurostore.upkeep.erase import finish_erasures
from neurostore.upkeep.traces import Traces


def make(lake_path: object, name: str, *, version: int | None = None, message: str = "") -> tuple[Release, bool]:
    """Give a version of a lake a name. Returns the release, and whether it is new.

    Every row is read and hashed. Where the lake has a release of this name with the same content, that one is
    returned: a command that was killed can be repeated.

    Parameters
    ----------
    name : letters, digits, '.', '_' and '-'. version : of the lake; None is the newest. message : kept with it.

    Raises
    ------
    UsageError : the name is taken by another state, is not allowed, or contains the key of a person.
    VanishedVersionError : the version was vacuumed.  ConflictError : another process makes the same release.
    """
    releases.check_name(name)
    root = storage.resolve(lake_path)
    lake = open_lake(root, version)
    finish_erasures(root)
    _check_free(root, lake, name)
    with heartbeat.running(root, "release"), storage.named_errors(root, "release"):
        lake = open_lake(root, version)
        content = content_of(lake)
        there = releases.find(root, name)
        if there is not None:
            return _same(there, content), False
        release = _release(lake, name, message, content)
        with writing.writing(root, "release"):
            gone = [p for p in sorted(releases.files_of(release)) if storage.size_of(storage.join(root, p)) < 0]
            if gone:
                raise VanishedVersionError(f"{root}: {gone[0]} was vacuumed meanwhile; repeat the command")
            if not releases.write(root, release):
                raise ConflictError(f"{root}: another process has just made a release {name!r}; repeat the command")
    return release, True


def _check_free(root: str, lake: Version, name: str) -> None:
    """Raise UsageError for a name that differs from another in case alone, or that contains the key of a person."""
    alike = [n for n in releases.names(root) if n.lower() == name.lower() and n != name]
    if alike:
        raise UsageError(f"there is a release {alike[0]!r}; names that differ in case alone are one file on some disks")
    subjects = sorted(set(lake.trials_table()["subject"].to_pylist()), key=len, reverse=True)
    named = next((s for s in subjects if Traces(s).are_in_text(name.encode())), None)
    if named is not None:
        raise UsageError(
            f"{name!r} contains the key of subject {named}; the name stays when a person is erased: choose another"
        )


def _same(there: Release, content: Content) -> Release:
    if content.sha256 == there.content_sha256:
        return there
    raise UsageError(
        f"the release {there.name!r} of {there.created} has another content (SHA-256 {there.content_sha256[:16]}, this "
        f"version has {content.sha256[:16]}): a release never changes; choose another name"
    )


def _release(lake: Version, name: str, message: str, content: Content) -> Release:
    states = {table: lake.table_state(table) for table in lake.tables() if is_source(table)}
    tables = {
        table: Stored(state.version, state.schema, state.files) for table, state in states.items() if state.version >= 0
    }
    return Release(
        name=name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        message=message,
        lake_version=lake.version,
        content_sha256=content.sha256,
        rows_sha256=content.rows_sha256,
        reviews_sha256=content.reviews_sha256,
        definitions_sha256=content.definitions,
        software=content.software,
        n_trials=content.n_trials,
        n_subjects=len(set(lake.trials_table()["subject"].to_pylist())),
        people=people_of(content),
        tables=tables,
    )


def check(lake_path: object, name: str) -> Release:
    """Read every row of a release and compare it with the recorded hashes; returns the release.

    Raises
    ------
    DamagedLakeError : a file is missing or its bytes changed.  UsageError : no such release, or rows that differ.
    """
    lake = open_lake(lake_path, release=name)
    release = releases.read(lake.path, name)
    try:
        content = content_of(lake)
    except VanishedVersionError as error:  # nothing deletes what a release needs
        raise DamagedLakeError(f"{str(error).split(':')[0]}: the file is missing; restore it from a backup") from error
    here, then = people_of(content), release.people
    differ = sorted(s or "nobody" for s in {*here, *then} if here.get(s) != dict(then.get(s, {})))
    if differ:
        raise UsageError(f"{lake.path}: release {name!r} has other rows than recorded, of {', '.join(differ[:8])}")
    return release


def remove(lake_path: object, name: str) -> Release:
    """Remove a release: the next vacuum deletes what only it needed. Returns what it was.

    Raises UsageError if there is none of this name.
    """
    root = storage.resolve(lake_path)
    open_lake(root)
    finish_erasures(root)
    with writing.writing(root, "removing a release"), storage.named_errors(root, "removing a release"):
        release = releases.read(root, name)
        path = releases.path_of(name)
        hashes.forget(root, hashes.read(root).files.keys() - {path})
        storage.delete([storage.join(root, path)])
    return release
