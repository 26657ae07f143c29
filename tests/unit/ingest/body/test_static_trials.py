"""Static trials of a session: the time that is averaged, which of several is used, and those of another person."""

from __future__ import annotations

import numpy as np
import pytest

from neurostore.ingest.body import static_choice, static_person
from neurostore.ingest.body.fitting import fit_body
from neurostore.ingest.body.forward import marker_places
from neurostore.ingest.body.osim import parse_model
from neurostore.ingest.body.person import CENTRES, document, person
from neurostore.ingest.body.scale_setup import Measurement, read_scale_setup
from neurostore.ingest.body.scaling import scale_model
from neurostore.ingest.body.time_range import frames_within
from neurostore.ingest.body.trial import body_of
from neurostore.ingest.cohort.source import Metadata
from neurostore.ingest.landmarks import Landmarks
from neurostore.ingest.pipeline.batch import calibrations_for
from neurostore.ingest.recording import Calibration, Poses, Recording
from neurostore.skeleton import Skeleton

SCALE = """<OpenSimDocument Version="40000"><ScaleTool><ModelScaler><marker_file>../mocap\\cal_02.trc</marker_file>
<time_range>{}</time_range><MeasurementSet><objects>
<Measurement name="leg"><MarkerPairSet><objects><MarkerPair><markers>right_hip right_knee</markers></MarkerPair></objects>
</MarkerPairSet><BodyScaleSet><objects><BodyScale name="right_thigh"><axes>X Y Z</axes></BodyScale><BodyScale
name="left_thigh"><axes>X Y Z</axes></BodyScale></objects></BodyScaleSet></Measurement></objects></MeasurementSet></ModelScaler>
<MarkerPlacer><IKTaskSet><objects>{}</objects></IKTaskSet></MarkerPlacer></ScaleTool></OpenSimDocument>"""


@pytest.mark.parametrize(
    ("time", "frames"),
    [((0.2, 0.4), (2, 4)), ((0.25, 0.45), (2, 5)), ((0.2, 0.2), (2, 2)), ((0.95, 3), (9, 10)), ((0, 0.05), (0, 1)),
     ((-2, 0), (0, 0)), ((5, 6), None), (None, (0, 10))],
)  # fmt: skip
def test_frames_of_a_time_are_those_of_opensim(time, frames):
    """OpenSim 4.6's ModelScaler on markers whose distance doubles in every frame, which shows what it averages."""
    used = np.flatnonzero(frames_within(time, np.arange(11) / 10))
    assert (tuple(used[[0, -1]]) if len(used) else None) == frames


@pytest.fixture(scope="module")
def mine(tmp_path_factory):
    folder = tmp_path_factory.mktemp("statics")
    model = parse_model(document("mine"))
    task = '<IKMarkerTask name="{}"><apply>true</apply><weight>1</weight></IKMarkerTask>'
    tasks = "".join(task.format(m.name) for m in model.markers)
    (folder / "m.osim").write_text(document("mine"))
    (folder / "scale.xml").write_text(SCALE.format("0.1 0.2", tasks))
    return {"model": folder / "m.osim", "scale": folder / "scale.xml"}, model


def _trial(model, kind="static", n=40):
    """Recording and landmarks of someone who stands."""
    names = [m.name for m in model.markers]
    q = np.tile([c.default for c in model.coordinates], (n, 1)).astype(float)
    places = (1000 * marker_places(model, q, names)).astype(np.float32)
    frame = np.arange(n, dtype=np.int32)
    poses = Poses(Skeleton("made_up", tuple(names)), np.zeros(n, np.int32), frame, frame / 100.0, places)
    return Recording(kind, 100.0, [poses]), Landmarks(poses.person, frame, poses.time_s)


def _factor(calibrations):
    return next(c.value for c in calibrations if c.parameter == "body_scale_leg")


def test_measurements_are_taken_in_the_time_of_the_set_up(mine):
    own, model = mine
    recording, landmarks = _trial(model)
    knee = recording.poses[0].skeleton.joints.index("right_knee")
    hip = recording.poses[0].skeleton.joints.index("right_hip")
    at = recording.poses[0].positions
    at[25:, knee] += 0.4 * (at[25:, knee] - at[25:, hip])  # not in the time that is measured
    at[:9, knee] += 0.4 * (at[:9, knee] - at[:9, hip])
    body, notes = body_of(recording, landmarks, (), own)
    assert body is not None, notes
    assert _factor(landmarks.calibrations) == pytest.approx(1.0, abs=1e-4)
    recording.poses[0].time_s[:] += 10.0
    landmarks = Landmarks(landmarks.person, landmarks.frame, recording.poses[0].time_s)
    body, notes = body_of(recording, landmarks, (), own)
    assert any(
        "measures 0.1 to 0.2 s, and the trial has no frame in it (10 to 10.39 s): the whole trial" in n for n in notes
    )


def test_a_static_trial_measures_itself_and_says_how_good_it_is(mine):
    own, model = mine
    recording, landmarks = _trial(model)
    given = [Calibration("body_scale_leg", None, 1.3, "", "static")]
    body_of(recording, landmarks, given, own, files=["cal_02"])
    assert _factor(landmarks.calibrations) == pytest.approx(1.0, abs=1e-4)
    merit = {c.parameter: c.value for c in landmarks.calibrations if static_choice.is_merit(c)}
    assert merit["body_static_named"] == 1
    assert merit["body_static_markers"] == len(model.markers)
    assert merit["body_static_moves"] == pytest.approx(0, abs=0.01)
    assert read_scale_setup(own["scale"]).files == {"cal_02"}


