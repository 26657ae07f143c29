"""The user's own OpenSim model at ingest: [body] of cohort.toml."""

from __future__ import annotations

import shutil

import numpy as np
import polars as pl
import pytest

import neurostore
from neurostore import open as open_lake
from neurostore.errors import CohortError, InputError
from neurostore.ingest.body.exchange import notes_of_motion
from neurostore.ingest.body.forward import marker_places
from neurostore.ingest.body.ik_setup import read_ik_setup
from neurostore.ingest.body.lake_apply import apply_to_lake
from neurostore.ingest.body.lake_export import export_body, fit_model
from neurostore.ingest.body.osim import parse_model, read_model
from neurostore.ingest.body.own_trial import files_version, read_files
from neurostore.ingest.body.person import document
from neurostore.ingest.body.scale_setup import factors_by_body, measure, read_scale_setup
from neurostore.ingest.body.scaling import scale_model
from neurostore.ingest.cohort.config import read_config
from neurostore.ingest.pipeline import ingest
from neurostore.ingest.pipeline.settings import Settings
from neurostore.upkeep.erase import erase
from neurostore.walker.bvh import write_bvh
from neurostore.walker.gait import normal
from neurostore.walker.walk import walk
from tests.builders import trc_files

CONFIG = """
frames = [0, 199]
[body]
model = "mine.osim"
scale = "scale.xml"
[body.markers]
LK = "left_knee"
[[match]]
files = "S1/other.bvh"
[match.body.markers]
LK = "left_knie"
"""
#: thighs and shanks along Y, the pelvis across; one measurement is not applied
SCALE = """<OpenSimDocument Version="40000"><ScaleTool><ModelScaler><MeasurementSet><objects>{}
<Measurement name="off"><apply>false</apply></Measurement></objects></MeasurementSet></ModelScaler></ScaleTool></OpenSimDocument>"""
MEASUREMENT = """<Measurement name="{}"><apply>true</apply><MarkerPairSet><objects>{}</objects></MarkerPairSet>
<BodyScaleSet><objects>{}</objects></BodyScaleSet></Measurement>"""


def _measurement(name, pairs, bodies, axes):
    pair = "".join(f"<MarkerPair><markers> {a} {b}</markers></MarkerPair>" for a, b in pairs)
    body = "".join(f'<BodyScale name="{b}"><axes> {axes}</axes></BodyScale>' for b in bodies)
    return MEASUREMENT.format(name, pair, body)


def _mine():
    return document("mine").replace('Marker name="left_knee"', 'Marker name="LK"')


def _scale():
    bodies = ["left_thigh", "right_thigh", "left_patella"]  # as Pose2Sim's set-ups, which name patellae for every model
    thigh = _measurement("thigh", [("left_hip", "LK"), ("right_hip", "right_knee")], bodies, "X Y Z")
    shank = _measurement("shank", [("right_knee", "right_ankle")], ["left_shank", "right_shank"], "Y")
    return SCALE.format(thigh + shank)


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    root = tmp_path_factory.mktemp("own")
    cohort = root / "cohort"
    (cohort / "S1").mkdir(parents=True)
    for name in ("walk", "other"):
        write_bvh(walk(normal()), cohort / "S1" / f"{name}.bvh")
    (cohort / "mine.osim").write_text(_mine())
    (cohort / "scale.xml").write_text(_scale())
    (cohort / "cohort.toml").write_text(CONFIG)
    report = ingest(cohort, root / "lake", Settings(body=True), n_workers=1)
    assert report.exit_code == 0
    return root / "lake"


def test_every_coordinate_of_the_model_is_stored(lake):
    asked = "SELECT * FROM body_coordinates, joint_angles, body_angles; SET VARIABLE angle_source = 'body'"
    with neurostore.open(lake).connect(asked) as connection:
        rows = connection.execute(
            "SELECT coordinate, any_value(unit), count(*) FROM body_coordinates WHERE trial = 'walk' GROUP BY ALL"
        ).fetchall()
        knees = connection.execute(
            "SELECT c.value, a.left_knee_flexion_deg FROM body_coordinates c JOIN joint_angles a USING (trial, frame) "
            "WHERE c.coordinate = 'knee_angle_l' AND trial = 'walk' ORDER BY frame"
        ).fetchall()
        connection.execute("SET VARIABLE angle_source = 'body'")
        bodies = connection.execute(
            "SELECT left_knee_flexion_deg FROM joint_angles WHERE trial = 'walk' ORDER BY frame"
        ).fetchall()
        of_the_house = connection.execute("SELECT count(knee_angle_l_deg) FROM body_angles").fetchone()
    units = {name: unit for name, unit, _ in rows}
    assert set(units) == set(parse_model(_mine()).coordinate_names)
    assert units["knee_angle_l"] == "deg"
    assert units["pelvis_tx"] == "m"
    assert {n for _, _, n in rows} == {200}
    mine, landmarks = np.array(knees, dtype=float).T
    assert np.corrcoef(mine, landmarks)[0, 1] > 0.97  # markers are where the model has them, not registered
    np.testing.assert_allclose(np.array(bodies, dtype=float)[:, 0], mine, atol=1.0)  # our definition, float32 rotations
    assert of_the_house == (0,)


