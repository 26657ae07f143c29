"""Further commands: what is written beside a lake for other software, and a person with everything that a lake can hold."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import replace
from pathlib import Path

from neurostore import reviews
from neurostore.api import open as open_lake
from neurostore.export import export
from neurostore.ingest.cohort.organise import organise
from neurostore.ingest.cohort.template import write_template
from neurostore.ingest.pipeline import ingest
from neurostore.ingest.video.models import declared, store
from neurostore.lake import create, outputs
from neurostore.upkeep import erase, refresh, release
from tests.builders import plate_files
from tests.builders.tiny_bvh import write_bvh
from tests.torture.lakes import WHO, Command, cohort_of, small_lake, with_one_empty_table


def _pile(folder: Path) -> Path:
    lake = small_lake(folder)
    rows = "file\tsubject\tsession\ttrial\tspeed\n"
    for i, name in enumerate(("a", "b", "c")):
        write_bvh(folder / "pile" / f"{name}.bvh", 20)
        rows += f"{name}\tS{i}\tpre\twalk\tfast\n"
    (folder / "files.tsv").write_text(rows)
    return lake


def _organise(lake: Path) -> None:
    target = lake.parent / "made"
    if not target.exists():
        organise(lake.parent / "pile", target, lake.parent / "files.tsv")


def _without_tables(folder: Path) -> Path:
    lake = small_lake(folder)
    for session in ("pre", "post"):
        write_bvh(folder / "cohort" / "S7" / session / "walk.bvh", 20)
    return lake


def _bundle(folder: Path) -> Path:
    lake = small_lake(folder)
    with zipfile.ZipFile(folder / "own.task", "w") as archive:
        for name in store.BUNDLED:
            archive.writestr(zipfile.ZipInfo(name), b"weights" * 1000)
    return lake


def _fetch(lake: Path) -> None:
    file = lake.parent / "own.task"
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    model = replace(declared.find("pose_landmarker_full"), sha256=sha256)
    store.fetch(model, folder=lake.parent / "models", tarball=file)


def _with_forces(folder: Path) -> Path:
    """A cohort of two people who walk over a platform with EMG, and no lake."""
    for subject in (WHO, "S1"):
        path = folder / "cohort" / subject / "walk.c3d"
        path.parent.mkdir(parents=True)
        plate_files.write(path, 60)
    people = f"participant_id\tgroup\tmass\n{WHO}\tCP\t61\nS1\tcontrol\t72\n"
    (folder / "cohort" / "participants.tsv").write_text(people)
    return folder / "lake"


def _with_forces_and_lake(folder: Path) -> Path:
    """The same beside a lake in which there is nobody: how one is made is tortured by itself."""
    return Path(create.create(_with_forces(folder)))


def _ingest(lake: Path) -> None:
    ingest(cohort_of(lake), lake, n_workers=1)


def _with_everything(folder: Path) -> Path:
    """Forces, EMG, events, decisions, results and a release of somebody who is to be erased."""
    lake = _with_forces(folder)
    _ingest(lake)
    who = {"trial": "walk", "reviewer": "R1", "reason": "crutch"}
    reviews.decide(lake, [{"action": "exclude", "subject": s, **who} for s in (WHO, "S1")])
    refresh.refresh(lake, n_workers=1)
    release.make(lake, "v1", message=f"with {WHO}")
    return lake


def _with_swap(folder: Path) -> Path:
    """A trial whose sides are to be exchanged by the next ingest."""
    write_bvh(folder / "cohort" / "S7" / "walk.bvh", 20)
    lake = folder / "lake"
    _ingest(lake)
    decision = {"action": "swap_sides", "subject": "S7", "trial": "walk", "reviewer": "R1", "reason": "mirrored"}
    reviews.decide(lake, [decision])
    return lake


def _with_trial(folder: Path) -> Path:
    lake = _with_forces(folder)
    _ingest(lake)
    return lake


def _export(lake: Path) -> None:
    """Each format as the command writes it; noted in the lake first."""
    for name in ("walk.trc", "walk.c3d", "angles.csv", "angles.parquet", "bids"):
        out = lake.parent / "files" / name
        with outputs.noting(lake, "export", out):
            export(open_lake(lake), "S1", "walk", out, force=True)


COMMANDS: dict[str, Command] = {
    "organise": Command(_organise, _pile),
    "template": Command(lambda lake: write_template(cohort_of(lake)), _without_tables),
    "model-fetch": Command(_fetch, _bundle, is_random=True),  # the manifest says times of files
    "export": Command(_export, _with_trial),
    "ingest-forces": Command(_ingest, _with_forces_and_lake),
    "ingest-swapped": Command(_ingest, _with_swap),
    "erase-everything": Command(lambda lake: erase.erase(lake, WHO), with_one_empty_table(_with_everything)),
}
