"""C3D with analog channels and platforms: ezc3d computes the forces of the source, and we read the same tables again."""

from __future__ import annotations

import json
from pathlib import Path

import ezc3d
import numpy as np
import pytest

import neurostore
from neurostore.api import Lake
from neurostore.export import export, forces
from neurostore.export.trial import find, read_points
from neurostore.ingest.readers.markers import motion_bids
from neurostore.ingest.recording import ReadOptions
from tests.builders import c3d_files, plate_files
from tests.cli.cli_run import run
from tests.shared_data import SHARED, needs_shared

N_FRAMES, N_MANY = 60, 260
TYPES = (1, 2, 4)
TABLES = {
    "analog": "* EXCLUDE (ingest_id, trial)",
    "force_plates": "* EXCLUDE (ingest_id, trial)",
    "forces": "* EXCLUDE (ingest_id, trial)",
    "plate_frames": "* EXCLUDE (ingest_id, trial)",
}


def _many_channels(path: Path) -> Path:
    """A file with more channels than a parameter can list, one sample of which is no number."""
    plate_files.write(path, N_FRAMES)
    file = ezc3d.c3d(str(path))
    own = file["data"]["analogs"]
    more = np.random.default_rng(1).normal(0, 1, (1, N_MANY - own.shape[1], own.shape[2]))
    more[0, 3, 7] = np.nan
    file["data"]["analogs"] = np.concatenate([own, more], axis=1)
    group = file["parameters"]["ANALOG"]
    for name, filling in (("LABELS", "X"), ("UNITS", "V"), ("DESCRIPTIONS", ""), ("SCALE", 1.0), ("OFFSET", 0)):
        values = [*group[name]["value"][: own.shape[1]]]
        values += [f"X{i}" if filling == "X" else filling for i in range(len(values), N_MANY)]
        group[name]["value"] = values[:255]
        file.add_parameter("ANALOG", f"{name}2", values[255:])
    file["parameters"]["ANALOG"]["OFFSET2"]["type"] = 2
    file.write(str(path))
    return path


def _not_wired(path: Path) -> Path:
    """A file whose first platform has a channel that is not there, as laboratories write it (-1)."""
    plate_files.write(path, N_FRAMES)
    file = ezc3d.c3d(str(path))
    group = file["parameters"]["FORCE_PLATFORM"]
    channels = np.asarray(group["CHANNEL"]["value"], int)
    group["USED"]["value"], group["TYPE"]["value"] = np.array([2]), np.array([2, 2])
    group["CHANNEL"]["value"] = np.concatenate([np.full_like(channels, -1), channels], axis=1)
    for name in ("CORNERS", "ORIGIN"):
        value = np.asarray(group[name]["value"], float)
        group[name]["value"] = np.concatenate([value, value], axis=-1)
    file.write(str(path))
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[Path, Lake, Lake, dict[str, list[str]]]:
    """The folder of the sources, their lake, the lake of their exports, and the notes of each export."""
    base = tmp_path_factory.mktemp("c3d")
    source, exports = base / "source" / "S01", base / "exports" / "S01"
    source.mkdir(parents=True)
    exports.mkdir(parents=True)
    for type_ in TYPES:
        plate_files.write(source / f"type_{type_}.c3d", N_FRAMES, type_)
    _many_channels(source / "many.c3d")
    _not_wired(source / "not_wired.c3d")
    notes = {}
    for folder in (source, exports):
        lake = base / f"lake_{folder.parent.name}"
        shown = run("ingest", folder.parent, "--lake", lake, "--no-results", "--workers", "1")
        assert shown.returncode == 0, shown.stderr
        if folder == source:
            for path in sorted(source.glob("*.c3d")):
                notes[path.stem] = export(neurostore.open(lake), "S01", path.stem, exports / path.name)[1]
    return base, neurostore.open(base / "lake_source"), neurostore.open(base / "lake_exports"), notes


@pytest.mark.parametrize("name", [*(f"type_{t}" for t in TYPES), "many"])
def test_ezc3d_computes_the_forces_of_the_source(made, name):
    base = made[0]
    source, written = (
        ezc3d.c3d(str(base / folder / "S01" / f"{name}.c3d"), extract_forceplat_data=True)
        for folder in ("source", "exports")
    )
    np.testing.assert_array_equal(written["data"]["analogs"], source["data"]["analogs"].astype(np.float32))
    assert written["parameters"]["ANALOG"]["RATE"]["value"] == source["parameters"]["ANALOG"]["RATE"]["value"]
    ours, theirs = written["data"]["platform"], source["data"]["platform"]
    assert len(ours) == len(theirs) == 1
    assert np.abs(theirs[0]["force"]).max() > 500
    for quantity in ("force", "moment", "center_of_pressure", "Tz", "corners", "origin"):
        np.testing.assert_array_equal(ours[0][quantity], theirs[0][quantity], err_msg=quantity)


@pytest.mark.parametrize("table", TABLES)
def test_the_tables_come_back(made, table):
    _, source, written, _ = made
    for name in (*(f"type_{t}" for t in TYPES), "many"):
        rows = [
            lake.sql(f"SELECT {TABLES[table]} FROM {table} WHERE trial = $name ORDER BY ALL", {"name": name})
            for lake in (source, written)
        ]
        assert rows[0].height > 0
        assert rows[0].equals(rows[1]), name


