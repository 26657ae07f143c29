"""2D key points of other programs in the folders of Pose2Sim become a triangulated trial."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av", reason="videos need PyAV")

import neurostore
from neurostore import skeleton as skeletons
from neurostore.errors import CohortError, InputError
from neurostore.ingest.cohort.scan import scan
from neurostore.ingest.multiview import keypoint_files
from neurostore.ingest.pipeline import ingest
from neurostore.ingest.pipeline.settings import Settings
from tests.builders import rigs
from tests.builders.small_rig import cameras, grey_film

N = 40
#: points that the simulated walker has, by the names of blazepose_33
_OTHER = {"big_toe": "foot_index", "small_toe": "foot_index"}


@cache
def walker(name: str) -> np.ndarray:
    """(N, J, 3) mm of a walker as the points of a skeleton; fingers and face are at the wrists and the nose."""
    points, made = rigs.walker(rate_hz=30.0)

    def place(joint: str) -> np.ndarray:
        side, _, part = joint.partition("_")
        if joint in ("pelvis", "neck", "head"):
            of = {"pelvis": "hip", "neck": "shoulder", "head": "ear"}[joint]
            both = points[:, [made.index(f"{s}_{of}") for s in ("left", "right")]]
            return both.mean(axis=1) + np.array([0, 0, 9.0])
        if "hand" in joint:
            return points[:, made.index(f"{side}_wrist")] + [0, 0, float(part.rpartition("_")[2])]
        if joint.startswith("face"):
            return points[:, made.index("nose")] + [0, 0, float(part)]
        at = made.index(f"{side}_{_OTHER.get(part, part)}" if side in ("left", "right") else joint)
        return points[:, at] + ([0, 0, 4.0] if part == "small_toe" else 0.0)

    return np.stack([place(j) for j in skeletons.load(name).joints], axis=1)[:N]


def cohort(folder: Path, name: str = "halpe_26", kind: str = "pose", called: str = "{0}_json/{0}_{1:06d}.json") -> Path:
    """A trial of three cameras with a JSON file per frame; in every file somebody else, seen by one camera, stands first."""
    rigs.calib_toml(cameras(), folder / "S01" / "calibration" / "Calib.toml")
    for camera in cameras():
        video = folder / "S01" / "walk" / "videos" / f"{camera.name}.mp4"
        video.parent.mkdir(parents=True, exist_ok=True)
        video.write_bytes(grey_film(N))
        for frame, points in enumerate(camera.project(walker(name))):
            path = folder / "S01" / "walk" / kind / called.format(camera.name, frame)
            path.parent.mkdir(parents=True, exist_ok=True)
            own = np.column_stack([points, np.full(len(points), 0.8)])
            stranger = np.column_stack([points * 0.2 + [2, 3], np.full(len(points), 0.5)])
            people = [stranger] * (camera.name == "cam1") + [own] * (frame != 7)
            path.write_text(
                json.dumps({"people": [{"pose_keypoints_2d": p.ravel().round(4).tolist()} for p in people]})
            )
    return folder


def run(folder: Path, lake: Path):
    return ingest(folder, lake, Settings(estimator="file"), n_workers=1)


def test_key_points_of_three_cameras_become_the_walk(tmp_path: Path) -> None:
    folder = cohort(tmp_path / "cohort")
    found = scan(folder)
    assert [t.key for t in found.trials] == [("S01", "", "walk")]
    assert not found.unknown
    report = run(folder, tmp_path / "lake")
    assert not report.failed
    opened = neurostore.open(tmp_path / "lake")
    row = opened.trials_table().to_pylist()[0]
    assert (row["position_basis"], row["n_frames"], row["rate_hz"]) == ("triangulated", N, pytest.approx(30))
    assert any("(halpe_26) were read from pose/cam1_json, pose/cam2_json" in note for note in row["notes"])
    rows = opened.sql("SELECT left_knee.x, left_knee.y, left_knee.z FROM poses_halpe_26 ORDER BY frame").rows()
    truth = walker("halpe_26")[:, 13] @ np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]).T
    at = np.array(rows, dtype=float)
    assert np.isnan(at[7]).all()  # nobody was seen in it
    assert np.delete(at, 7, axis=0) == pytest.approx(np.delete(truth, 7, axis=0), abs=0.2)  # pixels to four places
    knees = opened.sql("SELECT count(left_knee_flexion_deg) AS n FROM joint_angles")["n"][0]
    assert knees >= N - 1
    settings, source = Settings(estimator="file"), scan(folder).trials[0]
    before = settings.sha256(source, ())
    changed = next((folder / "S01" / "walk" / "pose" / "cam2_json").glob("*_000003.json"))
    changed.write_text('{"people": []}')
    assert settings.sha256(source, ()) != before  # a changed file is read again


@pytest.mark.parametrize("name", ["body_25", "coco_133", "coco_17"])
def test_the_number_of_points_says_which_skeleton(tmp_path: Path, name: str) -> None:
    folder = cohort(tmp_path, name, "pose-sync", "x_{0}_json/{0}_{1:012d}_keypoints.json")
    found = keypoint_files.read(folder / "S01" / "walk" / "videos" / "cam2.mp4")
    assert found.skeleton.name == name
    assert sorted(found.persons) == list(range(N))
    assert found.persons[5][0, :, :2] == pytest.approx(cameras()[1].project(walker(name))[5], abs=1e-3)


def _set(folder: Path, text: str) -> None:
    for path in (folder / "S01" / "walk" / "pose" / "cam2_json").glob("*.json"):
        path.write_text(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"people": []}', "shows no person in its 40 files"),
        (
            '{"people": [{"pose_keypoints_2d": [1, 2, 1, 3, 4, 1]}]}',
            r"has persons of 2 points; expected one of 17 \(coco_17\)",
        ),
        ("[1, 2]", "is not a file of 2D key points"),
        ('{"people": [{"pose_keypoints_2d": [1, 2]}]}', "is not a file of 2D key points"),
        (json.dumps({"people": [{"pose_keypoints_2d": [0.5, 0.5, 1] * 26}]}), "between 0 and 1.*expected pixels"),
    ],
)
def test_files_that_hold_something_else_are_named(tmp_path: Path, text: str, message: str) -> None:
    _set(cohort(tmp_path), text)
    with pytest.raises(InputError, match=message):
        keypoint_files.read(tmp_path / "S01" / "walk" / "videos" / "cam2.mp4")


def test_what_does_not_belong_together_is_named(tmp_path: Path) -> None:
    folder = cohort(tmp_path / "cohort")
    pose = folder / "S01" / "walk" / "pose"
    (pose / "cam2_json" / "cam2_000099.json").write_text('{"people": []}')
    with pytest.raises(CohortError, match=r"has frame 99, and cam2\.mp4 has 40 frames"):
        run(folder, tmp_path / "lake")
    (pose / "cam2_json").rename(pose / "camera_json")
    with pytest.raises(CohortError, match=r"cam2\.mp4: .*expected a folder pose/cam2_json with a JSON file per frame"):
        run(folder, tmp_path / "lake")
