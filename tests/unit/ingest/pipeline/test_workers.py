"""The worker's thread that writes: whatever goes wrong there is reported, or an ingest would wait forever."""

from __future__ import annotations

import queue

import pytest

from neurostore.errors import LakeError, NeurostoreError
from neurostore.ingest.pipeline.workers import _stage


class Ends:
    """A computed batch whose writing ends in an error."""

    def __init__(self, error: BaseException):
        self.error = error

    def stage(self):
        raise self.error


def test_what_goes_wrong_while_writing_is_reported():
    computed, told = queue.Queue(), []
    for error in (LakeError("the disk is full"), MemoryError("no 4 GB"), ValueError("odd"), SystemExit()):
        computed.put(Ends(error))
    with pytest.raises(SystemExit):
        _stage(computed, lambda kind, what: told.append((kind, what)))
    assert [kind for kind, _ in told] == ["failed"] * 3
    assert all(isinstance(what, NeurostoreError) for _, what in told)
    assert str(told[0][1]) == "the disk is full"
    assert "MemoryError: no 4 GB" in str(told[1][1])
