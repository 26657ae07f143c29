"""The first entry of a table's log is ours; deltalake's own for the same columns is what it has to equal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from deltalake import DeltaTable

from neurostore import schema
from neurostore.api import Lake
from neurostore.lake import delta
from neurostore.storage import temporary
from neurostore.upkeep.verify import verify

CHANGING = {"id", "createdTime"}


def _entry(folder: Path) -> dict:
    text = (folder / "_delta_log" / f"{0:020d}.json").read_text()
    return {key: value for line in text.splitlines() if line.strip() for key, value in json.loads(line).items()}


@pytest.mark.parametrize("name", sorted(schema.tables()))
def test_a_new_table_is_the_one_that_deltalake_makes(tmp_path: Path, name: str) -> None:
    declared = schema.tables()[name]
    delta.create(str(tmp_path), "ours", declared.arrow(), declared.partition)
    DeltaTable.create(
        str(tmp_path / "theirs"),
        declared.arrow(),
        partition_by=list(declared.partition),
        configuration=delta._CONFIGURATION,
    )
    ours, theirs = (_entry(tmp_path / folder) for folder in ("ours", "theirs"))
    assert ours["protocol"] == theirs["protocol"]
    about, expected = ({k: v for k, v in e["metaData"].items() if k not in CHANGING} for e in (ours, theirs))
    assert json.loads(about.pop("schemaString")) == json.loads(expected.pop("schemaString"))
    assert about == expected


def test_a_table_that_is_there_stays(tmp_path: Path) -> None:
    declared = schema.tables()["subjects"]
    delta.create(str(tmp_path), "subjects", declared.arrow(), declared.partition)
    first = _entry(tmp_path / "subjects")
    delta.create(str(tmp_path), "subjects", declared.arrow(), declared.partition)
    assert _entry(tmp_path / "subjects") == first
    assert delta.open_table(str(tmp_path), "subjects").version() == 0


def test_a_table_whose_first_entry_was_being_written_when_its_writer_died_is_not_there(tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "lake").path
    entry = Path(lake, "results", "trial_quality", "_delta_log", f"{0:020d}.json")
    entry.parent.mkdir(parents=True)
    Path(temporary.name_beside(str(entry))).write_bytes(b"{")
    assert "results/trial_quality" not in delta.stored_tables(lake)
    assert verify(lake).is_clean
