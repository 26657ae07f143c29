"""Text formats of markers and skeletons: BVH, ASF, AMC, TRC, MOT, STO, CSV of points, BIDS motion, NumPy arrays.

The header is coded by the grammar of the format. After it only numbers are allowed: a file with another word among its
numbers is refused, because its meaning is unknown.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from neurostore.arrays import read_array
from neurostore.errors import InputError
from neurostore.ingest.cohort.coding import dates
from neurostore.ingest.cohort.coding.labels import Masks
from neurostore.ingest.cohort.coding.study import Coder
from neurostore.ingest.cohort.coding.words import word_set
from neurostore.ingest.readers.text_table import read_bytes, separator_of

_NUMERIC = b"0123456789+-.,;eE \t\r\n"
_MISSING = re.compile(rb"(?i)(?<![^\s,;])(nan|na|n/a|null|none|inf|-inf|-nan(\(ind\))?|[-+]?1\.#[a-z]+)(?![^\s,;])")
_MOT_KEYS = word_set("nrows ncolumns indegrees version datatype opensimversion osim_model datarate units")
_MOTIVE_KEYS = (
    "format version", "export frame rate", "capture frame rate", "total frames in take", "total exported frames",
    "rotation type", "length units", "coordinate space",
)  # fmt: skip
_TRC_WORDS = word_set(
    "datarate camerarate numframes nummarkers units origdatarate origdatastartframe orignumframes mm cm m e nan inches"
)


def only_numbers(path: Path, block: bytes, first_line: int) -> bytes:
    """The block, if it holds numbers and signs of missing ones alone.

    Raises
    ------
    InputError : with the first line that holds something else.
    """
    rest = _MISSING.sub(b"", block).translate(None, _NUMERIC) if block.translate(None, _NUMERIC) else b""
    if rest:
        for number, line in enumerate(block.split(b"\n"), first_line):
            if _MISSING.sub(b"", line).translate(None, _NUMERIC):
                raise InputError(path, f"line {number} holds more than numbers ({line[:40]!r}); it cannot be coded")
    return block


def _cells(line: str, separator: str, masks: Masks) -> str:
    """A line of labels, its cells masked; quotes and blanks stay as they are."""
    cells = line.split(separator)
    texts = [c.strip().strip('"') for c in cells]
    masked = masks.labels(texts)
    return separator.join(
        c.replace(t, m, 1) if t and m != t else c for c, t, m in zip(cells, texts, masked, strict=True)
    )


def bvh(path: Path, coder: Coder, subject: str) -> bytes:
    """BVH: joints masked, nothing but the hierarchy and numbers kept."""
    text = read_bytes(path)
    head, motion, block = text.partition(b"MOTION")
    if not motion:
        raise InputError(path, "has no line MOTION; it is not a BVH that can be coded")
    lines = head.decode("utf-8", "replace").split("\n")
    joint = re.compile(r"^(\s*(?:ROOT|JOINT)\s+)(.*?)(\s*)$")
    known = re.compile(
        r"^\s*(HIERARCHY|\{|\}|OFFSET[-+.\deE\s]+|CHANNELS\s+\d+[A-Za-z\s]*|End\s+Site)?\s*\{?\s*$", re.IGNORECASE
    )
    masks = Masks(coder)
    matches = [m for line in lines if (m := joint.match(line))]
    names = iter(masks.labels([m[2] for m in matches]))
    out = []
    for number, line in enumerate(lines, 1):
        if m := joint.match(line):
            out.append(m[1] + next(names) + m[3])
        elif m := re.match(r"^(\s*End\s+Site)\b", line, re.IGNORECASE):
            out.append(m[1] + (" {" if "{" in line else ""))
        elif known.match(line):
            out.append(line)
        else:
            raise InputError(
                path, f"line {number} is not a line of a BVH hierarchy ({line[:40]!r}); it cannot be coded"
            )
    lines_of_motion = block.split(b"\n", 3)
    says = re.compile(rb"^\s*(frames\s*:\s*\d+|frame time\s*:\s*[-+.\deE]+)?\s*$", re.IGNORECASE)
    if len(lines_of_motion) < 3 or not all(says.match(line) for line in lines_of_motion[:3]):
        raise InputError(path, "has other lines than Frames and Frame Time below MOTION; it cannot be coded")
    only_numbers(path, b"\n".join(lines_of_motion[3:]), len(lines) + 3)
    return "\n".join(out).encode() + motion + block


def asf(path: Path, coder: Coder, subject: str) -> bytes:
    """ASF: no comments, no documentation, no name of the skeleton; names of bones masked."""
    masks = Masks(coder)
    out, section = [], ""
    for line in read_bytes(path).decode("utf-8", "replace").split("\n"):
        plain = line.partition("#")[0].rstrip()
        if plain.lstrip().startswith(":"):
            section = plain.split()[0].lower()
            plain = ":name coded" if section == ":name" else ":documentation" if section == ":documentation" else plain
        elif section == ":documentation":
            continue
        out.append(re.sub(r"[A-Za-z][\w:.-]*", lambda m: masks.label(m[0]), plain) if ":name" not in plain else plain)
    return "\n".join(out).encode()


def amc(path: Path, coder: Coder, subject: str) -> bytes:
    """AMC: no comments (the first one is the path of the ASF); bones and numbers alone."""
    masks = Masks(coder)
    lines = []
    allowed = re.compile(rb"^\s*(:[A-Za-z-]+(\s+[-+.\d]+)?|\d+|[A-Za-z][\w:.-]*(\s+[-+.\deE]+)+)?\s*$")
    for number, line in enumerate(read_bytes(path).split(b"\n"), 1):
        if line.lstrip().startswith(b"#"):
            continue
        if not allowed.match(line):
            raise InputError(path, f"line {number} is not a line of an AMC ({line[:40]!r}); it cannot be coded")
        word, blank, rest = line.partition(b" ")
        lines.append(
            masks.label(word.decode("latin-1")).encode("latin-1") + blank + rest if word[:1].isalpha() else line
        )
    return b"\n".join(lines)


def trc(path: Path, coder: Coder, subject: str) -> bytes:
    """TRC: the path of its first line coded, labels masked."""
    lines = read_bytes(path).split(b"\n")
    at = next((i for i, line in enumerate(lines[:10]) if re.match(rb"\s*frame#?[\s,;]", line, re.IGNORECASE)), None)
    if at is None:
        raise InputError(path, "has no line of labels (Frame#, Time, …); it cannot be coded")
    masks = Masks(coder)
    head = []
    for i, line in enumerate(lines[: at + 2]):
        text = line.decode("utf-8", "replace")
        if i == 0:
            head.append(f"PathFileType\t4\t(X/Y/Z)\t{coder.name(path.stem, subject)}.trc")
        elif i < at:
            head.append(re.sub(r"[^\W\d_]+", lambda m: m[0] if _is_header_word(m[0]) else "", text))
        elif i == at:
            head.append(_cells(text, "\t" if "\t" in text else "," if "," in text else " ", masks))
        else:
            head.append(re.sub(r"[^\sXYZxyz\d,;]+", "", text) if re.search("[XYZxyz]", text) else text)
    rest = lines[at + 2 :]
    if len(lines) > at + 1 and not re.search(rb"[XYZxyz]", lines[at + 1]):
        only_numbers(path, lines[at + 1], at + 2)
    block = only_numbers(path, b"\n".join(rest), at + 3)
    block = _moved_clock(block, 1, separator_of(lines[at]), coder, subject)
    return "\n".join(head).encode() + (b"\n" + block if rest else b"")


def _moved_clock(block: bytes, column: int, separator: bytes, coder: Coder, subject: str) -> bytes:
    """The rows, a column of seconds since 1970 moved with the dates of the subject."""
    block, is_clock = dates.moved_column(block, column, separator, coder.days(subject))
    coder.n_dates += is_clock
    return block


def _is_header_word(word: str) -> bool:
    return word.lower() in _TRC_WORDS


def mot(path: Path, coder: Coder, subject: str) -> bytes:
    """MOT and STO: the keys that matter of the header, columns masked, numbers."""
    lines = read_bytes(path).split(b"\n")
    at = next((i for i, line in enumerate(lines) if line.strip().lower() == b"endheader"), None)
    if at is None or at + 1 >= len(lines):
        raise InputError(path, "has no line endheader; it cannot be coded")
    head = [coder.name(path.stem, subject)]
    for line in lines[:at]:
        text = line.decode("utf-8", "replace")
        key, equals, value = text.partition("=")
        if equals and key.strip().lower() in _MOT_KEYS:
            head.append(f"{key}={_version(value, coder)}")
        elif re.fullmatch(r"\s*(nRows|nColumns|datacolumns|datarows|range|inDegrees|otherdata)\s+[-+.\d\seE]+", text):
            head.append(text)
    names = at + 1
    while names < len(lines) and not lines[names].strip():
        names += 1
    label = lines[names].decode("utf-8", "replace") if names < len(lines) else ""
    separator = "\t" if "\t" in label else "," if "," in label else " "
    block = only_numbers(path, b"\n".join(lines[names + 1 :]), names + 2)
    block = _moved_clock(block, 0, separator.encode(), coder, subject)
    labels = _cells(label, separator, Masks(coder))
    return "\n".join([*head, "endheader", labels]).encode() + b"\n" + block


def _version(value: str, coder: Coder) -> str:
    """A value of the header: a version without its date, a model's name, a number or a word."""
    without = re.sub(r"-?\d{4}-\d{2}-\d{2}.*", "", value)
    return without if re.fullmatch(r"\s*[\w.+-]*\s*", without) and not coder.has_name(without) else ""


