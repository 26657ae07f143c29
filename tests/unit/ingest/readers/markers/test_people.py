"""Whose a label is: a person's name before it, whatever separates them, and objects beside the person."""

from __future__ import annotations

from pathlib import Path

import pytest

from neurostore.ingest.readers.markers.assemble import one_person
from neurostore.ingest.readers.markers.people import by_person
from neurostore.ingest.recording import ReadOptions
from tests.builders.c3d_files import LEGS

OBJECTS = ["Crutch_1", "Crutch_2", "Box_A"]


@pytest.mark.parametrize(
    "pattern", ["Skeleton_{}", "Subject 1 - {}", "S01.{}", "Anna Smith_{}", "S01-{}", "P_01_{}", "sub/{}", "Anna:{}"]
)
def test_a_persons_name_before_the_labels(pattern: str) -> None:
    notes: list[str] = []
    labels = [*(pattern.format(name) for name in LEGS), *OBJECTS]
    found = by_person(labels, notes)
    assert [label for _, label in found] == [*LEGS, *OBJECTS]
    person = pattern.removesuffix("{}").strip(" _.-/:")
    assert [who for who, _ in found] == [person] * len(LEGS) + [""] * len(OBJECTS)
    assert len(notes) == (":" not in pattern)


def test_two_people_whose_names_are_before_the_labels() -> None:
    notes: list[str] = []
    labels = [f"{who}_{name}" for who in ("Anna", "Ben") for name in LEGS] + ["Anna_C7"]
    chosen = one_person(labels, Path("Ben/walk.trc"), ReadOptions(), notes)
    assert [name for _, name in chosen] == LEGS
    assert chosen[0][0] == len(LEGS)
    assert any("read: Ben, left out: Anna (13 points)" in note for note in notes)


@pytest.mark.parametrize(
    "labels",
    [
        [*LEGS, *(f"V_{name}" for name in LEGS)],  # virtual markers beside those that were measured
        [f"{name[0]}_{name[1:]}" for name in LEGS],
        [f"{'Left' if name[0] == 'L' else 'Right'}.{name[1:]}" for name in LEGS],
        [f"M_{i}" for i in range(30)],
        [f"{name}_{i}" for i, name in enumerate(LEGS)],
        [],
    ],
)
def test_beginnings_that_name_no_person(labels: list[str]) -> None:
    notes: list[str] = []
    assert by_person(labels, notes) == [("", label) for label in labels]
    assert not notes
