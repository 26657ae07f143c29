"""All detections of a video: an hour of two people is 200,000 of them, 0.6 GB, of which one chunk is in memory."""

from __future__ import annotations

import tempfile
import weakref
from bisect import bisect_right
from collections.abc import Sequence
from typing import overload

import numpy as np

from neurostore.arrays import Floats, Ints
from neurostore.errors import NeurostoreError
from neurostore.ingest.video.contract import Detection

_CHUNK = 512  # frames stored at once
_SPOOL_BYTES = 32 << 20  # with more bytes, values are stored in a file

Arrays = dict[str, Floats]  # 'box', 'points', 'positions 0', 'sd_mm 1', 'confidence' … of a number of detections
_Place = tuple[int, tuple[int, ...]]  # offset of the values of a chunk in the file, and their shape


class Detections(Sequence[list[Detection]]):
    """The persons of each frame: ``detections[frame][number]``; held as float32, without an object for each.

    ``add`` takes the persons of the next frame; ``row`` names one of them, ``take`` gathers one kind of values of many
    rows. What is over 32 MB is stored in a temporary file without a name, which ends with the process.

    Raises
    ------
    NeurostoreError : the folder of temporary files is full.
    """

    def __init__(self) -> None:
        self._first_rows = [0]  # first row of each frame, and of the next frame to come
        self._chunk_rows = [0]  # first row of each chunk, and of the next chunk to come
        self._chunks: list[dict[str, _Place]] = []
        self._waiting: list[Detection] = []
        self._file = tempfile.SpooledTemporaryFile(_SPOOL_BYTES, prefix="neurostore-detections-")  # noqa: SIM115
        weakref.finalize(self, self._file.close)
        self._size = 0
        self._read: tuple[int, Arrays] = -1, {}

    def __len__(self) -> int:
        return len(self._first_rows) - 1

    def add(self, persons: Sequence[Detection]) -> None:
        """Append the detections of the next frame."""
        self._waiting += persons
        self._first_rows.append(self._first_rows[-1] + len(persons))
        if len(self) % _CHUNK == 0:
            self._put_away()

    def row(self, frame: int, number: int) -> int:
        """The row of a person, for :meth:`take`."""
        return self._first_rows[frame] + number

    @overload
    def __getitem__(self, frame: int) -> list[Detection]: ...
    @overload
    def __getitem__(self, frame: slice) -> list[list[Detection]]: ...
    def __getitem__(self, frame: int | slice) -> list[Detection] | list[list[Detection]]:
        if isinstance(frame, slice):
            return [self[i] for i in range(*frame.indices(len(self)))]
        if not 0 <= frame < len(self):
            raise IndexError(f"frame {frame} of {len(self)}")
        self._put_away()
        return [self._detection(row) for row in range(*self._first_rows[frame : frame + 2])]

    def has(self, name: str) -> bool:
        """Whether there are values of this name (see :meth:`take`)."""
        self._put_away()
        return any(name in places for places in self._chunks)

    def take(self, name: str, rows: Ints) -> Floats:
        """Values of rows (n, …) float32, NaN where a row is -1.

        name : a field of Detection, with the number of the skeleton after a space if there is one for each.
        """
        self._put_away()
        shape = self._chunks[0][name][1][1:]
        # time is contiguous in memory, as in the tables of the lake
        values = np.full((*shape, len(rows)), np.nan, np.float32)
        values = values.transpose(len(shape), *range(len(shape)))
        chunk = np.searchsorted(self._chunk_rows, rows, side="right") - 1
        for i, places in enumerate(self._chunks):
            here = np.flatnonzero((chunk == i) & (rows >= 0))
            values[here] = self._values(places[name])[rows[here] - self._chunk_rows[i]]
        return values

    def _put_away(self) -> None:
        if not self._waiting:
            return
        first = self._waiting[0]
        columns: dict[str, list[Floats]] = {
            "box": [p.box for p in self._waiting],
            "points": [p.points for p in self._waiting],
        }
        for s in range(len(first.positions)):
            columns[f"positions {s}"] = [p.positions[s] for p in self._waiting]
            if first.sd_mm is not None:
                columns[f"sd_mm {s}"] = [p.sd_mm[s] for p in self._waiting if p.sd_mm is not None]
        if first.confidence is not None:
            columns["confidence"] = [p.confidence for p in self._waiting if p.confidence is not None]
        arrays = {name: np.array(values, np.float32) for name, values in columns.items()}
        places = {}
        try:
            self._file.seek(self._size)
            for name, values in arrays.items():
                places[name] = self._size, values.shape
                self._file.write(values.tobytes())
                self._size += values.nbytes
        except OSError as error:
            where = tempfile.gettempdir()
            raise NeurostoreError(
                f"{where}: {error.strerror}; detections of a long video are stored there: set TMPDIR to a folder with more space"
            ) from error
        self._chunks.append(places)
        self._chunk_rows.append(self._chunk_rows[-1] + len(self._waiting))
        self._waiting = []

    def _values(self, place: _Place) -> Floats:
        at, shape = place
        self._file.seek(at)
        return np.frombuffer(self._file.read(4 * int(np.prod(shape))), np.float32).reshape(shape)

    def _detection(self, row: int) -> Detection:
        i = bisect_right(self._chunk_rows, row) - 1
        if self._read[0] != i:
            self._read = i, {name: self._values(place) for name, place in self._chunks[i].items()}
        arrays, at = self._read[1], row - self._chunk_rows[i]
        skeletons = range(sum(name.startswith("positions") for name in arrays))
        return Detection(
            arrays["box"][at],
            [arrays[f"positions {s}"][at] for s in skeletons],
            arrays["points"][at],
            arrays["confidence"][at] if "confidence" in arrays else None,
            [arrays[f"sd_mm {s}"][at] for s in skeletons] if "sd_mm 0" in arrays else None,
        )
