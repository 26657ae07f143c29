"""The demonstration: a small cohort of analytic walkers, and the main job run on it.

The cohort has three groups (``control``, ``stiff_knee``, ``crouch``); every third subject comes twice, the second
time walking a
little better. What the files hold is exactly known (:mod:`neurostore.walker`), so the printed figures can be checked.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from neurostore import walker
from neurostore.errors import UsageError
from neurostore.walker_bvh import write_bvh

GROUPS = {"control": "normal", "stiff_knee": "stiff_knee", "crouch": "crouch"}


@dataclass(frozen=True)
class Person:
    """One made-up subject: the gait of each session is ``gaits[session]``."""

    subject: str
    group: str
    sex: str
    age: int
    height_m: float
    mass_kg: float
    gaits: dict[str, walker.Gait]


def make_people(n_per_group: int = 4, seed: int = 7) -> list[Person]:
    """n_per_group people of each group; the same seed gives the same people."""
    rng = np.random.default_rng(seed)
    people = []
    for group, pattern in GROUPS.items():
        for i in range(n_per_group):
            height = float(np.round(rng.normal(1.70, 0.07), 2))
            base = walker.PATTERNS[pattern](height_m=height)
            gait = replace(
                base,
                stride_length_m=round(base.stride_length_m * height / 1.72 * rng.uniform(0.95, 1.05), 3),
                cadence_steps_min=round(base.cadence_steps_min * rng.uniform(0.96, 1.04), 1),
                step_width_m=round(base.step_width_m * rng.uniform(0.9, 1.1), 3),
            )
            gaits = {"ses1": gait}
            if i % 3 == 0:
                gaits["ses2"] = replace(
                    gait,
                    stride_length_m=round(gait.stride_length_m * 1.06, 3),
                    cadence_steps_min=round(gait.cadence_steps_min * 1.03, 1),
                )
            people.append(
                Person(
                    subject=f"{group[0].upper()}{i + 1:02d}",
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
    folder = Path(folder)
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"{folder}: the folder is not empty; name a new one for the demonstration")
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
    _write_tsv(folder / "participants.tsv", columns, rows)
    _write_tsv(folder / "trials.tsv", ["subject", "session", "trial", "condition"], trials)
    return people


def _write_tsv(path: Path, columns: list[str], rows: list[list[Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
