"""Bringing an older lake to this software's schema version, step by step.

A step changes a lake from one version to the next and must bear being run twice: a lake whose migration was killed is
migrated again. ``lake.json`` says the version when all steps are done; newer lakes are refused at open.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from neurostore import schema, storage
from neurostore.errors import LakeError
from neurostore.lake import writing
from neurostore.lake.marker import check_marker
from neurostore.release import VERSION
from neurostore.upkeep.erase import finish_erasures

Step = Callable[[str], str]  # takes the root and returns a few words on what it did


def record_hashes(root: str) -> str:
    """From version 0 (the layout before the first release, which had no record of hashes): record every file as it is."""
    return f"recorded the hashes of {len(writing.adopt(root))} files"


STEPS: dict[int, Step] = {0: record_hashes}  # schema version -> step to the next version


@dataclass(frozen=True, slots=True)
class Migration:
    """What :func:`migrate` did."""

    before: int
    after: int
    done: tuple[str, ...]


def migrate(lake_path: object, steps: Mapping[int, Step] | None = None, to: int | None = None) -> Migration:
    """Bring a lake to the newest schema version. One that has it is left as it is.

    Raises
    ------
    NotALakeError, NewerLakeError : as at open.  LakeError : a step is missing, or the lake cannot be written.
    """
    steps = STEPS if steps is None else steps
    to = schema.SCHEMA_VERSION if to is None else to
    root = storage.resolve(lake_path)
    check_marker(root)
    finish_erasures(root)
    path = storage.join(root, "_neurostore", "lake.json")
    before = (storage.read_json(path) or {}).get("schema_version", 0)
    if before >= to:
        return Migration(before, before, ())
    done = []
    with writing.writing(root, "migrate"), storage.named_errors(root, "migrating"):
        for version in range(before, to):
            if version not in steps:
                raise LakeError(f"{root}: no step leads from schema version {version} to {version + 1}")
            done.append(f"{version} to {version + 1}: {steps[version](root)}")
        content = {**(storage.read_json(path) or {}), "schema_version": to, "software_version": VERSION}
        storage.write_json(path, content)
    return Migration(before, to, tuple(done))
