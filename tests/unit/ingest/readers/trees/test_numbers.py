"""Numbers in text: against Python's float, and what is refused."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurostore.errors import InputError
from neurostore.ingest.readers.trees import numbers

HERE = Path("x.bvh")


def parse(content: bytes, n_columns: int = 1, first_line: int = 1) -> np.ndarray:
    blocks = [b.copy() for b in numbers.rows(io.BytesIO(content), HERE, n_columns, first_line)]
    return np.concatenate(blocks) if blocks else np.empty((0, n_columns))


def problems(content: bytes, n_columns: int = 1, first_line: int = 1) -> tuple[str, ...]:
    with pytest.raises(InputError) as caught:
        parse(content, n_columns, first_line)
    return caught.value.problems


SPELLINGS = [
    *("0", "-0", "+1", "1.", ".5", "-.5", "0.0083333", "00012.50", "1e3", "1E-3", "1.5e+02", "-4.77083e-015"),
    *("123456789012345", "9007199254740993", "12345678901234567890123", "0.1234567890123456789012345", "1e22", "1e23"),
    *("1e-308", "4.9e-324", "2.2250738585072014e-308", "1.7976931348623157e308", "0.000000000000000000000000000001"),
    *("100000000000000000000000000000", "0e400", "0.0e-999", "9.9999999999999999999999e-5", "1e-400"),
]


def test_spellings_of_numbers_are_pythons_to_rounding() -> None:
    found = parse(" ".join(SPELLINGS).encode())[:, 0]
    np.testing.assert_allclose(found, [float(s) for s in SPELLINGS], rtol=1e-15, atol=1e-320)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=30))
def test_any_float_written_by_python_is_read_within_rounding(values: list[float]) -> None:
    content = " ".join(repr(v) for v in values).encode()
    np.testing.assert_allclose(parse(content)[:, 0], values, rtol=1e-15, atol=1e-310)


@given(st.lists(st.tuples(st.integers(-(10**7), 10**7), st.integers(0, 8)), min_size=1, max_size=30))
def test_numbers_of_up_to_15_digits_are_exact(parts: list[tuple[int, int]]) -> None:
    fields = [f"{n / 10**d:.{d}f}" for n, d in parts]
    assert parse("\t".join(fields).encode())[:, 0].tolist() == [float(f) for f in fields]


@given(st.binary(max_size=60))
def test_no_bytes_crash_and_what_is_read_is_what_python_reads(content: bytes) -> None:
    try:
        found = parse(content)[:, 0]
    except InputError:
        return
    expected = []
    for field in content.translate(bytes(32 if c <= 32 else c for c in range(256))).split():
        try:
            expected.append(float(field))
        except ValueError:
            expected.append(np.nan)
    np.testing.assert_allclose(found, np.where(np.isinf(expected), np.nan, expected), rtol=1e-15, atol=1e-310)


@pytest.mark.parametrize("word", ["nan", "NaN", "-nan", "inf", "-Infinity", "1.#QNAN", "-1.#IND", "-nan(ind)", "1e999"])
def test_words_for_no_number_are_nan(word: str) -> None:
    np.testing.assert_array_equal(parse(f"1 {word} 3".encode())[:, 0], [1, np.nan, 3])


@pytest.mark.parametrize(
    "word", ["abc", "1.2.3", "1e", "--1", "-", ".", "1,5", "0x10", "1_000", "1-2", "+", "e5", "\x80"]
)
def test_other_words_are_refused_with_line_and_field(word: str) -> None:
    found = problems(f"1 2\n3 {word}\n".encode("latin-1"), 2, first_line=10)
    assert found[0].startswith("line 11, field 2: ")
    assert "is not a number" in found[0]


def test_a_decimal_comma_gets_a_hint() -> None:
    assert "write points" in problems(b"1,5 2\n", 2)[0]


def test_bad_fields_are_reported_together_and_counted() -> None:
    found = problems(b"\n".join([b"1 x"] * 20), 2)
    assert [p.split(",")[0] for p in found[:8]] == [f"line {k}" for k in range(1, 9)]
    assert found[8] == "and 12 more fields that are not numbers"


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r", b" \n", b"\t\r\n\r\n"])
@pytest.mark.parametrize("last", [True, False])
def test_line_ends_and_a_missing_last_one(end: bytes, last: bool) -> None:
    content = end.join([b"1 2 3", b"\t4  5\t6 ", b"7 8 9"]) + (end if last else b"")
    np.testing.assert_array_equal(parse(content, 3), [[1, 2, 3], [4, 5, 6], [7, 8, 9]])


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_lines_are_counted_whatever_ends_them(end: bytes) -> None:
    assert problems(end.join([b"1", b"", b"2", b"x"]))[0].startswith("line 4, field 1")


def test_rows_over_several_lines_and_several_rows_on_a_line() -> None:
    np.testing.assert_array_equal(parse(b"1 2\n3 4\n5 6\n", 6), [[1, 2, 3, 4, 5, 6]])
    np.testing.assert_array_equal(parse(b"1\n2\n3\n4\n", 2), [[1, 2], [3, 4]])
    np.testing.assert_array_equal(parse(b"1 2 3 4\n5 6\n", 2), [[1, 2], [3, 4], [5, 6]])


def test_rows_too_short_or_too_long_are_named_even_when_the_total_fits() -> None:
    assert problems(b"1 2 3\n4 5\n6 7 8 9\n", 3)[0] == "line 2: 2 values where 3 are expected"
    assert problems(b"1 2 3\n4 5 6 7\n8 9\n1 2 3\n", 3)[0].startswith("line 2: 4 values where 3 are expected")


def test_a_truncated_last_row_is_reported() -> None:
    assert "line 2: the last frame has 2 values where 3 are expected" in problems(b"1 2 3\n4 5", 3)[0]


def test_blocks_may_end_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    content = b"1.25 -2.5\r\n3e2 4\r\n\r\n-5 nan\r\n6 7"
    whole = parse(content, 2)
    for size in range(1, len(content)):
        monkeypatch.setattr(numbers, "BLOCK", size)
        np.testing.assert_array_equal(parse(content, 2), whole)
        assert problems(content + b"\r\nx 1", 2)[0].startswith("line 6, field 1")


def test_a_field_without_end_is_refused_before_it_fills_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbers, "BLOCK", 1000)
    assert "a field of over 400 characters" in problems(b"1 " + b"9" * 5000)[0]


def test_binary_rubbish_is_refused() -> None:
    assert "is not a number" in problems(struct.pack("<64d", *np.linspace(1, 9, 64)), 2)[0]


@pytest.mark.parametrize(
    ("period", "rate"),
    [
        (".0083333", 120), ("0.0083333", 120), ("0.00833333333333333", 120), ("0.008333", 120), ("8.33333e-03", 120),
        ("0.00833", 120), ("0.016667", 60), ("0.0166667", 60), ("0.01667", 60), ("0.0166", 60), ("0.033333", 30),
        ("0.0333", 30), ("0.033", 30), (".0333333", 30), ("0.0416667", 24), ("0.041708", 24000 / 1001),
        ("0.0333667", 30000 / 1001), ("0.016683", 60000 / 1001), ("0.01", 100), ("0.010000", 100), ("0.005", 200),
        ("0.004", 250), ("0.04", 25), ("0.02", 50), ("0.001", 1000), ("1", 1), ("0.00909", 110), ("0.0066667", 150),
        ("0.00416667", 240), ("0.0041667", 240), ("0.011111", 90), ("0.0138889", 72), ("0.00390625", 256),
        ("0.0085", 1 / 0.0085), ("0.0123456", 1 / 0.0123456),
    ],
)  # fmt: skip
def test_rate_of_a_rounded_period(period: str, rate: float) -> None:
    assert numbers.rate_from_period(period) == pytest.approx(rate, rel=1e-12)


def test_number_takes_no_python_habits() -> None:
    assert numbers.number("1_0") is None
    assert numbers.number("nan") is None
    assert numbers.number("-2.5e1") == -25
