"""A changed byte in any small file of ``_neurostore`` is named where it is read, and repaired but for two files."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from neurostore import storage
from neurostore.api import open as open_lake
from neurostore.errors import DamagedLakeError
from neurostore.lake import commit, heartbeat, outputs, tombstones
from neurostore.upkeep import compact, erase, release, repair, verify
from neurostore.upkeep.repair import drop_damaged
from tests.builders.lake_builder import build_lake
from tests.torture.lakes import made_trial

ANNOUNCEMENT = f"{erase.ANNOUNCED}/{'a' * 32}.json"
OF_BEFORE = "_neurostore/erasing.json"


class Cut(BaseException):
    """In the place of a kill."""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A lake with every small file there is: somebody was erased, others are in a release and in a note."""
    lake = Path(build_lake(tmp_path_factory.mktemp("small"), [made_trial("S1", 0), made_trial("S2", 0)]).path)
    tombstones.add(str(lake), "Gone", [])
    storage.write_json(f"{lake}/{tombstones.RECEIPTS}/{'b' * 32}.json", {"n_trials": 2})
    storage.write_json(f"{lake}/_neurostore/vacuumed.json", {"oldest_version": 0})
    storage.write_json(f"{lake}/{OF_BEFORE}", {"since": "2026-01-01"})
    release.make(lake, "v1")
    outputs.note(lake, "sql", [lake / "rows.csv"])
    return lake


@pytest.fixture
def lake(made, tmp_path):
    return Path(shutil.copytree(made, tmp_path / "lake"))


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def small_files(lake: Path) -> list[str]:
    return sorted(p.relative_to(lake).as_posix() for p in (lake / "_neurostore").rglob("*.json"))


def test_all_but_two_are_repaired(lake):
    kept = ("_neurostore/lake.json", tombstones.FILE)
    damaged = [path for path in small_files(lake) if path not in kept]
    assert [p.split("/")[1] for p in damaged] == ["erasing.json", "erasures", "outputs", "releases", "vacuumed.json"]
    for path in damaged:
        flip(lake / path)
    assert [d.path for d in verify.verify(lake).damaged] == damaged
    done = drop_damaged(lake)
    assert sorted(done.restored) == damaged
    assert done.trials == ()
    assert any("receipt" in remark for remark in done.remarks)
    assert verify.verify(lake).is_clean
    (lake / tombstones.FILE).unlink()
    assert tombstones.are_missing(str(lake)), "the receipt still says that somebody was erased"
    assert open_lake(lake, release="v1").trials_table().num_rows == 2


@pytest.mark.parametrize("path", ["_neurostore/lake.json", tombstones.FILE])
def test_what_nothing_else_knows_is_named_and_nothing_is_written(lake, path):
    staged = commit.stage(lake, [made_trial("S1", 5)])
    flip(lake / path)
    works = [lambda: erase.erase(lake, "S1"), lambda: drop_damaged(lake)]
    works += [lambda: commit.commit(lake, [staged])] * (path == tombstones.FILE)
    for work in works:
        with pytest.raises(DamagedLakeError, match=path):
            work()


def test_a_damaged_announcement_erases_nobody_else(lake):
    """One letter of ``S1`` changed to ``S2`` would erase the wrong person."""
    storage.write_json(f"{lake}/{ANNOUNCEMENT}", {"subject": "S1", "since": "2026-01-01"})
    path = lake / ANNOUNCEMENT
    path.write_text(path.read_text().replace('"S1"', '"S2"'))
    with pytest.raises(DamagedLakeError, match="erasing"):
        compact.compact(lake)
    found = verify.verify(lake)
    assert (found.unfinished, [d.path for d in found.damaged]) == (1, [ANNOUNCEMENT])
    done = drop_damaged(lake, found)
    assert any("repeat `neurostore erase SUBJECT`" in remark for remark in done.remarks)
    assert not path.exists()
    assert open_lake(lake).trials_table()["subject"].to_pylist() == ["S1", "S2"]


def test_a_damaged_announcement_of_somebody_with_a_tombstone_is_kept(lake, monkeypatch):
    with monkeypatch.context() as killed:
        killed.setattr(erase.erase_files, "erase_from_files", lambda *_: (_ for _ in ()).throw(Cut))
        with pytest.raises(Cut):
            erase.erase(lake, "S1")
    (path,) = (lake / erase.ANNOUNCED).iterdir()
    path.write_text(path.read_text().replace("since", "sincf"))
    found = verify.verify(lake)
    monkeypatch.setattr(repair, "finish_erasures", lambda root: 0)  # tested elsewhere, and takes its time
    drop_damaged(lake, found)
    assert erase.unfinished(str(lake)) == {str(path): "S1"}


def test_a_damaged_heartbeat_counts_until_it_is_old(lake, monkeypatch):
    with heartbeat.running(str(lake)):
        (path,) = (lake / "_neurostore" / "running").iterdir()
        flip(path)
        assert heartbeat.running_since(str(lake)) < float("inf")
        monkeypatch.setattr(heartbeat, "STALE_S", -1.0)
        assert heartbeat.running_since(str(lake)) == float("inf")
