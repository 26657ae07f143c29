"""Calibration files: each format gives the cameras it was written from; wrong ones are refused by name."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import numpy as np
import pytest

from neurostore.errors import InputError
from neurostore.ingest.multiview import calibration
from neurostore.ingest.multiview.rig import CalibratedCamera, fitted
from tests.builders import rigs


def same(found: CalibratedCamera, given: CalibratedCamera) -> None:
    points = np.random.default_rng(1).uniform((-700, -700, 0), (700, 700, 1800), (20, 3))
    assert found.name == given.name
    assert (found.width, found.height) == (given.width, given.height)
    assert found.project(points) == pytest.approx(given.project(points), abs=1e-6)


@pytest.mark.parametrize("unit_mm", [1000.0, 1.0])
def test_toml_of_pose2sim(tmp_path: Path, unit_mm: float) -> None:
    cameras = [*rigs.around(3), rigs.camera("wide", (0, -4000, 1500), lens=rigs.FISHEYE, is_fisheye=True)]
    rig = calibration.read_rig([rigs.calib_toml(cameras, tmp_path / "Calib.toml", unit_mm)])
    assert rig.up == "z"
    for found, given in zip(rig.cameras, cameras, strict=True):
        same(found, given)
    assert ("unit is m (" if unit_mm == 1000 else "unit is mm (") in rig.notes[0]


def test_scale_mm_overrides_the_unit(tmp_path: Path) -> None:
    cameras = rigs.around(2)
    rig = calibration.read_rig([rigs.calib_toml(cameras, tmp_path / "Calib.toml", 10.0)], scale_mm=10.0)
    same(rig.cameras[1], cameras[1])
    assert not rig.notes


def qca(cameras: list[CalibratedCamera], left: int = 0) -> str:
    """Text in the form of Qualisys: rows of the rotation are the camera's axes, x right, y up, z to the viewer."""
    parts = []
    for c in cameras:
        rows = np.diag([1, -1, -1]) @ c.rotation
        r = " ".join(
            f'r{i + 1}{j + 1}="{rows[i, j]!r}"'.replace("np.float64(", "").replace(")", "")
            for i in range(3)
            for j in range(3)
        )
        x, y, z = map(float, c.centre)
        k, lens = c.intrinsics, (*c.distortion, 0.0, 0.0, 0.0, 0.0, 0.0)
        parts.append(
            f'<camera active="1" serial="{c.name}" model="none"><fov_video left="{left}" top="0" '
            f'right="{left + c.width - 1}" bottom="{c.height - 1}"/><transform {r} x="{x!r}" y="{y!r}" z="{z!r}"/>'
            f'<intrinsic focalLengthU="{float(k[0, 0] * 64)!r}" focalLengthV="{float(k[1, 1] * 64)!r}" '
            f'centerPointU="{float((k[0, 2] + left) * 64)!r}" centerPointV="{float(k[1, 2] * 64)!r}" skew="0" '
            f'radialDistortion1="{lens[0]}" radialDistortion2="{lens[1]}" radialDistortion3="{lens[4]}" '
            f'tangentalDistortion1="{lens[2]}" tangentalDistortion2="{lens[3]}"/></camera>'
        )
    return f"<?xml version='1.0' encoding='ASCII'?>\n<calibration><cameras>{''.join(parts)}</cameras></calibration>"


def test_qualisys(tmp_path: Path) -> None:
    cameras = rigs.around(3)
    path = tmp_path / "Calib.qca.txt"
    path.write_text(qca(cameras, left=16))
    rig = calibration.read_rig([path])
    assert rig.up == "z"
    for found, given in zip(rig.cameras, cameras, strict=True):
        same(found, given)


def opencap(camera: CalibratedCamera, folder: Path, protocol: int = 4, **other: object) -> Path:
    given = {
        "intrinsicMat": camera.intrinsics,
        "distortion": np.array([camera.distortion]),
        "imageSize": np.array([[camera.height], [camera.width]]),
        "rotation": camera.rotation,
        "translation": camera.translation.reshape(3, 1),
        "rotation_EulerAngles": np.zeros((3, 1)),
    }
    path = folder / camera.name / "cameraIntrinsicsExtrinsics.pickle"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps({**given, **other}, protocol=protocol))
    return path


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_opencap(tmp_path: Path, protocol: int) -> None:
    cameras = rigs.around(2)
    rig = calibration.read_rig([opencap(camera, tmp_path, protocol) for camera in cameras])
    assert (rig.kind, rig.up) == ("opencap", "-y")
    for found, given in zip(rig.cameras, cameras, strict=True):
        same(found, given)


def test_a_pickle_of_another_byte_order_changes_no_type_of_numpy(tmp_path: Path) -> None:
    cameras = rigs.around(2)
    swapped = cameras[0].rotation.astype(">f8")
    rig = calibration.read_rig([opencap(cameras[0], tmp_path, rotation=swapped), opencap(cameras[1], tmp_path)])
    same(rig.cameras[0], cameras[0])
    assert np.dtype("f8").isnative


class _Runs:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (Path.touch, (Path("ran"),))  # type: ignore[return-value]


def test_a_pickle_that_would_run_code_is_not_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    cameras = rigs.around(2)
    paths = [opencap(cameras[0], tmp_path), opencap(cameras[1], tmp_path, rotation=_Runs())]
    with pytest.raises(
        InputError, match=r"cam2/cameraIntrinsicsExtrinsics.pickle: asks to load pathlib.*could run code"
    ):
        calibration.read_rig(paths)
    assert not Path("ran").exists()


