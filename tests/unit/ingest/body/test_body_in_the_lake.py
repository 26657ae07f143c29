"""Bodies in a lake: at ingest, applied later, read by joint_angles, written for OpenSim."""

from __future__ import annotations

import numpy as np
import pytest

import neurostore
from neurostore import open as open_lake
from neurostore.errors import InputError, UsageError
from neurostore.ingest.body.forward import marker_places
from neurostore.ingest.body.ik_setup import read_ik_setup
from neurostore.ingest.body.lake_apply import apply_to_lake
from neurostore.ingest.body.lake_export import export_body, fit_model
from neurostore.ingest.body.osim import read_model
from neurostore.ingest.body.scaling import scale_model
from neurostore.ingest.pipeline import ingest
from neurostore.ingest.pipeline.settings import Settings
from neurostore.walker.bvh import write_bvh
from neurostore.walker.gait import normal
from neurostore.walker.walk import walk
from tests.cli.cli_run import run
from tests.shared_data import SHARED, needs_shared


@pytest.fixture(scope="module")
def lakes(tmp_path_factory):
    """(with --body, without) of the same cohort of one walk."""
    root = tmp_path_factory.mktemp("bodies")
    (root / "cohort" / "S1").mkdir(parents=True)
    write_bvh(walk(normal()), root / "cohort" / "S1" / "walk.bvh")
    for name, body in (("with", True), ("without", False)):
        report = ingest(root / "cohort", root / name, Settings(body=body), n_workers=1)
        assert report.exit_code == 0
    return root / "with", root / "without"


def test_ingest_writes_the_body_and_says_so(lakes):
    lake = neurostore.open(lakes[0])
    n = lake.sql("SELECT n_frames FROM trials")["n_frames"][0]
    assert lake.sql("SELECT count(*) AS n FROM body_angles")["n"][0] == n
    fit = lake.sql("SELECT avg(residual_rms_mm) AS mm, count(DISTINCT worst_marker) AS k FROM body_fit")
    assert 0 < fit["mm"][0] < 15
    model = lake.sql("SELECT * FROM body_models")
    assert model["n_freedoms"][0] == 34
    assert '"body_fit"' in lake.sql("SELECT steps FROM trials")["steps"][0]
    lengths = lake.sql("SELECT value FROM calibrations WHERE parameter = 'body_thigh_length'")["value"]
    assert len(lengths) == 2


def test_joint_angles_of_the_body_are_near_those_of_the_landmarks(lakes):
    lake = neurostore.open(lakes[0])
    with lake.connect("SELECT * FROM joint_angles") as connection:
        query = "SELECT left_knee_flexion_deg AS knee, left_knee_rotation_deg AS turn FROM joint_angles ORDER BY frame"
        ours = connection.execute(query).fetchall()
        connection.execute("SET VARIABLE angle_source = 'body'")
        bodies = connection.execute(query).fetchall()
        connection.execute("SET VARIABLE angle_source = 'bones'")
        with pytest.raises(Exception, match="angle_source is 'bones'; it can be landmarks or body"):
            connection.execute(query)
    assert np.corrcoef([knee for knee, _ in ours], [knee for knee, _ in bodies])[0, 1] > 0.99
    assert all(turn is None for _, turn in bodies)  # a hinge


def test_a_lake_without_bodies_has_no_angles_of_them(lakes):
    lake = neurostore.open(lakes[1])
    with lake.connect("SELECT * FROM joint_angles") as connection:
        connection.execute("SET VARIABLE angle_source = 'body'")
        n, known = connection.execute("SELECT count(*), count(left_knee_flexion_deg) FROM joint_angles").fetchone()
    assert n > 0
    assert known == 0


def test_apply_gives_what_ingest_gives(lakes):
    report = apply_to_lake(lakes[1])
    assert len(report.renewed) == 1
    assert apply_to_lake(lakes[1]).skipped == report.renewed
    query = "SELECT knee_angle_l_deg, hip_flexion_r_deg FROM body_angles ORDER BY frame"
    a, b = (neurostore.open(path).sql(query).to_numpy() for path in lakes)
    np.testing.assert_allclose(a, b, atol=0.05)  # landmarks are stored as float32
    with pytest.raises(UsageError, match="holds no subject S9"):
        apply_to_lake(lakes[1], ["S9"])


def test_export_gives_a_model_and_a_motion_that_belong_together(lakes, tmp_path):
    paths = export_body(open_lake(lakes[0]), "S1", "walk", tmp_path)
    model = read_model(paths[0])
    lines = paths[1].read_text().split("endheader\n")[1].strip().split("\n")
    names, rows = lines[0].split("\t"), np.array([line.split("\t") for line in lines[1:]], dtype=float)
    values = np.stack(
        [rows[:, names.index(c.name)] * (np.pi / 180 if c.is_rotational else 1) for c in model.coordinates], axis=1
    )
    knee = neurostore.open(lakes[0]).sql("SELECT left_knee FROM landmarks ORDER BY frame")["left_knee"]
    at = np.array([[k["x"], k["y"], k["z"]] for k in knee])
    miss = np.linalg.norm(1000 * marker_places(model, values, ["left_knee"])[:, 0] - at, axis=1)
    assert np.median(miss) < 15
    assert {p.suffix for p in paths} == {".osim", ".mot", ".trc", ".xml"}
    weights = read_ik_setup(paths[3]).markers
    assert (weights["left_knee"], weights["head"]) == (1.0, 0.1)  # a bending spine must not pull the hips along
    with pytest.raises(UsageError, match="no trial S1 run"):
        export_body(open_lake(lakes[0]), "S1", "run", tmp_path)


