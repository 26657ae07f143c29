"""C3D: texts of the parameter section, letter for letter in the places they have, so that no byte of the data moves.

Labels of points, channels and events stay, with people masked in them. The value of every other text parameter stays if
all its words are plain; dates are moved in their place; descriptions of parameters, reserved words of the header and
bytes between the sections are blanked. No number is changed but those of a date, and those that are no number: a text
that software left among them.
"""

from __future__ import annotations

import math
import re
import struct
from pathlib import Path

from neurostore.errors import InputError
from neurostore.ingest.cohort.coding import dates
from neurostore.ingest.cohort.coding.labels import Masks
from neurostore.ingest.cohort.coding.study import Coder
from neurostore.ingest.cohort.coding.words import unknown_words, word_set
from neurostore.ingest.readers.c3d.layout import Layout, read_layout
from neurostore.ingest.readers.c3d.parameters import BLOCK, Record, records, text_of

_GROUPS = word_set(
    "POINT ANALOG FORCE_PLATFORM EVENT EVENT_CONTEXT TRIAL SUBJECTS MANUFACTURER PROCESSING ANALYSIS ROTATION SEG MODEL "
    "SYSTEM CALIBRATION KINEMATICS VISUAL3D FORCE_STRUCTURE THEIA3D"
)
_LABELS = re.compile(
    r"(POINT|ROTATION|ANALOG|SEG|FORCE_PLATFORM):(LABELS|UNITS|ANGLES|FORCES|MOMENTS|POWERS|SCALARS|REACTIONS|BONES|"
    r"MODELED_MARKERS|TYPE_GROUPS|[A-Z_]*_?UNITS|X_SCREEN|Y_SCREEN|FORMAT|MODEL_OUTPUTS|DATA_TYPE[A-Z]*)\d*"
    r"|EVENT(_CONTEXT)?:CONTEXTS\d*|[A-Z_]+:UNITS|FORCE_PLATFORM:MATRIX_STORE"
)
_NAMES = re.compile(r"[A-Z_]+:(SUBJECTS|NAMES?|LABEL_PREFIXES|PREFIX(ES)?|SUBJECT|PATIENT|OPERATOR)\d*")
_DATE_NAME = re.compile(r"(^|_)(date|day|month|year|birth\w*|dob|timestamp|time_stamp)(_|$)", re.IGNORECASE)
_TEXT_RUN = re.compile(rb"[ -~]{12,}")
_FEWEST_LETTERS = 5
_RESERVED = ((24, 294), (302, 304), (394, 396), (468, BLOCK))  # bytes of the header
_EVENT_LABELS = (396, 18)


def coded(path: Path, coder: Coder, subject: str) -> bytes:
    """The bytes of a C3D file without names and dates.

    Raises
    ------
    InputError : it is not a C3D, or its chain of parameters breaks off, so that not all of its texts can be found.
    """
    layout = read_layout(path)
    content = bytearray(path.read_bytes())
    start = (content[0] - 1) * BLOCK
    notes: list[str] = []
    head = bytes(content[: layout.data_offset])
    chain = list(records(head, start + 4, ">" if layout.processor == "mips" else "<", notes))
    too_long = [r.name for r in chain if r.group > 0 and r.data_at + r.n_bytes > len(head)]
    if notes or too_long:
        raise InputError(path, *(notes or [f"its parameter {too_long[0]!r} is longer than its section"]), "not coded")
    masks = Masks(coder, _people(layout))
    groups = {-r.group: r.name for r in chain if r.group < 0}
    for record in chain:
        _blank_description(content, record, len(head))
        _mask_name(content, record, masks)
        if record.kind == -1:
            _code_text(content, record, f"{groups.get(record.group, '')}:{record.name}", coder, masks, subject)
        elif record.group > 0 and _DATE_NAME.search(record.name):
            content[record.data_at : record.data_at + record.n_bytes] = bytes(record.n_bytes)
        elif record.group > 0:
            _mask_text_among_numbers(content, record, path, coder)
    _blank_rest(content, chain, start, layout.data_offset)
    _code_header(content, coder, masks)
    return bytes(content)


def subject_named(path: Path) -> str:
    """The first name of SUBJECTS:NAMES, '' if there is none or the file is not a C3D."""
    try:
        return next((n for n in read_layout(path).parameters.strings("SUBJECTS", "NAMES") if n), "")
    except InputError:
        return ""


def _people(layout: Layout) -> list[str]:
    parameters = layout.parameters
    names = [*parameters.strings("SUBJECTS", "NAMES"), *parameters.strings("EVENT", "SUBJECTS")]
    names += [p.rstrip(": ") for p in parameters.strings("SUBJECTS", "LABEL_PREFIXES")]
    return [n for n in dict.fromkeys(names) if n.strip()]


