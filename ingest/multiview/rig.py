"""Calibrated cameras: what each is, how a point falls on its image, and the set of them that filmed one trial.

A camera maps a point X (mm, frame of the calibration) to R X + t in its own frame (x right, y down, z away) and from
there to pixels by the models of OpenCV: Brown-Conrady with up to twelve coefficients, or fisheye (Kannala-Brandt 2006,
doi:10.1109/TPAMI.2006.153) with four.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from neurostore.arrays import Floats
from neurostore.errors import InputError
from neurostore.ingest.multiview import lens_kernels

MAX_METRES = 50.0  # if cameras are farther apart than this in the file's unit, the unit is not the metre
_PADDING = 16  # codecs round the sides of an image up to a multiple of this many pixels


@dataclass(frozen=True)
class CalibratedCamera:
    """One camera.

    Attributes
    ----------
    name : as in the calibration. width, height : px, of the images it was calibrated with.
    intrinsics : (3, 3) px. distortion : k1, k2, p1, p2, k3, k4, k5, k6, s1 … s4 as OpenCV orders them; k1 … k4 of a fisheye.
    rotation : (3, 3) and translation (3,) mm: from the frame of the calibration to that of the camera.
    """

    name: str
    width: int
    height: int
    intrinsics: Floats
    distortion: tuple[float, ...]
    rotation: Floats
    translation: Floats
    is_fisheye: bool = False

    @property
    def centre(self) -> Floats:
        """(3,) mm: where the camera is."""
        return np.asarray(-self.rotation.T @ self.translation)

    def packed(self) -> Floats:
        """(31,) the numbers the kernels want."""
        k = self.intrinsics
        lens = np.zeros(12)
        lens[: len(self.distortion)] = self.distortion
        inner = [k[0, 0], k[0, 1], k[0, 2], k[1, 1], k[1, 2], float(self.is_fisheye)]
        return np.concatenate([inner, lens, self.rotation.ravel(), self.translation, [0.0]])

    def project(self, points: Floats) -> Floats:
        """Pixels (…, 2) of points (…, 3) mm in the frame of the calibration; NaN behind the camera."""
        flat = np.ascontiguousarray(np.asarray(points, float).reshape(-1, 3))
        return np.asarray(lens_kernels.project(flat, self.packed())).reshape(*np.shape(points)[:-1], 2)


@dataclass(frozen=True)
class Rig:
    """The cameras of a calibration file.

    up : the axis that points up by the convention of the format, '' if it has none. kind : the format.
    notes : what was inferred in reading.
    """

    path: Path
    kind: str
    cameras: tuple[CalibratedCamera, ...]
    up: str = ""
    notes: tuple[str, ...] = ()

    def packed(self) -> Floats:
        """(V, 31) the numbers the kernels want."""
        return np.stack([camera.packed() for camera in self.cameras])


def scaled_rig(
    path: Path, kind: str, cameras: Iterable[CalibratedCamera], up: str, scale_mm: float | None, unit: str | None = None
) -> Rig:
    """The rig in mm. scale_mm : mm per unit of the file as cohort.toml says; unit : as the format says, None to infer it.

    Cameras that are within 50 of the file's units of each other are in metres: in mm they would be too close together.

    Raises
    ------
    InputError : no camera, two of one name, or all in one place.
    """
    cameras = list(cameras)
    if not cameras:
        raise InputError(
            path, "holds no camera; expected a section for each, with its matrix, rotation and translation"
        )
    names = [camera.name for camera in cameras]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(path, f"has {', '.join(twice)} twice; expected one section for each camera")
    centres = np.stack([camera.centre for camera in cameras])
    apart = float(np.linalg.norm(centres[:, None] - centres[None], axis=-1).max())
    if len(cameras) > 1 and apart <= 1e-9 * max(1.0, float(np.abs(centres).max())):
        raise InputError(
            path, f"puts its {len(cameras)} cameras at one point; expected the place of each: calibrate the extrinsics"
        )
    notes = []
    if scale_mm is None and unit is None:
        unit = "m" if apart < MAX_METRES else "mm"
        notes.append(
            f"{path.name} states no unit; its cameras stand {apart:.4g} units apart, so the unit is {unit} "
            f"(scale_mm in cohort.toml overrides)"
        )
    scale = scale_mm if scale_mm is not None else {"m": 1000.0, "mm": 1.0}[str(unit)]
    sized = tuple(replace(camera, translation=camera.translation * scale) for camera in cameras)
    return Rig(path, kind, sized, up, tuple(notes))


def fitted(
    camera: CalibratedCamera, width: int, height: int, resolution: str | None, video: Path
) -> tuple[CalibratedCamera, str]:
    """The camera for images of this size, and a note where the size is another than that of the calibration ('' else).

    resolution : what cohort.toml says of a difference: ``scaled`` (the whole image made smaller or larger) or
    ``cropped`` (cut or padded at the right and the bottom).

    Raises
    ------
    InputError : the sizes differ and nothing explains it.
    """
    if (width, height) == (camera.width, camera.height):
        return camera, ""
    sizes = (
        f"{video.name} has {width} x {height} px, its calibration {camera.name} is for {camera.width} x {camera.height}"
    )
    if resolution == "scaled":
        factor = np.array([width / camera.width, height / camera.height])
        if abs(factor[0] / factor[1] - 1) > 0.01:
            raise InputError(
                video, f"{sizes}: another shape, not another scale; use a calibration made with images of this size"
            )
        inner = camera.intrinsics.copy()  # the middle of the first pixel is at 0, its edge at -0.5
        inner[0] *= factor[0]
        inner[1] *= factor[1]
        inner[:2, 2] += (factor - 1) / 2
        return replace(camera, width=width, height=height, intrinsics=inner), f"{sizes}: scaled, as cohort.toml says"
    if resolution == "cropped":
        return replace(camera, width=width, height=height), f"{sizes}: cropped, as cohort.toml says"
    if _is_padding(width, camera.width) and _is_padding(height, camera.height):
        note = f"{sizes}: taken as the rounding up of a codec, which adds rows or columns at the right and the bottom"
        return replace(camera, width=width, height=height), note
    if (height, width) == (camera.width, camera.height):
        raise InputError(
            video, f"{sizes}: turned by 90 degrees; calibrate with images turned as the videos are, or turn the videos"
        )
    raise InputError(
        video,
        f"{sizes}; expected one size. Calibrate at the size of the videos, or, if the videos were only made smaller or "
        f'cut at the right and bottom since, set resolution = "scaled" or "cropped" under [camera] in cohort.toml',
    )


def _is_padding(one: int, other: int) -> bool:
    """Whether the larger is the smaller rounded up to whole blocks of 16 pixels."""
    small, large = sorted((one, other))
    return small == large or large == -(-small // _PADDING) * _PADDING
