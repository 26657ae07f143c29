"""nan and inf where a format states every value: missing, and said so."""

from __future__ import annotations

import re

import numpy as np
import pytest

from neurostore.ingest.readers import read
from neurostore.ingest.readers.not_finite import NotFinite
from neurostore.ingest.recording import ReadOptions
from tests.builders import amc_files, mot_files, segment_files
from tests.builders.tiny_bvh import bvh_text


def bvh(folder):
    (folder / "walk.bvh").write_text(bvh_text(6))
    return folder / "walk.bvh", ReadOptions(), "frame 5, of Head; so are the joints below"


def amc(folder):
    (folder / "a.asf").write_text(amc_files.ASF)
    (folder / "a.amc").write_text(amc_files.AMC)
    return (
        folder / "a.amc",
        ReadOptions(companions=(str(folder / "a.asf"),)),
        "frame 2, of shank; so are the joints below",
    )


def mot(folder):
    (folder / "walk.mot").write_text(mot_files.text(mot_files.curves(40)))
    return folder / "walk.mot", ReadOptions(), "frame 39, of arm_add_l"


def mvnx(folder):
    return segment_files.mvnx(folder / "walk.mvnx", 8), ReadOptions(), "frame 7, of RightToe"


@pytest.mark.parametrize("made", [bvh, amc, mot, mvnx])
def test_a_value_that_is_no_finite_number_is_missing_and_noted(made, tmp_path):
    path, options, where = made(tmp_path)
    whole = path.read_text()
    clean = read(path, options).notes
    *_, last = re.finditer(r"(?<=[\s>])-?\d+(\.\d+)?(?=[\s<])", whole)
    for word in ("nan", "-inf"):
        path.write_text(whole[: last.start()] + word + whole[last.end() :])
        (note,) = [n for n in read(path, options).notes if n not in clean]
        assert note.startswith("values that are not finite numbers (nan, inf) were taken as missing: 1, the first in")
        assert note.endswith(where)


def test_values_are_counted_over_blocks_and_named_once():
    lost = NotFinite(["hip", "hip", "knee"])
    lost.look(np.full((4, 3), 1e308))  # whose sum is infinite
    assert lost.notes() == []
    block = np.zeros((3, 3))
    block[1] = [np.nan, np.inf, 0]
    lost.look(block)
    block[0, 2] = -np.inf
    lost.look(block)
    (note,) = lost.notes()
    assert note.endswith("were taken as missing: 5, the first in frame 5, of hip, knee")