def test_more_channels_than_a_parameter_holds(made):
    file = ezc3d.c3d(str(made[0] / "exports" / "S01" / "many.c3d"))
    group = file["parameters"]["ANALOG"]
    assert [len(group[name]["value"]) for name in ("LABELS", "LABELS2")] == [255, N_MANY - 255]
    assert np.isnan(file["data"]["analogs"]).sum() == 1


def test_what_is_left_out_is_reported(made):
    base, _, _, notes = made
    group = ezc3d.c3d(str(base / "exports" / "S01" / "not_wired.c3d"))["parameters"]["FORCE_PLATFORM"]
    assert list(group["USED"]["value"]) == [1]
    said = "force platforms 2 are numbered from 1 in the file"
    assert said in notes["not_wired"]
    assert not [note for name in ("type_2", "many") for note in notes[name] if "platform" in note or "analog" in note]


def test_channels_that_fit_no_frame_are_left_out(tmp_path):
    path = tmp_path / "cohort" / "S01" / "walk.c3d"
    path.parent.mkdir(parents=True)
    plate_files.write(path, N_FRAMES)
    assert run("ingest", tmp_path / "cohort", "--lake", tmp_path / "lake", "--no-results").returncode == 0
    trial, notes = find(neurostore.open(tmp_path / "lake"), "S01", "walk", None, 0), []
    points = read_points(trial, "poses")
    assert forces.read_analog(trial, points, notes).per_frame == 5
    trial.row["rate_hz"] = 90.0
    assert forces.read_analog(trial, points, notes) is None
    assert notes == ["the analog channels are left out: 500 samples per second are not a multiple of 90 frames"]
    plates = forces.read_plates(trial, None, notes)
    assert (plates, notes[1]) == ([], "force platforms left out: 1 (its channels are not there)")


@needs_shared
def test_a_laboratory_whose_axis_y_points_up(tmp_path):
    """Type 4 and other axes: the forces are those of the source, turned as the points are."""
    source = SHARED / "labs/LABU/U19/treadmill_01.c3d"
    cohort = tmp_path / "cohort" / "U19"
    cohort.mkdir(parents=True)
    (cohort / source.name).write_bytes(source.read_bytes())
    assert run("ingest", tmp_path / "cohort", "--lake", tmp_path / "lake", "--no-results").returncode == 0
    export(neurostore.open(tmp_path / "lake"), "U19", "treadmill_01", tmp_path / "walk.c3d")
    theirs, ours = (
        ezc3d.c3d(str(path), extract_forceplat_data=True)["data"]["platform"]
        for path in (source, tmp_path / "walk.c3d")
    )
    assert len(ours) == len(theirs) == 2
    for a, b in zip(theirs, ours, strict=True):
        for quantity in ("force", "moment", "corners"):
            x, y, z = a[quantity]
            np.testing.assert_allclose(b[quantity], [x, -z, y], rtol=1e-5, atol=1e-3, err_msg=quantity)


def test_a_walk_without_platforms_has_none(tmp_path):
    path = tmp_path / "cohort" / "S01" / "walk.c3d"
    path.parent.mkdir(parents=True)
    c3d_files.write(path, c3d_files.walker(N_FRAMES), c3d_files.LEGS)
    assert run("ingest", tmp_path / "cohort", "--lake", tmp_path / "lake", "--no-results").returncode == 0
    export(neurostore.open(tmp_path / "lake"), "S01", "walk", tmp_path / "walk.c3d")
    file = ezc3d.c3d(str(tmp_path / "walk.c3d"), extract_forceplat_data=True)
    assert (file["data"]["analogs"].size, file["data"]["platform"]) == (0, [])


def test_motion_bids_gives_the_forces_at_the_frames_back(made, tmp_path):
    """Channels of type MISC; in another frame of reference they turn with the points."""
    lake = made[1]
    path = tmp_path / "sub-S01_task-type2_motion.tsv"
    export(lake, "S01", "type_2", path)
    stored = lake.sql("SELECT force, moment FROM plate_frames WHERE trial = 'type_2' ORDER BY plate, frame")
    force, moment = (
        np.stack([stored[n].struct.field(a).to_numpy() for a in "xyz"], axis=1) for n in ("force", "moment")
    )
    about = json.loads(path.with_suffix(".json").read_text())
    assert about["MISCChannelCount"] == 9
    recording = motion_bids.read(path, ReadOptions())
    (plate,) = recording.plates
    assert np.abs(force).max() > 500
    np.testing.assert_allclose(plate.force, force, atol=1e-4)
    np.testing.assert_allclose(plate.moment, moment, atol=1e-4)
    assert not any("MISC" in note for note in recording.notes)

    axes = path.with_name(path.name.replace("motion.tsv", "channels.json"))
    axes.write_text(axes.read_text().replace('"ASR"', '"ALS"'))
    (turned,) = motion_bids.read(path, ReadOptions()).plates
    np.testing.assert_allclose(turned.force, force[:, [0, 2, 1]] * [1, 1, -1], atol=1e-4)


def test_motion_bids_with_forces_in_other_units_leaves_them_out_by_name(made, tmp_path):
    path = tmp_path / "sub-S01_task-type2_motion.tsv"
    export(made[1], "S01", "type_2", path)
    channels = path.with_name(path.name.replace("motion.tsv", "channels.tsv"))
    channels.write_text(channels.read_text().replace("MISC\tn/a\tN\t", "MISC\tn/a\tlb\t"))
    recording = motion_bids.read(path, ReadOptions())
    assert recording.plates == []
    assert any("ground_force_1_vx is left out: its units are lb, m, nm" in note for note in recording.notes)
