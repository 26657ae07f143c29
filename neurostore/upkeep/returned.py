"""Files of a lake that hold data of an erased person: there are none, unless something went wrong."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pyarrow as pa
import pyarrow.compute as pc

from neurostore import storage
from neurostore.lake import contents, tombstones


def files_of_erased(root: str) -> list[str]:
    """Paths, below the root, of data files with rows of an erased subject or recording, named by a version or not."""
    stones = tombstones.read(root)
    if not stones.stones:
        return []
    subjects: dict[str, set[str]] = {}
    sources: dict[str, set[str]] = {}
    for file in storage.list_files(root):
        if not contents.is_data(file.path):
            continue
        subject = file.path.partition("/subject=")[2].partition("/")[0]
        held, recordings = ({subject}, set[str]()) if subject else _held(storage.join(root, file.path))
        for name in held:
            subjects.setdefault(name, set()).add(file.path)
        for name in recordings:
            sources.setdefault(name, set()).add(file.path)
    with ThreadPoolExecutor() as threads:  # hashing a key is slow on purpose
        is_erased = list(threads.map(lambda s: stones.of_subject(s) is not None, subjects))
    files = [paths for paths, erased in zip(subjects.values(), is_erased, strict=True) if erased]
    files += [paths for source, paths in sources.items() if stones.of_source(source) is not None]
    return sorted(set().union(*files))


def _held(path: str) -> tuple[set[str], set[str]]:
    """Subjects and SHA-256 of sources that an unpartitioned file names; none where it cannot be read."""
    with suppress(OSError, pa.ArrowException), storage.open_parquet(path) as file:
        have = [c for c in ("subject", "source_sha256") if c in file.schema_arrow.names]
        rows = file.read(columns=have)
        values = {c: set(pc.unique(rows[c]).to_pylist()) - {None} for c in have}
        return values.get("subject", set()), values.get("source_sha256", set())
    return set(), set()
