"""The demonstration: a small cohort of analytic walkers, and the main job run on it.

The cohort has three groups (``control``, ``stiff_knee``, ``crouch``); every third subject comes twice, the second
time walking a little better. The contents of the files are known exactly (:mod:`neurostore.walker.walk`), so the printed
figures can be checked.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neurostore.errors import UsageError
from neurostore.text_table import lines_of
from neurostore.walker import gait as gait_patterns
from neurostore.walker import walk as walker
from neurostore.walker.bvh import write_bvh

if TYPE_CHECKING:
    import polars as pl

# group: (walking pattern, first letter of its subjects)
GROUPS = {"control": ("normal", "H"), "stiff_knee": ("stiff_knee", "S"), "crouch": ("crouch", "C")}


@dataclass(frozen=True)
class Person:
    """One simulated subject: the gait of each session is ``gaits[session]``."""

    subject: str
    group: str
    sex: str
    age: int
    height_m: float
    mass_kg: float
    gaits: dict[str, gait_patterns.Gait]


def make_people(n_per_group: int = 4, seed: int = 7) -> list[Person]:
    """n_per_group people of each group; the same seed gives the same people."""
    rng = np.random.default_rng(seed)
    people = []
    for group, (pattern, letter) in GROUPS.items():
        for i in range(n_per_group):
            height = float(np.round(rng.normal(1.70, 0.07), 2))
            base = gait_patterns.PATTERNS[pattern](height_m=height)
            gait = replace(
                base,
                stride_length_m=round(base.stride_length_m * height / 1.72 * rng.uniform(0.96, 1.02), 3),
                cadence_steps_min=round(base.cadence_steps_min * rng.uniform(0.96, 1.04), 1),
                step_width_m=round(base.step_width_m * rng.uniform(0.9, 1.1), 3),
            )
            gaits = {"ses1": gait}
            if i % 3 == 0:
                gaits["ses2"] = replace(
                    gait,
                    stride_length_m=round(gait.stride_length_m * 1.03, 3),
                    cadence_steps_min=round(gait.cadence_steps_min * 1.03, 1),
                )
            people.append(
                Person(
                    subject=f"{letter}{i + 1:02d}",
                    group=group,
                    sex="FM"[int(rng.integers(2))],
                    age=int(rng.integers(20, 70)),
                    height_m=height,
                    mass_kg=float(np.round(22.5 * height**2 * rng.uniform(0.9, 1.2), 1)),
                    gaits=gaits,
                )
            )
    return people


def make_cohort(folder: Path, n_per_group: int = 4, n_trials: int = 2, seed: int = 7) -> list[Person]:
    """Write the cohort: ``folder/<subject>/<session>/walk_NN.bvh`` with participants.tsv and trials.tsv.

    Strides of one session differ by about 1 %, as people's do. Raises UsageError if the folder holds anything already.
    """
    folder = new_folder(folder)
    people = make_people(n_per_group, seed)
    rng = np.random.default_rng(seed + 1)
    trials = []
    for person in people:
        for session, gait in person.gaits.items():
            target = folder / person.subject / session
            target.mkdir(parents=True)
            for k in range(n_trials):
                length, cadence = rng.normal(1.0, 0.01, 2)
                actual = replace(
                    gait,
                    stride_length_m=gait.stride_length_m * length,
                    cadence_steps_min=gait.cadence_steps_min * cadence,
                )
                walk = walker.walk(actual, n_strides=6, start_phase=float(rng.uniform()), heading_deg=180.0 * (k % 2))
                write_bvh(walk, target / f"walk_{k + 1:02d}.bvh")
                trials.append([person.subject, session, f"walk_{k + 1:02d}", "comfortable"])
    columns = ["participant_id", "group", "sex", "age", "height_m", "mass_kg"]
    rows = [[p.subject, p.group, p.sex, p.age, p.height_m, p.mass_kg] for p in people]
    write_tsv(folder / "participants.tsv", columns, rows)
    sessions = [
        [person.subject, session, _acquired(i, k)]
        for i, person in enumerate(people)
        for k, session in enumerate(person.gaits)
    ]
    write_tsv(folder / "sessions.tsv", ["subject", "session", "acq_time"], sessions)
    write_tsv(folder / "trials.tsv", ["subject", "session", "trial", "condition"], trials)
    return people


def new_folder(folder: Path) -> Path:
    """The folder, if it is new or empty. Raises UsageError if it holds anything already."""
    folder = Path(folder)
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"{folder}: the folder is not empty; name a new one for the demonstration")
    return folder


def _acquired(person: int, session: int) -> str:
    """When a session was recorded: people on successive days, sessions twelve weeks apart."""
    return (datetime(2024, 3, 4, 10, 0) + timedelta(days=person, weeks=12 * session)).isoformat()


def write_tsv(path: Path, columns: list[str], rows: list[list[Any]]) -> None:
    """Write a table as TSV, its columns in the first line."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


