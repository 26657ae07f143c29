"""Messages: lists that are cut short say how much is missing; keys are named as their folders."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from neurostore.file_hash import sha256_of, sha256_of_all
from neurostore.trial_key import key_text
from neurostore.wording import and_more, is_whole, listed


@pytest.mark.parametrize(
    ("n", "expected"),
    [(0, ""), (1, "a"), (3, "a, b, c"), (4, "a, b, c and 1 more"), (9, "a, b, c and 6 more")],
)
def test_listed_shows_the_first_and_counts_the_rest(n: int, expected: str) -> None:
    assert listed(iter("abcdefghi"[:n]), 3) == expected


def test_and_more_keeps_items_as_lines() -> None:
    assert and_more(["x", "y"], 2) == ["x", "y"]
    assert and_more(["x", "y", "z"], 2) == ["x", "y", "and 1 more"]
    assert and_more(["x", "y", "z"], 1, "fields that are not numbers") == [
        "x",
        "and 2 more fields that are not numbers",
    ]


def test_a_key_without_session_has_two_parts() -> None:
    assert key_text(("S01", "", "walk")) == "S01/walk"
    assert key_text(("S01", "post", "walk")) == "S01/post/walk"


def test_the_hash_of_files_is_over_the_hash_of_each_in_order(tmp_path: Path) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    a.write_bytes(b"abc")
    b.write_bytes(b"")
    # FIPS 180-2, appendix B.1: the digest of "abc"
    assert sha256_of(a) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    both = hashlib.sha256(hashlib.sha256(b"abc").digest() + hashlib.sha256(b"").digest()).hexdigest()
    assert sha256_of_all([a, b]) == both != sha256_of_all([b, a])


@pytest.mark.parametrize("text", ["", "²", "٣", "-1", "1.5", " 1", "9" * 5000])
def test_what_int_would_not_take_or_read_otherwise_is_not_a_whole_number(text: str) -> None:
    assert not is_whole(text)
    assert is_whole("0040600")
