"""MVNX: Xsens MVN's XML, a list of segments and, per frame, their orientations (quaternions) and positions (metres).

Lab and segments have x forward, y to the left and z up in the N-pose (Xsens MVN User Manual). Frames of the types
identity, npose, tpose come first and are no motion.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from contextlib import suppress
from pathlib import Path

import numpy as np

from neurostore.errors import InputError
from neurostore.ingest.geometry.rotations import to_matrix
from neurostore.ingest.readers import recorded_at
from neurostore.ingest.readers.not_finite import NotFinite
from neurostore.ingest.readers.recorded_at import of_milliseconds, time_of
from neurostore.ingest.readers.segment_frames import Frames, recording_of
from neurostore.ingest.recording import ReadOptions, Recording, Step

VERSION = 2
_AXES = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])


def read(path: Path, options: ReadOptions) -> Recording:
    """Read the segments of an MVNX file; ``time_s`` begins at 0 with the first frame of motion.

    Raises
    ------
    InputError : no MVNX, XML that breaks off, no frame of motion, a frame with another count of numbers than segments need.
    """
    try:
        labels, rate_hz, quaternions, positions, about = _parse(path)
    except ElementTree.ParseError as error:
        raise InputError(path, f"is not a complete XML file: {error}; export the MVNX again") from None
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror or error}") from None
    n, j = len(quaternions), len(labels)
    if not labels:
        raise InputError(path, "is not an MVNX file of a person: it names no segment (mvnx/subject/segments)")
    if n == 0:
        raise InputError(
            path, "an Xsens MVNX file without one frame of motion (frames of type normal); export it again"
        )
    if not 0 < rate_hz < np.inf:
        raise InputError(path, "its subject states no frameRate that is a number above 0")
    q = np.array(quaternions).reshape(n, j, 4)
    origins = np.array(positions).reshape(n, j, 3) * 1000.0
    lost = NotFinite(labels)
    is_finite = np.isfinite(q).all(axis=2) & np.isfinite(origins).all(axis=2)
    lost.look(np.where(is_finite, 0.0, np.nan))
    q[~is_finite], origins[~is_finite] = np.nan, np.nan
    notes = ["pelvis and hip angles are changes from the N-pose of the calibration", *lost.notes()]
    step = Step("read_mvnx", VERSION, {"segments": j})
    frames = Frames(labels, origins, to_matrix(q), rate_hz, np.arange(n) / rate_hz, "xsens_mvn", "z", _AXES)
    recording = recording_of(path, frames, options, step, notes)
    recording.subject = about.get("label") or None
    for field, read_time in (("recDate", time_of), ("recDateMSecsSinceEpoch", of_milliseconds)):
        if at := read_time(about.get(field, "")):
            recording.steps.append(recorded_at.step(at, field))
            break
    return recording


def _parse(path: Path) -> tuple[list[str], float, list[list[float]], list[list[float]], dict[str, str]]:
    """(segments, rate, quaternions and positions of each frame of motion, attributes of the subject); one frame in memory at a time."""
    labels: list[str] = []
    rate = 0.0
    about: dict[str, str] = {}
    quaternions: list[list[float]] = []
    positions: list[list[float]] = []
    for event, element in ElementTree.iterparse(path, events=("start", "end")):
        tag = element.tag.rpartition("}")[2]
        if event == "start":
            if tag == "subject":
                with suppress(ValueError):  # left at 0, which is refused
                    rate = float(element.get("frameRate") or 0)
                about = dict(element.attrib)
            continue
        if tag == "segment" and element.get("label"):
            labels.append(element.get("label") or "")
        elif tag == "frame":
            if element.get("type", "normal") == "normal":
                texts = {child.tag.rpartition("}")[2]: child.text or "" for child in element}
                for name, width, rows in (("orientation", 4, quaternions), ("position", 3, positions)):
                    rows.append(_numbers(path, texts.get(name, ""), width * len(labels), name, len(rows)))
            element.clear()
    return labels, rate, quaternions, positions, about


def _numbers(path: Path, text: str, expected: int, name: str, frame: int) -> list[float]:
    try:
        values = [float(word) for word in text.split()]
    except ValueError:
        raise InputError(path, f"frame {frame}: its {name} holds something that is not a number") from None
    if len(values) != expected:
        raise InputError(path, f"frame {frame}: its {name} holds {len(values)} numbers, expected {expected}")
    return values
