"""Skeletons: joints in source order, bones, pairs, and how landmarks and segment axes are computed.

Declared once in schemas/skeletons/*.toml; a file that fits none of them gets a skeleton of its own (:func:`adhoc`).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

from neurostore import toml_text
from neurostore.errors import SkeletonError

KEYS = (
    "subject",
    "session",
    "trial",
    "person",
    "frame",
    "time_s",
    "ingest_id",
    "confidence",
    "sd_mm",
    "reprojection_px",
    "picture",
)
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_]+")


@dataclass(frozen=True)
class Skeleton:
    """One skeleton.

    Attributes
    ----------
    name : table name below ``poses/``.
    joints : column names, in source order.
    source_names : the file's own names, same order.
    required : joints a file must have to belong to this skeleton.
    bones, pairs : pairs of joint names; pairs are (left, right).
    aliases : other spelling -> joint, upper case.
    scale_mm : millimetres per unit in text files that carry no unit, or None if it must be judged.
    declaration : the whole TOML table; ``landmarks`` and ``segments`` are read by ingest.landmarks.
    renamed : (source name, column, reason) of every joint whose column differs from its source name.
    """

    name: str
    joints: tuple[str, ...]
    source_names: tuple[str, ...] = ()
    required: frozenset[str] = frozenset()
    bones: tuple[tuple[str, str], ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()
    aliases: dict[str, str] = field(default_factory=dict)
    scale_mm: float | None = None
    declaration: dict[str, Any] = field(default_factory=dict)
    renamed: tuple[tuple[str, str, str], ...] = ()

    @property
    def table(self) -> str:
        """Name of the table of its poses."""
        return f"poses/{self.name}"

    def index(self, joint: str) -> int:
        """Index of a joint. Raises SkeletonError if there is none of this name."""
        try:
            return self.joints.index(joint)
        except ValueError:
            raise SkeletonError(
                f"skeleton {self.name} has no joint {joint!r}; it has {', '.join(self.joints)}"
            ) from None

    def extended(self, source_names: Iterable[str]) -> Skeleton:
        """The skeleton with further joints (nullable columns) after its own."""
        extra = [n for n in source_names if n not in self.source_names]
        columns, renamed = column_names([*self.source_names, *extra], fixed=self.joints)
        return replace(
            self, joints=columns, source_names=(*self.source_names, *extra), renamed=(*self.renamed, *renamed)
        )


def column_names(
    source_names: Sequence[str], fixed: Sequence[str] = ()
) -> tuple[tuple[str, ...], tuple[tuple[str, str, str], ...]]:
    """Column names for joint names: letters, digits and _, unique regardless of case, never the name of a key.

    fixed : the columns already given to the first joints. Returns the columns and what was renamed, with why.
    """
    columns = list(fixed)
    renamed = []
    taken = {c.lower() for c in columns} | {f"{c}_rotation".lower() for c in columns} | set(KEYS)
    for source in source_names[len(columns) :]:
        plain = _NOT_IN_A_NAME.sub("_", source).strip("_") or "joint"
        reason = "" if plain == source else "characters a column cannot have"
        column, n = plain, 1
        while column.lower() in taken or f"{column}_rotation".lower() in taken:
            n += 1
            column, reason = f"{plain}_{n}", "equal to a key or to another name except for case"
        taken |= {column.lower(), f"{column}_rotation".lower()}
        columns.append(column)
        if reason:
            renamed.append((source, column, reason))
    return tuple(columns), tuple(renamed)


def names() -> tuple[str, ...]:
    """Names of the skeletons this software declares."""
    return tuple(sorted(_declared()))


def load(name: str) -> Skeleton:
    """The declared skeleton of that name."""
    try:
        return _declared()[name]
    except KeyError:
        raise SkeletonError(f"no skeleton named {name!r}; declared are {', '.join(names())}") from None


def read_toml(path: Path) -> Skeleton:
    """A skeleton from a TOML file of the user's, in the form of schemas/skeletons/*.toml."""
    try:
        return _from_table(toml_text.loads(Path(path).read_text(encoding="utf-8")), str(path))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SkeletonError(f"{path}: cannot be read as a skeleton declaration: {error}") from None


def match(source_names: Iterable[str]) -> Skeleton | None:
    """The declared skeleton whose required joints are all among these names (aliases and case aside); the most specific."""
    return _match(frozenset(n.upper() for n in source_names))


@lru_cache(maxsize=256)
def _match(present: frozenset[str]) -> Skeleton | None:
    """:func:`match` of names in capitals; the files of a cohort mostly have the same ones."""
    best: Skeleton | None = None
    for skeleton in _declared().values():
        have = {skeleton.aliases.get(n, n) for n in present}
        have = {n.upper() for n in have}
        if (
            skeleton.required
            and all(j.upper() in have for j in skeleton.required)
            and (best is None or len(skeleton.required) > len(best.required))
        ):
            best = skeleton
    return best


def adhoc(name: str, source_names: Sequence[str], bones: Sequence[tuple[int, int]] = ()) -> Skeleton:
    """A skeleton for a file that fits no declaration. bones : pairs of indices into source_names."""
    columns, renamed = column_names(source_names)
    return Skeleton(
        name=name,
        joints=columns,
        source_names=tuple(source_names),
        bones=tuple((columns[a], columns[b]) for a, b in bones),
        renamed=renamed,
    )


@cache
def _declared() -> dict[str, Skeleton]:
    folder = resources.files("neurostore.schemas") / "skeletons"
    skeletons = {}
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        if file.name.endswith(".toml"):
            skeleton = _from_table(tomllib.loads(file.read_text(encoding="utf-8")), file.name)
            skeletons[skeleton.name] = skeleton
    return skeletons


def _from_table(table: dict[str, Any], where: str) -> Skeleton:
    missing = {"name", "joints"} - set(table)
    if missing:
        raise SkeletonError(f"{where}: a skeleton needs {', '.join(sorted(missing))}")
    source = tuple(table["joints"])
    joints, renamed = column_names(source)
    column = dict(zip(source, joints, strict=True))
    for what in ("bones", "pairs"):
        for a, b in table.get(what, ()):
            for joint in (a, b):
                if joint not in column:
                    raise SkeletonError(f"{where}: {what} name {joint!r}, which is not among the joints")
    unknown = set(table.get("required", ())) - set(source)
    if unknown:
        raise SkeletonError(f"{where}: required names {', '.join(sorted(unknown))}, not among the joints")
    return Skeleton(
        name=table["name"],
        joints=joints,
        source_names=source,
        required=frozenset(table.get("required", source)),
        bones=tuple((column[a], column[b]) for a, b in table.get("bones", ())),
        pairs=tuple((column[a], column[b]) for a, b in table.get("pairs", ())),
        aliases={other.upper(): joint for joint, others in table.get("aliases", {}).items() for other in others},
        scale_mm=table.get("scale_mm"),
        declaration=table,
        renamed=renamed,
    )
