"""Kinetic and EMG figures: numbers as given, norms as published, channels with a problem without a curve."""

from __future__ import annotations

import json

import numpy as np
import plotly.graph_objects as go
import polars as pl
import pytest

from neurostore import normative
from neurostore.report.cycle_lists import KINETIC_NAMES, kinetic_means
from neurostore.report.kinetic_data import norm_bands
from neurostore.report.kinetic_figures import emg_figure, kinetics_figure
from neurostore.report.kinetic_plots import _grid
from neurostore.report.plotly_figures import plotly_figure
from neurostore.report.specification import Bars, Line, Rule
from tests.shared_data import SHARED, needs_shared


def _cycles(quantity: str, side: str, mean: np.ndarray) -> pl.DataFrame:
    """Two steady cycles about a mean, with an SD of 0.1."""
    lists = {name: [None, None] for name in KINETIC_NAMES} | {quantity: [mean - 0.1 / 2**0.5, mean + 0.1 / 2**0.5]}
    return pl.DataFrame(
        {"side": [side] * 2, "is_steady": [True] * 2} | lists,
        schema_overrides=dict.fromkeys(KINETIC_NAMES, pl.List(pl.Float64)),
    )


@pytest.fixture(scope="module")
def plots():
    wave = np.sin(np.linspace(0, 6, 101))
    rows = pl.concat(
        [_cycles("hip_power_w_kg", "left", 3 * wave), _cycles("vertical_force_n_kg", "right", 5 * wave + 5)]
    )
    return kinetics_figure(kinetic_means(rows), norm_bands("slow"), {"left": 61.0, "right": 58.0})


def test_only_quantities_with_a_curve_have_a_plot_and_only_those_of_the_norm_a_band(plots):
    assert [plot.meta["quantity"] for plot in plots] == ["hip_power_w_kg", "vertical_force_n_kg"]
    roles = [[mark.tags["role"] for mark in plot.marks if not isinstance(mark, Rule)] for plot in plots]
    assert roles == [["band", "band mean", "sd", "mean"], ["sd", "mean"]]


def test_a_plot_shows_the_given_curve_the_norm_of_the_speed_and_foot_off(plots):
    power = plots[0]
    mean = next(m for m in power.marks if isinstance(m, Line) and m.tags["role"] == "mean")
    np.testing.assert_allclose(mean.y, 3 * np.sin(np.linspace(0, 6, 101)))
    assert mean.tags["n"] == 2
    band = next(m for m in power.marks if isinstance(m, Line) and m.tags["role"] == "band mean")
    assert band.name == "Schwartz 2008, slow speed"
    assert [m.at for m in power.marks if isinstance(m, Rule)] == [61.0]
    low, high = power.y.range
    assert low <= -3.1
    assert high >= 3.1


def test_both_renderers_draw_every_plot(plots):
    for plot in plots:
        content = plotly_figure(plot)
        assert len(go.Figure(content).data) == len(content["data"])
    figure = _grid(plots, "P01", 3)
    assert [ax.get_title(loc="left") for ax in figure.axes[:2]] == [
        "Hip power (W/kg)",
        "Vertical ground reaction (N/kg)",
    ]
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert {"left", "right", "Schwartz 2008, slow speed"} <= set(labels)


def test_emg_has_bars_where_the_muscle_is_normally_active_and_no_curve_of_a_dead_channel():
    n = 101
    keys = {"channel": ["a"] * n, "muscle": ["soleus"] * n, "side": ["left"] * n, "problem": [None] * n}
    good = pl.DataFrame({**keys, "percent": range(n), "mean": np.ones(n), "sd": [None] * n, "n_cycles": [1] * n})
    dead = pl.DataFrame(
        {
            "channel": ["b"],
            "muscle": ["gracilis"],
            "side": ["right"],
            "problem": ["dead"],
            "percent": [None],
            "mean": [None],
        }
    )
    gracilis, soleus = emg_figure(pl.concat([good, dead], how="diagonal_relaxed"), {"left": 60.0})
    assert [note.text for note in gracilis.notes] == ["dead"]
    assert not [m for m in gracilis.marks if isinstance(m, Line)]
    (bars,) = [m for m in soleus.marks if isinstance(m, Bars)]
    np.testing.assert_allclose([bars.start[0], bars.start[0] + bars.length[0]], [7, 51])  # as in the published table
    assert soleus.title == "left soleus"


@needs_shared
@pytest.mark.parametrize(
    ("quantity", "variable", "axis", "factor"),
    [
        ("hip_flexion_moment_nm_kg", "HipMoment", "X", 1000),
        ("hip_adduction_moment_nm_kg", "HipMoment", "Y", 1000),
        ("knee_flexion_moment_nm_kg", "KneeMoment", "X", 1000),
        ("knee_adduction_moment_nm_kg", "KneeMoment", "Y", 1000),
        ("ankle_flexion_moment_nm_kg", "AnkleMoment", "X", 1000),
        ("hip_power_w_kg", "HipPower", "Z", 1),
        ("knee_power_w_kg", "KneePower", "Z", 1),
        ("ankle_power_w_kg", "AnklePower", "Z", 1),
    ],
)
def test_the_norm_is_the_published_one(quantity, variable, axis, factor):
    published = json.loads((SHARED / "normative" / "schwartz2008.json").read_text())["Schwartz2008"]
    for speed, name in (("VerySlow", "very_slow"), ("Free", "free"), ("VeryFast", "very_fast")):
        points = [p for p in normative.schwartz_2008_kinetics() if (p.speed, p.quantity) == (name, quantity)]
        rows = np.array(published[speed][variable][axis])
        np.testing.assert_array_equal([p.percent for p in points], rows[:, 0])
        np.testing.assert_allclose([p.mean - p.sd for p in points], rows[:, 1] / factor, atol=2e-5)
        np.testing.assert_allclose([p.mean + p.sd for p in points], rows[:, 2] / factor, atol=2e-5)


@needs_shared
def test_normal_activation_is_the_published_one():
    published = json.loads((SHARED / "normative" / "emg_normal_activation.json").read_text())
    assert published["NORMAL_STANCE_PHASE"] == normative.EMG_STANCE_PCT
    times = [t for t in published["Activation"]["RECFEM"] if t != "na"]
    assert [t for interval in normative.normal_activation()["rectus_femoris"] for t in interval] == times
