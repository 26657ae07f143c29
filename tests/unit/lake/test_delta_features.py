"""A table in which another program turned on a feature we do not know is refused by name, never read without it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from neurostore.errors import LakeError
from neurostore.lake import delta
from tests.builders.lake_builder import build_lake, trial


@pytest.mark.parametrize("table", ["trials", "landmarks"])
@pytest.mark.parametrize("feature", ["deletionVectors", "columnMapping", "someFeatureOfTomorrow"])
def test_a_feature_of_another_program_is_refused_by_name(tmp_path, table, feature):
    lake = Path(build_lake(tmp_path, [trial("S1", "walk", left_heel=np.zeros((5, 3)))]).path)
    log = lake / table / "_delta_log"
    version = max(int(p.stem) for p in log.glob("*.json")) + 1
    protocol = {
        "minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": [feature], "writerFeatures": [feature],
    }  # fmt: skip
    (log / f"{version:020d}.json").write_text(json.dumps({"protocol": protocol}) + "\n")
    (log / "_last_checkpoint").unlink(missing_ok=True)
    with pytest.raises(LakeError, match=feature):
        delta.open_table(str(lake), table)
