"""Videos of several cameras in a folder become one trial of the lake: layouts, calibrations, and what is refused by name."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av", reason="videos need PyAV")

import neurostore
from neurostore.errors import CohortError
from neurostore.ingest.cohort.scan import scan
from neurostore.ingest.pipeline import ingest
from neurostore.ingest.pipeline.report import IngestReport
from neurostore.ingest.pipeline.settings import Settings
from neurostore.ingest.video import estimate
from neurostore.ingest.video.camera import Camera
from neurostore.ingest.video.contract import Detection
from neurostore.ingest.video.decode import Frame, VideoInfo
from neurostore.skeleton import Skeleton
from tests.builders import rigs
from tests.builders.small_rig import cameras, grey_film

N = 45


@cache
def walk() -> tuple[np.ndarray, Skeleton]:
    points, skeleton = rigs.walker(rate_hz=30.0)
    return np.asarray(points[:N]), skeleton


class Faultless:
    """An estimator that knows where the walker is in each video, by the name of its camera."""

    name, version, model_name, model_sha256, device = "made", "1", "made", "0" * 64, "cpu"
    length_basis = "nominal"

    def __init__(self) -> None:
        self.skeletons = (walk()[1],)

    def position_basis(self, camera: Camera) -> str:
        return "root_relative"

    def notes(self) -> list[str]:
        return ["positions are around the hips"]

    def session(self, video: VideoInfo, camera: Camera) -> Faultless:
        names = [part for part in (*video.path.parts[::-1],) if part.split(".")[0] in {c.name for c in cameras()}]
        seen_by = next(c for c in cameras() if c.name == names[0].split(".")[0])
        self.pixels = seen_by.project(walk()[0])
        self.positions = walk()[0] @ seen_by.rotation.T + seen_by.translation
        return self

    def detect(self, frames: Sequence[Frame]) -> list[list[Detection]]:
        found = []
        for frame in frames:
            points = self.pixels[frame.index]
            low, high = points.min(axis=0), points.max(axis=0)
            box = np.array([*low, *(high - low), 0.9])
            found.append(
                [Detection(box, [self.positions[frame.index].astype(np.float32)], points, np.full(len(points), 0.9))]
            )
        return found

    def close(self) -> None:
        pass


@pytest.fixture(autouse=True)
def _faultless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimate, "loaded", lambda *_: Faultless())


def filmed(folder: Path, at: str, *names: str) -> None:
    for name in names:
        path = folder / at.format(camera=name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(grey_film(N))


def run(folder: Path, lake: Path) -> IngestReport:
    return ingest(folder, lake, Settings(estimator="mediapipe"), n_workers=1)


@pytest.mark.parametrize(
    ("videos", "calibration", "key"),
    [
        ("S01/walk/videos/{camera}.mp4", "S01/calibration/Calib.toml", ("S01", "", "walk")),
        ("S01/pre/walk/videos/{camera}.mp4", "S01/pre/calibration/Calib_scene.toml", ("S01", "pre", "walk")),
        ("S01/walk/{camera}.mp4", "S01/walk/Calib.toml", ("S01", "", "walk")),
        ("S01/walk/{camera}.mp4", "calibration/Calib.toml", ("S01", "", "walk")),
    ],
)
def test_layouts(tmp_path: Path, videos: str, calibration: str, key: tuple[str, str, str]) -> None:
    filmed(tmp_path, videos, "cam1", "cam2", "cam3")
    path = rigs.calib_toml(cameras(), tmp_path / calibration)
    found = scan(tmp_path)
    assert [t.key for t in found.trials] == [key]
    assert [p.name for p in found.trials[0].paths] == ["cam1.mp4", "cam2.mp4", "cam3.mp4", path.name]
    assert not found.unknown
    assert not found.refused


def test_opencap_s_layout_takes_the_synchronised_copy(tmp_path: Path) -> None:
    at = "S01/Videos/{camera}/InputMedia/walk/"
    filmed(tmp_path, at + "walk.mp4", "cam1", "cam2")
    filmed(tmp_path, at + "walk_sync.mp4", "cam1", "cam2")
    filmed(tmp_path, "S01/Videos/{camera}/OutputMedia/walk/walk.mp4", "cam1", "cam2")
    for name in ("cam1", "cam2"):
        (tmp_path / "S01" / "Videos" / name / "cameraIntrinsicsExtrinsics.pickle").write_bytes(b"")
    found = scan(tmp_path)
    assert [t.key for t in found.trials] == [("S01", "", "walk")]
    assert [v.name for v in found.trials[0].options.views] == ["cam1", "cam2"]
    assert [p.name for p in found.trials[0].paths] == [
        *["walk_sync.mp4"] * 2,
        *["cameraIntrinsicsExtrinsics.pickle"] * 2,
    ]
    assert any("walk.mp4" in w and "not read" in w for w in found.warnings)


def test_without_a_calibration_every_video_is_a_trial(tmp_path: Path) -> None:
    filmed(tmp_path, "S01/pre/{camera}.mp4", "cam1", "cam2")
    assert [t.key for t in scan(tmp_path).trials] == [("S01", "pre", "cam1"), ("S01", "pre", "cam2")]


def test_a_calibration_higher_up_does_not_join_videos_of_other_names(tmp_path: Path) -> None:
    filmed(tmp_path, "S01/{camera}.mp4", "walk_fast", "walk_slow")
    rigs.calib_toml(cameras(), tmp_path / "calibration" / "Calib.toml")
    assert [t.trial for t in scan(tmp_path).trials] == ["walk_fast", "walk_slow"]


def test_a_walk_reaches_the_lake(tmp_path: Path) -> None:
    cohort, lake = tmp_path / "cohort", tmp_path / "lake"
    filmed(cohort, "S01/walk/videos/{camera}.mp4", "cam1", "cam2", "cam3")
    rigs.calib_toml(cameras(), cohort / "S01" / "calibration" / "Calib.toml")
    report = run(cohort, lake)
    assert not report.failed
    opened = neurostore.open(lake)
    row = opened.trials_table().to_pylist()[0]
    assert (row["trial"], row["position_basis"], row["length_basis"]) == ("walk", "triangulated", "measured")
    assert (row["n_frames"], row["rate_hz"], row["estimator"]) == (N, pytest.approx(30), "made 1")
    assert row["source_paths"][-1] == "S01/calibration/Calib.toml"
    quality = dict(row["quality"])
    assert quality["cameras_per_point"] == 3
    assert quality["reprojection_px"] < 1e-3
    assert [s["name"] for s in json.loads(row["steps"])][:4] == [
        "decode",
        "estimate",
        "sides_across_cameras",
        "triangulate",
    ]
    found = opened.sql(
        "SELECT left_knee.x, left_knee.y, left_knee.z, reprojection_px FROM poses_blazepose_33 ORDER BY frame"
    ).rows()
    truth = walk()[0][:, walk()[1].index("left_knee")] @ np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]).T
    assert np.array([r[:3] for r in found]) == pytest.approx(truth, abs=0.05)
    assert len(found[0][3]) == 33
    strides = opened.sql("SELECT stride_length_m FROM spatiotemporal WHERE stride_length_m IS NOT NULL").rows()
    assert strides  # positions are places in the laboratory
    assert len(run(cohort, lake).skipped) == 1  # unchanged files are not read again


def test_what_cohort_toml_says_of_a_camera_changes_the_trial(tmp_path: Path) -> None:
    cohort = tmp_path / "cohort"
    filmed(cohort, "S01/walk/videos/{camera}.mp4", "cam1", "cam2")
    rigs.calib_toml(cameras(), cohort / "calib" / "rig.toml")
    (cohort / "cohort.toml").write_text(
        '[[match]]\nfiles = "S01/walk/*"\n[match.camera]\ncalibration = "calib/rig.toml"\n'
        '[[match]]\nfiles = "*/cam2.mp4"\n[match.camera]\noffset_s = 0.1\n'
    )
    source = scan(cohort).trials[0]
    assert source.paths[-1] == cohort / "calib" / "rig.toml"
    assert [v.camera.get("offset_s") for v in source.options.views] == [None, 0.1]
    settings = Settings(estimator="file")
    before = settings.sha256(source, ())
    text = (cohort / "cohort.toml").read_text()
    (cohort / "cohort.toml").write_text(text.replace("0.1", "0.2"))
    assert settings.sha256(scan(cohort).trials[0], ()) != before


def refused(folder: Path, lake: Path) -> str:
    with pytest.raises(CohortError) as error:
        run(folder, lake)
    return str(error.value)


def test_one_camera_only(tmp_path: Path) -> None:
    filmed(tmp_path / "cohort", "S01/walk/videos/{camera}.mp4", "cam1")
    rigs.calib_toml(cameras(), tmp_path / "cohort" / "S01" / "Calib.toml")
    assert "is the only video of its trial; triangulation needs at least two" in refused(
        tmp_path / "cohort", tmp_path / "lake"
    )


def test_a_camera_missing_from_the_calibration(tmp_path: Path) -> None:
    filmed(tmp_path / "cohort", "S01/walk/videos/{camera}.mp4", "cam1", "cam2", "cam3")
    rigs.calib_toml(cameras()[:2], tmp_path / "cohort" / "S01" / "Calib.toml")
    assert "has the video cam3, whose camera is not in Calib.toml" in refused(tmp_path / "cohort", tmp_path / "lake")


def test_a_calibration_of_another_resolution(tmp_path: Path) -> None:
    filmed(tmp_path / "cohort", "S01/walk/videos/{camera}.mp4", "cam1", "cam2", "cam3")
    large = rigs.around(3, size=(640, 480), focal_px=440.0)
    rigs.calib_toml(large, tmp_path / "cohort" / "S01" / "Calib.toml")
    text = refused(tmp_path / "cohort", tmp_path / "lake")
    assert "cam1.mp4 has 160 x 120 px, its calibration cam1 is for 640 x 480" in text
    assert 'resolution = "scaled"' in text


@pytest.mark.parametrize(
    ("said", "expected"), [('offset_s = "late"', "expected seconds"), ("resolution = 2", '"scaled" or')]
)
def test_wrong_values_of_a_camera(tmp_path: Path, said: str, expected: str) -> None:
    filmed(tmp_path / "cohort", "S01/walk/videos/{camera}.mp4", "cam1", "cam2")
    rigs.calib_toml(cameras(), tmp_path / "cohort" / "S01" / "Calib.toml")
    (tmp_path / "cohort" / "cohort.toml").write_text(f"[camera]\n{said}\n")
    assert expected in refused(tmp_path / "cohort", tmp_path / "lake")


def test_a_stated_calibration_that_is_not_there(tmp_path: Path) -> None:
    filmed(tmp_path / "cohort", "S01/walk/videos/{camera}.mp4", "cam1", "cam2")
    (tmp_path / "cohort" / "cohort.toml").write_text('[camera]\ncalibration = "Calib.toml"\n')
    assert "No such file" in refused(tmp_path / "cohort", tmp_path / "lake")
