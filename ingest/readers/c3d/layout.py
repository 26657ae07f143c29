"""Where everything is in a C3D file, checked against its size before anything is allocated.

The format: a header of 512 bytes, a parameter section of 512-byte blocks, and frames of fixed size, each holding four
numbers per point (x, y, z, residual) and then the analog samples, as 16-bit integers or 32-bit floats (www.c3d.org).
Sizes are stated twice or three times, and writers get one of them wrong: see :mod:`.sizes`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neurostore.errors import InputError
from neurostore.ingest.readers.c3d.head import read_head
from neurostore.ingest.readers.c3d.parameters import BLOCK, Parameters, two_words
from neurostore.ingest.readers.c3d.sizes import Stated, is_smooth, samples_per_frame, stated_sizes, weigh

MOST_HEADER_FRAMES = 65_535
_SAME_RATE = 0.01  # such a difference (59.94 and 60) makes no time or speed doubtful


@dataclass(frozen=True, slots=True)
class Layout:
    """A C3D file as its own numbers describe it; all of them fit into the file.

    processor : 'intel', 'dec' (VAX floats) or 'mips' (big endian).
    n_analog : analog numbers per frame, all channels and samples. samples_per_frame : analog samples per frame and channel.
    scale : below zero, samples are 32-bit floats; above, 16-bit integers times scale.
    first_frame : number of the first frame, counted from 1.
    rate_claims_ratio : POINT:RATE divided by the header's rate where they differ and nothing decides between them, else 1.
    n_missing : frames that the file states and no longer has, because it was cut off.
    """

    processor: str
    n_points: int
    n_analog: int
    samples_per_frame: int
    n_frames: int
    first_frame: int
    rate_hz: float
    scale: float
    data_offset: int
    parameters: Parameters
    notes: tuple[str, ...]
    rate_claims_ratio: float = 1.0
    n_missing: int = 0

    @property
    def word(self) -> int:
        """Bytes of a number: 4 for floats, 2 for integers."""
        return 4 if self.scale < 0 else 2

    @property
    def frame_bytes(self) -> int:
        """Bytes of a frame."""
        return (4 * self.n_points + self.n_analog) * self.word


def read_layout(path: Path) -> Layout:
    """Read and check the header and the parameter section.

    Raises
    ------
    InputError : no C3D file, or one whose numbers contradict its size; the message states both.
    """
    head = read_head(path)
    processor, size, parameters = head.processor, head.size, head.parameters
    first, last = head.words(6, 2)
    notes = [*head.notes, *parameters.notes]
    stated = stated_sizes(head)
    scale = parameters.number("POINT", "SCALE") or head.number(12)
    rate, claims_ratio = _rate(parameters, head.number(20), stated, notes)
    problems = []
    if not np.isfinite(scale) or scale == 0:
        problems.append(f"POINT:SCALE is {scale}; expected a number other than 0")
    if not (np.isfinite(rate) and 0 < rate < 1e6):
        problems.append(f"its frame rate is {rate}; expected a number of Hz above 0 (header word 11, POINT:RATE)")
    if not any(stated.n_points) and not parameters.number("ROTATION", "USED"):
        problems.append(
            "it holds no points at all (header word 2 is 0): forces or EMG without points cannot be placed in space"
        )
    if problems:
        raise InputError(path, *problems)
    counts, _, _ = _frame_claims(first, last, parameters)
    sizes, size_notes = weigh(path, stated, scale, processor, size, counts.values())
    notes += size_notes
    if sizes.frame_bytes == 0:  # rotations only: their block states where it begins and how many frames fit
        return Layout(processor, 0, 0, 1, max([*counts.values(), 0]), max(first, 1), float(rate), -1.0, sizes.data_offset,
                      parameters, tuple(notes), claims_ratio)  # fmt: skip
    can_be_cut = max(counts.values(), default=0) * sizes.frame_bytes > size - sizes.data_offset and is_smooth(
        path, sizes, scale, processor, size
    )
    n_frames, first, n_missing, frame_notes = _count_frames(
        path, (first, last), parameters, size - sizes.data_offset, sizes.frame_bytes, can_be_cut=can_be_cut
    )
    return Layout(
        processor=processor,
        n_points=sizes.n_points,
        n_analog=sizes.n_analog,
        samples_per_frame=samples_per_frame(parameters, stated, sizes.n_analog, float(rate)),
        n_frames=n_frames,
        first_frame=first,
        rate_hz=float(rate),
        scale=-abs(scale) if sizes.word == 4 else abs(scale),
        data_offset=sizes.data_offset,
        parameters=parameters,
        notes=(*notes, *frame_notes),
        rate_claims_ratio=claims_ratio,
        n_missing=n_missing,
    )


def _rate(parameters: Parameters, of_header: float, stated: Stated, notes: list[str]) -> tuple[float, float]:
    """(frames per second, `Layout.rate_claims_ratio`).

    The header's, unless POINT:RATE differs and the analog rate divided by its samples per frame agrees with it.
    """
    of_points = parameters.number("POINT", "RATE") or 0.0
    if not (np.isfinite(of_header) and of_header > 0):
        return of_points or parameters.number("TRIAL", "CAMERA_RATE") or 0.0, 1.0
    if of_points > 0 and abs(of_points / of_header - 1) > 1e-3:
        analog, per_frame = parameters.number("ANALOG", "RATE") or 0.0, stated.per_frame
        of_analog = analog / per_frame if analog and per_frame else 0.0
        agree = [rate for rate in (of_points, of_header) if abs(of_analog / rate - 1) < 1e-3]
        taken = agree[0] if agree else of_header
        why = (
            "the analog rate agrees with it"
            if agree
            else "nothing decides between them; give rate_hz in cohort.toml if it is wrong"
        )
        notes.append(
            f"the header says {of_header:g} frames per second, POINT:RATE {of_points:g}; {taken:g} was used: {why}"
        )
        is_known = bool(agree) or abs(of_points / of_header - 1) < _SAME_RATE
        return taken, 1.0 if is_known else float(of_points / of_header)
    return of_header, 1.0


def _frame_claims(first: int, last: int, parameters: Parameters) -> tuple[dict[str, int], int | None, int | None]:
    """(each claim of the number of frames and its source, TRIAL's first and last frame)."""
    claims = {"the header": last - first + 1}
    frames = parameters.numbers("POINT", "FRAMES")
    if frames and np.isfinite(frames[0]):
        claims["POINT:FRAMES"] = int(frames[0]) if frames[0] > 0 else int(frames[0]) & 0xFFFF
    long_frames = parameters.numbers("POINT", "LONG_FRAMES")
    if long_frames and np.isfinite(long_frames[0]):
        claims["POINT:LONG_FRAMES"] = int(long_frames[0])
    start = two_words(parameters.numbers("TRIAL", "ACTUAL_START_FIELD"))
    end = two_words(parameters.numbers("TRIAL", "ACTUAL_END_FIELD"))
    if start is not None and end is not None and end >= start:
        claims["TRIAL:ACTUAL_END_FIELD"] = end - start + 1
    return {who: n for who, n in claims.items() if n > 0}, start, end


def _count_frames(
    path: Path, ends: tuple[int, int], parameters: Parameters, data_bytes: int, frame_bytes: int, *, can_be_cut: bool
) -> tuple[int, int, int, list[str]]:
    """(number of frames, number of the first frame, frames that are missing, notes), from all that the file says and can hold.

    Header words are 16-bit: of a longer recording they hold 65,535 or the count modulo 65,536. The true count is then
    in TRIAL:ACTUAL_START_FIELD and ACTUAL_END_FIELD (two 16-bit words each, low word first), in POINT:LONG_FRAMES or a
    float POINT:FRAMES, else only in the size of the file. Of a file that was cut off, the whole frames are read.
    """
    first, last = ends
    room = data_bytes // frame_bytes
    claims, start, _ = _frame_claims(first, last, parameters)
    text = ", ".join(f"{who} says {n}" for who, n in claims.items())
    if not claims:
        raise InputError(path, f"has no frames: first frame {first}, last frame {last}")

    is_clipped = last == MOST_HEADER_FRAMES or MOST_HEADER_FRAMES in claims.values()
    longest = max(claims.values())
    notes = []
    fitting = [n for n in claims.values() if n <= room]
    if longest > MOST_HEADER_FRAMES and longest not in (claims.get("the header"),):
        is_long = is_clipped or longest % 65_536 in (claims.get("the header"), claims.get("POINT:FRAMES"))
        if is_long and longest > room:
            fitting = []
    elif longest == MOST_HEADER_FRAMES and room > MOST_HEADER_FRAMES:
        # No field can state more than 65,535: the size of the data decides, without the padding of the last block.
        n_frames = room - _padding_frames(path, data_bytes, room, frame_bytes)
        notes.append(
            f"no field of the file can count beyond 65,535 frames; by its size it has {n_frames}, which were read"
        )
        return n_frames, max(start or first, 1), 0, notes
    if not fitting:
        n_frames = room - _padding_frames(path, data_bytes, room, frame_bytes) if can_be_cut else 0
        return (n_frames, max(first, 1), *_cut(path, claims, n_frames, data_bytes, frame_bytes))
    n_frames = max(fitting)
    if len(set(claims.values())) > 1:
        notes.append(f"counts of frames differ: {text}; {n_frames} were read, the largest that the file holds")
    if start is not None and n_frames == claims.get("TRIAL:ACTUAL_END_FIELD") and start % 65_536 == first:
        first = start
    return n_frames, max(first, 1), 0, notes


def _cut(path: Path, claims: dict[str, int], n_frames: int, data_bytes: int, frame_bytes: int) -> tuple[int, list[str]]:
    """(frames that are missing, notes) of a file that holds fewer whole frames than every count of them.

    Raises
    ------
    InputError : fewer than two whole frames are there, or their markers do not move as markers do.
    """
    text = ", ".join(f"{who} says {n}" for who, n in claims.items())
    stated = max(claims.values()) if max(claims.values()) > MOST_HEADER_FRAMES else min(claims.values())
    if n_frames < 2:
        raise InputError(
            path,
            f"is truncated: {stated} frames of {frame_bytes} bytes need {stated * frame_bytes} bytes, {data_bytes} are there "
            f"({text}), and they are not frames of markers that move; copy the file again",
        )
    n_missing = stated - n_frames
    return n_missing, [
        f"the file was cut off: of {stated} frames {n_missing} are missing ({text}); the {n_frames} whole frames that are "
        "there were read, markers and analog samples alike; copy the file again"
    ]


def _padding_frames(path: Path, data_bytes: int, room: int, frame_bytes: int) -> int:
    """Whole frames of zeros at the end that pad the last block of 512 bytes."""
    most = min(BLOCK // frame_bytes, room)
    with path.open("rb") as file:
        file.seek(path.stat().st_size - data_bytes + (room - most) * frame_bytes)
        tail = file.read(most * frame_bytes)
    kept = len(tail.rstrip(b"\0"))
    return most - -(-kept // frame_bytes)
