"""Which of several people and objects of one file is the subject of the trial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from neurostore.ingest.readers.markers.up import n_of_body
from neurostore.wording import listed

_FOLDERS = 3  # subject, session, BIDS's folder of a modality


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