def _static(named=0, markers=40, moves=2.0, scale=1.0):
    known = {"body_static_named": named, "body_static_markers": markers, "body_static_moves": moves}
    return tuple(Calibration(n, None, float(v), "", "static") for n, v in {**known, "body_scale_leg": scale}.items())


@pytest.mark.parametrize(
    ("a", "b", "best", "why"),
    [
        (_static(moves=45), _static(), "b", "a does not stand still: 45 mm"),
        (_static(), _static(named=1, markers=30), "b", "a is not the file that the set-up names"),
        (_static(named=1, moves=30), _static(), "b", "a does not stand still: 30 mm"),
        (_static(markers=12), _static(), "b", "a has 12 markers instead of 40"),
        (_static(moves=9), _static(), "b", "a moves more: 9 mm"),
        (_static(), _static(moves=2.5), "a", "b is as good and comes later by name"),
        (_static()[:3], _static(), "b", None),
    ],
)
def test_the_body_comes_from_the_best_static_trial_alone(a, b, best, why):
    asis = Calibration("inter_asis", None, 240.0, "mm", "static")
    leg = {"a": 1.1, "b": 1.2}
    statics = {name: (*known[:3], asis) for name, known in (("a", a), ("b", b))}
    for name, known in (("a", a), ("b", b)):
        if len(known) > 3:
            statics[name] += (Calibration("body_scale_leg", None, leg[name], "", "static"),)
    trial, note = static_choice.chosen(statics)
    assert trial == best
    assert (note is None) if why is None else (f"static trial {best}" in note and why in note)
    given = {c.parameter: c.value for c in calibrations_for(("P", "", "walk"), Metadata(), {("P", ""): statics})}
    assert given == {"inter_asis": 240.0, "body_scale_leg": leg[best]}


def test_the_static_trial_of_another_person_is_not_used(mine):
    own, model = mine
    child = scale_model(model, dict.fromkeys(model.bodies, 0.75))
    recording, landmarks = _trial(child)
    body_of(recording, landmarks, (), own)
    given = landmarks.calibrations
    recording, landmarks = _trial(model, "mocap")
    body, notes = body_of(recording, landmarks, given, own)
    assert body is not None
    (note,) = [n for n in notes if "another person" in n]
    assert "leg 1 here, 0.75 there" in note
    assert np.nanmax(body.residual_max_mm) < 0.1
    recording, landmarks = _trial(child, "mocap")
    _, notes = body_of(recording, landmarks, given, own)
    assert not any("another person" in n for n in notes)


def test_what_depends_on_the_pose_does_not_tell_persons_apart(mine):
    model = mine[1]
    pairs = {"leg": ("right_hip", "right_ankle"), "thigh": ("right_hip", "right_knee")}
    assert static_person.steady(model, tuple(Measurement(n, (p,), ()) for n, p in pairs.items())) == {"thigh"}
    one = {"a": 100.0, "b": 100.0, "c": 100.0}
    assert static_person.different(one, one | {"a": 150.0}) is None  # one marker was placed anew
    assert static_person.different(one, one | {"a": 150.0, "b": 80.0}) is None
    assert (
        static_person.different(one, dict.fromkeys(one, 115.0))
        == "a 100 here, 115 there, b 100 here, 115 there, c 100 here, 115 there"
    )


def test_lengths_of_another_person_are_not_used_for_our_model():
    model = person()
    names = [m.name for m in model.markers if m.name in CENTRES or m.name.endswith(("asis", "shoulder", "toe"))]
    places = 1000 * marker_places(model, np.zeros((12, len(model.coordinates))), names)
    frame = np.arange(12, dtype=np.int32)
    points = {n: places[:, k].astype(np.float32) for k, n in enumerate(names)}
    landmarks = Landmarks(np.zeros(12, np.int32), frame, frame / 100.0, points=points)
    thigh, shank = 422.2, 434.0
    for share, is_other in ((0.7, True), (0.95, False)):
        lengths = {f"{s}_{n}": share * v for s in ("left", "right") for n, v in (("thigh", thigh), ("shank", shank))}
        body = fit_body(landmarks, 100.0, lengths=lengths)
        assert any("another person" in n for n in body.notes) == is_other
        length = next(c.value for c in body.calibrations if c.parameter == "body_thigh_length")
        assert length == pytest.approx(thigh if is_other else share * thigh, abs=0.1)


def test_frames_that_the_users_model_misses_have_no_angles(mine):
    """Markers of a giant in half of the frames: the distances are kept, the angles are not."""
    own, model = mine
    recording, landmarks = _trial(model, "mocap")
    recording.poses[0].positions[20:] *= 1.8
    body, notes = body_of(recording, landmarks, (), {"model": own["model"]})
    assert any(
        "20 frames without angles, because the model misses its markers there by over 100 mm" in n for n in notes
    )
    known = np.isfinite(body.coordinates["knee_angle_r"])
    np.testing.assert_array_equal(known, np.arange(40) < 20)
    assert np.isfinite(body.rotations["right_thigh"][:20]).all()
    assert np.isnan(body.rotations["right_thigh"][20:]).all()
    assert (body.residual_rms_mm[20:] > 100).all()
