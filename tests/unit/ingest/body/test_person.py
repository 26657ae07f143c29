"""Neurostore's own body, its scaling and its fit to landmarks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neurostore.errors import InputError, UsageError
from neurostore.ingest.body.contact import stances
from neurostore.ingest.body.exchange import motion_text
from neurostore.ingest.body.fitting import BodySettings, fit_body
from neurostore.ingest.body.forward import forward, marker_places
from neurostore.ingest.body.inverse import fit
from neurostore.ingest.body.osim import parse_model
from neurostore.ingest.body.person import person, scaled, with_document
from neurostore.ingest.body.scaling import scale_model
from neurostore.ingest.body.smoothing import chosen_cutoffs, smooth
from neurostore.ingest.body.targets import Targets, prepare
from neurostore.ingest.geometry.rotations import from_matrix, to_matrix
from neurostore.ingest.landmarks import Landmarks

RATE_HZ = 100.0


def _walk(n: int = 150) -> np.ndarray:
    """(n, Q) coordinates of a walk-like movement towards +X."""
    names = person().coordinate_names
    t = np.arange(n) / RATE_HZ
    values = np.zeros((n, len(names)))

    def put(name, mean_deg, swing_deg, phase=0.0):
        values[:, names.index(name)] = np.radians(mean_deg + swing_deg * np.sin(2 * np.pi * t + phase))

    put("pelvis_tilt", -5, 2)
    put("pelvis_list", 0, 4)
    put("pelvis_rotation", 10, 5)
    put("lumbar_rotation", 0, 6)
    for side, phase in (("r", 0.0), ("l", np.pi)):
        put(f"hip_flexion_{side}", 10, 25, phase)
        put(f"hip_adduction_{side}", 0, 5, phase)
        put(f"hip_rotation_{side}", 2, 5, phase)
        put(f"knee_angle_{side}", 35, 25, phase + 1)
        put(f"ankle_angle_{side}", 5, 12, phase + 2)
        put(f"arm_flex_{side}", 0, 20, phase + 3)
        put(f"elbow_flex_{side}", 40, 10, phase)
    values[:, names.index("pelvis_tx")] = 1.3 * t
    values[:, names.index("pelvis_ty")] = 0.95
    return values


def _landmarks(values: np.ndarray, factor: float = 1.0, lines: bool = False) -> Landmarks:
    """What a lake would hold of the person scaled by a factor and moved."""
    model = scale_model(person(), dict.fromkeys(person().bodies, factor))
    names = [m.name for m in model.markers]
    places = 1000 * marker_places(model, values)
    bodies = list(model.bodies)
    rotations, _ = forward(model, values, bodies)
    n = len(values)
    out = Landmarks(np.zeros(n, np.int32), np.arange(n, dtype=np.int32), np.arange(n) / RATE_HZ)
    out.points = {name: places[:, k].astype(np.float32) for k, name in enumerate(names)}
    for k, body in enumerate(bodies):
        if body != "head":
            out.segments[f"{body}_line" if lines and "_" in body else body] = from_matrix(rotations[:, k])
    return out


def test_it_is_an_adult_of_the_published_tables():
    """de Leva 1996, tables 1 and 4: lengths of a male of 1.741 m and 73 kg, and segment shares that sum to one."""
    model = person()
    assert 23 <= model.n_freedoms <= 37
    assert sum(model.masses_kg.values()) == pytest.approx(73.0, rel=1e-3)
    at = dict(
        zip(
            [m.name for m in model.markers], marker_places(model, np.zeros((1, len(model.coordinates))))[0], strict=True
        )
    )
    assert np.linalg.norm(at["left_hip"] - at["left_knee"]) == pytest.approx(0.4222)
    assert np.linalg.norm(at["left_knee"] - at["left_ankle"]) == pytest.approx(0.4340)
    assert np.linalg.norm(at["right_elbow"] - at["right_wrist"]) == pytest.approx(0.2689)
    for name, place in at.items():
        if name.startswith("left_"):
            np.testing.assert_allclose(place * [1, 1, -1], at[name.replace("left_", "right_")], atol=1e-12)


@pytest.mark.parametrize(
    ("coordinate", "marker", "axis", "sign"),
    [
        ("hip_flexion_r", "right_knee", 0, 1),  # forward
        ("hip_adduction_r", "right_knee", 2, -1),  # to the middle
        ("hip_adduction_l", "left_knee", 2, 1),
        ("hip_rotation_l", "left_toe", 2, 1),  # toes to the middle
        ("knee_angle_r", "right_ankle", 0, -1),  # backward
        ("ankle_angle_l", "left_toe", 1, 1),  # up
        ("arm_flex_l", "left_elbow", 0, 1),
        ("arm_add_r", "right_elbow", 2, -1),
        ("elbow_flex_r", "right_wrist", 0, 1),
        ("lumbar_extension", "c7", 0, -1),
        ("pelvis_list", "right_asis", 1, -1),  # right side down
        ("pelvis_tilt", "right_asis", 1, 1),  # posterior tilt lifts the front
        ("pelvis_rotation", "right_asis", 0, 1),  # right side forward
    ],
)
def test_signs_are_opensims(coordinate, marker, axis, sign):
    model = person()
    values = np.zeros((2, len(model.coordinates)))
    values[1, model.coordinate_names.index(coordinate)] = 0.2
    before, after = marker_places(model, values, [marker])[:, 0]
    assert sign * (after - before)[axis] > 0.005


def test_scaling_moves_joints_markers_and_mass():
    model = person()
    scaled = scale_model(model, {"right_thigh": [1.0, 1.2, 1.0]}, {"c7": np.array([0.1, 0.2, 0.3])}, mass_kg=50.0)
    zero = np.zeros((1, len(model.coordinates)))
    hip, knee = marker_places(scaled, zero, ["right_hip", "right_knee"])[0]
    assert np.linalg.norm(hip - knee) == pytest.approx(1.2 * 0.4222)
    assert next(m for m in scaled.markers if m.name == "c7").location == pytest.approx([0.1, 0.2, 0.3])
    assert sum(scaled.masses_kg.values()) == pytest.approx(50.0, rel=1e-3)
    assert parse_model(scaled.text).sha256 == scaled.sha256


@pytest.mark.parametrize("factor", [0.4, 2.5, np.nan])
def test_a_factor_outside_half_to_twice_is_refused_by_name(factor):
    with pytest.raises(InputError, match="left_shank would be scaled by"):
        scale_model(person(), {"left_shank": factor})
    with pytest.raises(UsageError, match="tail"):
        scale_model(person(), {"tail": 1.0})


@pytest.mark.parametrize("factor", [0.7, 1.15])
def test_a_person_of_another_size_is_found(factor):
    values = _walk()
    body = fit_body(_landmarks(values, factor), RATE_HZ, BodySettings(smooth_hz=0))
    names = body.model.coordinate_names
    for name in ("knee_angle_r", "hip_flexion_l", "hip_rotation_r", "ankle_angle_l", "pelvis_list", "lumbar_rotation"):
        truth = np.degrees(values[:, names.index(name)])
        np.testing.assert_allclose(body.coordinates[name], truth, atol=0.3, err_msg=name)
    assert np.nanmax(body.residual_max_mm) < 2.0
    length = next(c.value for c in body.calibrations if c.parameter == "body_thigh_length" and c.side == "left")
    assert length == pytest.approx(422.2 * factor, abs=1.0)


def test_a_gap_of_one_marker_is_bridged():
    values = _walk()
    landmarks = _landmarks(values, lines=True)
    landmarks.points["left_knee"][50:90] = np.nan
    for name in ("left_knee_lateral", "left_knee_medial", "left_thigh", "left_shank"):
        del landmarks.points[name]
    for name in ("left_thigh_line", "left_shank_line"):
        landmarks.segments[name][50:90] = np.nan
    body = fit_body(landmarks, RATE_HZ)
    truth = np.degrees(values[:, body.model.coordinate_names.index("knee_angle_l")])
    gap = body.coordinates["knee_angle_l"][50:90] - truth[50:90]
    assert np.sqrt(np.mean(gap**2)) < 1.5


def test_frames_without_landmarks_are_nan_and_a_coordinate_nothing_tells_of_too():
    values = _walk()
    landmarks = _landmarks(values)
    for points in landmarks.points.values():
        points[40:120] = np.nan
    for turns in landmarks.segments.values():
        turns[40:120] = np.nan
    body = fit_body(landmarks, RATE_HZ)
    assert np.isnan(body.coordinates["knee_angle_r"][41:119]).all()
    assert np.isnan(body.residual_rms_mm[60])
    assert body.worst[60] is None
    assert np.isfinite(body.coordinates["knee_angle_r"][:40]).all()
    assert (
        np.isnan(body.coordinates["neck_rotation"]).all() or np.isfinite(body.coordinates["neck_rotation"][:40]).any()
    )


def test_a_frame_that_no_body_fits_has_no_angles():
    """Limbs torn apart (bones 1.6 times as long); a short gap beside them is not bridged either, one elsewhere is."""
    landmarks = _landmarks(_walk())
    middle = (landmarks.points["left_hip"] + landmarks.points["right_hip"]) / 2
    for points in landmarks.points.values():
        points[60:75] += 0.6 * (points - middle)[60:75]
        points[[20, 21, 75, 76, 77]] = np.nan
    for turns in landmarks.segments.values():
        turns[[20, 21, 75, 76, 77]] = np.nan
    body = fit_body(landmarks, RATE_HZ)
    known = np.isfinite(body.coordinates["knee_angle_r"])
    np.testing.assert_array_equal(np.flatnonzero(~known), np.arange(60, 78))
    assert np.isnan(body.rotations["right_thigh"][60:78]).all()
    assert body.residual_rms_mm[65] > 80
    assert any("15 frames without angles of the body" in note for note in body.notes)


def test_too_little_to_fit_is_reported():
    landmarks = _landmarks(_walk(20))
    few = {n: landmarks.points[n] for n in ("left_hip", "right_hip", "left_knee")}
    with pytest.raises(InputError, match="expected both hips"):
        fit_body(replace(landmarks, points=few), RATE_HZ)
    landmarks.points["left_knee"] = landmarks.points["left_hip"].copy()
    landmarks.points["right_knee"] = landmarks.points["right_hip"].copy()
    with pytest.raises(InputError, match="left_thigh, right_thigh is zero"):
        fit_body(landmarks, RATE_HZ)


def test_a_person_of_three_metres_is_refused():
    values = _walk(20)
    landmarks = _landmarks(values, 1.9)
    landmarks.points = {n: p * 1.5 for n, p in landmarks.points.items()}
    with pytest.raises(InputError, match="would be scaled by"):
        fit_body(landmarks, RATE_HZ)


def test_more_frames_are_registered_where_noise_is_left():
    """The noise of a registered point falls with the root of the number of frames: 300 instead of 100."""
    landmarks = _landmarks(_walk(400))
    truth = {m.name: m.location for m in fit_body(landmarks, RATE_HZ, BodySettings(0.0)).model.markers}
    skin = [n for n in landmarks.points if n.endswith(("asis", "psis", "heel", "toe", "lateral", "medial"))]
    rng = np.random.default_rng(5)
    landmarks.points = {n: p + rng.normal(0, 10.0, p.shape) * (n in skin) for n, p in landmarks.points.items()}
    off = []
    for is_filtered in (True, False):
        model = fit_body(landmarks, RATE_HZ, BodySettings(0.0), is_filtered=is_filtered).model
        off.append(np.mean([np.linalg.norm(m.location - truth[m.name]) for m in model.markers if m.name in skin]))
    assert off[1] < 0.75 * off[0]


def test_a_joint_at_the_end_of_its_range_is_not_measured():
    values = _walk(60)
    knee = person().coordinate_names.index("knee_angle_r")
    values[:, knee] = np.radians(10 - 45 * np.sin(np.pi * np.arange(60) / 59))  # to 35 degrees of hyperextension
    body = fit_body(_landmarks(values), RATE_HZ)
    found, truth = body.coordinates["knee_angle_r"], np.degrees(values[:, knee])
    assert np.isnan(found[truth < -22]).all()
    np.testing.assert_allclose(found[truth > -15], truth[truth > -15], atol=1.5)
    assert np.isnan(body.rotations["right_shank"][truth < -22]).all()
    assert np.isfinite(body.coordinates["knee_angle_l"]).all()
    (note,) = [n for n in body.notes if "end of the model's range" in n]
    assert note.startswith("body: knee_angle_r is left out in")
    assert "(-20°)" in note


def test_a_foot_that_a_video_sees_too_short_does_not_cost_the_body():
    """What a camera in front sees; from markers the same length means that they are something else."""
    landmarks = _landmarks(_walk(40))
    truth = fit_body(landmarks, RATE_HZ).coordinates["knee_angle_r"]
    for side in ("left", "right"):
        ankle = landmarks.points[f"{side}_ankle"]
        for name in ("toe", "heel"):
            landmarks.points[f"{side}_{name}"] = ankle + 0.4 * (landmarks.points[f"{side}_{name}"] - ankle)
    with pytest.raises(InputError, match=r"left_foot would be scaled by 0\.4"):
        fit_body(landmarks, RATE_HZ)
    body = fit_body(landmarks, RATE_HZ, is_video=True)
    assert "body_foot_length" not in {c.parameter for c in body.calibrations}
    notes = [n for n in body.notes if "0.40 of an adult's, which was not believed" in n]
    assert len(notes) == 2
    assert "scaled like the rest of the body (1.00)" in notes[0]
    np.testing.assert_allclose(body.coordinates["knee_angle_r"], truth, atol=2.0)
    assert np.isnan(body.coordinates["ankle_angle_r"]).all()
    assert np.isnan(body.rotations["right_foot"]).all()
    landmarks.points = {n: 2.2 * p for n, p in landmarks.points.items()}
    with pytest.raises(InputError, match="would be scaled by"):
        fit_body(landmarks, RATE_HZ, is_video=True)  # nobody is that tall, whatever the feet


def test_a_motion_says_what_it_fills():
    model = person()
    time_s = np.arange(4) / 100
    given = {n: np.zeros(4) for n in model.coordinate_names}
    given["knee_angle_r"] = np.array([np.nan, 10.0, np.nan, 30.0])
    del given["pro_sup_l"]
    text = motion_text(model, time_s, given, "walk")
    assert "not known in some frames, the nearest known value is written: knee_angle_r (2 frames)\n" in text
    assert "not known, the default of the model is written: pro_sup_l\n" in text
    head, rows = text.split("endheader\n")
    names, *lines = rows.strip().split("\n")
    column = names.split("\t").index("knee_angle_r")
    assert [float(line.split("\t")[column]) for line in lines] == [10.0, 10.0, 10.0, 30.0]
    assert "nRows=4" in head


def test_the_document_of_a_scaled_person_says_what_the_numbers_say():
    rng = np.random.default_rng(4)
    factors = {b: rng.uniform(0.7, 1.3, 3) for b in person().bodies}
    turns = {"knee_r": to_matrix(np.array([0.99, 0.05, -0.1, 0.03]) / np.linalg.norm([0.99, 0.05, -0.1, 0.03]))}
    whole = with_document(scaled(factors, turns), factors, turns, 60.0)
    read = parse_model(whole.text)
    by_xml = scale_model(person(), factors, mass_kg=60.0, child_turns=turns)
    values = rng.uniform(-0.4, 0.4, (20, len(whole.coordinates)))
    for other in (read, by_xml):
        assert marker_places(other, values) == pytest.approx(marker_places(whole, values), abs=1e-9)
        assert other.masses_kg == pytest.approx(whole.masses_kg, rel=1e-5)
    assert sum(whole.masses_kg.values()) == pytest.approx(60.0, abs=0.1)


def test_a_jump_of_the_source_does_not_set_the_body_spinning():
    """A cut in a capture turns the person at once; frames after it must not go on by a whole turn each."""
    names = person().coordinate_names
    values = _walk(60)
    for turn in (2.8, 3.1, -3.0):
        jumped = values.copy()
        jumped[20:, names.index("pelvis_rotation")] += turn
        places = marker_places(person(), jumped)
        found = fit(person(), Targets({m.name: places[:, k] for k, m in enumerate(person().markers)}))
        rotation = found.values[:, names.index("pelvis_rotation")]
        assert np.abs(np.diff(rotation)).max() <= np.pi + 1e-6
        assert np.abs(np.diff(rotation))[25:].max() < 0.1


@pytest.mark.parametrize(
    ("pose", "frames", "has_turns"),
    [
        ({"arm_flex_l": 109, "arm_add_l": -91, "arm_rot_l": 82, "elbow_flex_l": 0}, slice(0, 3), True),
        (
            {
                "arm_flex_l": 190,
                "arm_add_l": -110,
                "arm_rot_l": 100,
                "arm_flex_r": 190,
                "arm_add_r": -110,
                "arm_rot_r": 100,
            },
            slice(50, 60),
            True,
        ),
        ({"lumbar_extension": -99, "lumbar_rotation": 70, "arm_flex_l": -99, "arm_rot_r": 110}, slice(50, 60), False),
    ],
)
def test_a_few_odd_frames_do_not_lead_the_others_astray(pose, frames, has_turns):
    """A warm start from an odd frame can end in a limb's other minimum and hand that on to the end of the trial."""
    values = _walk()
    for name, degrees in pose.items():
        values[frames, person().coordinate_names.index(name)] = np.radians(degrees)
    landmarks = _landmarks(values)
    if not has_turns:
        landmarks.segments = {}
    others = np.ones(len(values), bool)
    others[frames] = False
    assert fit_body(landmarks, RATE_HZ).residual_rms_mm[others].max() < 1.0