def points_csv(path: Path, coder: Coder, subject: str) -> bytes:
    """CSV of Motive, Nexus and FreeMoCap: lines of labels masked, Motive's take coded, numbers."""
    masks = Masks(coder)
    out: list[bytes] = []
    for number, line in enumerate(read_bytes(path).split(b"\n"), 1):
        if not _MISSING.sub(b"", line).translate(None, _NUMERIC):
            out.append(line)
            continue
        text = line.decode("utf-8", "replace")
        if number == 1 and text.strip('"').lower().startswith("format version"):
            out.append(_motive_head(text, coder, subject).encode())
        elif re.match(r"^[-+.\d]+([,;\t][-+.\d]*){3,}", text):
            raise InputError(path, f"line {number} holds more than numbers ({text[:40]!r}); it cannot be coded")
        else:
            out.append(_cells(text, max((",", ";", "\t"), key=text.count), masks).encode())
    first = out[0].split(b",")
    clocks = [i for i, cell in enumerate(first) if cell.strip(b'" ').lower().startswith(b"timestamp")]
    block = b"\n".join(out[1:])
    for column in clocks:
        block = _moved_clock(block, column, b",", coder, subject)
    return out[0] + b"\n" + block


def _motive_head(text: str, coder: Coder, subject: str) -> str:
    cells = [c.strip().strip('"') for c in text.split(",")]
    out = []
    for key, value in zip(cells[::2], cells[1::2], strict=False):
        if key.lower() == "take name":
            value = coder.name(value, subject)
        elif "time" in key.lower() or "date" in key.lower():
            match = dates.IN_TEXT.match(value)
            moved = dates.moved_match(match, coder.days(subject)) if match else None
            value = moved + value[match.end() :] if moved and match else ""
            coder.n_dates += bool(moved)
        elif key.lower() not in _MOTIVE_KEYS:
            value = ""
        else:
            value = coder.remark(value, subject)
        if key.lower() in _MOTIVE_KEYS or re.fullmatch(r"(?i)take (name|notes)|capture start (time|frame)", key):
            out += [key, value]
    return ",".join(out)