def test_an_erased_person_leaves_no_coordinates(lake, tmp_path):
    copied = shutil.copytree(lake, tmp_path / "lake")

    def files():
        return [f for f in (copied / "body_coordinates").rglob("*.parquet") if f.parent.name != "_delta_log"]

    assert files()
    erase(copied, "S1")
    assert neurostore.open(copied).sql("SELECT count(*) AS n FROM body_coordinates")["n"][0] == 0
    assert not files()


def test_the_model_is_scaled_by_its_set_up_and_stored(lake):
    opened = neurostore.open(lake)
    query = "SELECT parameter, value FROM calibrations WHERE parameter LIKE 'body_scale%' ORDER BY parameter"
    with opened.connect(f"{query}; SELECT osim FROM body_models") as connection:
        measured = dict(connection.execute(query).fetchall())
        (text,) = connection.execute("SELECT osim FROM body_models").fetchone()
    assert set(measured) == {"body_scale_shank", "body_scale_thigh"}
    before, after = parse_model(_mine()), parse_model(text)
    at = [{j.name: j.parent_frame.origin for j in m.joints} for m in (before, after)]
    assert at[1]["knee_r"] == pytest.approx(at[0]["knee_r"] * measured["body_scale_thigh"])
    assert at[1]["ankle_r"][1] == pytest.approx(at[0]["ankle_r"][1] * measured["body_scale_shank"])


def test_a_body_that_only_other_models_have_is_noted(lake):
    notes = neurostore.open(lake).sql("SELECT notes FROM trials WHERE trial = 'walk'")["notes"][0]
    assert any("bodies of the scale set-up that the model does not have are left out: left_patella" in n for n in notes)


def test_a_marker_that_the_trial_does_not_have_is_named(lake):
    notes = neurostore.open(lake).sql("SELECT notes FROM trials WHERE trial = 'other'")["notes"][0]
    assert any(
        "[body.markers] names 'left_knie', which is not in the trial" in note and "left_knee" in note for note in notes
    )


def test_export_writes_the_markers_under_the_models_names(lake, tmp_path):
    paths = export_body(open_lake(lake), "S1", "walk", tmp_path)
    assert "\tLK\t" in paths[2].read_text()
    model = read_model(paths[0])
    lines = paths[1].read_text().split("endheader\n")[1].splitlines()
    assert lines[0].split() == ["time", *model.coordinate_names]
    assert len(lines) == 201


@pytest.mark.parametrize(
    ("config", "osim", "message"),
    [
        ('[body]\nmodel = "no.osim"', None, r"\[body\] model = 'no.osim': there is no such file"),
        (
            '[body]\nmodel = "m.osim"\nmuscles = "x"',
            None,
            "has muscles; it may have model, marker_set, setup, scale, markers",
        ),
        ('[body]\nmodel = "m.osim"\n[body.markers]\nLK = 1', None, r"\[body.markers\] is a table of marker"),
        ('body = "m.osim"', None, r"expected a table: \[body\]"),
        (
            '[body]\nmodel = "m.osim"',
            "ScrewJoint",
            "m.osim: joint knee_r: the kind ScrewJoint is not known",
        ),
        (
            '[body]\nmodel = "m.osim"\nsetup = "ik.xml"',
            None,
            "ik.xml: has a task of L5, which is not a coordinate of mine",
        ),
        (
            '[body]\nmodel = "m.osim"\nscale = "scale.xml"',
            None,
            "scale.xml: scales femur_l, which is not a body of mine",
        ),
        ('[body]\nmodel = "m.osim"\nscale = "m.osim"', None, "applies no <Measurement>; expected a ScaleTool set-up"),
        ('[body]\nmodel = "m.osim"\nsetup = "m.osim"', None, "holds no <IKMarkerTask>; expected an IK set-up"),
    ],
)
def test_what_is_wrong_with_the_body_is_named_before_anything_is_read(tmp_path, config, osim, message):
    text = _mine()
    if osim is not None:
        text = text.replace("CustomJoint", osim)
    (tmp_path / "m.osim").write_text(text)
    task = '<IKCoordinateTask name="L5"><apply>true</apply><weight>1</weight></IKCoordinateTask>'
    (tmp_path / "ik.xml").write_text(
        f'<OpenSimDocument><IKTaskSet><objects><IKMarkerTask name="LK"/>{task}</objects></IKTaskSet></OpenSimDocument>'
    )
    (tmp_path / "scale.xml").write_text(SCALE.format(_measurement("leg", [("left_hip", "LK")], ["femur_l"], "Y")))
    (tmp_path / "cohort.toml").write_text(config)
    with pytest.raises(CohortError, match=message):
        read_config(tmp_path)


