"""Files that the Finder, Windows or people leave anywhere in a lake, beside its own, are passed over and listed."""

from __future__ import annotations

from pathlib import Path

import pytest

from neurostore import reviews
from neurostore.api import open as open_lake
from neurostore.lake import releases
from neurostore.upkeep import compact, doctor, erase, release, vacuum, verify
from tests.builders.tiny_bvh import write_bvh
from tests.cli.cli_run import run
from tests.torture.lakes import WHO, small_lake

APPLE_DOUBLE = bytes.fromhex("0005160700020000") + b"Mac OS X        " + bytes(4072)
EVERYWHERE = {
    ".DS_Store": b"\0\0\0\1Bud1" + bytes(100),
    "Thumbs.db": b"\xd0\xcf\x11\xe0" + bytes(100),
    "desktop.ini": b"[.ShellClassInfo]\r\n",
    "README.txt": b"do not touch",
    "my notes.json": b"[1, 2",
    "old.parquet": b"PAR1",
}


def strew(lake: Path) -> list[str]:
    """A file of each name in each folder, and what macOS keeps beside each file on a foreign disk; their paths."""
    paths = [path for path in lake.rglob("*") if path.is_file()]
    strangers = {path.with_name(f"._{path.name}"): APPLE_DOUBLE for path in paths}
    for folder in (lake, *(path for path in lake.rglob("*") if path.is_dir())):
        strangers |= {folder / name: content for name, content in EVERYWHERE.items()}
    for path, content in strangers.items():
        path.write_bytes(content)
    return sorted(str(path.relative_to(lake)) for path in strangers)


def test_foreign_files_everywhere_are_passed_over_and_listed(tmp_path):
    lake = small_lake(tmp_path)
    decision = {"action": "exclude", "subject": "S1", "trial": "t0", "reviewer": "R1", "reason": "crutch"}
    reviews.decide(lake, [decision])
    release.make(lake, "v1")
    for folder in ("running", "erasing", "erasures", "outputs"):
        (lake / "_neurostore" / folder).mkdir(exist_ok=True)
    strangers = strew(lake)

    found = verify.verify(lake)
    assert found.is_clean
    assert sorted(found.others) == strangers
    assert (found.unrecorded, found.leftovers) == ([], [])
    assert not [f.text for f in doctor.examine(lake) if f.is_bad]
    assert releases.names(str(lake)) == ["v1"]
    reviews.decide(lake, [{**decision, "action": "include"}])
    compact.compact(lake, safe_age_s=0)
    vacuum.vacuum(lake, safe_age_s=0)
    receipt = erase.erase(lake, WHO)
    assert open_lake(lake).trials()["subject"].unique().to_list() == ["S1"]
    assert sorted(verify.verify(lake).others) == strangers, "nothing of a stranger is deleted"
    assert [line for line in receipt.remaining if "may hold" not in line and WHO not in line.split(" ")[0]] == []
    assert verify.verify(lake).is_clean


@pytest.mark.parametrize("name", [".DS_Store", "Thumbs.db"])
def test_a_folder_that_a_file_browser_has_been_in_becomes_a_lake(tmp_path, name):
    write_bvh(tmp_path / "cohort" / "S1" / "walk.bvh", 20)
    (tmp_path / "lake").mkdir()
    (tmp_path / "lake" / name).write_bytes(EVERYWHERE[name])
    shown = run("ingest", tmp_path / "cohort", "--lake", tmp_path / "lake", "--workers", 1, "--no-results")
    assert shown.returncode == 0, shown.stderr
    assert verify.verify(tmp_path / "lake").others == [name]