def test_a_users_own_model_is_fitted_as_it_is(lakes, tmp_path):
    osim = export_body(open_lake(lakes[0]), "S1", "walk", tmp_path / "a")[0]
    paths, notes = fit_model(lakes[0], "S1", "walk", tmp_path / "b", osim)
    assert paths[0].read_text() == osim.read_text()
    assert any("mm RMS" in note for note in notes)
    assert not any("misses its markers" in note for note in notes)
    twice = scale_model(read_model(osim), dict.fromkeys(read_model(osim).bodies, 2.0))
    (tmp_path / "twice.osim").write_text(twice.text)
    _, notes = fit_model(lakes[0], "S1", "walk", tmp_path / "c", tmp_path / "twice.osim")
    assert any("misses its markers by" in note and "is it scaled to the person, in metres" in note for note in notes)


def test_an_ik_setup_gives_the_weights_and_few_markers_are_named(lakes, tmp_path):
    osim = export_body(open_lake(lakes[0]), "S1", "walk", tmp_path / "a")[0]
    setup = tmp_path / "ik.xml"
    task = '<IKMarkerTask name="{}"><apply>{}</apply><weight>{}</weight></IKMarkerTask>'
    names = ["left_hip", "right_hip", "left_knee", "left_ankle"]
    tasks = "".join(task.format(n, "true", 2) for n in names) + task.format("right_knee", "false", 5)
    tasks += task.format("left_knie", "true", 1) + task.format("t10", "true", 1)
    text = f"<OpenSimDocument><InverseKinematicsTool><IKTaskSet><objects>{tasks}</objects></IKTaskSet></InverseKinematicsTool></OpenSimDocument>"
    setup.write_text(text)
    assert read_ik_setup(setup).markers == {**dict.fromkeys(names, 2.0), "left_knie": 1.0, "t10": 1.0}
    paths, notes = fit_model(lakes[0], "S1", "walk", tmp_path / "b", osim, setup=setup)
    assert "right_knee" not in paths[2].read_text()
    assert read_ik_setup(paths[3]).markers == dict.fromkeys(names, 2.0)
    assert "markers of the set-up that the model does not have are left out: left_knie" in notes
    assert "markers of the set-up that the trial does not have are left out: t10" in notes
    assert any("4 markers for 34 degrees of freedom" in n for n in notes)
    assert any("hardly determined" in n and "knee_angle_r" in n and "knee_angle_l" not in n for n in notes)
    for change, said in (
        (("<IKMarkerTask", "<Other"), "holds no <IKMarkerTask>"),
        (("<weight>2<", "<weight>two<"), "is .two.; expected a number"),
        (("<weight>2<", "<weight>-2<"), "is .-2.; expected a number of 0 or more"),
    ):
        changed = text.replace(*change).replace(
            "</IKMarkerTask>", "</Other>" if "Other" in change[1] else "</IKMarkerTask>"
        )
        setup.write_text(changed)
        with pytest.raises(InputError, match=said):
            read_ik_setup(setup)


@needs_shared
def test_a_body_has_the_mass_of_the_file_and_its_forces_go_to_opensim(tmp_path):
    (tmp_path / "cohort" / "P01").mkdir(parents=True)
    (tmp_path / "cohort" / "P01" / "down 1.c3d").symlink_to(SHARED / "c3d" / "Movement_trial.c3d")
    ingest(tmp_path / "cohort", tmp_path / "lake", Settings(body=True), n_workers=1)
    lake = neurostore.open(tmp_path / "lake")
    trial = lake.sql("SELECT trial FROM trials")["trial"][0]
    query = "SELECT value FROM calibrations WHERE parameter = 'body_mass'"
    (mass,) = lake.sql(query)["value"]
    apply_to_lake(tmp_path / "lake", force=True)
    assert neurostore.open(tmp_path / "lake").sql(query)["value"].to_list() == [mass]
    shown = run("body", "export", "P01", trial, tmp_path / "out", "--lake", tmp_path / "lake")
    assert shown.returncode == 0, shown.stderr
    model = read_model(tmp_path / "out" / f"P01_{trial}.osim")
    assert sum(model.masses_kg.values()) == pytest.approx(mass, rel=1e-6)
    loads = (tmp_path / "out" / f"P01_{trial}_grf_ExternalLoads.xml").read_text()
    assert "<applied_to_body>right_foot<" in loads
    assert " " not in loads.split('ExternalLoads name="')[1].split('"')[0]
    setup = (tmp_path / "out" / f"P01_{trial}_id_setup.xml").read_text()
    assert "_grf_ExternalLoads.xml" in setup
    assert "<time_range>" in setup
