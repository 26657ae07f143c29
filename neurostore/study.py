"""A simulated study whose truth is known: patients with an affected side and controls, before and after a treatment.

The sessions are called ``pre`` and ``post``, which sort in the wrong order by name. One trial is excluded in
trials.tsv, since somebody held the patient, and one has left and right exchanged, which nothing in the tables says.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neurostore.demo import Person, new_folder, print_table, say, write_tsv
from neurostore.walker import gait as gait_patterns
from neurostore.walker import walk as walker
from neurostore.walker.bvh import write_bvh

if TYPE_CHECKING:
    import polars as pl

    from neurostore.api import Lake
    from neurostore.lake.queryable import Queryable

SESSIONS = ("pre", "post")
EXCLUDED = ("P02", "post", "walk_03")
REASON = "the therapist held the arm"
EXCHANGED = ("P03", "pre", "walk_03")
SWING_KNEE = {"pre": 32.0, "post": 44.0}  # degrees, of the affected leg


@dataclass(frozen=True)
class Participant(Person):
    """A person of the study. affected_side : left or right; None for a control."""

    affected_side: str | None = None


def make_people(n_per_group: int = 4, seed: int = 11) -> list[Participant]:
    """n_per_group controls (C01 …) and patients (P01 …), affected on the left and right by turns."""
    rng = np.random.default_rng(seed)
    people = []
    for letter, group in (("C", "control"), ("P", "stroke")):
        for i in range(n_per_group):
            height = float(np.round(rng.normal(1.70, 0.05), 2))
            side = ("left", "right")[i % 2] if group == "stroke" else None
            share = float(rng.uniform(0.94, 1.06))
            people.append(
                Participant(
                    subject=f"{letter}{i + 1:02d}",
                    group=group,
                    sex="FM"[i // 2 % 2],
                    age=int(rng.integers(48, 70)),
                    height_m=height,
                    mass_kg=float(np.round(24.0 * height**2 * rng.uniform(0.9, 1.1), 1)),
                    gaits={session: _gait(side, session, height, share) for session in SESSIONS},
                    affected_side=side,
                )
            )
    return people


def _gait(side: str | None, session: str, height_m: float, share: float) -> gait_patterns.Gait:
    """Controls walk the same in both sessions, within 1 %; patients walk faster and bend the affected knee further in the second."""
    base = gait_patterns.stiff_knee(side) if side else gait_patterns.normal()
    usual = 0.99 + 0.02 * (share > 1.0)  # for a control's second session: nobody walks exactly the same twice
    gain = 1.0 if session == "pre" else 1.12 if side else usual
    gait = replace(
        base,
        height_m=height_m,
        stride_length_m=base.stride_length_m * height_m / 1.72 * share * gain,
        cadence_steps_min=base.cadence_steps_min * share * gain,
    )
    if side is None:
        return gait
    leg: gait_patterns.Leg = getattr(gait, side)
    (at, thigh, _, foot), late = leg.swing
    changed = replace(leg, swing=((at, thigh, SWING_KNEE[session], foot), late))
    return replace(gait, left=changed) if side == "left" else replace(gait, right=changed)


def make_cohort(folder: Path, n_per_group: int = 4, n_trials: int = 1, seed: int = 11) -> list[Participant]:
    """Write ``folder/<subject>/<session>/walk_NN.bvh`` with the tables participants, sessions and trials.

    The trials of a session are as much shorter as longer than its gait, 1 % at most, so that their mean is the gait.
    Raises UsageError if the folder holds anything already.
    """
    folder = new_folder(folder)
    people = make_people(n_per_group, seed)
    trials: list[list[Any]] = []
    for person in people:
        for session, gait in person.gaits.items():
            for k, factor in enumerate(1 + np.linspace(-0.01, 0.01, n_trials) * (n_trials > 1)):
                stride = gait.stride_length_m * float(factor)
                key = (person.subject, session, f"walk_{k + 1:02d}")
                _write_walk(folder, key, replace(gait, stride_length_m=stride))
                trials.append([*key, "comfortable", "", ""])
    gaits = {person.subject: person.gaits for person in people}
    held = gaits[EXCLUDED[0]][EXCLUDED[1]]
    _write_walk(folder, EXCLUDED, replace(held, stride_length_m=0.6 * held.stride_length_m))
    _write_walk(folder, EXCHANGED, gaits[EXCHANGED[0]][EXCHANGED[1]])
    _exchange_sides(_path(folder, EXCHANGED))
    trials += [[*EXCLUDED, "comfortable", "true", REASON], [*EXCHANGED, "comfortable", "", ""]]
    _write_tables(folder, people, sorted(trials))
    return people


def _write_tables(folder: Path, people: list[Participant], trials: list[list[Any]]) -> None:
    columns = ["participant_id", "group", "affected_side", "sex", "age", "height_m", "mass_kg"]
    rows = [[p.subject, p.group, p.affected_side or "none", p.sex, p.age, p.height_m, p.mass_kg] for p in people]
    write_tsv(folder / "participants.tsv", columns, rows)
    first = datetime(2024, 3, 4, 10, 0)
    sessions = [
        [person.subject, session, (first + timedelta(days=i, weeks=6 * k)).isoformat()]
        for i, person in enumerate(people)
        for k, session in enumerate(SESSIONS)
    ]
    write_tsv(folder / "sessions.tsv", ["subject", "session", "acq_time"], sessions)
    write_tsv(folder / "trials.tsv", ["subject", "session", "trial", "condition", "exclude", "reason"], trials)


def _path(folder: Path, key: tuple[str, str, str]) -> Path:
    return folder / key[0] / key[1] / f"{key[2]}.bvh"


def _write_walk(folder: Path, key: tuple[str, str, str], gait: gait_patterns.Gait) -> None:
    path = _path(folder, key)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bvh(walker.walk(gait, n_strides=5, rate_hz=60.0, start_phase=0.7), path)


def _exchange_sides(path: Path) -> None:
    """Rename every left joint of a BVH file to the right one and the other way round, as a mislabelled capture has it."""
    other = {"Left": "Right", "Right": "Left", "LHip": "RHip", "RHip": "LHip", "LThumb": "RThumb", "RThumb": "LThumb"}
    text = path.read_text(encoding="ascii")
    path.write_text(re.sub("|".join(other), lambda m: other[m.group()], text), encoding="ascii")


def truth(people: list[Participant]) -> pl.DataFrame:
    """subject, group, session, side, affection (affected, unaffected; NULL for controls) and the parameters' true values."""
    import polars as pl

    rows = []
    for person in people:
        for session, gait in person.gaits.items():
            knees = _swing_knees(gait)
            for side in gait_patterns.SIDES:
                affection = None
                if person.affected_side:
                    affection = "affected" if side == person.affected_side else "unaffected"
                rows.append(
                    {
                        "subject": person.subject,
                        "group": person.group,
                        "session": session,
                        "side": side,
                        "affection": affection,
                        "walking_speed_m_s": gait.speed_m_s,
                        "stride_length_m": gait.stride_length_m,
                        "cadence_steps_min": gait.cadence_steps_min,
                        "stance_pct": 100.0 * getattr(gait, side).stance,
                        "peak_swing_knee_flexion_deg": knees[side],
                    }
                )
    return pl.DataFrame(rows)