def test_pickles_of_something_else_are_refused(tmp_path: Path) -> None:
    first, second = rigs.around(2)
    paths = [opencap(first, tmp_path, translation=np.zeros(2)), opencap(second, tmp_path)]
    with pytest.raises(InputError, match=r"translation is an array of \(2,\); expected 3 numbers"):
        calibration.read_rig(paths)
    paths[1].write_bytes(b"not a pickle")
    with pytest.raises(InputError, match=r"cam2.*cannot be read as a pickle of arrays"):
        calibration.read_rig(paths)


def test_everything_wrong_with_a_toml_is_reported_at_once(tmp_path: Path) -> None:
    path = rigs.calib_toml(rigs.around(3), tmp_path / "Calib.toml")
    text = path.read_text()
    text = re.sub(r"rotation = .*", 'rotation = [1.0, "a"]', text, count=1)
    text = text.replace("matrix = [[1300.0", "matrix = [[-1300.0", 2).replace(
        "matrix = [[-1300.0", "matrix = [[1300.0", 1
    )
    start = text.index("[cam3]")
    path.write_text(text[:start] + text[start:].replace("translation", "moved"))
    with pytest.raises(InputError) as refused:
        calibration.read_rig([path])
    assert "[cam1] rotation" in str(refused.value)
    assert "[cam2] matrix is not a camera matrix" in str(refused.value)
    assert "[cam3] has no translation" in str(refused.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a = [", "cannot be read as TOML"),
        ("[metadata]\nerror = 0.0", "holds no camera"),
    ],
)
def test_toml_that_is_not_a_calibration(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "Calib.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=expected):
        calibration.read_rig([path])


def test_cameras_in_one_place_are_refused(tmp_path: Path) -> None:
    one = rigs.around(1)[0]
    path = rigs.calib_toml([one, rigs.camera("cam2", tuple(one.centre))], tmp_path / "Calib.toml")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="puts its 2 cameras at one point"):
        calibration.read_rig([path])


# -- which camera filmed which video ----------------------------------------------------------------------------------


def rig_of(tmp_path: Path, *names: str) -> calibration.Rig:
    cameras = rigs.around(len(names))
    path = tmp_path / "Calib.toml"
    rigs.calib_toml(cameras, path)
    text = path.read_text()
    for number, name in enumerate(names, 1):
        text = text.replace(f"cam{number}", name)
    path.write_text(text)
    return calibration.read_rig([path])


@pytest.mark.parametrize(
    ("names", "videos", "expected"),
    [
        (("cam_01", "cam_02"), ("cam02", "cam01"), ["cam_02", "cam_01"]),
        (("int_cam01_img", "int_cam02_img"), ("cam01", "cam02"), ["int_cam01_img", "int_cam02_img"]),
        (("left", "right"), ("Right", "LEFT"), ["right", "left"]),
        (("c1", "c2", "c3"), ("walk_c3", "walk_c1"), ["c3", "c1"]),
        (("M11139", "M11140"), ("a", "b"), ["M11139", "M11140"]),
    ],
)
def test_videos_find_their_cameras(
    tmp_path: Path, names: tuple[str, ...], videos: tuple[str, ...], expected: list[str]
) -> None:
    found, _ = calibration.matched(rig_of(tmp_path, *names), videos, tmp_path)
    assert [camera.name for camera in found] == expected


def test_pairing_by_order_is_noted(tmp_path: Path) -> None:
    _, notes = calibration.matched(rig_of(tmp_path, "M11139", "M11140"), ("a", "b"), tmp_path)
    assert "in the order of their names: a with M11139, b with M11140" in notes[0]


def test_a_camera_that_the_calibration_lacks_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has the video cam3, whose camera is not in Calib.toml \(cam1, cam2\)"):
        calibration.matched(rig_of(tmp_path, "cam1", "cam2"), ("cam1", "cam2", "cam3"), tmp_path)


# -- another resolution -----------------------------------------------------------------------------------------------


def test_a_calibration_of_another_resolution_is_refused() -> None:
    camera = rigs.around(1)[0]
    with pytest.raises(
        InputError, match=r"cam1\.mp4 has 1280 x 720 px, its calibration cam1 is for 1920 x 1080; expected"
    ):
        fitted(camera, 1280, 720, None, Path("cam1.mp4"))
    with pytest.raises(InputError, match="turned by 90 degrees"):
        fitted(camera, 1080, 1920, None, Path("cam1.mp4"))
    with pytest.raises(InputError, match="another shape, not another scale"):
        fitted(camera, 1280, 960, "scaled", Path("cam1.mp4"))


def test_the_rounding_of_a_codec_is_noted() -> None:
    camera = rigs.around(1)[0]
    found, note = fitted(camera, 1920, 1088, None, Path("cam1.mp4"))
    assert np.array_equal(found.intrinsics, camera.intrinsics)
    assert "rounding up of a codec" in note


def test_a_scaled_image_sees_the_same_point_at_the_same_place() -> None:
    """The edges of the image, half a pixel outside the middles of its first and last pixels, stay where they are."""
    camera = rigs.around(1)[0]
    small, _ = fitted(camera, 960, 540, "scaled", Path("cam1.mp4"))
    points = np.random.default_rng(2).uniform((-700, -700, 0), (700, 700, 1800), (20, 3))
    assert (small.project(points) + 0.5) / 0.5 == pytest.approx(camera.project(points) + 0.5, abs=1e-9)
