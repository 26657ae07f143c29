"""Numbers in text, fast: blocks of a file are parsed by a compiled kernel that knows lines and fields.

Measured on 31 MB of CMU motion text, one core: this kernel 630 MB/s, numpy.fromstring 28 MB/s; the script
benchmarks/decode.py compares it with polars and pyarrow. Values agree with Python's float to the last digit for
numbers of up to 15 digits and small exponents, else to about 4e-16 relative.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from neurostore.arrays import Floats
from neurostore.compiled import kernel
from neurostore.errors import InputError

BLOCK = 8 << 20  # bytes read at once
_LONGEST_FIELD = 400
_N_ERRORS = 8
#: indices of the values that the kernel keeps between blocks
LINE, FIELD, FILLED, FRAME_LINE, FRAME_COUNT, N_BAD, BAD_LINE, BAD_COUNT, N_ROWS_BAD, LAST_CR = range(10)
POWERS = np.array([float(f"1e{k}") for k in range(309)])


def rows(file: BinaryIO, path: Path, n_columns: int, first_line: int) -> Iterator[Floats]:
    """Whole rows of n_columns numbers, block by block, from where the file stands.

    A row may stand on one line or over several, or several on one line, but never begins within a line that ends
    another, so that a lost value is found even where a later line has one too many. nan, inf and their
    spellings of C runtimes are NaN.

    Parameters
    ----------
    first_line : number of the line the file stands on, for messages (from 1).

    Yields
    ------
    (k, n_columns) float64 arrays.

    Raises
    ------
    InputError : fields that are not numbers (line, field and text of the first few), rows too long or too short.
    """
    state = np.zeros(10, dtype=np.int64)
    state[LINE] = first_line
    bad = np.zeros((_N_ERRORS, 3), dtype=np.int64)
    carried, left_over = b"", np.empty(0)
    problems: list[str] = []
    while True:
        read = file.read(BLOCK)
        data = carried + read
        if not data:
            break
        cut = len(data) if not read else _last_blank(data) + 1
        data, carried = data[:cut], data[cut:]
        if len(carried) > _LONGEST_FIELD:
            raise InputError(path, f"line {state[LINE]}: a field of over {_LONGEST_FIELD} characters, not a number")
        buffer = np.frombuffer(data, dtype=np.uint8)
        values = np.empty(len(left_over) + len(data) // 2 + 1)
        values[: len(left_over)] = left_over
        n_bad = int(state[N_BAD])
        n = len(left_over) + _numbers(buffer, values[len(left_over) :], n_columns, POWERS, state, bad)
        for k in range(n_bad, min(int(state[N_BAD]), _N_ERRORS)):
            problems.append(_not_a_number(data, *bad[k]))
        whole = n // n_columns * n_columns
        left_over = values[whole:n].copy()
        if whole and not problems:
            yield values[:whole].reshape(-1, n_columns)
    _end_line(n_columns, state)
    if state[N_BAD] > _N_ERRORS:
        problems.append(f"and {state[N_BAD] - _N_ERRORS} more fields that are not numbers")
    if state[N_ROWS_BAD]:
        more = f" (and {state[N_ROWS_BAD] - 1} more such lines)" if state[N_ROWS_BAD] > 1 else ""
        problems.append(f"line {state[BAD_LINE]}: {state[BAD_COUNT]} values where {n_columns} are expected{more}")
    if len(left_over) and not state[N_ROWS_BAD]:
        problems.append(
            f"line {state[FRAME_LINE]}: the last frame has {len(left_over)} values where {n_columns} are expected; "
            "the file may be truncated"
        )
    if problems:
        raise InputError(path, *problems)


def _last_blank(data: bytes) -> int:
    return max(data.rfind(b) for b in (b"\n", b"\r", b" ", b"\t"))


def _not_a_number(data: bytes, position: int, line: int, field: int) -> str:
    match = re.compile(rb"[^\x00-\x20]{1,30}").match(data, position)
    text = match.group() if match else b""
    shown = text.decode("ascii", "backslashreplace")
    hint = "; decimal commas are not supported, write points" if re.fullmatch(rb"[-+]?\d+,\d+", text) else ""
    return f"line {line}, field {field}: {shown!r} is not a number{hint}"


def number(text: str) -> float | None:
    """The finite number in a field, or None. Takes what Python's float takes, but no underscores."""
    try:
        value = float(text) if "_" not in text else np.nan
    except ValueError:
        return None
    return value if np.isfinite(value) else None


