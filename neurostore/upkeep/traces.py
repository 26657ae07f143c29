"""What identifies a person in a file: the key, names, hashes of the recordings, runs of coordinates."""

from __future__ import annotations

import base64
import html
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from html.entities import codepoint2name
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from neurostore import schema, storage
from neurostore.arrays import Floats
from neurostore.lake import contents
from neurostore.upkeep.coordinates import Coordinates

_LEAST_NAME = 4  # letters; a shorter value of a metadata column is not taken for a name
_RUN = 3  # consecutive frames whose values are searched for
_PLACES = 3  # such runs per file
_NUMBERS = ("<f4", "<f8", ">f4", ">f8")
_TELLING_DIGITS = 6  # a number with at least this many digits is an identifier, not a count
_BY_CHANCE = 1e-3
_ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "cp1252")
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{24,}={0,2}")
_KEY_COLUMN = re.compile(
    r"(subject|participant|patient|proband)([_ ]?(id|key|code|number|no))?(_[ab])?|sub", re.IGNORECASE
)

UNNAMED = b"(erased)"

Answer = Literal["holds", "may hold", "holds nothing"]


@dataclass(frozen=True, slots=True)
class Traces:
    """What to look for.

    subject : the key.  sources : SHA-256 of the recordings that no other subject has.
    names : values of metadata that only this person has.
    runs : consecutive coordinates as bytes, of any order.  coordinates : as numbers, in any unit and as text.
    """

    subject: str
    sources: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    runs: frozenset[bytes] = frozenset()
    coordinates: Coordinates = field(default_factory=Coordinates, compare=False)

    @property
    def is_telling(self) -> bool:
        """Whether the key as a word identifies the person: ``10`` is also a number, ``S2`` and ``P0107`` are keys."""
        if self.subject.isdigit():
            return len(self.subject) >= _TELLING_DIGITS
        has_digit = any(c.isdigit() for c in self.subject)
        return has_digit or len(self.subject) >= _LEAST_NAME

    @property
    def word(self) -> re.Pattern[bytes]:
        """The key as a separate word: in ``S1_walk`` but not in ``S10``."""
        return _word(self.subject.encode())

    def in_text(self, content: bytes) -> Answer:
        """Whether a text has any of them; ``may hold`` if it has the key as an ambiguous word."""
        if self._are_in(content) or self.coordinates.are_in_text(content) or self._are_in_base64(content):
            return "holds"
        if not self.word.search(content):
            return "holds nothing"
        return "holds" if self.is_telling or _place(self.subject).search(content) else "may hold"

    def are_in_text(self, content: bytes) -> bool:
        """Whether a text certainly has any of them."""
        return self.in_text(content) == "holds"

    def in_binary(self, content: bytes) -> Answer:
        """Whether bytes that are not text have any of them, the key in any of the usual encodings.

        A short key is found in any random bytes: it ``may`` be there unless so few bytes hold it by chance once in a
        thousand times at most.
        """
        if self._are_in(content):
            return "holds"
        if any(_is_no_chance(s, content) for name in self.names for s in _encoded(name)):
            return "holds"
        spelled = [s for s in _encoded(self.subject) if s in content]
        if any(_is_no_chance(s, content) for s in spelled):
            return "holds"
        return "may hold" if spelled else "holds nothing"

    def in_numbers(self, content: bytes) -> bool:
        """Whether the bytes of numbers have the person's coordinates."""
        return any(run in content for run in self.runs)

    def unnamed(self, text: str) -> str:
        """A text with the person's key and names replaced; the key as a bare number stays, because it may be a count."""
        content = text.encode()
        for name in sorted(self.names, key=len, reverse=True):
            content = _word(name.encode()).sub(UNNAMED, content)
        pattern = self.word if self.is_telling else _place(self.subject)
        return pattern.sub(UNNAMED, content).decode()

    def _are_in(self, content: bytes) -> bool:
        if any(w.encode() in content for w in self.sources) or self.in_numbers(content):
            return True
        return any(s in content and _word(s).search(content) for name in self.names for s in _spellings(name))

    def _are_in_base64(self, content: bytes) -> bool:
        """Whether what a text has as base64, such as the arrays of a plot or a notebook, has any of them."""
        for match in _BASE64.finditer(content.replace(b"\\u002f", b"/").replace(b"\\/", b"/")):
            decoded = base64.b64decode(match[0][: len(match[0]) // 4 * 4])
            if self.in_binary(decoded) == "holds" or self.coordinates.are_in_bytes(decoded):
                return True
        return False


@cache
def _word(written: bytes) -> re.Pattern[bytes]:
    return re.compile(rb"(?<![A-Za-z0-9])" + re.escape(written) + rb"(?![A-Za-z0-9])")


@cache
def _spellings(name: str) -> tuple[bytes, ...]:
    """A name as texts have it: composed or not, and with the escapes of JSON, XML and HTML."""
    written: dict[str, None] = {}
    for form in (name, *(unicodedata.normalize(form, name) for form in ("NFC", "NFD"))):
        escaped = html.escape(form, quote=False)
        named = (codepoint2name.get(ord(c)) for c in form)
        every = [form, escaped, html.escape(form), json.dumps(form)[1:-1], json.dumps(form, ensure_ascii=False)[1:-1]]
        every += [escaped.encode("ascii", "xmlcharrefreplace").decode()]
        every += ["".join(c if ord(c) < 128 else f"&#x{ord(c):{x}};" for c in escaped) for x in "xX"]
        every += ["".join(c if n is None else f"&{n};" for c, n in zip(form, named, strict=True))]
        every += [re.sub(r"\\u\w{4}", lambda match: "\\u" + match[0][2:].upper(), every[3])]
        written |= dict.fromkeys(every)
    return tuple(text.encode() for text in written)


@cache
def _encoded(text: str) -> tuple[bytes, ...]:
    """A text in the usual encodings, as far as they have its letters."""
    spelled = (text.encode(code, "ignore") for code in _ENCODINGS)
    return tuple(s for s, code in zip(spelled, _ENCODINGS, strict=True) if s.decode(code) == text)


def _is_no_chance(spelled: bytes, content: bytes) -> bool:
    """Whether bytes are in others that are too few to have them by chance."""
    return len(content) < _BY_CHANCE * 256 ** len(spelled) and spelled in content


@cache
def _place(key: str) -> re.Pattern[bytes]:
    """The key where only keys of subjects are: ``subject=1``, ``"participant_id": "1"``, ``sub-1``, ``1/walk``."""
    pattern = re.escape(key.encode())
    named = rb"(?<![A-Za-z])(?:subject|participant|patient|proband|sub)(?:[_ ]?(?:id|key|code|number|no))?"
    between = rb"[\\\"']*\s*[-_=:,]?\s*[\\\"']*"
    path = rb"(?:^|[\"'\s])" + pattern + rb"/[A-Za-z]"
    return re.compile(named + between + pattern + rb"(?![A-Za-z0-9])|" + path, re.IGNORECASE | re.MULTILINE)


def is_key_column(name: str) -> bool:
    """Whether a column, by its name, holds keys of subjects."""
    return _KEY_COLUMN.fullmatch(name) is not None


def of_person(root: str, subject: str) -> Traces:
    """What any file of the lake that is still on disk, of whatever version, contains about a person."""
    sources: set[str] = set()
    of_others: set[str] = set()
    own: set[str] = set()
    others: set[str] = set()
    for row in _rows_of(root, ("trials", "subjects")):
        is_own = row["subject"] == subject
        if row.get("source_sha256"):
            (sources if is_own else of_others).add(row["source_sha256"])
        if is_own:
            own.update(_names(row))
        else:  # a word that is also in a row of another person identifies nobody
            others.update(v for v in row.values() if isinstance(v, str))
    names = frozenset(own - others - {subject})
    files = list(_points_of(root, subject))
    runs = frozenset(run for points in files for run in _runs_in(points[0]))
    coordinates = Coordinates.of(point for points in files for point in points)
    return Traces(subject, frozenset(sources - of_others), names, runs, coordinates)


def _rows_of(root: str, tables: Iterable[str]) -> Iterator[dict[str, Any]]:
    for table in tables:
        for file in contents.own_files(root, table):
            with suppress(OSError, pa.ArrowException), storage.open_parquet(storage.join(root, table, file.path)) as it:
                yield from it.read().to_pylist()


def _names(row: dict[str, Any]) -> set[str]:
    """Text in columns that are not declared: names, remarks, numbers of other registers."""
    declared = {c.name for t in ("trials", "subjects") for c in schema.table(t).columns}
    names = {v for k, v in row.items() if k not in declared and isinstance(v, str) and len(v) >= _LEAST_NAME}
    return {v for v in names if v.lower() not in _own_words() and not (v.isdigit() and len(v) < _TELLING_DIGITS)}


@cache
def _own_words() -> frozenset[str]:
    """Words in names of columns and tables: ``left`` in a remark identifies nobody."""
    names = [*schema.tables(), *(c.name for t in schema.tables().values() for c in t.columns)]
    return frozenset(word for name in names for word in (name.lower(), *name.lower().split("_")))


def _points_of(root: str, subject: str) -> Iterator[list[Floats]]:
    """The points (frames, 3) mm of the first rows of each file of a person."""
    for file in storage.list_files(root):
        if schema.table_of(file.path) is None or f"/subject={subject}/" not in file.path:
            continue
        with suppress(OSError, pa.ArrowException), storage.open_parquet(storage.join(root, file.path)) as opened:
            names = [f.name for f in opened.schema_arrow if pa.types.is_struct(f.type)]
            if opened.num_row_groups and names:
                rows = opened.read_row_group(0, columns=names)
                yield [schema.components_of(rows[name].combine_chunks()) for name in names]


def _runs_in(every: Floats) -> Iterator[bytes]:
    """A few runs of one coordinate over frames, and of one frame, as float32 and float64; none of round or constant numbers."""
    values = every[:, 0]
    for first in np.linspace(0, max(len(values) - _RUN, 0), _PLACES).astype(int):
        run = values[first : first + _RUN]
        if len(run) == _RUN and np.isfinite(run).all() and (run != np.round(run)).all() and len(set(run)) == _RUN:
            yield from (run.astype(kind).tobytes() for kind in _NUMBERS)
        xyz = np.nan_to_num(every[first]).astype(float) if len(every) else run
        if len(xyz) == _RUN and (xyz != np.round(xyz)).all():
            yield from (xyz.astype(kind).tobytes() for kind in _NUMBERS)
