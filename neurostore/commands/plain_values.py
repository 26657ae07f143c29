"""Values of the command line that are taken as they are, so that typer need not load its validators (80 ms) for them.

Typer validates every value, those left out too, by a library that takes longer to load than most queries take to run.
Nothing that could fail is passed by: only values that have their type already, and paths that may be read or do not exist.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any


def spare_validators(parameters: Iterable[Any]) -> None:
    """Let parameters of typer take plain values as they are; typer judges the others.

    Parameters of a typer that has no separate validators (they came with 0.29) are left as they are.
    """
    for parameter in parameters:
        judge = getattr(parameter, "get_runtime_param", None)
        if judge is not None and "get_runtime_param" not in vars(parameter):
            parameter.get_runtime_param = PlainFirst(judge).itself


class PlainFirst:
    """Judges the values of one parameter, in place of typer's own judge, which ``judge`` makes."""

    def __init__(self, judge: Callable[[], Any]):
        self._judge = judge

    def itself(self) -> PlainFirst:
        """What a parameter calls to get its judge."""
        return self

    def coerce(self, value: Any, *more: Any, **given: Any) -> Any:
        """The value as the command gets it. Raises typer's BadParameter for one that it must not have."""
        with suppress(AttributeError, KeyError):  # a typer whose parameters are otherwise judges everything itself
            if _is_plain(value, given["param"]):
                return value
            if _is_plain_path(value, given["param"]):
                return Path(value)
        return self._judge().coerce(value, *more, **given)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._judge(), name)


def _is_plain(value: Any, param: Any) -> bool:
    """Whether a value is left out, or is a text that stays one."""
    if param.multiple or param.nargs != 1:
        return False
    is_text = type(value) is str and param.type_descriptor.annotation is str
    return value is None or value is param.default or (is_text and param.type_descriptor.parameter_info.parser is None)


def _is_plain_path(value: Any, param: Any) -> bool:
    """Whether a text is a path of which no more is asked than that it can be read."""
    about = param.type_descriptor.parameter_info
    if param.multiple or param.nargs != 1 or type(value) is not str or about.parser is not None:
        return False
    is_path = param.type_descriptor.annotation is Path and not _is_checked(about)
    return is_path and (os.access(value, os.R_OK) or not os.path.lexists(value))


def _is_checked(about: Any) -> bool:
    """Whether a path must fulfil more than that it can be read. about : what the option declares."""
    return any(
        (about.exists, about.writable, about.resolve_path, about.path_type, not about.file_okay, not about.dir_okay)
    )