def _blank_description(content: bytearray, record: Record, end: int) -> None:
    at = record.data_at + (record.n_bytes if record.group > 0 else 0)
    if at < end:
        n = min(content[at], end - at - 1)
        content[at + 1 : at + 1 + n] = b" " * n


def _mask_text_among_numbers(content: bytearray, record: Record, path: Path, coder: Coder) -> None:
    """Mask a text in the values of a numeric parameter, letter for letter: some software leaves old texts there."""
    end = record.data_at + record.n_bytes
    for match in _TEXT_RUN.finditer(bytes(content[record.data_at : end])):
        if len(re.findall(rb"[A-Za-z]", match[0])) >= _FEWEST_LETTERS:
            masked = re.sub(rb"[A-Za-z]", b"X", match[0])
            content[record.data_at + match.start() : record.data_at + match.end()] = masked
            coder.notes.append(f"{path.name}: a text among the numbers of {record.name} was masked")


def _mask_name(content: bytearray, record: Record, masks: Masks) -> None:
    """The name of a group or parameter: a person's name in it is masked, an unknown group's name too."""
    name = content[record.name_at : record.name_end].decode("latin-1")
    if record.group > 0:
        masked = masks.label(name)
    elif name.strip().upper() in _GROUPS or not unknown_words(name):
        return
    else:
        masked = masks.mask(name)
    raw = masked.upper().encode("latin-1", "replace")[: len(name)].ljust(len(name))
    if masked != name:
        content[record.name_at : record.name_end] = raw


def _code_text(content: bytearray, record: Record, where: str, coder: Coder, masks: Masks, subject: str) -> None:
    width = record.dims[0] if record.dims else 1
    for i in range(math.prod(record.dims[1:]) if width else 0):
        at = record.data_at + i * width
        raw = bytes(content[at : at + width])
        text = text_of(raw)
        new = _new_text(text, where, coder, masks, subject)
        if new != text or raw.strip(b"\0 \t\r\n") != text.encode("latin-1", "replace"):
            content[at : at + width] = new.encode()[:width].ljust(width)


def _new_text(text: str, where: str, coder: Coder, masks: Masks, subject: str) -> str:
    if not text:
        return ""
    if where == "ANALYSIS:NAMES":
        return coder.remark(text, subject)
    if _NAMES.fullmatch(where):
        bare = text.rstrip(": ")
        return masks.mask(bare) + text[len(bare) :]
    if _LABELS.fullmatch(where):
        return masks.label(text)
    if re.fullmatch(r"\d{1,2}(\.\d{1,7}){1,3}[a-z]?", text) and not dates.IN_TEXT.search(text):
        return text  # a version
    if where.startswith("EVENT") and re.fullmatch(r"[A-Z]{2,4}\d?", text) and not coder.has_name(text):
        return text
    moved = _moved(text, coder, subject)
    return coder.remark(text, subject) if moved is None else moved


def _moved(text: str, coder: Coder, subject: str) -> str | None:
    """A text that is a date and at most a time of day, moved in its place; None for another text."""
    match = dates.IN_TEXT.match(text)
    if not match or re.search(r"[A-Za-z]{2,}", text[match.end() :]):
        return None
    moved = dates.moved_match(match, coder.days(subject))
    if moved is None:
        return ""
    coder.n_dates += 1
    return moved + text[match.end() :]


def _blank_rest(content: bytearray, chain: list[Record], start: int, end: int) -> None:
    """Zeros between the header and the parameters, and from the last parameter to the data."""
    content[BLOCK:start] = bytes(max(0, start - BLOCK))
    last = max((r.data_at + (r.n_bytes if r.group > 0 else 0) for r in chain), default=start + 3)
    at = last + 1 + (content[last] if last < end else 0)
    if chain and at < end:
        content[at:end] = bytes(end - at)


def _code_header(content: bytearray, coder: Coder, masks: Masks) -> None:
    for first, end in _RESERVED:
        content[first:end] = bytes(end - first)
    at, n = _EVENT_LABELS
    (has_labels,) = struct.unpack_from("<H", content, 298)
    for i in range(n if has_labels in (12345, 0x3930) else 0):
        label = bytes(content[at + 4 * i : at + 4 * i + 4]).decode("latin-1")
        if unknown_words(label.strip("\0 "), coder.keep):
            content[at + 4 * i : at + 4 * i + 4] = masks.label(label).encode("latin-1", "replace")[:4].ljust(4)
    if has_labels not in (12345, 0x3930):
        content[at : at + 4 * n] = bytes(4 * n)
