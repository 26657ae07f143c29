"""IK set-ups with coordinate tasks: against OpenSim 4.6's InverseKinematicsTool (accuracy 1e-9) on the same files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from neurostore.errors import InputError, UsageError
from neurostore.ingest.body.exchange import setup_text
from neurostore.ingest.body.ik_setup import CoordinateTask, IkSetup, read_ik_setup
from neurostore.ingest.body.inverse import fit
from neurostore.ingest.body.osim import parse_model, read_model
from neurostore.ingest.body.targets import Targets

HERE = Path(__file__).parent / "ik_tasks"
#: of the tool: shoulder, elbow (radians), reach (metres) of five frames; three tasks, reach is coupled to the elbow
OPENSIM = [
    [0.21146585, 0.28724660, 0.06744932],
    [0.76148495, 0.50470335, 0.11094067],
    [-0.18509570, 0.20706626, 0.05141325],
    [0.58521037, 0.35453706, 0.08090741],
    [-0.12074776, 0.11657737, 0.03331547],
]


@pytest.fixture(scope="module")
def points():
    """Markers (5, 3) in metres; frame 2 lacks one, frame 3 lacks three."""
    lines = (HERE / "arm.trc").read_text().splitlines()
    names = [n for n in lines[3].split("\t")[2:] if n]
    rows = [[float(cell or "nan") for cell in line.split("\t")[2:]] for line in lines[6:]]
    values = np.array(rows).reshape(len(rows), -1, 3)
    return {n: values[:, k] for k, n in enumerate(names)}


def test_coordinate_tasks_weigh_as_in_opensims_tool(points):
    model, setup = read_model(HERE / "arm.osim"), read_ik_setup(HERE / "ik.xml")
    assert setup.coordinates["shoulder"] == CoordinateTask(0.02)  # the model's default, whatever <value> holds
    fitted = fit(model, setup.targets(model, points), tolerance=1e-9)
    np.testing.assert_allclose(fitted.values, OPENSIM, atol=2e-8)
    without = fit(model, Targets(points, setup.markers))
    assert np.abs(without.values - OPENSIM).max() > 0.1


@pytest.mark.parametrize("function", ["<LinearFunction><coefficients>0.2 0.01</coefficients></LinearFunction>", "<SimmSpline><x>-3 3</x><y>-0.59 0.61</y></SimmSpline>"])  # fmt: skip
def test_a_clamped_coordinate_stops_the_one_that_it_follows(points, function):
    """As OpenSim's tool does with the elbow clamped to what keeps the reach within its limits."""
    text = (HERE / "arm.osim").read_text()
    first, last = text.index("<LinearFunction>", text.index("<CoordinateCoupler")), text.index("</coupled_coordinates")
    clamped = text[:first] + function + text[last:]
    reach = "<default_value>0.050000000000000003</default_value>"
    clamped = clamped.replace(reach, reach + "<range>0.04 0.09</range><clamped>true</clamped>")
    setup = read_ik_setup(HERE / "ik.xml")
    model = parse_model(clamped)
    fitted = fit(model, setup.targets(model, points), tolerance=1e-9)
    tool = [[46.69125366, 22.91831175], [-7.90778254, 8.59436830]]  # degrees, frames 1 and 4
    np.testing.assert_allclose(np.degrees(fitted.values[[1, 4], :2]), tool, atol=2e-5)
    np.testing.assert_allclose(fitted.values[[1, 4], 2], [0.09, 0.04], atol=1e-9)


def test_a_coordinate_that_moves_no_marker_is_at_its_task(points):
    model, setup = read_model(HERE / "arm.osim"), read_ik_setup(HERE / "ik.xml")
    upper = {n: p for n, p in points.items() if n.startswith("u")}
    fitted = fit(model, setup.targets(model, upper))
    at = model.coordinate_names.index("elbow")
    np.testing.assert_array_equal(fitted.filled[:, at], 0.6)
    assert np.isnan(fitted.values[:, at]).all()  # the markers do not determine it


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "manual_value",
            "from_file",
            "value type 'from_file'; known are default_value and manual_value: give it a fixed",
        ),
        ("<weight>0.015", "<weight>-1", "of elbow is '-1'; expected a number of 0 or more"),
        ("<value>0.6", "<value>up", "of elbow is 'up'; expected a number"),
        ("<weight>0.02", "<weight>inf", "of shoulder is 'inf'"),
    ],
)
def test_tasks_that_cannot_be_fitted_are_refused_by_name(tmp_path, old, new, message):
    text = (HERE / "ik.xml").read_text()
    assert old in text
    (tmp_path / "ik.xml").write_text(text.replace(old, new))
    with pytest.raises(InputError, match=message):
        read_ik_setup(tmp_path / "ik.xml")


def test_a_task_of_another_models_coordinate_is_named(points, tmp_path):
    (tmp_path / "ik.xml").write_text((HERE / "ik.xml").read_text().replace('"elbow"', '"L5_S1_Flex_Ext"'))
    model = read_model(HERE / "arm.osim")
    with pytest.raises(
        UsageError, match="L5_S1_Flex_Ext: no coordinate of the model arm; its coordinates are shoulder"
    ):
        fit(model, read_ik_setup(tmp_path / "ik.xml").targets(model, points))


def test_tasks_that_are_not_applied_or_weigh_nothing_are_left_out(tmp_path):
    text = (HERE / "ik.xml").read_text().replace("<apply>true</apply><weight>0.02", "<apply>false</apply><weight>0.02")
    (tmp_path / "ik.xml").write_text(text.replace("<weight>0.015", "<weight>0"))
    assert list(read_ik_setup(tmp_path / "ik.xml").coordinates) == ["reach"]


def test_weights_survive_a_step_and_a_set_up(tmp_path):
    wanted = IkSetup({"knee": 2.0, "hip": 0.5}, {"a": CoordinateTask(10.0), "b": CoordinateTask(0.1, -0.25)})
    again = IkSetup.of_step({"markers": ["knee", "hip"], **json.loads(json.dumps(wanted.about()))})
    assert again == wanted
    (tmp_path / "ik.xml").write_text(setup_text("m.osim", "m.trc", "m.mot", wanted, (0.0, 1.0)))
    assert read_ik_setup(tmp_path / "ik.xml") == wanted
    assert IkSetup.of_step({"markers": ["knee"]}) == IkSetup({"knee": 1.0}, {})
