"""Further commands: what is written for people to read, for OpenSim, and by training; results computed by several threads."""

from __future__ import annotations

import pickle
from itertools import islice
from pathlib import Path

import numpy as np

from neurostore import reviews
from neurostore.api import open as open_lake
from neurostore.ingest.pipeline import ingest
from neurostore.lake import compute, outputs
from neurostore.upkeep import refresh
from tests.torture.lakes import Command, cohort_of, small_lake, with_results


def _walkers(folder: Path) -> Path:
    """Two groups of two who walk."""
    from neurostore.walker.bvh import write_bvh
    from neurostore.walker.gait import normal
    from neurostore.walker.walk import walk

    people = "participant_id\tgroup\n"
    for i in range(4):
        (folder / "cohort" / f"S{i}").mkdir(parents=True)
        write_bvh(walk(normal(), start_phase=0.5 + 0.1 * i), folder / "cohort" / f"S{i}" / "walk.bvh")
        people += f"S{i}\t{'CP' if i % 2 else 'control'}\n"
    (cohort_of(folder / "lake") / "participants.tsv").write_text(people)
    ingest(folder / "cohort", folder / "lake", n_workers=1)
    return folder / "lake"


def _for_table1(folder: Path) -> Path:
    """Computed once: the writing is what is cut off."""
    from neurostore.statistics.table1 import table1

    lake = _walkers(folder)
    (folder / "table1.pickle").write_bytes(pickle.dumps(table1(open_lake(lake), ("cadence_steps_min",), "group")))
    return lake


def _table1(lake: Path) -> None:
    from neurostore.commands.table1 import write

    table = pickle.loads((lake.parent / "table1.pickle").read_bytes())
    for suffix in (".csv", ".html", ".tex"):
        out = lake.parent / f"table1{suffix}"
        with outputs.noting(lake, "table1", out):
            write(table, out, table.notes)


def _for_report(folder: Path) -> Path:
    """Collected once: the writing is what is cut off."""
    from neurostore.report import Details, data

    lake = _walkers(folder)
    collected = data.collect(open_lake(lake), None, (), None, Details())
    (folder / "report.pickle").write_bytes(pickle.dumps(collected))
    return lake


def _report(lake: Path) -> None:
    """With two of its figures: each is written in the same way."""
    from neurostore.report import data, static, write_report

    collected, every = pickle.loads((lake.parent / "report.pickle").read_bytes()), static._figures
    data.collect = lambda *_: collected
    static._figures = lambda drawn: islice(every(drawn), 2)
    with outputs.noting(lake, "report", lake.parent / "report.html"):
        write_report(open_lake(lake), lake.parent / "report.html", figures=lake.parent / "figures")


def _reviewed(folder: Path) -> Path:
    lake = small_lake(folder)
    who = {"trial": "t0", "reviewer": "R1", "reason": "crutch"}
    reviews.decide(lake, [{"action": "exclude", "subject": "S1", **who}])
    return lake


def _list_decisions(lake: Path) -> None:
    from neurostore.reviews import tsv

    with outputs.noting(lake, "review", lake.parent / "decisions.tsv"):
        tsv.write(open_lake(lake), lake.parent / "decisions.tsv")


def _decide_in_window(lake: Path) -> None:
    """As the window stores a decision of its reviewer, and renews the results when it is closed."""
    from neurostore.window import deciding
    from neurostore.window.shelf import Shelf

    shelf = Shelf(lake)
    decisions = [{"action": "exclude", "reason": "crutch"}]
    body = {"subject": "S1", "session": "", "trial": "t0", "version": shelf.lake().version, "decisions": decisions}
    if "reviews" not in shelf.lake().tables() or shelf.lake().scan("reviews").collect().is_empty():
        deciding.store(shelf, "R1", body)
    else:  # cut off after it was stored: the next window's start has them renewed
        shelf.renewal.ask()
    shelf.stop()


def _filmed(folder: Path) -> Path:
    from tests.builders import scene

    lake = small_lake(folder)
    scene.film(folder / "walk.mp4", [scene.Walk()], 6)
    return lake


def _overlay(lake: Path) -> None:
    from neurostore.ingest.video import decode, overlay
    from neurostore.skeleton import load

    folder = lake.parent
    times = np.array([frame.time_s for frame in decode.frames(folder / "walk.mp4")])
    body = load("blazepose_33")
    points = np.full((len(times), len(body.joints), 2), 60.0) + np.arange(len(body.joints))[None, :, None]
    drawn = overlay.Drawn(body, np.zeros(len(times), int), np.arange(len(times)), times, points)
    with outputs.noting(lake, "overlay", folder / "drawn.mp4", folder / "drawn.png"):
        overlay.draw(folder / "walk.mp4", drawn, folder / "drawn.mp4", folder / "drawn.png")


def _with_body(folder: Path) -> Path:
    from neurostore.ingest.body import lake_apply

    lake = _walkers(folder)
    lake_apply.apply_to_lake(lake, subjects=["S0"])
    return lake


def _export_body(lake: Path) -> None:
    from neurostore.ingest.body.lake_export import export_body

    with outputs.noting(lake, "body", lake.parent / "body"):
        export_body(open_lake(lake), "S0", "walk", lake.parent / "body")


def _train(lake: Path) -> None:
    """Trained, and gone on with from what a kill left; the log for TensorBoard has a name and times of its own each time."""
    from neurostore.ingest.refine.training import train
    from neurostore.ingest.refine.training.finish import finish
    from tests.builders.filmed_walks import people
    from tests.builders.training import TINY

    out, motions = lake.parent / "run", people()
    finish(train.train_on(TINY, motions, out, say=lambda text: None), motions, out / "refiner.safetensors")
    for log in out.glob("events.*"):
        log.unlink()


def _refresh_parts(lake: Path) -> None:
    """Each session a batch of its own, two at once."""
    compute.BATCH_FRAMES = 1
    refresh.refresh(lake, n_workers=2)


COMMANDS: dict[str, Command] = {
    "table1": Command(_table1, _for_table1),
    "report": Command(_report, _for_report),
    "review-list": Command(_list_decisions, _reviewed),
    "serve": Command(_decide_in_window, with_results),
    "overlay": Command(_overlay, _filmed, is_random=True),  # threads of the encoder divide the work as they come
    "body-export": Command(_export_body, _with_body),
    "train": Command(_train, small_lake, imports=("torch", "tests.builders.filmed_walks"), goes_on=True),
    "refresh-parts": Command(_refresh_parts, small_lake, is_random=True),
}
