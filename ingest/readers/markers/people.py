"""Whose each label of a file is, and which of several people and objects is the subject of the trial."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from neurostore.ingest.readers.markers.up import is_of_body, n_of_body
from neurostore.wording import listed

_FOLDERS = 3  # subject, session, BIDS's folder of a modality
_GAP = re.compile(r"(?<=[^\W_]) ?[_/.-] ?(?=[^\W_])")
_SIDES = frozenset(("L", "R", "LEFT", "RIGHT", "LT", "RT"))
_LEAST_OF_BODY = 8  # names that are known without a beginning alone, before it is taken for that of a person
_NOT_A_NAME = re.compile(r"[^A-Z0-9]")


def by_person(labels: Sequence[str], notes: list[str], names: Sequence[str] = ()) -> list[tuple[str, str]]:
    """(person or object, '' if none; label of the marker) of each label; notes what was inferred.

    ``Anna:LASI`` is the marker LASI of Anna, and so is ``Anna_LASI`` if Anna is one of ``names`` and in many labels. ``Anna_LASI``,
    ``Anna - LASI`` and ``Anna.LASI`` are too if eight labels are names of markers of a body without this beginning and not with it,
    and others hardly are.
    """
    stated = [f"{name}_" for name in names]
    stated = [n for n in stated if sum(w.lower().startswith(n.lower()) for w in labels) > len(labels) // 4]
    inferred = [begins for begins in _beginnings(tuple(labels)) if begins not in stated]
    if inferred:
        what = listed([repr(begins) for begins in inferred], 6)
        notes.append(f"labels begin with {what}, read as the name of a person: without it they are names of markers")
    beginnings = (*stated, *inferred)
    return [_split(label, beginnings) for label in labels]


@lru_cache(maxsize=64)  # the files of a laboratory have the same labels
def _beginnings(labels: tuple[str, ...]) -> tuple[str, ...]:
    """What labels begin with where it is not part of the marker's name."""
    groups: dict[str, list[str]] = defaultdict(list)
    for label in labels:
        gaps = list(_GAP.finditer(label)) if ":" not in label else []
        for begins in {label[: gap.end()] for gap in (*gaps[:1], *gaps[-1:])}:
            groups[begins].append(label)

    def n_known(names: list[str]) -> int:
        return sum(is_of_body(_NOT_A_NAME.sub("", name.upper())) for name in names)

    found = tuple(
        begins
        for begins, names in groups.items()
        if len(names) >= _LEAST_OF_BODY
        and re.split(r"[\W_]+", begins.upper())[-2] not in _SIDES
        and n_known([name.removeprefix(begins) for name in names]) >= n_known(names) + _LEAST_OF_BODY
    )
    # V_Knee beside Knee is a virtual marker, not a person called V
    return () if n_known([label for label in labels if not label.startswith(found)]) >= _LEAST_OF_BODY else found


def _split(whole: str, beginnings: Sequence[str]) -> tuple[str, str]:
    prefix, _, label = whole.rpartition(":")
    for begins in beginnings if not prefix else ():
        if whole.lower().startswith(begins.lower()) and len(whole) > len(begins):
            return begins.strip(" _/.-"), whole[len(begins) :].strip()
    return prefix.strip(), label.strip()


def subject_of(labels: Mapping[str, Sequence[str]], path: Path, notes: list[str]) -> str:
    """The name of the one to be read; notes who is left out.

    The one after whom a folder of the file is called, else the one with most names of markers of a body (a treadmill or
    a wheelchair may have more markers than a person), then with most points, the first among equals.

    labels : name of a person or object to its squeezed labels, not empty.
    """
    folders = {folder.name.lower() for folder in list(path.absolute().parents)[:_FOLDERS]}
    subject = max(labels, key=lambda name: (name.lower() in folders, n_of_body(labels[name]), len(labels[name])))
    others = [f"{name} ({len(points)} points)" for name, points in labels.items() if name != subject]
    if others:
        notes.append(f"several subjects in the file; read: {subject}, left out: {listed(others, 6)}")
    return subject