def test_measurements_are_the_mean_of_the_ratios_of_their_pairs(tmp_path):
    (tmp_path / "scale.xml").write_text(_scale())
    model, setup = parse_model(_mine()), read_scale_setup(tmp_path / "scale.xml")
    places = marker_places(model, np.zeros((1, len(model.coordinates))))[0]
    points = {m.name: np.tile(places[k], (5, 1)) for k, m in enumerate(model.markers)}
    points["LK"] = points["left_hip"] + 1.2 * (points["LK"] - points["left_hip"])
    points["LK"][3] = np.nan
    points["LK"][4] += 9.0  # one frame gone astray does not count
    measured = measure(model, setup.measurements, points)
    assert measured == pytest.approx({"thigh": 1.1, "shank": 1.0})
    factors = factors_by_body(setup, measured)
    np.testing.assert_allclose(factors["right_thigh"], 1.1)
    np.testing.assert_allclose(factors["left_shank"], 1.0)
    with pytest.raises(
        InputError, match=r"(?s)LK is not a marker of the trial.*right_ankle is not a marker of the trial"
    ):
        measure(model, setup.measurements, {n: p for n, p in points.items() if n not in ("LK", "right_ankle")})
    same = parse_model(_mine().replace('Marker name="right_ankle"', 'Marker name="right_foot"'))
    with pytest.raises(InputError, match="right_ankle is not a marker of the model"):
        measure(same, setup.measurements, points)
    with pytest.raises(InputError, match="would be scaled by 3"):
        scale_model(model, {"left_thigh": factors_by_body(setup, {"thigh": 3.0, "shank": 1.0})["left_thigh"]})


def test_a_changed_marker_set_beside_the_model_is_read_again(tmp_path):
    text = _mine()
    first, last = text.index("<MarkerSet"), text.index("</MarkerSet>") + len("</MarkerSet>")
    own = {"model": tmp_path / "m.osim"}
    own["model"].write_text(f'{text[:first]}<MarkerSet file="own.xml" />{text[last:]}')
    seen = []
    for marker in ("LK", "LKNEE"):
        markers = text[first:last].replace('"LK"', f'"{marker}"')
        (tmp_path / "own.xml").write_text(f'<OpenSimDocument Version="40000">{markers}</OpenSimDocument>')
        seen.append(files_version(own))
        assert marker in {m.name for m in read_files(own)[0].markers}
    assert seen[0] != seen[1]


def test_manual_scales_count_in_the_order_of_the_set_up(tmp_path):
    """As in OpenSim's ModelScaler: a manual scale sets all three axes, a measurement those that it names."""
    scales = "<Scale><segment>{}</segment><scales>{}</scales><apply>{}</apply></Scale>"
    manual = scales.format("left_shank", "1.1 1.2 1.3", "true") + scales.format("trunk", "1 1.05 1", "false")
    path = tmp_path / "scale.xml"

    def factors(order, text=manual):
        parts = f"<ModelScaler><scaling_order>{order}</scaling_order><ScaleSet><objects>{text}</objects></ScaleSet>"
        path.write_text(_scale().replace("<ModelScaler>", parts))
        found = factors_by_body(read_scale_setup(path), {"thigh": 1.4, "shank": 1.5})
        return {body: three.tolist() for body, three in found.items()}

    assert factors("measurements manualScale")["left_shank"] == [1.1, 1.2, 1.3]
    assert factors("manualScale measurements")["left_shank"] == [1.1, 1.5, 1.3]
    assert factors(" manualScale") == {"left_shank": [1.1, 1.2, 1.3]}
    assert factors("measurements")["left_shank"] == [1.0, 1.5, 1.0]
    for order, text, said in (
        ("", manual, "it has manual scales and no <scaling_order>"),
        ("manual", manual, "its scaling order holds manual; expected some of measurements, manualScale"),
        ("manualScale", manual.replace("1.1 1.2", "1.1"), "manual scale of left_shank: <scales> holds '1.1 1.3'"),
    ):
        with pytest.raises(InputError, match=said):
            factors(order, text)