def test_a_person_drawn_through_its_own_axis_is_found_again_behind_it():
    """A low-pass over a cut at which the person turns round draws every point through the axis."""
    values = _walk()
    turned = values.copy()
    turned[:, person().coordinate_names.index("pelvis_rotation")] += np.pi
    landmarks, other = _landmarks(values), _landmarks(turned)
    share = np.clip((np.arange(len(values)) - 20) / 15, 0, 1)[:, None]
    landmarks.points = {n: (1 - share) * p + share * other.points[n] for n, p in landmarks.points.items()}
    landmarks.segments = {n: np.where(share < 0.5, q, other.segments[n]) for n, q in landmarks.segments.items()}
    whole = (share[:, 0] == 0) | (share[:, 0] == 1)
    assert fit_body(landmarks, RATE_HZ).residual_rms_mm[whole].max() < 1.0


def test_the_smoother_chooses_by_the_movement_and_stops_at_a_cut():
    rng = np.random.default_rng(0)
    t = np.arange(400) / RATE_HZ
    slow, fast = np.sin(2 * np.pi * 0.5 * t), np.sin(2 * np.pi * 8 * t)
    cutoffs = chosen_cutoffs(np.column_stack([slow, fast]) + rng.normal(size=(400, 2)) * 0.05, RATE_HZ)
    assert cutoffs[0] < 5 < 8 < cutoffs[1]
    values = _walk(120)
    values[60:, person().coordinate_names.index("pelvis_tx")] += 2.0
    places = marker_places(person(), values) + rng.normal(size=(120, len(person().markers), 3)) * 0.005
    targets = Targets({m.name: places[:, k] for k, m in enumerate(person().markers)})
    smoothed = smooth(prepare(person(), targets), fit(person(), targets).filled, RATE_HZ)
    off = smoothed[:, person().coordinate_names.index("pelvis_tx")]
    assert np.abs(off - values[:, person().coordinate_names.index("pelvis_tx")]).max() < 0.01


def test_a_foot_stands_where_it_does_not_move():
    t = np.arange(200) / RATE_HZ
    forward_m = np.where(t < 0.5, 0.0, np.where(t < 1.0, (t - 0.5) * 2.4, 1.2))
    place = np.column_stack([forward_m, np.zeros(200), np.zeros(200)])
    found = stances(place, RATE_HZ)
    assert len(found) == 2
    assert found[0] == (0, pytest.approx(50, abs=2))
    assert found[1] == (pytest.approx(101, abs=2), 200)
