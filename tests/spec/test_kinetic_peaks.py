"""_kinetic_peaks: peaks, impulses and work of a cycle against their definitions, computed with NumPy."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from neurostore.sql import views
from tests.builders import view_builder

OFF_PCT, START_S, CYCLE_S = 60.0, 2.0, 1.1
QUANTITIES = [c.name for c in views.declared()["kinetic_curves"].columns if c.name.endswith("_kg")]
KEY = {"subject": "S01", "session": "", "trial": "walk", "person": 0, "side": "left"}


def _table(cycle: int, values: dict[str, np.ndarray]) -> pa.Table:
    columns: dict[str, pa.Array] = {k: pa.array([v] * 101) for k, v in {**KEY, "cycle": cycle}.items()}
    columns["percent"] = pa.array(np.arange(101, dtype=np.int32))
    for name, value in values.items():
        columns[name] = pa.array(value, mask=np.isnan(value))
    return pa.table(columns)


@pytest.fixture(scope="module")
def curves():
    """Two cycles of random smooth curves; the second lacks the hip's power in a fifth of its points."""
    rng = np.random.default_rng(4)
    at = np.linspace(0, 2 * np.pi, 101)
    found = []
    for _ in range(2):
        waves = {q: sum(rng.normal() * np.sin(k * at + rng.uniform(0, 6)) for k in range(1, 6)) for q in QUANTITIES}
        found.append({q: np.asarray(w, float) for q, w in waves.items()})
    found[1]["hip_power_w_kg"][:20] = np.nan
    return found


@pytest.fixture(scope="module")
def rows(curves):
    cycles = pa.table(
        {
            **{k: [v] * 2 for k, v in KEY.items()},
            "cycle": [0, 1],
            "start_s": [START_S] * 2,
            "end_s": [START_S + CYCLE_S] * 2,
            "foot_off_s": [START_S + OFF_PCT / 100 * CYCLE_S] * 2,
        }
    )
    given = pa.concat_tables([_table(i, c) for i, c in enumerate(curves)])
    with view_builder.connect(only=["_kinetic_peaks"], curves=given, cycles=cycles) as connection:
        found = connection.sql("SELECT * FROM _kinetic_peaks('curves', 'cycles') ORDER BY cycle").to_arrow_table()
    return found.to_pylist()


# quantity, first and last percent of a cycle whose foot off is at 60 %, extreme, factor
BURSTS = {
    "first_vertical_peak_n_kg": ("vertical_force_n_kg", 0, 30, np.max, 1),
    "second_vertical_peak_n_kg": ("vertical_force_n_kg", 30, 60, np.max, 1),
    "peak_braking_n_kg": ("anterior_force_n_kg", 0, 60, np.min, -1),
    "peak_propulsion_n_kg": ("anterior_force_n_kg", 0, 60, np.max, 1),
    "peak_hip_extensor_moment_nm_kg": ("hip_flexion_moment_nm_kg", 0, 60, np.max, 1),
    "peak_hip_flexor_moment_nm_kg": ("hip_flexion_moment_nm_kg", 0, 60, np.min, -1),
    "peak_hip_abductor_moment_nm_kg": ("hip_adduction_moment_nm_kg", 0, 60, np.max, 1),
    "peak_knee_extensor_moment_nm_kg": ("knee_flexion_moment_nm_kg", 0, 30, np.max, 1),
    "peak_knee_flexor_moment_nm_kg": ("knee_flexion_moment_nm_kg", 18, 60, np.min, -1),
    "first_knee_abductor_peak_nm_kg": ("knee_adduction_moment_nm_kg", 0, 30, np.max, 1),
    "second_knee_abductor_peak_nm_kg": ("knee_adduction_moment_nm_kg", 30, 60, np.max, 1),
    "peak_ankle_plantarflexor_moment_nm_kg": ("ankle_flexion_moment_nm_kg", 0, 60, np.max, 1),
    "hip_h1_w_kg": ("hip_power_w_kg", 0, 30, np.max, 1),
    "hip_h2_w_kg": ("hip_power_w_kg", 20, 60, np.min, 1),
    "hip_h3_w_kg": ("hip_power_w_kg", 41, 80, np.max, 1),
    "knee_k1_w_kg": ("knee_power_w_kg", 0, 19, np.min, 1),
    "knee_k2_w_kg": ("knee_power_w_kg", 11, 40, np.max, 1),
    "knee_k3_w_kg": ("knee_power_w_kg", 41, 80, np.min, 1),
    "knee_k4_w_kg": ("knee_power_w_kg", 80, 100, np.min, 1),
    "ankle_a1_w_kg": ("ankle_power_w_kg", 0, 60, np.min, 1),
    "ankle_a2_w_kg": ("ankle_power_w_kg", 30, 60, np.max, 1),
}


