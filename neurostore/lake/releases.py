"""Releases: states of a lake with a name, which a paper can cite and which stay as they are.

A release is one file, ``_neurostore/releases/NAME.json``: the files of every table as they were, and hashes of what they
contain (content.py). It names its files itself and needs no log of Delta, so that it can be opened when the version it
was made from is no longer there. Whatever deletes files of a lake asks `held_files` first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from neurostore import storage
from neurostore.errors import UsageError
from neurostore.lake import contents, delta, hashes
from neurostore.lake.definitions import definitions_sha256
from neurostore.lake.delta import DataFile, Stored
from neurostore.wording import near

if TYPE_CHECKING:
    import polars as pl

FOLDER = hashes.RELEASES
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SHOWN = 16  # digits of a hash that a sentence shows


@dataclass(frozen=True, slots=True)
class Release:
    """A named state of a lake.

    Attributes
    ----------
    name, created, message : given when it was made; created is UTC, ISO 8601.
    lake_version : the version it was made from.
    content_sha256 : of rows, reviews, definitions and software together, as it was made: what a paper cites.
    rows_sha256, reviews_sha256, definitions_sha256 : of its parts. software : versions it was made with.
    n_trials, n_subjects : as it was made.
    people : by subject, the hashes of its rows and reviews; '' is for rows of no person. Erased people are not among them.
    tables : the files of each table.
    erasures : one entry per person erased since, with the day and the number of trials, without a key.
    """

    name: str
    created: str
    message: str
    lake_version: int
    content_sha256: str
    rows_sha256: str
    reviews_sha256: str
    definitions_sha256: str
    software: Mapping[str, str]
    n_trials: int
    n_subjects: int
    people: Mapping[str, Mapping[str, str]]
    tables: Mapping[str, Stored]
    erasures: tuple[Mapping[str, Any], ...] = ()

    @property
    def text(self) -> str:
        """The release in words, with what readers of a figure must know of it."""
        parts = [
            f"release {self.name} (content SHA-256 {self.content_sha256[:_SHOWN]}, lake version {self.lake_version})"
        ]
        if self.erasures:
            n = len(self.erasures)
            days = ", ".join(sorted({e["date"] for e in self.erasures}))
            parts.append(f"without {n} {'person' if n == 1 else 'people'} erased since ({days})")
        if self.definitions_sha256 != definitions_sha256():
            parts.append(
                f"made by neurostore {self.software['neurostore']}, whose views are defined otherwise than here"
            )
        return "; ".join(parts)

    @property
    def citation(self) -> str:
        """A sentence for the methods section of a paper."""
        return (
            f"Neurostore {self.software['neurostore']}, release {self.name} of {self.created[:10]}, "
            f"content SHA-256 {self.content_sha256}."
        )


# How outputs name the state that they come from


def state_text(lake: Any) -> str:
    """``lake version 12``, or the release that was opened, in words."""
    released = getattr(lake, "released", None)
    return released.text if released is not None else f"lake version {getattr(lake, 'version', None)}"


def state_facts(lake: Any) -> dict[str, Any]:
    """The state for descriptions of files: lake_version, and of a release its name and hash."""
    released = getattr(lake, "released", None)
    facts: dict[str, Any] = {"lake_version": getattr(lake, "version", None)}
    if released is not None:
        facts |= {"release": released.name, "release_sha256": released.content_sha256}
        facts |= {"release_erased_people": len(released.erasures)} if released.erasures else {}
    return facts


# Reading and writing


def check_name(name: str) -> None:
    """Raise UsageError unless this can be the name of a release."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r}: the name of a release has up to 64 letters, digits, '.', '_' and '-', "
            "and begins with a letter or digit"
        )


def path_of(name: str) -> str:
    """The file of a release, below the root of the lake."""
    return f"{FOLDER}/{name}.json"


def names(root: str) -> list[str]:
    """Names of the releases of a lake."""
    files = contents.own_files(root, FOLDER)
    return sorted(f.path.removesuffix(".json") for f in files if _is_release(f.path))


