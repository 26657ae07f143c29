"""TOML of users, with the one check that Python's reader leaves out."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from typing import Any


def loads(text: str) -> dict[str, Any]:
    """A TOML document whose whole numbers have at most 64 bits, as the format demands.

    Python's reader takes any number of digits, which no float holds.

    Raises
    ------
    tomllib.TOMLDecodeError : no TOML, or a longer number, with its key.
    """
    document = tomllib.loads(text)
    for key, value in _numbers("", document):
        if not -(2**63) <= value < 2**63:
            raise tomllib.TOMLDecodeError(f"{key} is a whole number of over 64 bits")
    return document


def _numbers(key: str, value: Any) -> Iterable[tuple[str, int]]:
    if isinstance(value, int):
        yield key, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _numbers(name, inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _numbers(key, inner)
