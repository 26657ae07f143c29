"""Values of the XML elements of OpenSim documents, as OpenSim reads them, but without its silent defaults for what is no value."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

_NUMBER = re.compile(r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[iI]nf(?:inity)?)")

_COMMENT = re.compile("<!--.*?-->", re.DOTALL)

#: what :func:`tree_of` raises for a text that is not XML
NotXml = expat.ExpatError


def tree_of(text: str) -> Element:
    """The root element of a document, read as leniently as OpenSim does: models that OpenSim wrote or people edited have this.

    Names of elements may contain '::' (HuntCrossleyForce::ContactParameters), which a parser with namespaces refuses, and a
    comment ends at the first '-->', even if another one begins in it.

    Raises
    ------
    NotXml : the text is not well formed otherwise.
    """
    builder = TreeBuilder()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.Parse(_COMMENT.sub(lambda comment: "\n" * comment[0].count("\n"), text), True)
    return builder.close()


def text_of(element: Element, name: str) -> str:
    """The stripped text of a child element, '' if there is none."""
    return (element.findtext(name) or "").strip()


def floats(text: str) -> list[float] | None:
    """Numbers between blanks, infinite ones included; None if a word is no number (Python also takes 1_0 and ٣)."""
    words = text.split()
    return [float(word) for word in words] if all(_NUMBER.fullmatch(word) for word in words) else None


def numbers(
    element: Element, name: str, n: int, default: tuple[float, ...] | None = None, is_finite: bool = True
) -> tuple[float, ...]:
    """n numbers of a child element; OpenSim allows commas between those of a vector.

    Raises
    ------
    ValueError : another count, what is not a number, or an infinite one if ``is_finite``.
    """
    text = text_of(element, name)
    if not text and default is not None:
        return default
    values = floats(text.replace(",", " ") if n > 1 else text) or []
    if len(values) != n or (is_finite and any(abs(v) == float("inf") for v in values)):
        raise ValueError(f"<{name}> holds {text!r}; expected {n} number(s)")
    return tuple(values)


def is_true(element: Element, name: str, default: bool = False) -> bool:
    """Whether a child element says true (or 1); the default if it is missing or empty.

    Raises
    ------
    ValueError : it says neither true nor false.
    """
    text = text_of(element, name).lower()
    if text not in ("", "true", "1", "false", "0"):
        raise ValueError(f"<{name}> holds {text!r}; expected true or false")
    return text in ("true", "1") if text else default
