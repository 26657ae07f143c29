"""Figures: valid for plotly, numbers as in the data, trees and maps against their definitions and other software."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import numpy as np
import plotly.graph_objects as go
import pytest

from neurostore.report import cohort_figures, figures, static
from neurostore.report.matplotlib_figures import draw, empty_figure
from neurostore.report.ordination import classical_mds, cluster
from neurostore.report.panels import OVERVIEW, PANELS
from neurostore.report.plotly_figures import plotly_figure
from neurostore.report.sessions import sessions_of
from neurostore.report.specification import Axis, Band, Bars, Line, Note, Plot, Points, Rule
from neurostore.report.timeline import timeline


def test_plotly_accepts_every_figure(data):
    block = sessions_of(data, "S01")[1]
    trial = block.rows(data.trials)["trial"][0]
    drawn = [figures.panel(block, which) for which in PANELS] + [
        figures.map_bars(block),
        timeline(block, trial),
    ]
    drawn += [cohort_figures.parameter(data, column) for column in OVERVIEW]
    drawn += [
        cohort_figures.group_curves(data, "knee_flexion"),
        cohort_figures.heatmap(data),
        cohort_figures.cohort_map(data),
    ]
    for shown in drawn:
        assert shown is not None
        content = plotly_figure(shown)
        assert len(go.Figure(content).data) == len(content["data"])  # raises for an unknown attribute or value


def test_panel_shows_mean_sd_band_session_before_and_foot_off(data):
    block = sessions_of(data, "S01")[1]
    shown = figures.panel(block, next(p for p in PANELS if p.angle == "knee_flexion"))
    assert shown is not None
    content = plotly_figure(shown)
    roles = [(t["meta"]["role"], t["meta"].get("side")) for t in content["data"]]
    for role in ("mean", "sd", "before"):
        assert (role, "left") in roles
        assert (role, "right") in roles
    assert ("band", None) in roles
    mean = next(
        t
        for t in content["data"]
        if t["meta"] == {"role": "mean", "side": "left", "n": block.curves["knee_flexion", "left"].n_cycles}
    )
    np.testing.assert_allclose(mean["y"], block.curves["knee_flexion", "left"].mean, atol=5e-4)
    marks = {s["name"]: s["x0"] for s in content["layout"]["shapes"]}
    assert marks == {side: pytest.approx(value, abs=0.01) for side, value in block.foot_off.items()}


def test_profile_bars_are_those_of_the_view(data):
    block = sessions_of(data, "C02")[0]
    shown = figures.map_bars(block)
    assert shown is not None
    content = plotly_figure(shown)
    row = next(r for r in block.rows(data.profile, False).to_dicts() if r["side"] == "left")
    left = next(t for t in content["data"] if t["name"] == "left")
    knee = next(y for x, y in zip(left["x"], left["y"], strict=True) if x == "Knee<br>flexion")
    assert knee == pytest.approx(row["gvs_knee_flexion_deg"], abs=1e-3)


def test_timeline_has_every_event_of_the_trial(data):
    block = sessions_of(data, "H02")[0]
    trial = block.rows(data.trials)["trial"][0]
    events = block.rows(data.events, False)
    shown = sorted(
        t
        for trace in plotly_figure(timeline(block, trial))["data"]
        if trace["meta"]["role"].startswith("foot")
        for t in trace["x"]
    )
    np.testing.assert_allclose(shown, sorted(events["time_s"]), atol=1e-4)


def test_both_renderers_show_the_same_values():
    """One of each mark: what plotly gets and what matplotlib holds are the numbers of the specification."""
    x, y = np.array([0.0, 50.0, 100.0]), np.array([1.0, 3.0, 2.0])
    tags = {"role": "mean"}
    plot = Plot(
        (
            Band(x, y - 1, y + 1, "#0072B2", tags),
            Line(x, y, "#0072B2", tags, "<i>left</i> $a$", "dash"),
            Points(x, y, "#D55E00", tags, "diamond", details=("<b>", "q", "r"), pointer="{x:.1f} {detail}"),
            Bars(np.zeros(1), np.array([2.5]), "#D55E00", tags, "stance", np.array([10.0]), is_lying=True, hatch="/"),
            Rule(60.25, "#D55E00", "left", label="foot off"),
        ),
        x=Axis("time (s)", (0, 100), ((0, "zero"), (100, "end"))),
        y=Axis(range=(5, 0)),
        title="Knee & ankle",
        unit="°",
        notes=(Note("up", 1, 1, "right top"),),
        has_legend=True,
    )
    page = plotly_figure(plot)
    go.Figure(page)
    lower, upper, line, points, bar = page["data"]
    assert (lower["y"], upper["y"], line["y"]) == ([0, 2, 1], [2, 4, 3], [1, 3, 2])
    assert (line["x0"], line["dx"], line["name"]) == (0, 50, "&lt;i&gt;left&lt;/i&gt; $a$")
    assert points["customdata"][0] == "&lt;b&gt;"
    assert points["hovertemplate"] == "%{x:.1f} %{customdata}<extra></extra>"
    assert (bar["base"], bar["x"]) == ([10], [2.5])
    assert page["layout"]["title"]["text"] == "<b>Knee &amp; ankle</b> (°)"
    assert page["layout"]["yaxis"]["range"] == [5, 0]
    axes = empty_figure(4, 3).add_subplot()
    draw(plot, axes)
    drawn, *_ = [found for found in axes.lines if found.get_label() == r"<i>left</i> \$a\$"]
    np.testing.assert_array_equal(drawn.get_xydata(), np.column_stack([x, y]))
    np.testing.assert_array_equal(axes.collections[1].get_offsets(), np.column_stack([x, y]))
    (lying,) = axes.patches
    assert (lying.get_x(), lying.get_width()) == (10, 2.5)
    assert [found.get_xdata()[0] for found in axes.lines if found.get_label() == "foot off"] == [60.25]
    assert (axes.get_xlim(), axes.get_ylim()) == ((0, 100), (5, 0))
    assert [label.get_text() for label in axes.get_xticklabels()] == ["zero", "end"]
    assert axes.get_title(loc="left") == "Knee & ankle (°)"


def test_classical_scaling_restores_points_of_a_plane():
    points = np.random.default_rng(3).normal(size=(12, 2))
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    found, share = classical_mds(distances)
    np.testing.assert_allclose(np.linalg.norm(found[:, None] - found[None], axis=2), distances, atol=1e-9)
    assert share == pytest.approx(1.0)


def test_classical_scaling_is_scikit_learns():
    from sklearn.manifold import ClassicalMDS

    points = np.random.default_rng(4).normal(size=(15, 6))
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    theirs = ClassicalMDS(n_components=2, metric="precomputed").fit_transform(distances)
    np.testing.assert_allclose(np.abs(classical_mds(distances)[0]), np.abs(theirs), atol=1e-7)


def test_tree_by_hand():
    # a and b are 1 apart, c is 4 and 6 from them: b and a merge at 1, c at their mean, 5.
    distances = np.array([[0, 1, 4], [1, 0, 6], [4, 6, 0]], float)
    tree = cluster(distances)
    assert sorted(tree.order) == [0, 1, 2]
    assert sorted(float(y.max()) for _, y in tree.lines) == [1.0, 5.0]
    assert abs(list(tree.order).index(0) - list(tree.order).index(1)) == 1
    assert list(tree.order).index(0) == 1  # optimal leaves: c lies beside a, to which it is nearer


def test_files_of_figures(data, tmp_path):
    from dataclasses import replace

    written = static.write_figures(replace(data, shown=("C01",)), tmp_path / "figures")
    names = {path.stem for path in written}
    assert {"cohort_parameters", "cohort_curves", "cohort_distances", "cohort_map"} <= names
    assert {"C01_ses1_kinematics", "C01_ses2_kinematics", "C01_ses1_profile", "C01_ses1_walk_01_events"} <= names
    assert len(written) == 2 * len(names)
    for path in written:
        start = path.read_bytes()
        if path.suffix == ".png":
            assert start.startswith(b"\x89PNG")
        else:
            assert ElementTree.fromstring(start).tag.endswith("svg")
