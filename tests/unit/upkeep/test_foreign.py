"""Another program changes a Delta table of the lake: nothing is read or built upon it, and it can be taken back."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from deltalake import DeltaTable, write_deltalake

from neurostore.api import open as open_lake
from neurostore.errors import LakeError
from neurostore.lake import commit, foreign
from neurostore.upkeep import compact, erase, vacuum, verify
from neurostore.upkeep.repair import drop_damaged
from tests.cli.cli_run import run
from tests.torture.lakes import WHO, made_trial, small_lake


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return small_lake(tmp_path_factory.mktemp("foreign"))


@pytest.fixture
def lake(made, tmp_path):
    return Path(shutil.copytree(made, tmp_path / "lake"))


def _overwrite(n_rows: int, columns: tuple[str, ...] = ()):
    def change(lake: Path) -> None:
        rows = open_lake(lake).trials_table().slice(0, n_rows)
        rows = rows.select(list(columns)) if columns else rows
        write_deltalake(str(lake / "trials"), rows, mode="overwrite", schema_mode="overwrite" if columns else None)

    return change


def _delete_and_restore(lake: Path) -> None:
    table = DeltaTable(str(lake / "trials"))
    before = table.version()
    table.delete("trial = 't0'")
    table.restore(before - 1)


CHANGES = {
    "half of the trials": _overwrite(2),
    "no trial": _overwrite(0),
    "two columns": _overwrite(4, ("subject", "trial")),
    "all deleted": lambda lake: DeltaTable(str(lake / "trials")).delete(),
    "restored": _delete_and_restore,
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_another_program_did_to_trials_is_not_read(lake, name):
    before = open_lake(lake).trials_table()
    CHANGES[name](lake)
    with pytest.raises(LakeError, match="another program"):
        open_lake(lake)
    assert foreign.take_back(str(lake), "trials")
    assert open_lake(lake).trials_table().equals(before)


def test_nothing_builds_upon_it_and_it_is_undone(lake):
    before = open_lake(lake).trials_table()
    CHANGES["half of the trials"](lake)
    for work in (compact.compact, vacuum.vacuum, lambda path: erase.erase(path, WHO), lambda path: commit.commit(path, removed=[("S1", "", "t0")])):  # fmt: skip
        with pytest.raises(LakeError, match="another program"):
            work(lake)
    found = verify.verify(lake)
    assert ["another program" in d.problem for d in found.damaged] == [True]
    done = drop_damaged(lake, found)
    assert [remark for remark in done.remarks if "another program's change" in remark]
    assert done.trials == ()
    assert open_lake(lake).trials_table().equals(before)
    found = verify.verify(lake)
    assert (found.damaged, found.unrecorded) == ([], [])


def test_what_another_program_did_to_frames_is_not_built_upon(lake):
    DeltaTable(str(lake / "landmarks")).delete("frame > 10")
    assert open_lake(lake).scan("landmarks").collect().height == 120, "readers go on with what trials names"
    for work in (compact.compact, lambda path: commit.commit(path, [commit.stage(path, [made_trial("S1", 5)])])):
        with pytest.raises(LakeError, match="another program did DELETE"):
            work(lake)
    shown = run("verify", "--lake", lake, "--drop-damaged")
    assert "another program did DELETE" in shown.stderr
    assert "another program's change was undone: landmarks/_delta_log/" in shown.stderr
    commit.commit(lake, [commit.stage(lake, [made_trial("S1", 5)])])
    assert open_lake(lake).scan("landmarks").collect().height == 150


def test_rows_that_another_program_added_are_not_read(lake):
    table = DeltaTable(str(lake / "calibrations"))
    write_deltalake(str(lake / "calibrations"), table.to_pyarrow_table(), mode="append")
    version = DeltaTable(str(lake / "calibrations")).version()
    rows = open_lake(lake).trials_table().to_pylist()
    assert version > dict(rows[0]["table_versions"])["calibrations"]
    entry = lake / "calibrations" / "_delta_log" / f"{version:020d}.json"
    entry.write_text("\n".join(line for line in entry.read_text().splitlines() if "commitInfo" not in line))
    from neurostore.upkeep.repair import commit as commits

    commits.name_versions(str(lake), {"calibrations": version}, "as a version before this one did")
    with pytest.raises(LakeError, match="another program wrote part-"):
        open_lake(lake).scan("calibrations")
