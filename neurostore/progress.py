"""What a long piece of work tells of its progress. Whoever started the work listens; without a listener nothing happens."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeAlias, TypeVar

#: (what is being done, how many are done, how many there are; 0 where that is not known)
Listener: TypeAlias = Callable[[str, int, int], None]
_T = TypeVar("_T")
_listener: ContextVar[Listener | None] = ContextVar("neurostore_progress", default=None)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Call the listener with what is told meanwhile in this thread."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def tell(what: str, n_done: int = 0, n_all: int = 0) -> None:
    """Say what is being done, such as ``reading files``, and how far it is."""
    listener = _listener.get()
    if listener is not None:
        listener(what, n_done, n_all)


def counting(items: Collection[_T], what: str) -> Iterator[_T]:
    """The items one after the other, telling before each how many are done."""
    for n_done, item in enumerate(items):
        tell(what, n_done, len(items))
        yield item
