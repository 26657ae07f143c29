"""The NeuroPose results.json reader on files written from the published form of the format."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from neurostore import skeleton
from neurostore.errors import InputError
from neurostore.ingest.readers import read
from neurostore.ingest.recording import ReadOptions
from tests.builders.neuropose_files import persons, video, walk, write


@pytest.mark.parametrize("version", [None, 1, 2])
def test_one_person(tmp_path: Path, version: int | None) -> None:
    recording = read(write(tmp_path, {"walk.mp4": video(walk(), version)}))
    poses = recording.poses[0]
    camera = persons(60)[:, 0]
    np.testing.assert_allclose(poses.positions, camera * [1, -1, -1], rtol=1e-6)
    assert poses.skeleton.name == "berkeley_mhad_43"
    assert poses.skeleton.joints == skeleton.load("berkeley_mhad_43").joints
    assert poses.person.tolist() == [0] * 60
    np.testing.assert_allclose(poses.time_s, np.arange(60) / 30)
    assert (recording.kind, recording.up_source, recording.position_basis) == ("video", "camera_level", "camera_metric")
    assert recording.estimator["model_sha256"] == ("ab" * 32 if version == 2 else None)


def test_two_persons_in_random_order_are_distinguished(tmp_path: Path) -> None:
    rng = random.Random(4)
    made = persons(90)
    people = []
    for i, frame in enumerate(made):
        found = [frame[0], frame[1]] if i >= 20 else [frame[0]]  # the bystander comes later
        rng.shuffle(found)
        people.append(found)
    people[40] = []  # a frame without any detection
    recording = read(write(tmp_path, {"walk.mp4": video(people)}))
    poses = recording.poses[0]
    for person, first in ((0, 0), (1, 20)):
        mine = poses.person == person
        frames = [f for f in range(first, 90) if f != 40]
        assert poses.frame[mine].tolist() == frames
        np.testing.assert_allclose(poses.positions[mine], made[frames, person] * [1, -1, -1], rtol=1e-5, atol=1e-2)
    keys = list(zip(poses.person.tolist(), poses.frame.tolist(), strict=True))
    assert keys == sorted(keys)


def test_a_jump_across_the_room_is_another_person(tmp_path: Path) -> None:
    made = persons(40)
    recording = read(write(tmp_path, {"a.mp4": video([[p[0]] for p in made[:30]] + [[p[1]] for p in made[30:]])}))
    assert np.bincount(recording.poses[0].person).tolist() == [30, 10]


def test_several_videos(tmp_path: Path) -> None:
    path = write(tmp_path, {"a.mp4": video(walk(20)), "b.mp4": video(walk(30))})
    assert len(read(path, ReadOptions(member="a.mp4")).poses[0].frame) == 20
    assert len(read(path, ReadOptions(member="b.mp4")).poses[0].frame) == 30
    with pytest.raises(InputError, match="holds 2 videos"):
        read(path)
    with pytest.raises(InputError, match=r"no video 'c.mp4'; it has a.mp4, b.mp4"):
        read(path, ReadOptions(member="c.mp4"))


def test_segmentations_are_events(tmp_path: Path) -> None:
    segmentations = {
        "stand": {
            "config": {"extractor": {"kind": "joint_axis", "joint": 0}, "person_index": 0},
            "segments": [{"start": 30, "end": 60, "peak": 45}, {"start": 3, "end": 30, "peak": 9}],
        }
    }
    recording = read(write(tmp_path, {"a.mp4": video(walk(), segmentations=segmentations)}))
    assert [(e.event, round(e.time_s, 6), e.label, e.side) for e in recording.events] == [
        ("segment_start", 0.1, "stand", None),
        ("segment_peak", 0.3, "stand", None),
        ("segment_start", 1.0, "stand", None),
        ("segment_end", 1.0, "stand", None),
        ("segment_peak", 1.5, "stand", None),
        ("segment_end", 2.0, "stand", None),
    ]
    assert "joint_axis" in recording.events[0].description


def test_missing_joints_and_dropped_frames(tmp_path: Path) -> None:
    people = walk(20)
    people[3][0][7] = np.nan
    recording = read(write(tmp_path, {"a.mp4": video(people)}), ReadOptions(drop_frames=2))
    poses = recording.poses[0]
    assert poses.frame.tolist() == list(range(18))
    assert poses.time_s[0] == pytest.approx(2 / 30)
    assert np.argwhere(np.isnan(poses.positions).any(axis=-1)).tolist() == [[1, 7]]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ([], "no object"),
        ({}, "found an object"),
        ({"a": 1}, "expected video names"),
        ({"job": {"status": "completed", "results_path": "x"}}, "status.json"),
        ({"schema_version": 1, "measured_passes": [], "aggregate": {}}, "benchmark"),
        ({"a.mp4": video(walk(3), 3)}, "schema_version 3 is newer than 2"),
        ({"a.mp4": video(walk(3), schema_version="two")}, "schema_version is 'two'"),
        ({"a.mp4": video(walk(3), metadata={"frame_count": 3, "fps": 0})}, "metadata.fps is 0"),
        ({"a.mp4": video([[], []])}, "no person was found in any of its 2 frames"),
        ({"a.mp4": video(walk(3), frames={})}, "no person was found"),
        ({"a.mp4": video(walk(3), frames=[])}, "frames is list"),
        ({"a.mp4": video(walk(3), frames={"frame_000000": {"poses3d": [[[1, 2]]]}})}, r"shape \(1, 1, 2\)"),
        ({"a.mp4": video(walk(3), frames={"frame_000000": {"poses3d": [[[1, 2, "x"]]]}})}, "not an array of numbers"),
        ({"a.mp4": video(walk(3), frames={"first": {"poses3d": []}})}, "'first' has no number"),
        ({"a.mp4": video([[np.zeros((5, 3))]])}, "5 joints; known are 43"),
        ({"a.mp4": video([[np.full((43, 3), np.nan)]])}, "none of its coordinates"),
        ({"a.mp4": video(walk(3), segmentations={"s": {"segments": [{"start": 1}]}})}, "has peak = None"),
    ],
)
def test_bad_files(tmp_path: Path, content: object, says: str) -> None:
    with pytest.raises(InputError, match=says):
        read(write(tmp_path, content))


def test_truncated(tmp_path: Path) -> None:
    whole = write(tmp_path, {"a.mp4": video(walk(5))}).read_text()
    for size in range(0, len(whole) - 2, 5000):
        path = tmp_path / "cut.json"
        path.write_text(whole[:size])
        with pytest.raises(InputError, match="not JSON, or breaks off"):
            read(path)
