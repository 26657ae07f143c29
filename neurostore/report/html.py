"""HTML built from text that is always escaped: only what ``tag`` made, or what was given to ``raw``, is inserted unchanged."""

from __future__ import annotations

import json
from collections.abc import Iterable
from html import escape
from typing import Any


class Html(str):
    """Text that is HTML already."""


def tag(name: str, *children: Any, **attributes: Any) -> Html:
    """An element. Children that are not Html are escaped; None is left out, iterables are flattened.

    attributes : ``class_`` is class, ``data_side`` is data-side; None and False leave one out, True gives it without a value.
    """
    text = ""
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        key = key.rstrip("_").replace("_", "-")
        text += f" {key}" if value is True else f' {key}="{escape(str(value), quote=True)}"'
    inner = "".join(_flat(children))
    return Html(f"<{name}{text}>") if name in _VOID else Html(f"<{name}{text}>{inner}</{name}>")


def raw(text: str) -> Html:
    """Text trusted to be HTML: the package's own only."""
    return Html(text)


def data_script(value: Any, **attributes: Any) -> Html:
    r"""A script element with JSON that cannot contain a tag: ``<``, ``>`` and ``&`` are written as \u escapes."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return tag("script", Html(text), type="application/json", **attributes)


def table(head: Iterable[Any], rows: Iterable[Iterable[Any]], label: str) -> Html:
    """A table that scrolls by itself on a narrow screen, by finger or keyboard. Cells are text or whole ``td`` elements."""
    body = [tag("tr", [_cell(cell, first=i == 0) for i, cell in enumerate(row)]) for row in rows]
    heads = [cell if isinstance(cell, Html) else tag("th", cell, scope="col") for cell in head if cell is not None]
    whole = tag("table", tag("thead", tag("tr", heads)), tag("tbody", body))
    return tag("div", whole, class_="scroll", tabindex="0", role="region", aria_label=label)


_VOID = ("br", "img", "input", "meta", "link", "hr")


def _cell(cell: Any, first: bool) -> Html:
    if isinstance(cell, Html) and cell.startswith(("<td", "<th")):
        return cell
    return tag("th", cell, scope="row") if first else tag("td", cell)


def _flat(children: Iterable[Any]) -> Iterable[str]:
    for child in children:
        if child is None:
            continue
        if isinstance(child, Html):
            yield child
        elif isinstance(child, str) or not isinstance(child, Iterable):
            yield escape(str(child), quote=False)
        else:
            yield from _flat(child)
