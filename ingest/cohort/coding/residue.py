"""After the copy is written, its files are searched for every name and date that was coded."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable
from pathlib import Path

from neurostore.ingest.cohort.coding.words import PLAIN

_FEWEST = 4
_FEWEST_IN_NUMBERS = 6
_END = 1 << 20
_BINARY = (".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".npy", ".parquet", ".c3d")


def search(path: Path, names: Iterable[str], dates: Iterable[str]) -> list[str]:
    """Names and dates that a file of the copy still holds, in its bytes, as UTF-8, Latin-1 or UTF-16, and inside .xlsx."""
    if path.suffix.lower() == ".xlsx":
        with zipfile.ZipFile(path) as book:
            blocks = [book.read(member) for member in book.namelist()]
    else:
        blocks = [_bytes(path)]
    is_binary = path.suffix.lower() in _BINARY
    fewest = _FEWEST_IN_NUMBERS if is_binary else _FEWEST
    words = [n for n in set(names) if len(n) >= fewest and n.lower() not in PLAIN]
    residues = []
    for block in blocks:
        low = block.lower()
        residues += [w for w in words if _is_in(w, low)]
        residues += [
            d for d in dates if len(d) >= 8 and re.search(rb"(?<!\d)" + re.escape(d.encode()) + rb"(?!\d)", block)
        ]
    return sorted(set(residues))


def _bytes(path: Path) -> bytes:
    """A file's bytes; of a long one both ends: between them are numbers or images."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if size <= 8 * _END:
            return file.read()
        first = file.read(2 * _END)
        file.seek(size - 2 * _END)
        return first + b"\n" + file.read()


def _is_in(word: str, low: bytes) -> bool:
    for coding in ("utf-8", "latin-1", "utf-16-le"):
        try:
            raw = word.lower().encode(coding)
        except UnicodeEncodeError:
            continue
        at = low.find(raw)
        while at >= 0:
            before, after = low[max(0, at - 1) : at], low[at + len(raw) : at + len(raw) + 1]
            is_inside = coding != "utf-16-le" and (before.isalpha() or after.isalpha())
            if not is_inside or len(word) > _FEWEST_IN_NUMBERS:
                return True
            at = low.find(raw, at + 1)
    return False
