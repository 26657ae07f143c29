"""Lakes with little or nothing to show: a page that says why, never an error."""

from __future__ import annotations

import numpy as np

from neurostore.api import Lake
from neurostore.report import write_report
from neurostore.walker import gait, walk
from tests.builders import view_builder
from tests.builders.html_elements import Elements
from tests.builders.lake_builder import build_lake, trial

STANDING = {name: np.tile([x, y, 0.0], (200, 1)) for name, x, y in (("left_heel", 100, 30), ("right_heel", -100, 30))}


def texts(lake, folder, **options) -> str:
    """The words of the page of a lake."""
    out, *figures = write_report(lake, folder / "report.html", **options)
    assert all(path.stat().st_size for path in figures)
    return "\n".join(Elements(out.read_text(encoding="utf-8")).texts)


def walk_points(n_strides: float):
    return view_builder.walk_points(walk.walk(gait.normal(), n_strides=n_strides, rate_hz=100.0))


def test_an_empty_lake_says_how_to_fill_it(tmp_path):
    said = texts(Lake.create(tmp_path / "lake"), tmp_path, figures=tmp_path / "figures")
    assert "neurostore ingest" in said
    assert "No steady gait cycle in this lake" not in said


def test_people_without_a_gait_cycle(tmp_path):
    """Static trials alone, one who stands, a trial of angles alone, too short a walk: the page says why for each."""
    angle = {"frame": 0, "time_s": 0.0, "source_name": "knee_angle_r", "component": "", "value_deg": 5.0}
    of_angles = {"kind": "angles", "skeleton": None, "skeletons": [], "n_frames": 1, "duration_s": 1.0}
    lake = build_lake(
        tmp_path,
        [
            trial("S01", "static", row={"kind": "static"}, points=STANDING),
            trial("S02", "stand", points=STANDING),
            trial("S03", "mot", angles=[angle | {"angle": "right_knee_flexion_deg"}], row=of_angles),
            trial("S04", "short", points=walk_points(0.6)),
        ],
    )
    said = texts(lake, tmp_path, figures=tmp_path / "figures")
    assert "No steady gait cycle in this lake" in said
    assert "Distances need two people with steady gait cycles; nobody has one here." in said
    assert "Mean curves by group" not in said
    assert "Only static trials, for calibration; no gait." in said
    assert said.count("No steady gait cycle in this session") == 3
    assert "No points in this trial" in said
    assert "The page has no skeleton for this trial." in said


def test_one_walker_without_angles_and_a_reference_of_nobody_else(tmp_path):
    lake = build_lake(
        tmp_path,
        [trial("S01", "walk", points=walk_points(5))],
        subjects=[{"subject": "S01", "group": "control"}],
    )
    said = texts(lake, tmp_path, reference="control", figures=tmp_path / "figures")
    assert "only S01 has one here" in said
    assert "No joint angles: the points of this skeleton do not define any over the cycle." in said
    assert "Walking speed (m/s)" in said  # its parameters are there all the same
    assert "Not scored: there are no angles." in said


def test_people_of_a_data_set_have_their_curves(tmp_path):
    """Curves without a recording are drawn with the range of their group; nothing says that a cycle is missing."""
    from neurostore import open as open_lake
    from neurostore.ingest import pipeline

    folder = tmp_path / "cohort"
    folder.mkdir()
    knee = 30 - 30 * np.cos(np.linspace(0, 2 * np.pi, 101))
    rows = [
        f"C{k},L,{percent},{knee[percent] + 2 * k:.3f}\nC{k},R,{percent},{knee[percent] - k:.3f}"
        for k in range(4)
        for percent in range(101)
    ]
    (folder / "controls.csv").write_text("\n".join(["id,side,percent,knee_flexion", *rows]) + "\n")
    (folder / "cohort.toml").write_text(
        '[[match]]\nfiles = ["controls.csv"]\n'
        '[match.curves]\nunit = "deg"\nsubject = "id"\nside = "side"\npercent = "percent"\n'
    )
    (folder / "participants.tsv").write_text("participant_id\tgroup\n" + "".join(f"C{k}\tcontrol\n" for k in range(4)))
    pipeline.ingest(folder, tmp_path / "lake", n_workers=1)
    said = texts(open_lake(tmp_path / "lake"), tmp_path, reference="control")
    assert said.count("left, one curve") == 4
    assert said.count("mean ± SD of control, n = 3") == 4
    assert "No steady gait cycle in this session" not in said
