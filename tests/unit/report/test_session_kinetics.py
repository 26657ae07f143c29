"""Kinetics, EMG and forces of a session: means of whole cycles, norms, strides, channels that are not shown, vectors."""

from __future__ import annotations

import base64
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from neurostore.report.clip_forces import ClipForces, read_forces
from neurostore.report.cycle_lists import KINETIC_NAMES, mean_sd
from neurostore.report.kinetic_panels import KINETIC_PANELS
from neurostore.report.kinetic_parts import kinetic_parts, muscles_of
from neurostore.report.session_kinetics import emg_panel, kinetic_panel
from neurostore.report.sessions import sessions_of
from neurostore.report.specification import Band, Bars, Line
from tests.shared_data import SHARED, needs_shared

WAVE = np.sin(np.linspace(0, 6, 101))


@pytest.fixture(scope="module")
def block(data):
    """A session with made kinetics over its own cycles: stride k of a side is (k + 1) times a wave; one is cut off."""
    own = sessions_of(data, "S01")[0]
    keys = [
        {"subject": "S01", "session": own.session, "condition": own.condition, "trial": s.trial, "side": side,
         "cycle": s.cycle, "is_steady": True, "factor": k + 1}
        for side, strides in own.strides.items()
        for k, s in enumerate(strides)
    ]  # fmt: skip
    kinetics = [{**k, "is_valid": True, **{name: list(k["factor"] * WAVE) for name in KINETIC_NAMES}} for k in keys]
    kinetics[0]["knee_power_w_kg"] = [None] * 5 + list(WAVE[5:])  # no whole cycle
    emg = [
        {**k, "channel": name, "muscle": muscle, "problem": problem, "normalized": list(np.abs(WAVE))}
        for k in keys
        for name, muscle, problem in (
            ("TA", "tibialis_anterior", None),
            ("X9", None, None),
            ("So", "soleus", "hum: 66 %"),
        )
    ]
    dead = [{**keys[0], "channel": "RF", "muscle": "rectus_femoris", "problem": "dead"}]
    made = replace(
        data, reference=None, kinetics=pl.DataFrame(kinetics), emg=pl.DataFrame(emg), emg_problems=pl.DataFrame(dead)
    )
    return replace(own, data=made)


def test_means_are_over_whole_cycles(block):
    n = len(block.strides["left"])
    assert n > 2
    np.testing.assert_allclose(block.kinetics["hip_power_w_kg", "left"].mean, (n + 1) / 2 * WAVE, atol=1e-9)
    side = next(iter(block.strides))
    curve = block.kinetics["knee_power_w_kg", side]
    assert curve.n_cycles == len(block.strides[side]) - 1
    np.testing.assert_allclose(curve.mean, np.mean(range(2, len(block.strides[side]) + 1)) * WAVE, atol=1e-9)


def test_mean_and_sd_leave_gaps_out():
    mean, sd = mean_sd(np.array([[1.0, np.nan, np.nan], [3.0, 4.0, np.nan]]))
    np.testing.assert_allclose(mean, [2.0, 4.0, np.nan])
    np.testing.assert_allclose(sd, [np.sqrt(2), np.nan, np.nan])


def test_panel_has_the_norm_and_in_print_a_line_per_stride(block):
    which = next(p for p in KINETIC_PANELS if p.quantity == "ankle_power_w_kg")
    shown, printed = kinetic_panel(block, which), kinetic_panel(block, which, has_strides=True)
    assert shown is not None
    assert printed is not None
    assert next(m.tags["role"] for m in shown.marks if isinstance(m, Band)) == "band"
    lines = [m for m in printed.marks if isinstance(m, Line) and m.tags["role"] == "stride"]
    assert len(lines) == sum(map(len, block.strides.values()))
    assert shown.y.range == printed.y.range
    assert not [m for m in shown.marks if isinstance(m, Line) and m.tags["role"] == "stride"]


