"""The kernels of inverse kinematics are compiled by one worker, and read from numba's cache by the others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from neurostore.ingest.body.forward import marker_places
from neurostore.ingest.body.inverse import fit
from neurostore.ingest.body.osim import read_model
from neurostore.ingest.body.targets import Targets
from tests.builders.once import once


@pytest.fixture(scope="session", autouse=True)
def _compiled(tmp_path_factory):
    once(tmp_path_factory.getbasetemp(), "body", _fit)


def _fit(folder):
    model = read_model(Path(__file__).parent / "every_joint.osim")
    places = marker_places(model, np.zeros((3, len(model.coordinates))))
    fit(model, Targets({m.name: places[:, k] for k, m in enumerate(model.markers)}))
