"""Curves of a data set beside recordings: cycle_curves, gait_profile with such a group as its reference, trial_quality."""

from __future__ import annotations

import numpy as np
import pytest

from neurostore.normative import schwartz_2008
from tests.builders import view_builder

NINE = (
    "pelvis_tilt", "pelvis_obliquity", "pelvis_rotation", "hip_flexion", "hip_adduction", "hip_rotation",
    "knee_flexion", "ankle_dorsiflexion", "foot_progression",
)  # fmt: skip


def _curves(subject: str, add_deg: float, n_cycles: int = 5) -> list[dict]:
    """The published norm at free speed plus some degrees, as a data set's curves of both sides."""
    rows = []
    for angle in (*NINE, "knee_rotation"):
        points = [(p.percent, p.mean_deg) for p in schwartz_2008() if p.angle == angle and p.speed == "free"]
        values = np.interp(np.arange(101), *zip(*points, strict=True)) + add_deg
        for side in ("left", "right"):
            column = "pelvis_tilt_deg" if angle == "pelvis_tilt" else f"{side}_{angle}_deg"
            one = {"subject": subject, "session": "", "trial": "norm", "side": side, "cycle": 0, "n_cycles": n_cycles}
            one |= {"model": "plug_in_gait", "recorded_by": "mocap", "source_name": angle, "angle": column}
            rows += [one | {"percent": p, "value_deg": v} for p, v in enumerate(values)]
    return rows


@pytest.fixture(scope="module")
def connection():
    people = [("N1", 1.0), ("N2", 3.0), ("P1", 10.0)]
    quality = {"P1": {"curves_against_norm": 2.0}}
    trials = [
        view_builder.trial_row(subject=s, trial="norm", kind="curves", skeleton=None, rate_hz=0.0, n_frames=0,
                               length_basis="none", quality=quality.get(s, {}))
        for s, _ in people
    ]  # fmt: skip
    return view_builder.connect(
        only=["gait_profile", "cycle_curves", "trial_quality"],
        trials=view_builder.table("trials", trials),
        source_curves=view_builder.table("source_curves", [r for s, add in people for r in _curves(s, add)]),
        subjects=view_builder.table("subjects", [{"subject": s, "group": "norm" if s[0] == "N" else "patient"} for s, _ in people]),
    )  # fmt: skip


def test_the_score_against_the_norm_is_what_was_added(connection):
    rows = connection.execute(
        "SELECT subject, side, gps_deg, gvs_knee_flexion_deg, n_cycles FROM gait_profile ORDER BY ALL"
    ).fetchall()
    assert [(subject, side, n) for subject, side, *_, n in rows] == [
        (s, side, 5) for s in ("N1", "N2", "P1") for side in ("both", "left", "right")
    ]
    np.testing.assert_allclose([r[2:4] for r in rows], [[a, a] for a in (1, 1, 1, 3, 3, 3, 10, 10, 10)], atol=1e-9)


def test_a_group_of_curves_is_a_reference(connection):
    """The mean of the two controls is 2 degrees above the norm; each control is compared with the other."""
    connection.execute("SET VARIABLE reference = 'norm'")
    try:
        rows = connection.execute(
            "SELECT subject, reference, n_reference, gps_deg FROM gait_profile WHERE side = 'both' ORDER BY subject"
        ).fetchall()
    finally:
        connection.execute("RESET VARIABLE reference")
    assert [row[:3] for row in rows] == [("N1", "norm", 1), ("N2", "norm", 1), ("P1", "norm", 2)]
    np.testing.assert_allclose([row[3] for row in rows], [2, 2, 8], atol=1e-9)


def test_cycle_curves_hold_every_point(connection):
    rows = connection.execute(
        "SELECT percent, right_knee_rotation_deg, left_knee_rotation_deg, is_steady FROM cycle_curves "
        "WHERE subject = 'P1' AND side = 'right' ORDER BY percent"
    ).fetchall()
    expected = [r["value_deg"] for r in _curves("P1", 10.0) if r["angle"] == "right_knee_rotation_deg"]
    assert [row[0] for row in rows] == list(range(101))
    np.testing.assert_allclose([row[1] for row in rows], expected)
    assert {row[2:] for row in rows} == {(None, True)}


def test_a_sign_against_the_norm_is_checked_first(connection):
    rows = connection.execute(
        "SELECT subject, verdict, has_impossible_rate, is_length_nominal FROM trial_quality ORDER BY subject"
    ).fetchall()
    assert [row[2:] for row in rows] == [(False, False)] * 3
    assert [row[1].split(":")[0] for row in rows] == ["Curves of a data set only"] * 2 + ["Check first"]