def test_muscles_have_their_bars_and_unreliable_channels_are_named_not_shown(block):
    assert muscles_of(block) == ["X9", "tibialis_anterior"]
    plot = emg_panel(block, "tibialis_anterior")
    assert plot is not None
    (bars,) = [m for m in plot.marks if isinstance(m, Bars)]
    assert list(zip(bars.start, bars.start + bars.length, strict=True)) == [(0, 13), (56, 100)]  # as published
    assert not [m for m in emg_panel(block, "X9").marks if isinstance(m, Bars)]
    assert emg_panel(block, "soleus") is None
    text = "".join(map(str, kinetic_parts(block)))
    assert "soleus in walk_01: hum: 66 %" in text
    assert "rectus femoris in walk_01: dead" in text


def test_strides_of_the_page_hold_kinetics_and_emg(block):
    stride = block.strides["right"][1]
    np.testing.assert_allclose(stride.curves["knee_flexion_moment_nm_kg"], 2 * WAVE)
    np.testing.assert_allclose(stride.curves["emg tibialis_anterior"], np.abs(WAVE))
    assert "emg soleus" not in stride.curves


def test_vectors_in_the_page_are_in_whole_millimetres_and_newtons():
    forces = ClipForces(
        np.arange(12.0)[None], np.array([0.1, 0.2]), np.array([1, 2]), ("left", ""),
        np.array([[100.2, 0.0, 50.0], [1.0, 2.0, 3.0]]), np.array([[-20.0, 700.4, 5.0], [0.0, 50000.0, 0.0]]),
    )  # fmt: skip
    said = forces.to_json((100.0, 0.0, 50.0))
    values = np.frombuffer(base64.b64decode(said["values"]), "<i2").reshape(-1, 6)
    assert values.tolist() == [[0, 0, 0, -20, 700, 5], [-99, 2, -47, 0, 32767, 0]]
    assert said["side"] == "l-"
    assert said["plates"][0][1] == [-97, 4, -45]


@needs_shared
def test_vectors_are_those_of_the_feet(tmp_path):
    from neurostore.api import open as open_lake
    from neurostore.ingest.pipeline import ingest

    ingest(SHARED / "labs" / "LABQ", tmp_path / "lake", n_workers=1)
    lake = open_lake(tmp_path / "lake")
    (forces,) = read_forces(lake, [("Q01", "", "walk_01")], 25.0).values()
    feet = lake.sql(
        "SELECT time_s, side, plates[1] AS plate, force.x AS fx, force.y AS fy, force.z AS fz, cop.x AS x, cop.z AS z "
        "FROM ground_reaction WHERE is_valid AND len(plates) = 1 AND trial = 'walk_01' AND force.y >= 20"
    )
    found = {(round(r["time_s"], 4), r["plate"]): r for r in feet.to_dicts()}
    n_compared = 0
    for time_s, plate, side, cop, force in zip(
        forces.time_s, forces.plate, forces.side, forces.cop_mm, forces.force_n, strict=True
    ):
        row = found.get((round(float(time_s), 4), int(plate)))
        if side and row is not None:
            assert row["side"] == side
            np.testing.assert_allclose(force, [row["fx"], row["fy"], row["fz"]], atol=0.01)
            np.testing.assert_allclose(cop[[0, 2]], [row["x"], row["z"]], atol=0.5)
            n_compared += 1
    assert n_compared > 20
    assert forces.corners_mm.shape == (4, 12)


def test_peaks_of_force_stand_in_the_table_under_their_own_heading(block):
    from neurostore.report.tables import parameter_table

    column = "second_vertical_peak_n_kg"
    summary = block.data.summary.with_columns(
        pl.when(pl.col("side") == "left").then(10.26).otherwise(None).alias(column)
    )
    texts = "".join(
        str(parameter_table(replace(block, data=replace(block.data, summary=summary)))).split("<tbody>")[1:]
    )
    assert texts.index("Forces, moments and powers") > texts.index("Angles") > texts.index("Time and distance")
    assert 'data-value="10.26"' in texts
    assert "Second peak of vertical force (N/kg)" in texts
    assert "Peak braking force" not in texts  # nobody has it
