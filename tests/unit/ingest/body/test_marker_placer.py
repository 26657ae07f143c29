"""Registered markers of the user's own model: a made-up static trial whose markers are known to be elsewhere."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neurostore.errors import CohortError, InputError
from neurostore.ingest.body.forward import marker_places
from neurostore.ingest.body.marker_placer import FAR_MM
from neurostore.ingest.body.osim import parse_model
from neurostore.ingest.body.person import document
from neurostore.ingest.body.scale_setup import read_scale_setup
from neurostore.ingest.body.scaling import scale_model
from neurostore.ingest.body.trial import body_of
from neurostore.ingest.cohort.config import read_config
from neurostore.ingest.landmarks import Landmarks
from neurostore.ingest.recording import Poses, Recording
from neurostore.skeleton import Skeleton

SCALE = """<OpenSimDocument Version="40000"><ScaleTool><ModelScaler><apply>true</apply><MeasurementSet><objects>
<Measurement name="leg"><MarkerPairSet><objects><MarkerPair><markers>right_hip right_knee</markers></MarkerPair></objects>
</MarkerPairSet><BodyScaleSet><objects><BodyScale name="right_thigh"><axes>X Y Z</axes></BodyScale><BodyScale
name="left_thigh"><axes>X Y Z</axes></BodyScale></objects></BodyScaleSet></Measurement></objects></MeasurementSet></ModelScaler>
<MarkerPlacer>{}</MarkerPlacer></ScaleTool></OpenSimDocument>"""
TASK = '<{} name="{}"><apply>true</apply><weight>{}</weight>{}</{}>'
#: what lies on the skin and has no task, m in the frames of their bodies
MOVED = {"right_thigh": (0.02, 0.01, -0.015), "left_shank": (-0.01, 0.03, 0.02), "head": (0.0, 0.06, 0.0)}
LACKED = "right_shank"


def _tasks(model, extra="", time="<time_range>0 0.29</time_range>"):
    markers = "".join(
        TASK.format("IKMarkerTask", m.name, 1, "", "IKMarkerTask")
        for m in model.markers
        if m.name not in (*MOVED, LACKED)
    )
    neck = "".join(
        TASK.format("IKCoordinateTask", f"neck_{n}", 1, "", "IKCoordinateTask")
        for n in ("extension", "bending", "rotation")
    )
    return f"<apply>true</apply><IKTaskSet><objects>{markers}{neck}{extra}</objects></IKTaskSet>{time}"


@pytest.fixture(scope="module")
def mine(tmp_path_factory):
    """[body] of cohort.toml, the model, and the person: other thighs, three markers elsewhere."""
    folder = tmp_path_factory.mktemp("placer")
    (folder / "m.osim").write_text(document("mine"))
    model = parse_model(document("mine"))
    (folder / "scale.xml").write_text(SCALE.format(_tasks(model)))
    person = scale_model(model, {"right_thigh": 1.1, "left_thigh": 1.1})
    person = scale_model(person, {}, {m.name: m.location + MOVED.get(m.name, 0) for m in person.markers})
    return {"model": folder / "m.osim", "scale": folder / "scale.xml"}, model, person


def _recording(person, kind, swing):
    """30 frames of standing, or standing followed by a leg that swings."""
    n = 30 if kind == "static" else 60
    values = np.tile([c.default for c in person.coordinates], (n, 1)).astype(float)
    names = list(person.coordinate_names)
    values[:, names.index("hip_flexion_r")] = 0.1
    if swing:
        wave = np.sin(np.linspace(0, np.pi, n - 30 if swing == "late" else n)) * 0.6
        for name in ("hip_flexion_r", "hip_flexion_l", "knee_angle_l", "pelvis_tx"):
            values[-len(wave) :, names.index(name)] += wave
    kept = [m.name for m in person.markers if m.name != LACKED or kind != "static"]
    places = (1000 * marker_places(person, values, kept)).astype(np.float32)
    frame = np.arange(n, dtype=np.int32)
    poses = Poses(Skeleton("made_up", tuple(kept)), np.zeros(n, np.int32), frame, frame / 100.0, places)
    return Recording(kind, 100.0, [poses]), Landmarks(poses.person, frame, poses.time_s)


def _body(person, own, kind, swing=None, given=()):
    recording, landmarks = _recording(person, kind, swing)
    body, notes = body_of(recording, landmarks, given, own)
    assert body is not None, notes
    return body, notes, landmarks.calibrations


def _off_mm(model, person, names):
    at = {m.name: m.location for m in model.markers}
    return max(1000 * np.linalg.norm(at[m.name] - m.location) for m in person.markers if m.name in names)


def test_the_trials_of_a_session_use_the_markers_that_its_static_trial_registers(mine):
    own, _, person = mine
    static, notes, given = _body(person, own, "static")
    assert _off_mm(static.model, person, MOVED) < 0.01
    assert any(n.endswith(f"does not have stay where scaling puts them: {LACKED}") for n in notes)
    (far,) = [n for n in notes if f"more than {FAR_MM:g} mm" in n]
    assert "head 60 mm" in far
    assert not any(n in far for n in ("right_thigh", "left_shank"))
    assert not any("MarkerPlacer" in n for n in notes)
    by_name = {c.parameter: c for c in given}
    x = next(m.location[0] for m in person.markers if m.name == "right_thigh")
    assert by_name["body_marker_right_thigh_x"].value == pytest.approx(1000 * x, abs=0.01)
    assert by_name["body_marker_right_thigh_x"].source == "static"

    walk, notes, again = _body(person, own, "mocap", "all", given)
    assert np.nanmax(walk.residual_max_mm) < 0.1
    assert walk.steps[0].parameters["registered"] == static.steps[0].parameters["registered"]
    assert any(n.endswith(f"does not have stay where scaling puts them: {LACKED}") for n in notes)
    assert not any(c.parameter.startswith("body_marker_") for c in again)


def test_a_trial_that_begins_with_standing_registers_its_own_markers(mine):
    own, _, person = mine
    body, _, calibrations = _body(person, own, "mocap", "late")
    assert _off_mm(body.model, person, MOVED) < 0.01
    assert {c.source for c in calibrations} == {"estimated"}


def test_a_movement_registers_nothing(mine):
    own, _, person = mine
    body, notes, calibrations = _body(person, own, "mocap", "all")
    (note,) = [n for n in notes if "markers stay where scaling puts them" in n]
    assert "nobody stands still" in note
    assert "registered" not in body.steps[0].parameters
    assert [c.parameter for c in calibrations] == ["body_scale_leg"]


def test_a_fixed_marker_stays(mine):
    own, model, person = mine
    loose = replace(person, markers=tuple(replace(m, is_fixed=False) for m in person.markers))
    hip = next(m.location for m in person.markers if m.name == "right_hip")
    away = scale_model(loose, {}, {"right_hip": hip + np.array([0.03, 0, 0])})
    body, _, _ = _body(away, own, "static")
    assert _off_mm(body.model, person, {"right_hip"}) < 1e-6
    assert _off_mm(model, person, {"right_hip"}) < 1e-6


def test_times_that_the_trial_does_not_have_are_noted(mine, tmp_path):
    own, model, person = mine
    (tmp_path / "s.xml").write_text(SCALE.format(_tasks(model, time="<time_range>5 6</time_range>")))
    _, notes, _ = _body(person, own | {"scale": tmp_path / "s.xml"}, "static")
    assert any("averages 5 to 6 s, and the trial has no frame in it (0 to 0.29 s)" in n for n in notes)


@pytest.mark.parametrize(
    ("placer", "message"),
    [
        ("<apply>perhaps</apply>", "its MarkerPlacer: <apply> holds 'perhaps'"),
        ("<time_range>1</time_range>", r"its MarkerPlacer: <time_range> holds '1'; expected 2 number"),
        ("<time_range>2 1</time_range>", "2 to 1 s; expected the first time first"),
        ("", "its MarkerPlacer has no <IKMarkerTask> of a weight above 0"),
        ('<IKTaskSet file="no.xml"/>', r"no\.xml: cannot be read as the <IKTaskSet> of s\.xml"),
        (
            "<IKTaskSet><objects>"
            + TASK.format("IKCoordinateTask", "q", 1, "<value_type>from_file</value_type>", "IKCoordinateTask")
            + "</objects></IKTaskSet>",
            "the coordinate task q has the value type 'from_file'",
        ),
    ],
)
def test_what_is_wrong_with_a_marker_placer_is_named(tmp_path, placer, message):
    (tmp_path / "s.xml").write_text(SCALE.format(placer))
    with pytest.raises(InputError, match=message):
        read_scale_setup(tmp_path / "s.xml")
    (tmp_path / "s.xml").write_text(SCALE.format(f"<apply>false</apply>{placer.replace('perhaps', 'false')}"))
    assert read_scale_setup(tmp_path / "s.xml").placer is None


def test_a_task_of_a_coordinate_that_the_model_lacks_is_named_before_anything_is_read(mine, tmp_path):
    _, model, _ = mine
    (tmp_path / "m.osim").write_text(document("mine"))
    task = TASK.format("IKCoordinateTask", "L5", 1, "", "IKCoordinateTask")
    (tmp_path / "s.xml").write_text(SCALE.format(_tasks(model, task)))
    (tmp_path / "cohort.toml").write_text('[body]\nmodel = "m.osim"\nscale = "s.xml"')
    with pytest.raises(
        CohortError, match=r"s\.xml: its MarkerPlacer has a task of L5, which is not a coordinate of mine"
    ):
        read_config(tmp_path)


def test_a_set_up_that_only_places_markers_scales_nothing(mine, tmp_path):
    _, model, _ = mine
    text = SCALE.format(_tasks(model)).replace("<ModelScaler><apply>true", "<ModelScaler><apply>false")
    (tmp_path / "s.xml").write_text(text)
    setup = read_scale_setup(tmp_path / "s.xml")
    assert not setup.measurements
    assert setup.placer is not None
