"""Every command that writes, on a lake so small that it takes a second: what it starts from, and how it is called.

Each may be called again after a kill, as a user would repeat it; where a finished result is in the way, there is
nothing left to do.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from neurostore import distances, reviews, storage
from neurostore.api import open as open_lake
from neurostore.distances import comparison, matrix_files
from neurostore.distances.choice import POINTS, Choice
from neurostore.distances.matrix import DistanceMatrix
from neurostore.ingest.cohort.pseudonymise import pseudonymise
from neurostore.ingest.pipeline import ingest
from neurostore.lake import commit, create, heartbeat, releases, tombstones
from neurostore.upkeep import catalogue, compact, copies, erase, migrate, refresh, release, repair, vacuum, verify
from tests.builders.lake_builder import build_lake, trial
from tests.builders.tiny_bvh import write_bvh
from tests.torture import beside, written
from tests.torture.lakes import WHO, Command, cohort_of, made_trial, small_lake, with_one_empty_table, with_results


def _released(folder: Path) -> Path:
    """A lake with a release that is not of its newest version: someone came since, and small files were merged."""
    lake = small_lake(folder)
    release.make(lake, "v1", message=f"with {WHO}")
    _commit(lake)
    compact.compact(lake, safe_age_s=0)
    return lake


def _remove_release(lake: Path) -> None:
    if releases.names(str(lake)):
        release.remove(lake, "v1")


def _with_cohort(folder: Path) -> Path:
    lake = small_lake(folder)
    _write_cohort(folder)
    return lake


def _write_cohort(folder: Path) -> None:
    for subject in ("S7", "S8"):
        write_bvh(folder / "cohort" / subject / "walk.bvh", 20)
    table = "participant_id\tsex\tvisit\nS7\tF\t2020-01-02\nS8\tM\t2020-03-04\n"
    (folder / "cohort" / "participants.tsv").write_text(table)


def _without_lake(folder: Path) -> Path:
    _write_cohort(folder)
    return folder / "lake"


def _ingested(folder: Path) -> Path:
    lake = _with_cohort(folder)
    ingest(folder / "cohort", lake, n_workers=1)
    return lake


def _with_less_cohort(folder: Path) -> Path:
    write_bvh(folder / "cohort" / "S7" / "run.bvh", 20)
    lake = _ingested(folder)
    (folder / "cohort" / "S7" / "run.bvh").unlink()
    return lake


def _commit(lake: Path) -> None:
    if "New" not in open_lake(lake).trials_table()["subject"].to_pylist():
        staged = commit.stage(lake, [made_trial("New", 0)])
        commit.commit(lake, [staged], subjects=[{"subject": "New", "group": "CP"}])


def _renew(lake: Path) -> None:
    (cohort_of(lake) / "participants.tsv").write_text("participant_id\tsex\tshoe\nS7\tF\t38\nS8\tM\t43\n")
    ingest(cohort_of(lake), lake, n_workers=1)


# What is damaged


def _damaged(what: str) -> Callable[[Path], Path]:
    tables = {"data": ("landmarks", "calibrations"), "trials": ("trials",)}.get(what, ())

    def start(folder: Path) -> Path:
        lake = small_lake(folder)
        opened = open_lake(lake)
        paths = [Path(opened.table_state(t).path(opened.table_state(t).files[-1])) for t in tables]
        if what == "log":
            paths = sorted((lake / "landmarks" / "_delta_log").glob("*.json"))[1:3]
        elif what == "hashes":
            paths = [min((lake / "_neurostore" / "hashes").iterdir())]
        elif what == "small":
            paths = _small_files(lake)
        for path in paths:
            held = bytearray(path.read_bytes())
            held[len(held) // 2] ^= 1
            path.write_bytes(held)
        return lake

    return start


def _small_files(lake: Path) -> list[Path]:
    """A receipt of an erasure, the announcement of another, a note and the mark of a vacuum."""
    said: dict[str, dict[str, Any]] = {
        "erasures": {"n_trials": 2}, "erasing": {"subject": "S1"}, "outputs": {"kind": "sql", "paths": [], "time": ""},
    }  # fmt: skip
    paths = [lake / "_neurostore" / folder / f"{'a' * 32}.json" for folder in said]
    tombstones.add(str(lake), "Nobody", [])
    for path, content in zip(paths, said.values(), strict=True):
        storage.write_json(str(path), content)
    vacuumed = lake / "_neurostore" / "vacuumed.json"
    storage.write_json(str(vacuumed), {"oldest_version": 0})
    return [*paths, vacuumed]


def _drop_damaged(lake: Path) -> None:
    while (found := verify.verify(lake)).damaged or found.unrecorded:
        repair.drop_damaged(lake, found)


def _adopt(lake: Path) -> None:
    verify.adopt(lake)


def _unrecorded(folder: Path) -> Path:
    lake = small_lake(folder)
    for path in (lake / "_neurostore" / "hashes").iterdir():
        path.unlink()
    return lake


def _older(folder: Path) -> Path:
    """As the layout before the first release: no record of hashes, and no version stated."""
    lake = _unrecorded(folder)
    marker = lake / "_neurostore" / "lake.json"
    said = json.loads(marker.read_text())
    marker.write_text(json.dumps({k: v for k, v in said.items() if k not in ("schema_version", "check")}))
    return lake


# Who is erased, with what lies beside the tables


def _with_files(folder: Path) -> Path:
    lake = small_lake(folder)
    labels = pl.DataFrame({"subject": ["S1", WHO], "trial": ["a", "b"], "side": ["left"] * 2, "group": "CP"})
    for suffix in (".npy", ".csv", ".parquet"):
        matrix = DistanceMatrix(np.array([[0.0, 1.0], [1.0, 0.0]]), labels, "deg", {"left_out": {f"{WHO}/x": "short"}})
        matrix.write(lake / f"d{suffix}")
    from neurostore.lake import outputs

    outputs.note(lake, "export-lake", lake / "copy")  # as the command does
    copies.export_lake(lake, lake / "copy")
    (lake / ".left.npy.0123abcd.tmp").write_text(WHO)
    return lake


# What is written beside the lake


def _export(lake: Path) -> None:
    target = lake.parent / "export"
    if not target.exists():
        copies.export_lake(lake, target)


def _catalogue(lake: Path) -> None:
    target = lake.parent / "lake.duckdb"
    if not target.exists():
        catalogue.catalogue_file(lake, target)


def _pseudonymise(lake: Path) -> None:
    target = lake.parent / "coded"
    if not target.exists():
        pseudonymise(cohort_of(lake), target, lake.parent / "key.json")


def _for_distances(folder: Path) -> Path:
    noise = np.random.default_rng(5)
    many = [{point: noise.normal(900, 200, (20, 3)) for point in POINTS} for _ in range(3)]
    lake = build_lake(folder, [trial(f"S{i}", "walk", points=points) for i, points in enumerate(many)])
    prepared = distances.prepare(lake, Choice(unit="trial", representation="coordinates"))
    (folder / "prepared.pickle").write_bytes(pickle.dumps(prepared))
    return Path(lake.path)


def _distances(suffix: str) -> Callable[[Path], None]:
    def run(lake: Path) -> None:
        prepared = pickle.loads((lake.parent / "prepared.pickle").read_bytes())  # the writing is what is cut off
        comparison.between = lambda part, how, rows, columns: np.add.outer(rows, columns) + 0.5
        what = (prepared.parts, prepared.comparison, prepared.provenance)
        matrix_files.write(lake.parent / f"d{suffix}", *what, progress=False, block=2)

    return run


def _write_rows(lake: Path) -> None:
    from neurostore.commands.options import Format
    from neurostore.commands.output import write_frame

    frame = open_lake(lake).scan("trials").select("subject", "trial").sort("subject", "trial").collect()
    for name, form in (("rows.csv", Format.csv), ("rows.parquet", Format.parquet)):
        write_frame(frame, form, lake.parent / name, lake=lake, kind="sql")


# What is computed from the trials


def _with_stale_results(folder: Path) -> Path:
    lake = with_results(folder)
    commit.commit(lake, [commit.stage(lake, [made_trial("S1", 5)])])
    return lake


def _with_dead_results(folder: Path) -> Path:
    lake = _with_stale_results(folder)
    with heartbeat.running(str(lake), "compact"):  # so that the refresh leaves the dead rows to it
        refresh.refresh(lake, n_workers=1)
    return lake


# What changes trials that are there


def _review(lake: Path) -> None:
    opened = open_lake(lake)
    if "reviews" not in opened.tables() or opened.scan("reviews").collect().is_empty():
        decision = {"action": "exclude", "subject": "S1", "trial": "t0", "reviewer": "R1", "reason": "crutch"}
        reviews.decide(lake, [decision])


def _for_refine(folder: Path) -> Path:
    from neurostore.ingest.landmarks import compute_landmarks
    from neurostore.ingest.trial_tables import row_of, tables_of
    from tests.builders.filmed_walks import video

    recording = video()
    landmarks = compute_landmarks(recording)
    lake = Path(create.create(folder / "lake"))
    trials = []
    for subject in ("S1", "S2"):
        row = {**row_of((subject, "", "walk"), subject, recording, landmarks, []), "cutoff_hz": 6.0}
        row |= {"source_path": "walk.mp4", "source_paths": ["walk.mp4"], "source_sha256": "0" * 64}
        tables = tables_of(recording, landmarks, recording.calibrations)
        trials.append(commit.TrialTables((subject, "", "walk"), subject, {**row, "settings_sha256": "0" * 64}, tables))
    commit.commit(lake, [commit.stage(lake, trials)])
    return lake


class _Still:
    """In the place of a trained refiner: what it would change does not matter to the writing."""

    about = {"sha256": "5" * 64}  # noqa: RUF012


def _refine(lake: Path) -> None:
    from neurostore.ingest.recording import Step
    from neurostore.ingest.refine import lake_apply

    def refined(recording: Any, refiner: Any, where: str) -> Any:
        step = Step("depth_refinement", "1", {"checkpoint_sha256": refiner.about["sha256"]})
        n = recording.poses[0].person.shape
        return replace(recording, steps=[*recording.steps, step]), np.ones(n, np.float32)

    lake_apply.refined_recording = refined  # type: ignore[attr-defined]
    lake_apply.apply_to_lake(lake, _Still())  # type: ignore[arg-type]


def _for_body(folder: Path) -> Path:
    from neurostore.ingest.body import fitting, lake_apply
    from neurostore.walker.bvh import write_bvh as write_walk
    from neurostore.walker.gait import normal
    from neurostore.walker.walk import walk

    (folder / "cohort" / "S1").mkdir(parents=True)
    write_walk(walk(normal()), folder / "cohort" / "S1" / "walk.bvh")
    ingest(folder / "cohort", folder / "lake", n_workers=1)
    lake = open_lake(folder / "lake")
    (row,) = lake.trials_table().to_pylist()
    landmarks = lake_apply.landmarks_of(lake_apply.trial_rows(lake, "landmarks", row), {})
    (folder / "body.pickle").write_bytes(pickle.dumps(fitting.fit_body(landmarks, row["rate_hz"], None)))
    return folder / "lake"


def _body(lake: Path) -> None:
    from neurostore.ingest.body import lake_apply

    body = pickle.loads((lake.parent / "body.pickle").read_bytes())  # fitted once: the writing is what is cut off
    lake_apply.our_body = lambda *_, **__: body
    lake_apply.apply_to_lake(lake)


COMMANDS: dict[str, Command] = {
    **beside.COMMANDS,
    **written.COMMANDS,
    "erase": Command(lambda lake: erase.erase(lake, WHO), with_one_empty_table(small_lake)),
    "erase-released": Command(lambda lake: erase.erase(lake, WHO), with_one_empty_table(_released)),
    "erase-files": Command(lambda lake: erase.erase(lake, WHO), with_one_empty_table(_with_files)),
    "compact": Command(lambda lake: compact.compact(lake, safe_age_s=0), small_lake),
    "vacuum": Command(lambda lake: vacuum.vacuum(lake, safe_age_s=0), small_lake),
    "vacuum-released": Command(lambda lake: vacuum.vacuum(lake, safe_age_s=0), _released),
    "release": Command(lambda lake: release.make(lake, "v1"), small_lake),
    "release-remove": Command(_remove_release, _released),
    "commit": Command(_commit, small_lake),
    "ingest": Command(lambda lake: ingest(cohort_of(lake), lake, n_workers=1), _with_cohort),
    "ingest-new": Command(lambda lake: ingest(cohort_of(lake), lake, n_workers=1), _without_lake),
    "replace": Command(lambda lake: ingest(cohort_of(lake), lake, n_workers=1, force=True), _ingested),
    "renew": Command(_renew, _ingested),
    "prune": Command(lambda lake: ingest(cohort_of(lake), lake, n_workers=1, prune=True), _with_less_cohort),
    "review": Command(_review, small_lake),
    "refresh": Command(lambda lake: refresh.refresh(lake, n_workers=1), small_lake, is_random=True),
    "refresh-stale": Command(lambda lake: refresh.refresh(lake, n_workers=1), _with_stale_results, is_random=True),
    "compact-results": Command(lambda lake: compact.compact(lake, safe_age_s=0), _with_dead_results),
    "erase-results": Command(lambda lake: erase.erase(lake, WHO), with_one_empty_table(with_results)),
    "refine": Command(_refine, _for_refine),
    "body": Command(_body, _for_body),
    "migrate": Command(lambda lake: migrate.migrate(lake), _older),
    "adopt": Command(_adopt, _unrecorded),
    "drop-damaged": Command(_drop_damaged, _damaged("data")),
    "drop-damaged-trials": Command(_drop_damaged, _damaged("trials")),
    "drop-damaged-log": Command(_drop_damaged, _damaged("log")),
    "drop-damaged-small": Command(_drop_damaged, _damaged("small")),
    "drop-damaged-hashes": Command(_drop_damaged, _damaged("hashes")),
    "export-lake": Command(_export, small_lake, is_random=True),
    "catalogue": Command(_catalogue, small_lake, is_random=True),
    "pseudonymise": Command(_pseudonymise, _with_cohort, is_random=True),
    "distances-npy": Command(_distances(".npy"), _for_distances),
    "distances-csv": Command(_distances(".csv"), _for_distances),
    "distances-parquet": Command(_distances(".parquet"), _for_distances),
    "output": Command(_write_rows, small_lake),
}
