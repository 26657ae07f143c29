"""BVH: a hierarchy with channels, then one row of channel values per frame.

The format has no official document; facts from M. Meredith and S. Maddock (2001), Motion Capture File Formats
Explained, and from files of many laboratories. R of a joint is the product of its rotation channels in their order.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import BinaryIO

from neurostore.errors import InputError
from neurostore.ingest.readers.trees.assemble import Source, assemble
from neurostore.ingest.readers.trees.hierarchy import parse_hierarchy
from neurostore.ingest.readers.trees.numbers import number, rate_from_period, rows
from neurostore.ingest.recording import ReadOptions, Recording, Step
from neurostore.wording import listed

VERSION = 2
_LONGEST_HEADER = 8 << 20
_MOTION = re.compile(rb"(?<![^\s}])MOTION\s+Frames\s*:?\s*(\S+)\s+Frame\s*Time\s*:?\s*(\S+)[ \t]*", re.IGNORECASE)
_COMMENT = re.compile(rb"(?m)^[ \t]*(?:#|//)[^\r\n]*")


def read(path: Path, options: ReadOptions) -> Recording:
    """Read one BVH file: positions in mm and unit quaternions, joint to lab, of every joint.

    A first T-pose that is not part of the motion is dropped and kept as the neutral pose. Time starts at 0 with the
    first frame of motion.

    Raises
    ------
    InputError : with everything found wrong.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            return _read(path, file, options)
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror or error}") from None


def _read(path: Path, file: BinaryIO, options: ReadOptions) -> Recording:
    size = path.stat().st_size
    head, n_comments = _without_comments(file.read(1 << 16))
    if not head.strip():
        raise InputError(path, "the file is empty")
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise InputError(path, "the text is UTF-16, expected UTF-8 or ASCII; save it again as such")
    if not head.removeprefix(b"\xef\xbb\xbf").lstrip()[:9].upper().startswith(b"HIERARCHY"):
        shown = head[:20].decode("ascii", "backslashreplace")
        raise InputError(path, f"not a BVH file: it begins with {shown!r}, expected HIERARCHY")
    while (motion := _MOTION.search(head)) is None or motion.end() == len(head) < size:
        more = file.read(1 << 20)
        head, n_comments = _without_comments(head + more)
        if not more or len(head) > _LONGEST_HEADER:
            break
    notes = [f"{n_comments} comment lines were ignored"] if n_comments else []
    if motion is None:
        text = _decode(head[:_LONGEST_HEADER], [])
        begun = re.search(r"(?im)^\s*MOTION\b", text)
        what = "MOTION is not followed by Frames and Frame Time" if begun else "there is no MOTION section"
        faults = parse_hierarchy(text[: begun.start()] if begun else text).problems
        raise InputError(path, f"{what}; the file may be truncated", *faults[:3])
    hierarchy = parse_hierarchy(_decode(head[: motion.start()], notes))
    problems = hierarchy.problems
    stated, period = (g.decode("ascii", "backslashreplace")[:40] for g in motion.groups())
    n_frames = _count(stated, problems)
    rate = _rate(period, problems)
    if problems or n_frames is None or rate is None:
        raise InputError(path, *problems)
    if hierarchy.joints_without_channels:
        names = hierarchy.joints_without_channels
        notes.append(f"{len(names)} joints have no channels and keep their OFFSET: {listed(names, 5)}")
    tree = hierarchy.tree
    file.seek(motion.end())
    first_line = len(re.findall(rb"\r\n|\n|\r", head[: motion.end()])) + 1
    most = (size - motion.end()) // (2 * tree.n_channels) + 1
    blocks = rows(file, path, tree.n_channels, first_line)
    if options.rate_hz is not None:
        notes.append(f"{options.rate_hz:g} Hz by option, while Frame Time says {rate:g} Hz")
        rate = options.rate_hz
    steps = [Step("read_bvh", VERSION, {"frame_time": period, "n_channels": tree.n_channels})]
    return assemble(Source(path, tree, blocks, n_frames, most, rate), options, steps, notes)


def _without_comments(head: bytes) -> tuple[bytes, int]:
    """The head with lines that begin with # or // blanked, which keeps every place; and how many there are before MOTION.

    The format knows no comments, but some programs write them.
    """
    end = re.search(rb"(?m)^[ \t]*MOTION\b", head)
    until = end.start() if end else len(head)
    blanked, n = _COMMENT.subn(lambda match: b" " * len(match.group()), head[:until])
    return blanked + head[until:], n


def _decode(text: bytes, notes: list[str]) -> str:
    text = text.removeprefix(b"\xef\xbb\xbf")
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        notes.append("joint names are not UTF-8 and are read as Latin-1")
        return text.decode("latin-1")


def _count(stated: str, problems: list[str]) -> int | None:
    value = number(stated)
    if value is None or value != int(value):
        problems.append(f"Frames is {stated!r}, expected a whole number")
    elif value <= 0:
        problems.append(f"Frames is {stated}: the file has no frame of motion")
    else:
        return int(value)
    return None


def _rate(period: str, problems: list[str]) -> float | None:
    value = number(period)
    if value is None:
        hint = "; use a decimal point, not a comma" if "," in period else ""
        problems.append(f"Frame Time is {period!r}, expected seconds{hint}")
    elif not 1e-5 <= value <= 60:
        problems.append(f"Frame Time is {period}, expected seconds between frames (0.00001 to 60)")
    else:
        return rate_from_period(period)
    return None