def _is_release(path: str) -> bool:
    return path.endswith(".json") and bool(_NAME.fullmatch(path.removesuffix(".json")))


def find(root: str, name: str) -> Release | None:
    """A release, by a name in its exact spelling; None if there is none.

    Raises
    ------
    DamagedLakeError : its bytes changed.
    """
    content = storage.read_json(storage.join(root, path_of(name))) if _NAME.fullmatch(name) else None
    return None if content is None else _read(content)


def read(root: str, name: str) -> Release:
    """A release.

    Raises
    ------
    UsageError : there is none of this name; similar names are listed.  DamagedLakeError : its bytes changed.
    """
    release = find(root, name)
    if release is None:
        raise UsageError(
            f"no release is named {name!r}; {near(name, names(root))}; `neurostore release --list` lists them"
        )
    return release


def every(root: str) -> list[Release]:
    """All releases of a lake, the oldest first."""
    releases = [find(root, name) for name in names(root)]
    return sorted((r for r in releases if r is not None), key=lambda r: (r.created, r.name))


def _read(content: Mapping[str, Any]) -> Release:
    plain = {k: v for k, v in content.items() if k not in ("check", "tables", "erasures")}
    tables = {name: _table(stored) for name, stored in content["tables"].items()}
    return Release(**plain, tables=tables, erasures=tuple(content["erasures"]))


def _table(stored: Mapping[str, Any]) -> Stored:
    schema = pa.schema(delta.Schema.from_json(json.dumps(stored["schema"])).to_arrow())
    return Stored(stored["version"], schema, tuple(DataFile(*file) for file in stored["files"]))


def write(root: str, release: Release, *, replace: bool = False) -> bool:
    """Write a release, completely or not at all, and record its hash; under the lake's lock.

    Returns False if there is one of this name that must not be replaced.
    """
    content = {
        field: getattr(release, field) for field in Release.__slots__ if field not in ("tables", "erasures", "people")
    }
    content |= {
        "people": {name: dict(facts) for name, facts in release.people.items()},
        "erasures": [dict(e) for e in release.erasures],
        "tables": {name: _record(table) for name, table in release.tables.items()},
    }
    if not storage.write_json(storage.join(root, path_of(release.name)), content, replace=replace):
        return False
    record(root, [release.name])
    return True


def record(root: str, which: Iterable[str]) -> None:
    """Record the hashes of these releases' files as they are, with a copy that `verify --drop-damaged` restores."""
    paths = [path_of(name) for name in which]
    hashes.record(root, {p: e for p in paths if (e := hashes.measured(root, p)) is not None})


def _record(table: Stored) -> dict[str, Any]:
    files = [[f.path, f.subject, f.n_rows, f.size, f.modified_ms] for f in table.files]
    return {
        "version": table.version,
        "schema": json.loads(delta.Schema.from_arrow(table.schema).to_json()),
        "files": files,
    }


# Files that releases need


def held_files(root: str) -> set[str]:
    """Paths, below the root, of every data file that a release needs."""
    return {path for release in every(root) for path in files_of(release)}


def files_of(release: Release) -> set[str]:
    """Paths, below the root, of the data files of a release."""
    return {f"{name}/{file.path}" for name, table in release.tables.items() for file in table.files}


def listing(root: str) -> pl.DataFrame:
    """The releases, the oldest first: name, created, lake_version, counts, hash, and how many people were erased since."""
    import polars as pl

    rows = [
        {
            "release": r.name,
            "created": r.created,
            "lake_version": r.lake_version,
            "n_subjects": r.n_subjects,
            "n_trials": r.n_trials,
            "n_erased": len(r.erasures),
            "content_sha256": r.content_sha256,
            "rows_sha256": r.rows_sha256,
            "message": r.message,
        }
        for r in every(root)
    ]
    text, number = pl.String, pl.Int64
    kinds = dict(zip(("release", "created", "lake_version", "n_subjects", "n_trials", "n_erased", "content_sha256",
                      "rows_sha256", "message"), (text, text, number, number, number, number, text, text, text), strict=True))  # fmt: skip
    return pl.DataFrame(rows, schema=kinds)