def test_sets_of_a_set_up_may_be_in_files(tmp_path):
    text = _scale()
    first, last = text.index("<MeasurementSet>"), text.index("</MeasurementSet>") + len("</MeasurementSet>")
    (tmp_path / "scale.xml").write_text(f'{text[:first]}<MeasurementSet file="m.xml"/>{text[last:]}')
    with pytest.raises(InputError, match=r"m\.xml: cannot be read as the <MeasurementSet> of scale\.xml"):
        read_scale_setup(tmp_path / "scale.xml")
    (tmp_path / "m.xml").write_text(f"<OpenSimDocument>{text[first:last]}</OpenSimDocument>")
    assert [m.name for m in read_scale_setup(tmp_path / "scale.xml").measurements] == ["thigh", "shank"]
    tasks = '<IKTaskSet><objects><IKMarkerTask name="LK"><apply>1</apply><weight>2</weight></IKMarkerTask></objects></IKTaskSet>'
    (tmp_path / "tasks.xml").write_text(f"<OpenSimDocument>{tasks}</OpenSimDocument>")
    (tmp_path / "ik.xml").write_text(
        '<OpenSimDocument><InverseKinematicsTool><IKTaskSet file="tasks.xml"/></InverseKinematicsTool></OpenSimDocument>'
    )
    assert read_ik_setup(tmp_path / "ik.xml").markers == {"LK": 2.0}


def test_a_body_fitted_later_is_that_of_an_ingest(tmp_path):
    """Markers by their labels in the file, noisy enough for the low-pass to count."""
    made = walk(normal(), n_strides=1.0, rate_hz=50.0)
    names = [f"{side}_{joint}" for side in ("left", "right") for joint in ("hip", "knee", "ankle", "shoulder", "toe")]
    points = np.stack([made.joints[n] for n in names], axis=1)
    points += np.random.default_rng(4).normal(0, 10.0, points.shape)
    (tmp_path / "cohort" / "S1").mkdir(parents=True)
    labels = [n.replace("_", ".") for n in names]
    trc_files.write(tmp_path / "cohort" / "S1" / "walk.trc", trc_files.text(points, labels, rate=50.0))
    (tmp_path / "cohort" / "mine.osim").write_text(_mine())
    (tmp_path / "cohort" / "cohort.toml").write_text('[body]\nmodel = "mine.osim"\n[body.markers]\nLK = "left.knee"\n')
    (tmp_path / "same.osim").write_text(document("same"))
    ingest(tmp_path / "cohort", tmp_path / "lake", Settings(body=True), n_workers=1)
    lake = open_lake(tmp_path / "lake")
    rows = lake.scan("body_coordinates").collect()
    assert len(apply_to_lake(tmp_path / "lake").skipped) == 1  # a body of the user's own model is left alone
    exported = export_body(lake, "S1", "walk", tmp_path / "out")
    assert "\tLK\t" in exported[2].read_text()
    paths, _ = fit_model(tmp_path / "lake", "S1", "walk", tmp_path / "fit", tmp_path / "same.osim")
    header, *lines = paths[1].read_text().split("endheader\n")[1].splitlines()
    values = np.array([line.split() for line in lines], dtype=float)
    again = np.array([line.split() for line in exported[1].read_text().splitlines()[-len(lines) :]], dtype=float)
    np.testing.assert_allclose(again, values, atol=1e-5)  # what is NULL in the lake goes with the rest of the pose
    assert all("elbow_flex_l (" in notes_of_motion(path)[0] for path in (exported[1], paths[1]))
    for k, name in enumerate(header.split()[1:], start=1):
        stored = rows.filter(pl.col("coordinate") == name).sort("frame")["value"].to_numpy()
        known = np.isfinite(stored)
        np.testing.assert_allclose(values[known, k], stored[known], atol=1e-5)
