"""Reading OpenSim models and moving them: against OpenSim 4.6's own figures (every_joint.json), and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from neurostore.errors import InputError
from neurostore.ingest.body.forward import forward, marker_places, unlocked
from neurostore.ingest.body.functions import spline
from neurostore.ingest.body.inverse import _complete
from neurostore.ingest.body.osim import parse_model, read_model
from neurostore.ingest.body.scaling import scale_model
from neurostore.ingest.body.tree import build_tree

HERE = Path(__file__).parent
EVERY = HERE / "every_joint.osim"
MODEL = '<Model name="every_joint">'
COUPLED = "<LinearFunction>\n       <coefficients>0.5 -0.3 0.1</coefficients>\n      </LinearFunction>"


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


def _element(text, start, end):
    """The element of a document that begins with one tag and ends with another, and the text without it."""
    first = text.index(start)
    last = text.index(end, first) + len(end)
    return text[first:last], text[:first] + text[last:]


def _in_another_form():
    """The same model with parts elsewhere, as OpenSim 4.6 also reads it, and its marker set, which is taken out."""
    text = EVERY.read_text()
    body, text = _element(text, '<Body name="e3">', "</Body>")
    joint, text = _element(text, '<PinJoint name="tip">', "</PinJoint>")
    markers, text = _element(text, '<MarkerSet name="markerset">', "</MarkerSet>")
    for line in ("<clamped>false</clamped>", "<locked>false</locked>", "<range>-10 10</range>"):
        text = text.replace(line, "")
    frame = '<PhysicalOffsetFrame name="{}"><socket_parent>{}</socket_parent><translation>{}</translation>{}'
    first = frame.format("first", "..", "0.1 0 0", "<orientation>0 0 1</orientation>")
    second = frame.format("second", "..", "-0.1 0 0", "<orientation>0 0 -1</orientation></PhysicalOffsetFrame>")
    # the second frame is the body's own again, but for a shift along the first one's x axis
    first += f"<components>{second}</components></PhysicalOffsetFrame>"
    text = text.replace('<Body name="root">', f'<Body name="root"><components>{first}</components>')
    # a CMC_Joint, as Rajagopal's model has it, is a task of OpenSim's tracking tool
    defaults = "<defaults><Coordinate><range>-10 10</range><locked>0</locked></Coordinate><CMC_Joint/></defaults>"
    ground = frame.format("floor", "..", "0 0 0", "</PhysicalOffsetFrame>")
    ground = f"<Ground><components>{ground}</components></Ground>"
    text = text.replace(MODEL, f'{MODEL}{defaults}{ground}<MarkerSet file="own.xml"/>').replace(
        ">/ground<", ">/ground/floor<"
    )
    text = text.replace("</Model>", f"<components>{body}{joint}</components></Model>").replace("/bodyset/e3", "/e3")
    text = text.replace("<translation>0.120666 0.184028", "<translation>0.120666, 0.184028,")
    markers = markers.replace("/bodyset/root<", "/bodyset/root/first/second<").replace("/bodyset/e3", "/e3")
    return text, f'<OpenSimDocument Version="40600">{markers}</OpenSimDocument>'


def test_parts_of_a_document_may_be_elsewhere(tmp_path):
    """Bodies, joints and frames in components, sets in files, defaults, commas, Latin-1: all agree with OpenSim 4.6."""
    text, markers = _in_another_form()
    declared = text.replace('version="1.0"', 'version="1.0" encoding="ISO-8859-1"').replace(
        MODEL, MODEL + "<credits>Müller</credits>"
    )
    (tmp_path / "model.osim").write_bytes(declared.encode("latin-1"))
    (tmp_path / "own.xml").write_text(markers)
    model, same = read_model(tmp_path / "model.osim"), read_model(EVERY)
    assert "Müller" in model.text
    values = np.random.default_rng(1).uniform(-0.7, 0.7, (3, len(same.coordinates)))
    order = [same.coordinate_names.index(n) for n in model.coordinate_names]
    bodies = list(same.bodies)
    for ours, theirs in zip(forward(model, values[:, order], bodies), forward(same, values, bodies), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-12)
    assert {c.name: c.maximum for c in model.coordinates} == {c.name: c.maximum for c in same.coordinates}
    at, was = ({m.name: m for m in of.markers} for of in (model, same))
    assert at.keys() == was.keys()
    shift = 0.1 - 0.1 * np.cos(1), -0.1 * np.sin(1), 0.0
    np.testing.assert_allclose(at["root_1"].location - was["root_1"].location, shift, atol=1e-12)
    np.testing.assert_array_equal(at["e3_0"].location, was["e3_0"].location)
    again = parse_model(model.text)  # what is exported needs no other file
    assert [m.name for m in again.markers] == [m.name for m in model.markers]
    (tmp_path / "own.xml").unlink()
    with pytest.raises(InputError, match=r"its <MarkerSet> is in 'own.xml', which cannot be read"):
        read_model(tmp_path / "model.osim")


def test_a_larger_body_is_larger_everywhere():
    """All bodies scaled by one factor, couplers and chained frames too: every place is that many times as far away."""
    text, markers = _in_another_form()
    markers = markers.split(">", 1)[1].removesuffix("</OpenSimDocument>")
    # OpenSim scales a translation along an oblique axis by more than the factor
    text = text.replace("<axis>0.535677 -0.842798 0.0523661</axis>", "<axis>0 1 0</axis>")
    model = parse_model(text.replace('<MarkerSet file="own.xml"/>', markers))
    larger = scale_model(model, dict.fromkeys(model.bodies, 1.3))
    values = np.random.default_rng(2).uniform(-0.7, 0.7, (3, len(model.coordinates)))
    values[:, [not c.is_rotational for c in model.coordinates]] = 0.0
    whole = build_tree(unlocked(model)), build_tree(unlocked(larger))
    before, after = (
        marker_places(of, _complete(tree, values), [m.name for m in model.markers])
        for of, tree in zip((model, larger), whole, strict=True)
    )
    ground = np.array([0.0705801, -0.139685, -0.0238746])  # the first joint's place on the ground keeps its own
    np.testing.assert_allclose(after - ground, 1.3 * (before - ground), atol=1e-9)
    empty = model.text.replace("<mass_center>0 0 0</mass_center>", "<mass_center/>")
    assert scale_model(parse_model(empty), {"b2": 1.2}).masses_kg == model.masses_kg
    off = model.text.replace("<isEnforced>true", "<isEnforced>false").replace(">slider</dependent", ">none</dependent")
    assert scale_model(parse_model(off), {"b2": (1.0, 1.2, 1.0)}).couplers == ()
    with pytest.raises(InputError, match=r"b2 would be scaled by 1 1.2 1, and slider is a coupled translation in it"):
        scale_model(model, {"b2": (1.0, 1.2, 1.0)})


def test_an_axis_without_a_function_does_not_move():
    """As in OpenSim 4.6: no function is zero, an empty one the coordinate itself; a missing axis is still."""
    text = EVERY.read_text()
    first, last = text.index('<CustomJoint name="custom">'), text.index('<CustomJoint name="custom2">')
    function, rest = _element(text[first:last], '<LinearFunction name="function">', "</LinearFunction>")
    _, without = _element(rest, '<TransformAxis name="translation1">', "</TransformAxis>")
    for joint, motion, n_axes in ((without, "coupled", 4), (rest.replace(">cu_a</coordinates>", ">cu_a</coordinates><function/>", 1), "rotational", 6)):  # fmt: skip
        model = parse_model(text[:first] + joint + text[last:])
        assert next(c.motion for c in model.coordinates if c.name == "cu_a") == motion
        assert len(next(j for j in model.joints if j.name == "custom").axes) == n_axes
    assert "1 0" in function


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


def test_true_is_also_written_as_1_before_opensim_4():
    text = (HERE / "before_4.osim").read_text()
    ones = text.replace("<isDisabled>true<", "<isDisabled>1<").replace("<reverse>true<", "<reverse>1<")
    assert ones != text
    same, model = parse_model(text), parse_model(ones)
    assert [c.name for c in model.couplers] == ["pat_r"]
    assert [(j.parent, j.child) for j in model.joints] == [(j.parent, j.child) for j in same.joints]
    with pytest.raises(InputError, match="joint sh_l: <reverse> holds 'yes'; expected true or false"):
        parse_model(text.replace("<reverse>true<", "<reverse>yes<"))


def test_documents_are_read_as_leniently_as_by_opensim():
    """As in models of gait distributed for OpenSim 3 (osim-rl 3.0.11): contact parameters, a comment in a comment, two joints 'back'.

    OpenSim 4.6 names joints of one name back, back_0, back_1, and passes over a number that is taken.
    """
    text = (HERE / "before_4.osim").read_text()
    model = parse_model(text)
    contact = "<HuntCrossleyForce::ContactParameters><friction>1</friction></HuntCrossleyForce::ContactParameters>"
    odd = text.replace("</Model>", f"<!-- off <!-- on --><ForceSet><objects>{contact}</objects></ForceSet></Model>", 1)
    names = [j.name for j in model.joints]
    for name, new in zip(names[1:4], ("twin", "twin", "twin_0"), strict=True):
        odd = odd.replace(f'Joint name="{name}"', f'Joint name="{new}"')
    same = parse_model(odd)
    assert same.coordinates != ()
    assert sorted(j.name for j in same.joints if "twin" in j.name) == ["twin", "twin_0", "twin_1"]
    values = np.linspace(-0.5, 0.5, len(model.coordinates))[None]
    np.testing.assert_array_equal(forward(same, values)[1], forward(model, values)[1])
    assert [j.name for j in parse_model(same.text).joints] == [j.name for j in same.joints]
    assert scale_model(same, {}).bodies == model.bodies
    with pytest.raises(InputError, match="is not XML: mismatched tag"):
        parse_model(odd.replace("</friction>", ""))


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
        ("<inertia>1 1", "<inertia>1", "body b1: <inertia> holds '1 1 0 0 0'; expected 6"),
        ('<Body name="b1">', "<Body>", "1 body without a name"),
        (
            '<TransformAxis name="rotation3">',
            '<TransformAxis name="rotation2">',
            "expected each of rotation1, rotation2",
        ),
        (MODEL, MODEL + "<length_units>mm</length_units>", "its <length_units> are 'mm'; expected meters"),
        (MODEL, MODEL + '<MarkerSet file="m.xml"/>', "its <MarkerSet> is in the file 'm.xml'; expected it in"),
        (MODEL, MODEL + "<defaults><PinJoint/></defaults>", "its <defaults> hold a PinJoint"),
        (MODEL, f"{MODEL}<components><PointConstraint name='p'/></components>", "p: the kind PointConstraint is not"),
        ("<coefficients>0.1 -0.2", "<coefficients>1_0 ٣", "holds '1_0 ٣ 0.05 0.02'; expected numbers"),
        ("<translation>0.0705801", "<translation>inf", "<translation> holds 'inf -0.139685"),
        ("<isEnforced>true", "<isEnforced>yes", "constraint slides: <isEnforced> holds 'yes'; expected true or false"),
        (">uni_x tip<", ">uni_x gim_y<", "coordinate gim_y: couplers make them depend on each other in a circle"),
        (COUPLED, "<Constant><value>1</value></Constant>", "couples by a Constant; lock gim_y at 1 instead"),
        ('name="gim_y">', 'name="gim_y"><locked>1</locked>', "gim_y is locked, but follows uni_x, tip .constraint ben"),
        (
            'name="pin">\n       <default_value>0',
            'name="pin"><clamped>1</clamped><default_value>11',
            "coordinate pin: it is clamped to -10 to 10, but its default is 11",
        ),
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
