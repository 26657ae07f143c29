"""Reading OpenSim models and moving them: against OpenSim 4.6's own figures (every_joint.json), and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from neurostore.errors import InputError
from neurostore.ingest.body.forward import forward
from neurostore.ingest.body.functions import spline
from neurostore.ingest.body.osim import parse_model, read_model

HERE = Path(__file__).parent
EVERY = HERE / "every_joint.osim"


@pytest.mark.parametrize("name", ["every_joint", "before_4"])
def test_bodies_lie_where_opensim_puts_them(name):
    """Every joint type, function, coupler and a joint met from its child: bodies of random poses.

    ``before_4`` is a document of OpenSim 2 (version 20303), built like gait2392 with patellae; one joint is reversed.
    """
    stated = json.loads((HERE / f"{name}.json").read_text())
    model = read_model(HERE / f"{name}.osim")
    order = [stated["coordinates"].index(n) for n in model.coordinate_names]
    values = np.array(stated["values"])[:, order]
    rotations, origins = forward(model, values, stated["bodies"])
    np.testing.assert_allclose(rotations, stated["rotations"], atol=1e-6)
    np.testing.assert_allclose(origins, stated["origins_m"], atol=1e-6)


def test_documents_before_opensim_4_are_read_whole():
    model = read_model(HERE / "before_4.osim", HERE / "before_4_markers.xml")
    assert [c.name for c in model.couplers] == ["pat_r"]  # that of the left is disabled
    assert len(model.markers) == 16
    assert next(m for m in model.markers if m.name == "extra").body == "talus_l"
    assert "pelvis" in model.masses_kg
    assert "ground" not in model.bodies
    again = parse_model(model.text)  # the document that is exported is one of OpenSim 4
    assert again.coordinates == model.coordinates
    values = np.linspace(-0.5, 0.5, len(model.coordinates))[None]
    np.testing.assert_allclose(forward(again, values)[1], forward(model, values)[1], atol=1e-12)


@pytest.mark.parametrize("number", ["30000", "20303"])
def test_a_body_with_two_joints_is_named(number):
    text = (HERE / "before_4.osim").read_text().replace('Version="20303"', f'Version="{number}"')
    twice = text.replace("</PinJoint></Joint>", "</PinJoint><WeldJoint name='again'/></Joint>", 1)
    with pytest.raises(InputError, match="body calcn_r holds 2 joints; expected one"):
        parse_model(twice)


def test_the_model_is_read_as_it_stands():
    model = read_model(EVERY)
    assert len(model.bodies) == 13
    assert len(model.markers) == 52
    assert model.n_freedoms == len(model.coordinates) - 2
    assert model.reversed_joints == {"backward", "backward2"}
    motion = {c.name: c.motion for c in model.coordinates}
    assert motion["free_tx"] == "translational"
    assert motion["cu_b"] == "rotational"  # its negative turns the first axis that it moves
    assert motion["cv_a"] == "coupled"  # only through a spline


def test_simm_spline_by_its_definition():
    """Through the points, smooth, end cubics with the third derivative of the cubic through four points, straight on."""
    x, y = np.array([-1.0, 0.0, 0.5, 1.5, 2.0]), np.array([0.3, -0.2, 0.4, 0.1, 0.6])
    f = spline(x, y, "SimmSpline")
    np.testing.assert_allclose(f.value(x), y, atol=1e-12)
    h = 1e-4
    for knot in x[1:-1]:
        left = (f.value(knot) - f.value(knot - h)) / h
        right = (f.value(knot + h) - f.value(knot)) / h
        assert left == pytest.approx(right, abs=1e-2)
    third = np.polyfit(x[:4], y[:4], 3)[0]
    inside = np.linspace(x[0], x[1] - 1e-9, 4)
    assert np.polyfit(inside, f.value(inside), 3)[0] == pytest.approx(third, rel=1e-6)
    beyond = f.value(np.array([2.5, 3.0, 3.5]))
    assert np.diff(beyond, 2) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("<SliderJoint", "<EllipsoidJoint", "EllipsoidJoint is not known"),
        ("<PolynomialFunction", "<StepFunction", "the function StepFunction is not known"),
        ('Version="40600"', 'Version="30516"', "is document version 30516; known are 20000 to 30000 .*printToXML"),
        ('Version="40600"', 'Version="10902"', "is document version 10902; .* save it again"),
        ("CoordinateCouplerConstraint", "PointConstraint", "PointConstraint is not known"),
        ("<socket_parent>/bodyset/b2<", "<socket_parent>/bodyset/nowhere<", "'/bodyset/nowhere' is not in the model"),
        ('Coordinate name="pin"', 'Coordinate name="tip"', "more than once"),
        ("<socket_parent>/bodyset/b3<", "<socket_parent>/bodyset/c4<", "closes a loop"),
        ("OpenSimDocument", "Document", "expected <OpenSimDocument"),
        ("</Model>", "", "is not XML"),
        ('Version="40600"', 'Version="4060²"', "expected <OpenSimDocument"),
        ('<Body name="b1">', '<Body name="b1"><mass>1,5</mass>', "body b1: <mass> holds '1,5'"),
        ('<Body name="b1">', '<Body name="b1"><mass>-2</mass>', "its mass is -2 kg"),
    ],
)
def test_what_would_move_otherwise_is_refused_by_name(old, new, said):
    text = EVERY.read_text()
    changed = text.replace(old, new)
    if old.startswith("<S") or old.startswith("<P"):
        changed = changed.replace(old.replace("<", "</"), new.replace("<", "</"))
    assert changed != text
    with pytest.raises(InputError, match="(?s).*" + said):
        parse_model(changed, "changed.osim")


def test_all_that_is_wrong_is_listed_at_once():
    text = EVERY.read_text().replace("SliderJoint", "ScrewJoint").replace("PolynomialFunction", "StepFunction")
    with pytest.raises(InputError) as error:
        parse_model(text, "changed.osim")
    assert "ScrewJoint" in str(error.value)
    assert "StepFunction" in str(error.value)