def _swing_knees(gait: gait_patterns.Gait) -> dict[str, float]:
    """Largest knee flexion in swing of each side, degrees, from the formulas of the walker."""
    walk = walker.walk(gait, n_strides=2, rate_hz=120.0, start_phase=0.0)
    peaks = {}
    for side, lag in (("left", 0.0), ("right", gait.step_phase)):
        phase = (walk.time_s / gait.stride_time_s - lag) % 1.0
        swings = phase >= getattr(gait, side).stance
        peaks[side] = float(walk.angles[f"{side}_knee_flexion_deg"][swings].max())
    return peaks


# Largest error of each parameter. Strikes are found to within a frame or two; without a heel, as in BVH,
# they are 5 to 29 ms late, so stance is up to 1.5 % of the cycle short (docs/gait.md).
TOLERANCES = {
    "walking_speed_m_s": 0.02,
    "stride_length_m": 0.02,
    "cadence_steps_min": 1.0,
    "stance_pct": 2.0,
    "peak_swing_knee_flexion_deg": 2.0,
}
BASELINE = ("walking_speed_m_s", "stride_length_m", "cadence_steps_min", "stance_pct")
OF_A_SIDE = ("walking_speed_m_s", "stance_pct", "peak_swing_knee_flexion_deg")
CHANGES = ("walking_speed_m_s", "stance_pct", "peak_swing_knee_flexion_deg")
PATIENTS = "s.\"group\" = 'stroke'"
WHY_SHORT = "these files have no heel joint: foot strikes are found 5 to 29 ms late, so stance is up to 1.5 % short"
EXCLUDED_SQL = "SELECT subject, session, trial, reviewer, reason FROM review_state WHERE action = 'exclude'"
EXCHANGED_SQL = "SELECT subject, session, trial, verdict FROM trial_quality WHERE is_mirrored"


