"""The Motion-BIDS reader on data sets written from the specification."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from neurostore.errors import InputError
from neurostore.ingest.readers import read
from neurostore.ingest.recording import ReadOptions
from tests.builders.bids_files import POINTS, dataset, z_up
from tests.builders.trc_files import walk


def got(recording) -> np.ndarray:
    poses = recording.poses[0]
    return np.stack([poses.positions[:, poses.skeleton.index(n)] for n in POINTS], axis=1)


@pytest.mark.parametrize("json_at", ["motion", "root"])
@pytest.mark.parametrize(("units", "mm"), [("m", 1000.0), ("mm", 1.0), ("n/a", 1000.0)])
def test_positions(tmp_path: Path, units: str, mm: float, json_at: str) -> None:
    recording = read(dataset(tmp_path, z_up(walk()) / mm, units=units, json_at=json_at))
    assert recording.poses[0].skeleton.name == "plug_in_gait"
    np.testing.assert_allclose(got(recording), walk(), atol=1e-2)
    np.testing.assert_allclose(recording.poses[0].time_s, np.arange(30) / 100)
    assert recording.length_basis == ("judged" if units == "n/a" else "measured")
    assert any("SpatialAxes" in n and "z was used" in n for n in recording.notes)


def test_missing_samples_and_other_channels(tmp_path: Path) -> None:
    made = walk()
    made[4, 2, 1] = np.nan
    recording = read(dataset(tmp_path, z_up(made), extra=True))
    assert np.argwhere(np.isnan(got(recording)).all(axis=-1)).tolist() == [[4, 2]]
    assert any("1 ORNT" in n for n in recording.notes)


@pytest.mark.parametrize("axes", ["FRU", "FLU", "RUF", "ALS", "BDL"])
def test_axes_of_the_reference_frame(tmp_path: Path, axes: str) -> None:
    """Each letter says where that axis of the file points, left-handed frames included."""
    made = walk()
    ways = {"F": made[..., 0], "A": made[..., 0], "B": -made[..., 0], "U": made[..., 1], "S": made[..., 1],
            "D": -made[..., 1], "R": made[..., 2], "L": -made[..., 2]}  # fmt: skip
    path = dataset(tmp_path, np.stack([ways[c] for c in axes], axis=-1), frame="lab")
    levels = {"lab": {"SpatialAxes": axes, "RotationRule": "right-hand"}}
    (path.parent / path.name.replace("_motion.tsv", "_channels.json")).write_text(
        json.dumps({"reference_frame": {"Levels": levels}})
    )
    np.testing.assert_allclose(got(read(path)), made, atol=1e-2)


def test_latency_is_the_clock(tmp_path: Path) -> None:
    times = np.cumsum(np.random.default_rng(1).uniform(0.008, 0.012, 30))
    recording = read(dataset(tmp_path, z_up(walk()), latency=times))
    np.testing.assert_allclose(recording.poses[0].time_s, times, atol=1e-6)


def test_nearest_sidecar_wins_and_others_do_not_apply(tmp_path: Path) -> None:
    path = dataset(tmp_path, z_up(walk()), json_at="root")
    (tmp_path / "task-run_motion.json").write_text('{"SamplingFrequency": 7}')
    (tmp_path / "sub-01" / "sub-01_motion.json").write_text('{"SamplingFrequency": 200}')
    assert read(path).rate_hz == 200


def test_events(tmp_path: Path) -> None:
    path = dataset(tmp_path, z_up(walk()))
    events = "onset\tduration\ttrial_type\n0.2\t0\tleft heel strike\n0.1\t0\tRTO\nn/a\t0\tlost\n"
    (path.parent / path.name.replace("_tracksys-omc_motion.tsv", "_events.tsv")).write_text(events)
    recording = read(path)
    assert [(e.event, e.side, e.time_s) for e in recording.events] == [
        ("foot_off", "right", 0.1),
        ("foot_strike", "left", 0.2),
    ]


def test_options(tmp_path: Path) -> None:
    path = dataset(tmp_path, walk(), rate="n/a")
    recording = read(path, ReadOptions(up="y", rate_hz=50.0, drop_frames=10))
    np.testing.assert_allclose(got(recording), walk()[10:], atol=1e-3)
    assert recording.poses[0].time_s[0] == pytest.approx(0.2)


def test_names_of_a_laboratory(tmp_path: Path) -> None:
    """[markers] of cohort.toml, and sides in another language: the labels of BIDS are read as those of other files."""
    path = dataset(tmp_path, walk())
    table = path.parent / path.name.replace("motion.tsv", "channels.tsv")
    foreign = {"LASI": "EIAS_G", "RASI": "EIAS_D", "LANK": "ANK_G", "RANK": "ANK_D", "LTOE": "TOE_G", "RTOE": "TOE_D"}
    text = table.read_text()
    for name, other in (foreign | {"LKNE": "M7"}).items():
        text = text.replace(name, other)
    table.write_text(text)
    recording = read(path, ReadOptions(markers={"M7": "LKNE"}))
    names = recording.poses[0].skeleton.source_names
    assert {"LEIAS", "REIAS", "LANK", "RANK", "LTOE", "RTOE", "LKNE"} <= set(names)
    assert any("EIAS_G as LEIAS" in note for note in recording.notes)


def change(path: Path, name: str, old: str, new: str) -> None:
    file = path.parent / path.name.replace("motion.tsv", name)
    file.write_text(file.read_text().replace(old, new))


@pytest.mark.parametrize(
    ("name", "old", "new", "says"),
    [
        ("channels.tsv", "RTOE_pos_z\tz\tPOS\tRTOE\tmm\tn/a\n", "", "has 24 columns, its channels.tsv describes 23"),
        ("channels.tsv", "component", "komponent", "lacks the columns component"),
        ("channels.tsv", "POS", "ACCEL", "no tracked point with POS"),
        ("channels.tsv", "LASI_pos_y\ty", "LASI_pos_y\tx", "a component that it already has"),
        ("motion.json", "100.0", '"fast"', "SamplingFrequency"),
        ("motion.json", "}", "", "not readable JSON"),
        ("motion.tsv", "120.000000", "wide", "is not a number"),
        ("motion.tsv", ".", "", "over 100 m from the origin"),
    ],
)
def test_bad_files(tmp_path: Path, name: str, old: str, new: str, says: str) -> None:
    path = dataset(tmp_path, z_up(walk()))
    change(path, name, old, new)
    with pytest.raises(InputError, match=says):
        read(path)


def test_no_sidecars_and_other_tables(tmp_path: Path) -> None:
    path = dataset(tmp_path, z_up(walk()))
    (path.parent / path.name.replace("motion.tsv", "channels.tsv")).unlink()
    with pytest.raises(InputError, match=r"no \*_channels.tsv"):
        read(path)
    other = tmp_path / "notes.tsv"
    other.write_text("a\tb\n")
    with pytest.raises(InputError, match=r"_motion\.tsv"):
        read(other)


def test_truncated(tmp_path: Path) -> None:
    path = dataset(tmp_path, z_up(walk()))
    path.write_text(path.read_text()[:-40])
    with pytest.raises(InputError, match="is truncated"):
        read(path)
