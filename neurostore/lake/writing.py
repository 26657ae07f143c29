"""The lock and the record that every writer of a lake takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from neurostore import schema, storage
from neurostore.errors import LakeError
from neurostore.lake import checked, contents, foreign, releases
from neurostore.lake.hashes import gathered, measured, read, record

_UNDER_THE_LOCK = ("_neurostore/hashes/", "_neurostore/erasures/", "_neurostore/erasing/")


@contextmanager
def writing(root: str, doing: str, *, is_repair: bool = False) -> Iterator[None]:
    """The lake's lock for the length of a commit; what is recorded meanwhile goes into one segment at its end.

    is_repair : what another program did to ``trials`` does not matter, since it is undone. Otherwise it raises LakeError.
    """
    with storage.lock(root, doing) as was_abandoned:
        if not is_repair and not storage.is_remote(root):  # on S3 this would cost each writer two more requests
            foreign.check_newest(root, "trials")
        if was_abandoned:
            adopt(root)
            _sweep_temporary(root)
        with gathered(root), checked.off():  # hashes of the files written here are recorded at the end
            yield


def _sweep_temporary(root: str) -> None:
    """Delete what the last holder of the lock was writing when it died: records and log entries are written under it."""
    left = [f.path for f in storage.list_files(root, logs=True) if contents.is_temporary(f.path)]
    own = [p for p in left if p.startswith(_UNDER_THE_LOCK) or "/_delta_log/" in p]
    storage.delete([storage.join(root, p) for p in own])


def adopt(root: str, paths: Iterable[str] | None = None) -> list[str]:
    """Record files of the lake that have no recorded hash, as they are now. Returns their paths.

    paths : which; None for every log, and every data file that a log names.
    """
    known = read(root).files
    chosen = [p for p in (named_files(root) if paths is None else paths) if p not in known]
    entries = {p: e for p in chosen if (e := measured(root, p)) is not None}
    record(root, entries)
    return sorted(entries)


def named_files(root: str) -> list[str]:
    """Paths below the root of every log entry, checkpoint and release, and of every data file a version or release names."""
    files = []
    for file in storage.list_files(root, logs=True):
        folder, _, name = file.path.rpartition("/_delta_log/")
        if (
            folder
            and folder == schema.table_of(file.path)
            and (name.endswith(".json") or name.endswith(".checkpoint.parquet"))
            and not contents.is_strange(file.path)
        ):
            files.append(file.path)
    from neurostore.lake import delta

    for table in sorted({p.rpartition("/_delta_log/")[0] for p in files}):
        with suppress(LakeError, ValueError):  # a log that cannot be read names no files; verify reports it
            files += [f"{table}/{p}" for p in delta.ever_added(root, table)]
    files += [releases.path_of(name) for name in releases.names(root)]
    with suppress(LakeError):
        files += sorted(releases.held_files(root))
    return list(dict.fromkeys(files))