@pytest.mark.parametrize("name", BURSTS)
def test_a_burst_is_the_extreme_of_its_part_of_the_cycle(rows, curves, name):
    quantity, first, last, extreme, factor = BURSTS[name]
    assert rows[0][name] == pytest.approx(factor * extreme(curves[0][quantity][first : last + 1]))


def test_the_valley_is_between_the_two_peaks(rows, curves):
    force = curves[0]["vertical_force_n_kg"]
    first, second = np.argmax(force[:31]), 30 + np.argmax(force[30:61])
    assert rows[0]["vertical_valley_n_kg"] == pytest.approx(force[first : second + 1].min())


def test_impulses_and_work_are_integrals_in_seconds(rows, curves):
    def integral(values):
        return (values[1:] + values[:-1]).sum() / 2 * CYCLE_S / 100

    anterior, frontal = curves[0]["anterior_force_n_kg"], curves[0]["knee_adduction_moment_nm_kg"]
    assert rows[0]["braking_impulse_n_s_kg"] == pytest.approx(integral(np.maximum(-anterior, 0)))
    assert rows[0]["propulsion_impulse_n_s_kg"] == pytest.approx(integral(np.maximum(anterior, 0)))
    difference = rows[0]["propulsion_impulse_n_s_kg"] - rows[0]["braking_impulse_n_s_kg"]
    assert difference == pytest.approx(integral(anterior))
    stance = np.where(np.arange(101) <= OFF_PCT, np.maximum(frontal, 0), 0)
    assert rows[0]["knee_adduction_impulse_nm_s_kg"] == pytest.approx(integral(stance))
    for joint in ("hip", "knee", "ankle"):
        power = curves[0][f"{joint}_power_w_kg"]
        work = rows[0][f"{joint}_positive_work_j_kg"] + rows[0][f"{joint}_negative_work_j_kg"]
        assert rows[0][f"{joint}_positive_work_j_kg"] == pytest.approx(integral(np.maximum(power, 0)))
        assert work == pytest.approx(integral(power))


def test_a_quantity_that_is_not_whole_has_no_value_and_others_have(rows):
    hip = [name for name in rows[1] if name.startswith(("hip_h", "hip_positive", "hip_negative"))]
    assert len(hip) == 5
    assert [rows[1][name] for name in hip] == [None] * 5
    assert None not in [value for name, value in rows[1].items() if name not in hip]


def test_every_value_of_a_cycle_is_in_subject_summary(rows):
    declared = {c.name for c in views.declared()["subject_summary"].columns}
    assert {name for name in rows[0] if name.endswith("_kg")} <= declared


def test_steps_for_lakes_without_platforms_have_the_columns_of_those_they_stand_in_for():
    asked = {
        "_ground_reaction": "'_foot_motion'",
        "_joint_moments": "'reaction', 'de_leva', 'distal', 'same'",
        "_kinetic_curves": "'_foot_motion', '_measured_cycles'",
    }
    assert set(views.without_plates()) == set(asked)
    found = []
    for has_plates in (True, False):
        with view_builder.connect(with_views=False) as connection:
            views.register(connection, has_plates=has_plates)
            connection.execute("CREATE TABLE reaction AS SELECT * FROM _ground_reaction('_foot_motion')")
            found.append([connection.execute(f"DESCRIBE SELECT * FROM {m}({a})").fetchall() for m, a in asked.items()])
    assert found[0] == found[1]
