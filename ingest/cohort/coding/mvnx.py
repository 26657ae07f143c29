"""MVNX of Xsens: the person's label, the recording's dates and clock, file names and comments."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path

from neurostore.errors import InputError
from neurostore.ingest.cohort.coding.labels import Masks
from neurostore.ingest.cohort.coding.study import Coder
from neurostore.wording import is_whole

_DAY_MS = 86_400_000
_TAG = re.compile(r"<(?P<slash>/?)(?P<tag>[\w:.-]+)(?P<rest>[^<>]*)>(?P<text>[^<]*)")
_ATTRIBUTE = re.compile(r"""([\w:.-]+)\s*=\s*("([^"]*)"|'([^']*)')""")
_FORMS = ("%a %b %d %H:%M:%S.%f %Y", "%a %b %d %H:%M:%S %Y", "%Y-%m-%dT%H:%M:%S.%fZ", "%Y-%m-%d %H:%M:%S")
_AS_THEY_ARE = re.compile(r"xmlns(:\w+)?|xsi:.*|version|build|id|index|type|usage|parametric")


def coded(path: Path, coder: Coder, subject: str) -> bytes:
    """The file without the person's name.

    Raises
    ------
    InputError : it is not MVNX, or not UTF-8.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, f"cannot be read as XML in UTF-8: {error}") from None
    text = re.sub(r"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<!DOCTYPE[^>]*>", "", text, flags=re.DOTALL)
    first, last = text.find("<frames"), text.rfind("</frames>")
    if "<mvnx" not in text or first < 0 or last < 0:
        raise InputError(path, "is not an MVNX file with frames; it cannot be coded")
    masks = Masks(coder)
    named = re.search(r"<subject\b[^>]*\blabel\s*=\s*\"([^\"]*)\"", text)
    if named:
        masks.mask(named[1])
    ends = (text[:first], text[last:])
    head, tail = (_TAG.sub(lambda m: _tag(m, coder, masks, subject), part) for part in ends)
    frames = re.sub(
        r"\bms\s*=\s*\"(\d+)\"", lambda m: f'ms="{int(m[1]) + coder.days(subject) * _DAY_MS}"', text[first:last]
    )
    frames = re.sub(r">[^<>]*[^\d\s.,eE+<>-][^<>]*<", _without_words, frames)
    return (head + frames + tail).encode()


def subject_named(path: Path) -> str:
    """The label of the subject; '' if there is none."""
    with path.open("rb") as file:
        head = file.read(1 << 16).decode("utf-8", "replace")
    match = re.search(r"<subject\b[^>]*\blabel\s*=\s*\"([^\"]*)\"", head)
    return match[1] if match else ""


def _without_words(match: re.Match[str]) -> str:
    """The text of an element of a frame, nothing where it holds something else than numbers."""
    return "><" if re.sub(r"(?i)nan|inf|[\d\s.,e+<>-]", "", match[0]) else match[0]


def _tag(matched: re.Match[str], coder: Coder, masks: Masks, subject: str) -> str:
    tag = matched["tag"]

    def attribute(match: re.Match[str]) -> str:
        value = match[3] if match[3] is not None else match[4] or ""
        return f'{match[1]}="{_value(tag, match[1], value, coder, masks, subject)}"'

    text = matched["text"]
    if text.strip() and (tag == "comment" or not coder.remark(text.strip(), subject)):
        text = "" if re.search(r"[^\d\s.,eE+-]", text) else text
    return f"<{matched['slash']}{tag}{_ATTRIBUTE.sub(attribute, matched['rest'])}>{text}"


def _value(tag: str, name: str, value: str, coder: Coder, masks: Masks, subject: str) -> str:
    if tag == "subject" and name == "label":
        return masks.mask(value)
    if name == "recDateMSecsSinceEpoch" and is_whole(value.removeprefix("-")):
        coder.n_dates += 1
        return str(int(value) + coder.days(subject) * _DAY_MS)
    if "date" in name.lower():
        return _moved(value, coder, subject)
    if name == "originalFilename":
        return coder.name(re.split(r"[\\/]", value)[-1].rpartition(".")[0] or value, subject) + ".mvn"
    if _AS_THEY_ARE.fullmatch(name):
        return value
    if name in ("label", "segmentLabel", "jointLabel", "connector1", "connector2") or tag in (
        "point",
        "segment",
        "joint",
    ):
        return masks.label(value)
    return coder.remark(value, subject)


def _moved(value: str, coder: Coder, subject: str) -> str:
    for form in _FORMS:
        try:
            moved = datetime.strptime(value, form) + timedelta(days=coder.days(subject))
        except ValueError:
            continue
        coder.n_dates += 1
        return moved.strftime(form)
    return ""
