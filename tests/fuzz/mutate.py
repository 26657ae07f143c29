"""Mutations that know what a file is made of: numbers, words, lines, blocks; and bytes where it is binary."""

from __future__ import annotations

import random
import re
import struct

NUMBERS = [
    b"0", b"-1", b"1e308", b"-1e-320", b"nan", b"inf", b"-inf", b"NULL", b"999999999999999999999", b"2147483648",
    b"4294967296", b"1,5", b"0x10", b"1e", b"--3", b"", b" ", b"\xff\xfe", "٣".encode(), b"1" * 400,
]  # fmt: skip
WORDS = [
    b"", b"a" * 5000, b"../../etc/passwd", b"'; DROP TABLE trials; --", b'"', b"\x00", b"\xff\xff", "ä😀".encode(),
    b"Hips", b"subject", b"LASI", b"{", b"}", b"[", b"]", b"\t", b"\r\n", b"%s%n", b"C7:", b":", b"=", b"*1",
]  # fmt: skip
_NUMBER = re.compile(rb"[-+]?\d+\.?\d*(?:[eE][-+]?\d+)?")
_WORD = re.compile(rb"[A-Za-z_]{2,}")


def mutate(content: bytes, rng: random.Random, is_binary: bool) -> bytes:
    """The content with one to four mutations."""
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4))):
        choices = _OF_BYTES if is_binary and rng.random() < 0.8 else (*_OF_TEXT, *_OF_BYTES)
        content = rng.choice(choices)(content, rng)
    return content


def _number(content: bytes, rng: random.Random) -> bytes:
    return _replace(content, rng, _NUMBER, rng.choice(NUMBERS))


def _word(content: bytes, rng: random.Random) -> bytes:
    return _replace(content, rng, _WORD, rng.choice(WORDS))


def _replace(content: bytes, rng: random.Random, what: re.Pattern[bytes], new: bytes) -> bytes:
    """One match, found near a random place; half the time near the head, where a file says what it is."""
    reach = min(len(content), 3000) if rng.random() < 0.5 else len(content)
    found = what.search(content, rng.randrange(reach + 1))
    return content[: found.start()] + new + content[found.end() :] if found else content


def _line(content: bytes, rng: random.Random) -> bytes:
    """A line gone, twice, elsewhere, or cut."""
    lines = content.split(b"\n")
    i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
    act = rng.randrange(4)
    if act == 0:
        del lines[i]
    elif act == 1:
        lines.insert(j, lines[i])
    elif act == 2:
        lines[i], lines[j] = lines[j], lines[i]
    else:
        lines[i] = lines[i][: rng.randrange(len(lines[i]) + 1)]
    return b"\n".join(lines)


def _flip(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 8)) if changed else 0):
        reach = min(len(changed), 2048) if rng.random() < 0.5 else len(changed)
        changed[rng.randrange(reach)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _cell(content: bytes, rng: random.Random) -> bytes:
    """Two or four bytes as an extreme whole number or float."""
    if len(content) < 8:
        return content
    reach = min(len(content), 4096) if rng.random() < 0.6 else len(content)
    at = rng.randrange(max(1, reach - 4))
    packed = rng.choice((
        struct.pack("<h", rng.choice((0, 1, -1, 2, 255, 32767, -32768))),
        struct.pack("<H", rng.choice((0, 1, 80, 512, 65535))),
        struct.pack("<f", rng.choice((0.0, -1.0, 1e38, float("nan"), float("inf"), 1e-40))),
        struct.pack("<i", rng.choice((0, -1, 2**31 - 1, -(2**31)))),
        bytes([rng.randrange(256)]),
    ))  # fmt: skip
    return content[:at] + packed + content[at + len(packed) :]


def _cut(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content) + 1)]


def _block(content: bytes, rng: random.Random) -> bytes:
    """A block gone, twice, or zero."""
    size = rng.choice((1, 16, 512, 2000))
    at = rng.randrange(len(content) + 1)
    block = content[at : at + size]
    return content[:at] + rng.choice((b"", block + block, b"\x00" * len(block))) + content[at + size :]


_OF_TEXT = (_number, _number, _number, _word, _word, _line, _line)
_OF_BYTES = (_flip, _flip, _cell, _cell, _cut, _block)