def baseline(
    lake: Queryable, true: pl.DataFrame, parameters: Sequence[str] = BASELINE, side: str | None = None
) -> pl.DataFrame:
    """Group means: parameter, group, n, found, true.

    lake : its session ``pre``. true : of :func:`truth`. side : affected or unaffected; None is both. Controls have the mean of both sides.
    """
    import polars as pl

    from neurostore.statistics.table1 import table1

    cells = table1(lake, parameters, "group", side=side).cells
    measured = cells.select("parameter", pl.col("level").alias("group"), "n", pl.col("mean").alias("found"))
    rows = true.filter((pl.col("session") == "pre") & _is_side(side))
    means = rows.group_by("group").agg(pl.col(parameters).mean())
    long = means.unpivot(index="group", variable_name="parameter", value_name="true")
    return measured.join(long, on=["parameter", "group"], maintain_order="left")


def changes(lake: Queryable, true: pl.DataFrame, side: str) -> pl.DataFrame:
    """Change of a side of the patients between the sessions: parameter, contrast, n, found, true.

    lake : the patients' trials.
    """
    import polars as pl

    from neurostore import statistics

    rows = statistics.compare(lake, CHANGES, "session", side=side)
    own = true.filter((pl.col("group") == "stroke") & _is_side(side))
    means = {s: own.filter(pl.col("session") == s).select(pl.col(CHANGES).mean()).row(0) for s in SESSIONS}
    by_parameter = {p: post - pre for p, pre, post in zip(CHANGES, *(means[s] for s in SESSIONS), strict=True)}
    differences = rows.select("parameter", "contrast", pl.col("n_a").alias("n"), pl.col("difference").alias("found"))
    return differences.with_columns(true=pl.col("parameter").replace_strict(by_parameter, return_dtype=pl.Float64))


def _is_side(side: str | None) -> pl.Expr:
    import polars as pl

    return pl.lit(True) if side is None else (pl.col("affection") == side) | pl.col("affection").is_null()


def run(folder: Path, *, n_per_group: int = 4, n_trials: int = 1) -> dict[str, Path]:
    """Make the study, ingest it and print what a paper would report of it, each figure beside its truth.

    folder : new or empty; gets ``cohort/`` and ``lake/``. Returns the paths by name.
    """
    from neurostore.api import open as open_lake
    from neurostore.ingest.pipeline import ingest

    folder = new_folder(folder)
    paths = {"cohort": folder / "cohort", "lake": folder / "lake"}
    people = make_cohort(paths["cohort"], n_per_group, n_trials)
    true = truth(people)
    print(f"A study of {len(people)} simulated people in two sessions, in {paths['cohort']}\n")
    say("neurostore ingest", paths["cohort"], "--lake", paths["lake"])
    report = ingest(paths["cohort"], paths["lake"])
    print(f"{len(report.added)} trials added, {len(report.failed)} failed; {report.summary()}")
    print_results(questions(open_lake(paths["lake"]), true), paths["lake"])
    return paths


@dataclass(frozen=True)
class Question:
    """A question, the command that answers it, the answer and what is true (a text, or a column of `answer`)."""

    command: str
    answer: pl.DataFrame
    true: str = ""


def questions(lake: Lake, true: pl.DataFrame) -> dict[str, Question]:
    """What a paper would report of the study. true : of :func:`truth`."""
    from neurostore.report.snapshot import Snapshot

    asked = {
        "excluded": Question(_sql(EXCLUDED_SQL), lake.sql(EXCLUDED_SQL), f"{'/'.join(EXCLUDED)}, {REASON}"),
        "exchanged": Question(
            _sql(EXCHANGED_SQL), lake.sql(EXCHANGED_SQL), f"{'/'.join(EXCHANGED)} has left and right exchanged"
        ),
    }
    pre, patients = Snapshot(lake.select(session="pre")), Snapshot(lake.select(where=PATIENTS))
    asked["baseline"] = Question(f"table1 {' '.join(BASELINE)} --session pre", baseline(pre, true))
    where = PATIENTS.replace('"', '\\"')
    for side in ("affected", "unaffected"):
        command = f"table1 {' '.join(OF_A_SIDE)} --session pre --side {side}"
        asked[f"baseline, {side}"] = Question(command, baseline(pre, true, OF_A_SIDE, side))
        command = f'compare {" ".join(CHANGES)} --by session --side {side} --where "{where}"'
        asked[f"change, {side}"] = Question(command, changes(patients, true, side))
    return asked


def _sql(query: str) -> str:
    return f'sql "{query}"'


def print_results(asked: dict[str, Question], lake_path: Path) -> None:
    """Print the command of each question, the answer and what is true."""
    import polars as pl

    for name, question in asked.items():
        say("\nneurostore", question.command, "--lake", lake_path)
        print_table(question.answer.with_columns(pl.selectors.float().round(2)))
        if name == "baseline":
            print(f"  {WHY_SHORT}")
        if question.true:
            print(f"  true: {question.true}")