def motion_tsv(path: Path, coder: Coder, subject: str) -> bytes:
    """Motion-BIDS: numbers alone."""
    text = read_bytes(path)
    head, newline, rest = text.partition(b"\n")
    if _MISSING.sub(b"", head).translate(None, _NUMERIC):
        head = _cells(head.decode("utf-8", "replace"), "\t", Masks(coder)).encode()
    return head + newline + only_numbers(path, rest, 2)


def qtm_tsv(path: Path, coder: Coder, subject: str) -> bytes:
    """TSV of Qualisys Track Manager: labels of markers, events and columns masked, other values only if they are numbers."""
    masks = Masks(coder)
    lines = read_bytes(path).split(b"\n")
    for number, line in enumerate(lines):
        key, _, rest = line.decode("utf-8", "replace").partition("\t")
        if not _MISSING.sub(b"", line).translate(None, _NUMERIC):
            if line.strip():
                return b"\n".join([*lines[:number], only_numbers(path, b"\n".join(lines[number:]), number + 1)])
        elif key.strip().upper() == "MARKER_NAMES" or not re.fullmatch(r"[A-Z][A-Z_0-9]+", key.strip()):
            lines[number] = _cells(line.decode("utf-8", "replace"), "\t", masks).encode()
        elif key.strip().upper() == "EVENT":
            lines[number] = f"{key}\t{_cells(rest, chr(9), masks)}".encode()
        elif key.strip().upper() not in ("DATA_INCLUDED", "TRAJECTORY_TYPES"):
            is_plain = not rest.encode().translate(None, _NUMERIC)
            lines[number] = line if is_plain and key.strip().upper() != "TIME_STAMP" else key.encode() + b"\t--"
    return b"\n".join(lines)


def array(path: Path, coder: Coder, subject: str) -> bytes:
    """A NumPy array of numbers, written again, so that its header contains nothing else."""
    try:
        values = read_array(path)
    except (OSError, ValueError) as error:
        raise InputError(path, f"is not an array of numbers: {error}") from None
    if values.dtype.kind not in "fiub":
        raise InputError(path, "is an array of other values than numbers; it cannot be coded")
    buffer = io.BytesIO()
    np.save(buffer, values)
    return buffer.getvalue()


FORMATS: dict[str, Callable[[Path, Coder, str], bytes]] = {
    ".bvh": bvh, ".asf": asf, ".amc": amc, ".trc": trc, ".mot": mot, ".sto": mot, ".npy": array,
}  # fmt: skip
