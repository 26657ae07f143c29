"""kinetic_profile: root mean squares of differences that are known, at the speed of the session."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from neurostore import normative
from neurostore.sql import views
from tests.builders import view_builder

QUANTITIES = [c.name for c in views.declared()["kinetic_curves"].columns if c.name.endswith("_kg")]


def _curves(session: str, cycle: int, speed: str, shifts: dict[str, float], lacks: str = "") -> pa.Table:
    """The norm's mean of a speed plus a constant per quantity, in a cycle of the left side."""
    norm: dict[str, dict[int, float]] = {}
    for p in normative.schwartz_2008_kinetics():
        if p.speed == speed:
            norm.setdefault(p.quantity, {})[p.percent] = p.mean
    key = {"subject": "S01", "session": session, "trial": "walk", "side": "left", "cycle": cycle, "is_steady": True}
    columns = {name: pa.array([value] * 101) for name, value in key.items()}
    columns["percent"] = pa.array(np.arange(101, dtype=np.int32))
    for quantity in QUANTITIES:
        known = norm.get(quantity, dict.fromkeys(range(0, 101, 2), 1.0))
        values = np.interp(np.arange(101), list(known), list(known.values())) + shifts.get(quantity, 0.0)
        mask = np.arange(101) < (30 if quantity == lacks else 0)
        columns[quantity] = pa.array(values, mask=mask)
    return pa.table(columns)


@pytest.fixture(scope="module")
def rows():
    curves = pa.concat_tables(
        [
            *(_curves("slow", i, "slow", {"hip_power_w_kg": d}) for i, d in enumerate((0.1, 0.3, 0.2))),
            _curves("unknown", 0, "free", {"ankle_flexion_moment_nm_kg": -0.25}, lacks="knee_power_w_kg"),
        ]
    )
    band = pa.table({"subject": ["S01"] * 2, "session": ["slow", "unknown"], "speed_band": ["slow", None]})
    with view_builder.connect(only=["kinetic_profile"], kinetic_curves=curves, _speed_band=band) as connection:
        found = connection.sql("SELECT * FROM kinetic_profile ORDER BY session").to_arrow_table()
    return found.to_pylist()


def test_a_constant_shift_is_its_own_root_mean_square_at_the_speed_of_the_session(rows):
    slow = rows[0]
    assert (slow["speed_band"], slow["n_cycles"]) == ("slow", 3)
    scores = {name: value for name, value in slow.items() if name.startswith("gvs_")}
    assert scores.pop("gvs_hip_power_w_kg") == pytest.approx(0.2)  # of the mean curve
    assert len(scores) == 7
    assert list(scores.values()) == pytest.approx([0.0] * 7, abs=1e-9)


def test_a_quantity_that_is_not_whole_has_no_score_and_limits_are_reported(rows):
    unknown = rows[1]
    assert unknown["gvs_knee_power_w_kg"] is None
    assert unknown["gvs_ankle_flexion_moment_nm_kg"] == pytest.approx(0.25)
    assert unknown["speed_band"] == "free"
    assert unknown["note"].split("; ")[1:] == ["no leg length or speed: compared at free speed", "fewer than 3 cycles"]
    assert rows[0]["note"] == "the norm is of children under Plug-in Gait"
