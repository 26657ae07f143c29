"""gait_profile against Baker's definition worked out in numpy."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from neurostore import normative
from neurostore.sql import views
from tests.builders import view_builder

VARIABLES = (
    "pelvis_tilt", "pelvis_obliquity", "pelvis_rotation", "hip_flexion", "hip_adduction", "hip_rotation",
    "knee_flexion", "ankle_dorsiflexion", "foot_progression",
)  # fmt: skip
PERCENTS = np.arange(0, 101, 2)


def _norm(speed="free"):
    found = {(n.angle, n.percent): n.mean_deg for n in normative.schwartz_2008() if n.speed == speed}
    return {v: np.array([found[v, p] for p in PERCENTS]) for v in VARIABLES}


def _means(people, n_cycles=5):
    """people: (subject, side) -> variable -> (51,) degrees. n_cycles: of every side, or by side."""
    counts = n_cycles if isinstance(n_cycles, dict) else dict.fromkeys(("left", "right"), n_cycles)
    rows = [
        {"subject": subject, "session": "", "side": side, "skeleton": "plug_in_gait", "kind": "mocap", "angle": v,
         "percent": int(p), "mean_deg": float(x), "n_cycles": counts[side]}
        for (subject, side), curves in people.items() for v, c in curves.items() for p, x in zip(PERCENTS, c, strict=True)
    ]  # fmt: skip
    return pa.Table.from_pylist(rows)


def _profiles(people, speed_norm=0.43, groups=None, n_cycles=5, more_trials=(), reviews=None, **variables):
    subjects = sorted({s for s, _ in people})
    key = {"session": "", "trial": "walk", "person": 0, "is_steady": True, "walking_speed_norm": speed_norm}
    cycles = [{"subject": s, **key, "side": side} for s in subjects for side in ("left", "right")]
    group_rows = [{"subject": s, "group": (groups or {}).get(s)} for s in subjects]
    connection = view_builder.connect(
        _mean_curves=_means(people, n_cycles),
        spatiotemporal=pa.Table.from_pylist(cycles),
        trials=view_builder.table(
            "trials", [*(view_builder.trial_row(subject=s, skeleton="plug_in_gait") for s in subjects), *more_trials]
        ),
        **({} if reviews is None else {"reviews": reviews}),
        subjects=view_builder.table("subjects", group_rows),
        only=["gait_profile"],
    )
    views.set_variables(connection, **variables)
    rows = connection.execute("SELECT * FROM gait_profile ORDER BY subject, side")
    names = [d[0] for d in rows.description]
    return {(r["subject"], r["side"]): r for r in (dict(zip(names, x, strict=True)) for x in rows.fetchall())}


def test_scores_against_the_norm_are_root_mean_squares():
    shift = dict(zip(VARIABLES, [3.0, 0.0, 4.0, 10.0, 1.0, 2.0, 12.0, 5.0, 6.0], strict=True))
    left = {v: c + shift[v] for v, c in _norm().items()}
    right = {v: c - 2 * shift[v] for v, c in _norm().items()}
    found = _profiles({("P1", "left"): left, ("P1", "right"): right})
    for v in VARIABLES:
        assert found["P1", "left"][f"gvs_{v}_deg"] == pytest.approx(shift[v])
        assert found["P1", "right"][f"gvs_{v}_deg"] == pytest.approx(2 * shift[v])
    squares = np.array([shift[v] ** 2 for v in VARIABLES])
    assert found["P1", "left"]["gps_deg"] == pytest.approx(np.sqrt(squares.mean()))
    # Both sides: 15 variables, the pelvis once, from the left.
    fifteen = [*squares, *(4 * squares[3:])]
    assert found["P1", "both"]["gps_deg"] == pytest.approx(np.sqrt(np.mean(fifteen)))
    assert found["P1", "left"]["reference"] == "Schwartz 2008"
    assert found["P1", "left"]["speed_band"] == "free"
    assert "children" in found["P1", "left"]["note"]
    assert found["P1", "left"]["gdi_star"] is None


def test_the_norm_of_the_own_speed_is_taken():
    slow = _norm("slow")
    found = _profiles({("P1", "left"): slow}, speed_norm=0.30)
    assert found["P1", "left"]["speed_band"] == "slow"
    assert found["P1", "left"]["gps_deg"] == pytest.approx(0.0, abs=1e-9)
    assert ("P1", "both") in found
    assert found["P1", "both"]["gps_deg"] is None  # the right side is missing


def test_gps_is_null_unless_all_variables_exist_while_the_map_shows_those_that_do():
    curves = {v: c + 2.0 for v, c in _norm().items() if v != "hip_rotation"}
    row = _profiles({("P1", "left"): curves})["P1", "left"]
    assert row["gps_deg"] is None
    assert row["gvs_hip_rotation_deg"] is None
    assert row["gvs_knee_flexion_deg"] == pytest.approx(2.0)
    assert "all nine" in row["note"]


def test_two_cycles_are_too_few_and_the_row_says_so():
    found = _profiles({("P1", "left"): _norm()}, n_cycles=2)
    notes = {side: (row["n_cycles"], row["gps_deg"], row["note"]) for (_, side), row in found.items()}
    assert notes == {
        "left": (2, None, "needs 3 steady cycles with angles, found 2"),
        "right": (0, None, "needs 3 steady cycles with angles, found 0"),
        "both": (0, None, "needs 3 steady cycles of each side with angles, found 0"),
    }
    assert {row["gvs_knee_flexion_deg"] for row in found.values()} == {None}


def test_a_side_that_is_short_has_no_part_in_the_scores_of_both():
    people = {("P1", "left"): {v: c + 2.0 for v, c in _norm().items()}, ("P1", "right"): _norm()}
    found = _profiles(people, n_cycles={"left": 5, "right": 2})
    left, both = found["P1", "left"], found["P1", "both"]
    assert left["gps_deg"] == pytest.approx(2.0)
    assert (both["n_cycles"], both["gps_deg"], both["gvs_knee_flexion_deg"]) == (2, None, None)
    assert both["gvs_pelvis_tilt_deg"] == pytest.approx(2.0)  # of the left side, as ever
    assert both["note"].startswith("needs 3 steady cycles of each side with angles, found 2; the norm is of children")


def test_a_session_without_a_steady_cycle_has_its_rows_and_a_trial_left_out_has_none():
    walked = {("P1", "left"): _norm(), ("P1", "right"): _norm()}
    still = [
        view_builder.trial_row(subject="P2", skeleton="plug_in_gait"),
        view_builder.trial_row(subject="P3", kind="static"),
    ]
    left_out = {
        "reviewed_at": datetime(2026, 1, 1, tzinfo=UTC),
        "reviewer": "R1",
        "action": "exclude",
        "reason": "a crutch",
    }
    found = _profiles(
        walked,
        more_trials=[
            *still,
            view_builder.trial_row(subject="P4"),
            view_builder.trial_row(subject="P1", trial="film", kind="video"),
        ],
        reviews=view_builder.table("reviews", [{**left_out, "subject": "P4"}]),
    )
    assert sorted(found) == [(p, side) for p in ("P1", "P2") for side in ("both", "left", "right")]
    assert {found["P2", side]["note"] for side in ("left", "right")} == {"needs 3 steady cycles with angles, found 0"}
    assert found["P2", "both"]["model"] == "plug_in_gait"
    assert found["P2", "both"]["speed_band"] is None


def test_a_group_is_the_reference_without_the_subject_itself_and_gdi_star_wants_twenty():
    rng = np.random.default_rng(3)
    people = {(f"C{i:02d}", "left"): {v: c + rng.normal(0, 3) for v, c in _norm().items()} for i in range(20)}
    people["P1", "left"] = {v: c + 8.0 for v, c in _norm().items()}
    groups = {s: "control" for s, _ in people if s.startswith("C")}
    found = _profiles(people, groups=groups, reference="control")

    def gps(subject):
        others = [s for s in groups if s != subject]
        squares = [
            np.mean((people[subject, "left"][v] - np.mean([people[s, "left"][v] for s in others], axis=0)) ** 2)
            for v in VARIABLES
        ]
        return np.sqrt(np.mean(squares))

    logs = np.log([gps(s) for s in groups])
    for subject in ("C00", "P1"):
        row = found[subject, "left"]
        assert row["gps_deg"] == pytest.approx(gps(subject))
        expected = 100 - 10 * (np.log(gps(subject)) - logs.mean()) / logs.std(ddof=1)
        assert row["gdi_star"] == pytest.approx(expected)
        assert row["reference"] == "control"
    assert found["C00", "left"]["n_reference"] == 19
    assert found["P1", "left"]["n_reference"] == 20


def test_nineteen_controls_are_too_few_for_gdi_star():
    rng = np.random.default_rng(4)
    people = {(f"C{i:02d}", "left"): {v: c + rng.normal(0, 3) for v, c in _norm().items()} for i in range(19)}
    found = _profiles(people, groups={s: "control" for s, _ in people}, reference="control")
    assert {r["gdi_star"] for r in found.values()} == {None}


def test_the_norm_has_five_speeds_eleven_angles_and_published_figures():
    points = normative.schwartz_2008()
    assert len(points) == 5 * 11 * 51
    peak = max(n.mean_deg for n in points if n.speed == "free" and n.angle == "knee_flexion")
    assert 55 < peak < 65  # typical peak swing knee flexion