PARAMETERS_SQL = """\
SELECT "group", count(DISTINCT subject) AS subjects,
       round(avg(walking_speed_m_s), 2) AS speed_m_s,
       round(avg(cadence_steps_min), 1) AS cadence_steps_min,
       round(avg(stride_length_m), 2) AS stride_length_m,
       round(avg(stance_pct), 1) AS stance_pct
FROM subject_summary JOIN subjects USING (subject)
GROUP BY ALL ORDER BY ALL"""


def run(folder: Path, *, n_per_group: int = 4, seed: int = 7) -> dict[str, Path]:
    """Make the cohort, ingest it, print gait parameters by group beside the truth, write distances, figures and the report.

    folder : new or empty; gets ``cohort/``, ``lake/``, ``distances.parquet``, ``report.html`` and, with matplotlib, figures.
    Returns the paths by name. Messages and tables go to stdout.
    """
    from neurostore.api import open as open_lake
    from neurostore.errors import MissingExtraError
    from neurostore.ingest.pipeline import ingest

    folder = new_folder(folder)
    paths = {"cohort": folder / "cohort", "lake": folder / "lake", "distances": folder / "distances.parquet"}
    people = make_cohort(paths["cohort"], n_per_group, seed=seed)
    print(f"A cohort of {len(people)} simulated people in three groups, in {paths['cohort']}\n")
    say("neurostore ingest", paths["cohort"], "--lake", paths["lake"])
    report = ingest(paths["cohort"], paths["lake"])
    print(f"{len(report.added)} trials added, {len(report.failed)} failed; {report.summary()}\n")
    lake = open_lake(paths["lake"])
    say("neurostore sql", f"'{PARAMETERS_SQL}'", "--lake", paths["lake"])
    print_table(lake.sql(PARAMETERS_SQL))
    print("\nThe true values of the walkers:")
    print_table(_truth(people))
    say("\nneurostore distances", paths["distances"], "--unit subject", "--lake", paths["lake"])
    from neurostore.distances import write_distances

    write_distances(lake, paths["distances"], unit="subject")
    try:
        paths["heatmap"] = folder / "distances.png"
        lake.plot.heatmap().savefig(paths["heatmap"])
        paths["curves"] = folder / "knee.png"
        lake.plot.curves("right_knee_flexion_deg").savefig(paths["curves"])
    except MissingExtraError as error:
        paths = {k: v for k, v in paths.items() if v.exists()}
        print(f"no figures: {error}")
    paths["report"] = folder / "report.html"
    say("\nneurostore report", paths["report"], "--reference control", "--lake", paths["lake"])
    _write_report(paths["lake"], paths["report"])
    print("\nWritten: " + ", ".join(str(p) for p in paths.values()))
    print(f"Go on with: neurostore sql 'SELECT * FROM subject_summary' --lake {paths['lake']}")
    return paths


def _write_report(lake: Path, out: Path) -> None:
    from neurostore.api import open as open_lake
    from neurostore.lake import outputs
    from neurostore.report import write_report

    with outputs.noting(lake, "report", out):
        write_report(open_lake(lake), out, reference="control")


def say(*words: object) -> None:
    """Print a command as it is typed."""
    print("$ " if not str(words[0]).startswith("\n") else "\n$ ", " ".join(str(w).lstrip() for w in words), sep="")


def _truth(people: list[Person]) -> Any:
    """The same table from the true values of the walkers (equal weight per subject, and per session within a subject)."""
    import polars as pl

    rows = [
        {
            "group": person.group,
            "subject": person.subject,
            "speed_m_s": gait.speed_m_s,
            "cadence_steps_min": gait.cadence_steps_min,
            "stride_length_m": gait.stride_length_m,
            "stance_pct": 50.0 * (gait.left.stance + gait.right.stance),
        }
        for person in people
        for gait in person.gaits.values()
    ]
    means = pl.col("speed_m_s", "cadence_steps_min", "stride_length_m", "stance_pct").mean()
    table = pl.DataFrame(rows).group_by("group").agg(pl.col("subject").n_unique().alias("subjects"), means)
    return table.sort("group").with_columns(
        pl.col("speed_m_s", "stride_length_m").round(2), pl.col("cadence_steps_min", "stance_pct").round(1)
    )


def print_table(frame: pl.DataFrame) -> None:
    """Print a data frame, indented."""
    for line in lines_of(frame):
        print(f"  {line}")
