"""Platforms that drift, feet beyond an edge, sticks and handrails: each simulated defect has its flag, and no other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from neurostore.walker import gait
from neurostore.walker import walk as walker
from tests.builders import view_builder

RATE_HZ, N = 100.0, 300
CORNERS = [250.0, 0, 200, -250, 0, 200, -250, 0, -200, 250, 0, -200]  # 500 by 400 mm about the lab's origin
STANCE = slice(120, 190)
CLEAN = {
    "drift": 0.0,
    "cop": (30.0, 20.0),
    "foot": (0.0, 0.0),
    "carried": 1.0,
    "contradicts": False,
    "side": None,
    "baseline": 1.0,
}
DEFECTS = {
    "clean": {},
    "drift": {"drift": 14.0},
    "offset": {"baseline": -15.0},
    "edge": {"cop": (265.0, 0.0), "foot": (200.0, 0.0)},
    "stick": {"foot": (500.0, 400.0)},
    "handrail": {"carried": 0.85},
    "heavy": {"carried": 1.2},
    "turned": {"contradicts": True},
    "named": {"side": "left"},
    "other side": {"side": "right"},
}

#: walks of a whole body, of whose weight the platforms carry this share
WALKS = {"with a stick": {"carried": 0.7}, "in pounds": {"carried": 0.4536}, "too light": {"carried": 1.2}}


def _plate_frames(trial: str, drift: float, cop: tuple[float, float]) -> list[dict[str, Any]]:
    force = drift * np.arange(N) / N - drift / 2
    force[STANCE] += 700.0
    rows = []
    for frame, up in enumerate(force):
        loaded = 700.0 if STANCE.start <= frame < STANCE.stop else 0.0
        vector = {"x": 0.0, "y": float(up), "z": 0.0}
        moment = {"x": -loaded * cop[1] / 1000, "y": 0.0, "z": loaded * cop[0] / 1000}  # r × F about the centre
        rows.append(
            {**view_builder.KEY, "trial": trial, "plate": 1, "frame": frame, "time_s": frame / RATE_HZ, "force": vector,
             "filtered_force": vector, "moment": moment, "filtered_moment": moment, "centre": {"x": 0.0, "y": 0.0, "z": 0.0}}
        )  # fmt: skip
    return rows


def _curves(trial: str, carried: float) -> list[dict[str, Any]]:
    key = {**view_builder.KEY, "trial": trial, "person": 0, "cycle": 0, "is_steady": True}
    return [
        {**key, "side": side, "percent": p, "vertical_force_n_kg": 9.81 * share * carried}
        for side, share in (("left", 0.45), ("right", 0.55))
        for p in range(101)
    ]


@pytest.fixture(scope="module")
def rows() -> dict[str, dict[str, Any]]:
    walk = walker.walk(gait.normal(), n_strides=2, rate_hz=RATE_HZ)
    parts, frames, curves, plates = [], [], [], []
    for trial, changes in (DEFECTS | WALKS).items():
        made = {**CLEAN, **changes}
        parts.append(view_builder.of_walk(walk, trial=trial))
        heel = np.tile([made["foot"][0], 40.0, made["foot"][1]], (N, 1))
        points = {"left_heel": heel, "left_toe": heel + np.array([180.0, 0, 0])}
        if made["side"]:
            points |= {
                f"right_{name}": at + np.array([0, 0, 500.0]) for name, at in (("heel", heel), ("toe", heel + 180.0))
            }
        if trial not in WALKS:
            parts[-1]["landmarks"] = view_builder.landmarks(np.arange(N) / RATE_HZ, points, trial=trial)
        frames += _plate_frames(trial, made["drift"], made["cop"])
        curves += _curves(trial, made["carried"])
        plates.append(
            {**view_builder.KEY, "trial": trial, "plate": 1, "type": 2, "rate_hz": 1000.0, "start_s": 0.0, "threshold_n": 20.0,
             "is_flipped": False, "returns_to_zero": True, "corners": CORNERS,
             "baseline_n": made["baseline"], "contradicts_body": made["contradicts"], "side": made["side"]}
        )  # fmt: skip
    with view_builder.connect(
        only=["trial_quality", "joint_angles", "ground_reaction"],
        plate_frames=view_builder.table("plate_frames", frames),
        force_plates=view_builder.table("force_plates", plates),
        kinetic_curves=pa.Table.from_pylist(curves),
        **view_builder.together(*parts),
    ) as connection:
        figures = connection.sql("SELECT * FROM _plate_quality").to_arrow_table().to_pylist()
        verdicts = connection.sql("SELECT * FROM trial_quality").to_arrow_table().to_pylist()
        reasons = connection.sql("SELECT DISTINCT trial, reason FROM ground_reaction WHERE len(plates) > 0").fetchall()
    return {
        row["trial"]: {**row, **figure, "reasons": [why for trial, why in reasons if trial == row["trial"]]}
        for row in verdicts
        for figure in figures
        if figure["trial"] == row["trial"]
    }


FLAGS = {
    "drift": ("has_plate_drift", "The unloaded force drifts: force platform 1 (14 N)."),
    "offset": ("has_plate_offset", "Not zero when unloaded: force platform 1 (-15 N)."),
    "edge": ("has_load_beyond_edge", "The centre of pressure is beyond the edge: force platform 1."),
    "stick": ("has_foreign_load", "Something other than the feet loads force platform 1."),
    "handrail": (
        "has_missing_weight",
        "The platforms carry 85 % of the weight: a handrail or stick, or a wrong body mass.",
    ),
    "heavy": ("has_missing_weight", "The platforms carry 120 % of the weight"),
    "turned": (
        "has_contradicting_plates",
        "Not used, because it contradicts the person on it (see the notes): force platform 1.",
    ),
}


@pytest.mark.parametrize("trial", DEFECTS)
def test_each_defect_has_its_flag_and_no_other(rows, trial):
    own, said = FLAGS.get(trial, (None, ""))
    found = {name for name in {flag for flag, _ in FLAGS.values()} if rows[trial][name]}
    assert found == ({own} if own else set())
    assert said in rows[trial]["verdict"]


def test_a_platform_that_contradicts_the_person_gives_no_force_and_a_trial_to_check(rows):
    assert rows["clean"]["reasons"] == [None]
    assert rows["turned"]["reasons"] == ["plate contradicts the body"]
    assert rows["turned"]["verdict"].startswith("Check first.")


def test_a_body_mass_that_the_platforms_contradict_is_to_be_checked(rows):
    """A stick may carry a third of the weight; 45 % is a mass in pounds, and nobody weighs more than all."""
    is_doubted = {trial: rows[trial]["verdict"].startswith("Check first.") for trial in WALKS}
    assert is_doubted == {"with a stick": False, "in pounds": True, "too light": True}


def test_a_platform_that_states_the_side_of_the_other_foot_gives_no_force(rows):
    assert rows["named"]["reasons"] == [None]
    assert rows["other side"]["reasons"] == []  # 500 mm from the right foot, under the left one


def test_figures_are_those_put_in(rows):
    assert rows["drift"]["drift_n"] == pytest.approx(14.0, abs=0.1)
    assert rows["clean"]["drift_n"] == pytest.approx(0.0, abs=1e-6)
    assert (rows["edge"]["beyond_edge_pct"], rows["clean"]["beyond_edge_pct"]) == (100, 0)
    stance_s = (STANCE.stop - STANCE.start - 1) / RATE_HZ
    assert (rows["stick"]["foreign_s"], rows["clean"]["foreign_s"]) == (pytest.approx(stance_s), 0)