#: rates that cameras and motion capture systems run at
STANDARD_HZ = (
    *(10, 12, 15, 20, 24, 25, 30, 40, 48, 50, 60, 72, 75, 80, 90, 96, 100, 120, 125, 128, 144, 150, 160, 179, 180, 200),
    *(240, 250, 256, 300, 320, 360, 400, 480, 500, 512, 600, 720, 750, 960, 1000, 1024, 1200, 1500, 2000),
)
BROADCAST_HZ = (24000 / 1001, 30000 / 1001, 60000 / 1001, 120000 / 1001)


def rate_from_period(text: str) -> float:
    """The rate in Hz whose period, rounded as printed, is text: '0.0083333' is 120, '.033' is 30, '0.016683' 59.94.

    Taken, in this order: the standard rate nearest among those within half a unit of the last printed digit; a
    broadcast rate within it; a standard rate within a whole unit (a cut-off period); the only whole rate within half a
    unit; else 1/period as it stands.
    """
    period = float(text)
    mantissa, _, exponent = text.strip().lower().partition("e")
    unit = 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))
    exact = 1 / period
    half = (1 / (period + 0.5 * unit), 1 / max(period - 0.5 * unit, 1e-12))
    whole = (1 / (period + unit), 1 / max(period - unit, 1e-12))
    slack = 1e-9 * exact
    for (low, high), rates in ((half, STANDARD_HZ), (half, BROADCAST_HZ), (whole, STANDARD_HZ)):
        inside = [r for r in rates if low - slack <= r <= high + slack and abs(r - exact) < 0.06 * exact]
        if inside:
            return float(min(inside, key=lambda r: abs(r - exact)))
    between = range(int(np.ceil(half[0] - slack)), int(np.floor(min(half[1], 1e6) + slack)) + 1)
    return float(between[0]) if len(between) == 1 else exact


@kernel
def parse_number(buffer, i, powers):  # type: ignore[no-untyped-def]
    """(value, index after the field, whether it is a number) of the field that starts at buffer[i]."""
    n = buffer.size
    negative = False
    if buffer[i] == 45 or buffer[i] == 43:
        negative = buffer[i] == 45
        i += 1
    mantissa = np.uint64(0)
    start = i
    while i < n:
        digit = np.uint8(buffer[i] - 48)
        if digit > 9:
            break
        mantissa = mantissa * np.uint64(10) + np.uint64(digit)
        i += 1
    digits = i - start
    exponent = 0
    if i < n and buffer[i] == 46:
        i += 1
        point = i
        while i < n:
            digit = np.uint8(buffer[i] - 48)
            if digit > 9:
                break
            mantissa = mantissa * np.uint64(10) + np.uint64(digit)
            i += 1
        exponent = point - i
        digits += i - point
    if digits > 18:  # the mantissa may have overflowed: read it again with 18 significant digits
        mantissa = np.uint64(0)
        kept, dropped, is_fraction = 0, 0, False
        exponent = 0
        for k in range(start, i):
            if buffer[k] == 46:
                is_fraction = True
                continue
            if kept < 18:
                mantissa = mantissa * np.uint64(10) + np.uint64(np.uint8(buffer[k] - 48))
                if mantissa != 0:
                    kept += 1
                if is_fraction:
                    exponent -= 1
            elif not is_fraction:
                dropped += 1
        exponent += dropped
    if digits == 0:
        letter = buffer[i] | 32 if i < n else 0
        if (letter == 110 or letter == 105) and i + 2 < n and (buffer[i + 1] | 32) in (97, 110):  # na(n), in(f)
            return np.nan, _skip(buffer, i), True
        return np.nan, _skip(buffer, i), False
    if i < n and buffer[i] == 35 and digits == 1:  # 1.#QNAN, 1.#IND, 1.#INF
        return np.nan, _skip(buffer, i), True
    if i < n and (buffer[i] | 32) == 101:
        i += 1
        is_minus = False
        if i < n and (buffer[i] == 45 or buffer[i] == 43):
            is_minus = buffer[i] == 45
            i += 1
        start = i
        power = 0
        while i < n:
            digit = np.uint8(buffer[i] - 48)
            if digit > 9:
                break
            if power < 100000:
                power = power * 10 + int(digit)
            i += 1
        if i == start:
            return np.nan, _skip(buffer, i), False
        exponent += -power if is_minus else power
    if i < n and buffer[i] > 32:
        return np.nan, _skip(buffer, i), False
    value = float(mantissa)
    if exponent < 0:
        if exponent >= -308:
            value /= powers[-exponent]
        else:
            value = value / powers[308] / powers[min(-exponent - 308, 308)]
    elif exponent > 0 and mantissa != 0:
        value *= powers[exponent] if exponent <= 308 else np.inf
    if np.isinf(value):
        value = np.nan
    return (-value if negative else value), i, True


