"""The names in common_names.toml, and those that its parts make together (``genou`` and ``ext``: ``genouext``, ``extgenou``)."""

from __future__ import annotations

import tomllib
import unicodedata
from functools import cache
from importlib import resources
from typing import Any

_LEAST_LETTERS = 4  # of a word that says by itself where on the body a marker is


@cache
def table() -> dict[str, Any]:
    """common_names.toml, with the names of its parts after those that are listed."""
    file = resources.files("neurostore.schemas") / "common_names.toml"
    names: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
    parts: dict[str, list[str]] = names["parts"]
    for landmark, listed in names["skin_sided"].items():
        part, _, place = landmark.partition("_")
        if part in parts and place in parts:
            made = (name for a in parts[part] for b in parts[place] for name in (a + b, b + a))
            listed += [name for name in dict.fromkeys(made) if name not in listed]
    return names


@cache
def words(*landmarks: str) -> frozenset[str]:
    """Names in upper case of markers of these landmarks, those of four letters and more."""
    known = table()["skin_sided"] | table()["skin"]
    names = (name for landmark in landmarks for name in known[landmark] if isinstance(name, str))
    return frozenset(name.upper() for name in names if len(name) >= _LEAST_LETTERS)


def without_accents(text: str) -> str:
    """``Knöchel`` as ``Knochel``, ``Fuß`` as ``Fuss``."""
    if text.isascii():
        return text
    apart = unicodedata.normalize("NFKD", text.replace("ß", "ss"))
    return "".join(letter for letter in apart if not unicodedata.combining(letter))