@kernel
def _skip(buffer, i):  # type: ignore[no-untyped-def]
    while i < buffer.size and buffer[i] > 32:
        i += 1
    return i


@kernel
def _numbers(buffer, out, n_columns, powers, state, bad):  # type: ignore[no-untyped-def]
    """Parse a block that ends between fields; returns how many values went into out. See rows for the state."""
    n, i, k = buffer.size, np.int64(0), 0  # int64: a literal 0 would compile parse_number twice
    field = state[FIELD]
    while i < n:
        c = buffer[i]
        if c > 32:
            start = i
            if c == 45:
                i += 1
            first = i
            mantissa = np.uint64(0)
            while i < n:  # the common field, [-]digits[.digits] of at most 15 digits, is exact and read here
                digit = np.uint8(buffer[i] - 48)
                if digit > 9:
                    break
                mantissa = mantissa * np.uint64(10) + np.uint64(digit)
                i += 1
            point = i
            if i < n and buffer[i] == 46:
                i += 1
                point = i
                while i < n:
                    digit = np.uint8(buffer[i] - 48)
                    if digit > 9:
                        break
                    mantissa = mantissa * np.uint64(10) + np.uint64(digit)
                    i += 1
            field += 1
            length = i - first
            if (i == n or buffer[i] <= 32) and 1 <= length <= 16 and (length > 1 or buffer[first] != 46):
                value = float(mantissa) / powers[i - point]
                out[k] = -value if c == 45 else value
            else:
                value, i, is_number = parse_number(buffer, start, powers)
                out[k] = value
                if not is_number:
                    if state[N_BAD] < bad.shape[0]:
                        bad[state[N_BAD], 0] = start
                        bad[state[N_BAD], 1] = state[LINE]
                        bad[state[N_BAD], 2] = field
                    state[N_BAD] += 1
            k += 1
            continue
        if c == 10 or c == 13:  # CR LF ends one line
            is_after_cr = buffer[i - 1] == 13 if i > 0 else state[LAST_CR] == 1
            if c == 13 or not is_after_cr:
                state[FIELD] = field
                _end_line(n_columns, state)
                field = 0
        i += 1
    state[FIELD] = field
    state[LAST_CR] = 1 if n > 0 and buffer[n - 1] == 13 else 0
    return k


@kernel
def _end_line(n_columns, state):  # type: ignore[no-untyped-def]
    count = state[FIELD]
    if count > 0:
        is_first = state[FILLED] == 0
        if is_first:
            state[FRAME_LINE] = state[LINE]
            state[FRAME_COUNT] = count
        state[FILLED] += count
        if state[FILLED] == n_columns or (is_first and count % n_columns == 0):
            state[FILLED] = 0
        elif state[FILLED] > n_columns:
            if state[N_ROWS_BAD] == 0:
                state[BAD_LINE] = state[FRAME_LINE]
                state[BAD_COUNT] = state[FRAME_COUNT]
            state[N_ROWS_BAD] += 1
            state[FILLED] = 0
    state[FIELD] = 0
    state[LINE] += 1
