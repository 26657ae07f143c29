"""A walk seen by simulated cameras becomes the walk again; what is wrong with the views is refused by name."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from neurostore.errors import InputError
from neurostore.ingest.multiview.rig import CalibratedCamera, Rig
from neurostore.ingest.multiview.trial import recording_of
from neurostore.ingest.multiview.views import Sighting, View
from neurostore.ingest.recording import ReadOptions, Recording
from neurostore.skeleton import Skeleton
from tests.builders import rigs

HERE = Path("S01/walk")
TURN = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])  # Z up to Y up


@cache
def walk() -> tuple[np.ndarray, Skeleton]:
    points, skeleton = rigs.walker()
    return np.asarray(points[:70]), skeleton


def recorded(
    views: list[View], cameras: list[CalibratedCamera] | None = None, options: ReadOptions | None = None, **given: str
) -> Recording:
    rig = Rig(Path("Calib.toml"), "toml", tuple(cameras or [view.camera for view in views]), up="z")
    return recording_of(views, walk()[1], replace(rig, **given), options or ReadOptions(), HERE)


def moved(view: View, frames: int) -> View:
    """The video of a camera that was started the given number of frames later."""
    person = view.persons[0]
    return replace(
        view, time_s=view.time_s[:-frames], persons=[Sighting(person.points[frames:], person.confidence[frames:])]
    )


def test_the_walk_is_found_again() -> None:
    points, _ = walk()
    found = recorded(rigs.views_of(rigs.around(3), points))
    assert found.poses[0].positions == pytest.approx(points @ TURN.T, abs=0.01)
    assert (found.position_basis, found.up_source, found.kind) == ("triangulated", "camera_extrinsics", "video")
    assert found.rate_hz == pytest.approx(60)
    assert np.nanmax(found.poses[0].reprojection_px) < 1e-3
    assert any(
        "the vertical axis is z of the calibration, by the convention of Calib.toml; the person agrees" in n
        for n in found.notes
    )


def test_noise_is_stated() -> None:
    """Two thirds of the differences of one axis are within one stated standard deviation, 95 % within two."""
    points, _ = walk()
    found = recorded(rigs.views_of(rigs.around(4), points, noise_px=3.0))
    off = found.poses[0].positions - points @ TURN.T
    share = np.abs(off) / found.poses[0].sd_mm[..., None]
    assert np.mean(share < 1) == pytest.approx(0.68, abs=0.04)
    assert np.mean(share < 1.96) == pytest.approx(0.95, abs=0.02)


def test_sides_exchanged_in_one_view_are_put_back() -> None:
    points, skeleton = walk()
    views = rigs.views_of(rigs.around(3), points, noise_px=1.0)
    person = views[1].persons[0]
    for name in ("hip", "knee", "ankle", "heel", "foot_index"):
        pair = [skeleton.index(f"left_{name}"), skeleton.index(f"right_{name}")]
        person.points[20:45, pair] = person.points[20:45, pair[::-1]]
    found = recorded(views)
    legs = [skeleton.index(f"{side}_{name}") for side in ("left", "right") for name in ("knee", "ankle")]
    off = np.linalg.norm(found.poses[0].positions - points @ TURN.T, axis=-1)[:, legs]
    assert np.median(off) < 4
    assert np.mean(off > 20) < 0.05
    assert any("cam2: left and right of" in note for note in found.notes)


def test_the_right_offset_brings_videos_together() -> None:
    points, _ = walk()
    views = rigs.views_of(rigs.around(3), points)
    late = replace(moved(views[1], 12), offset_s=0.2)
    found = recorded([views[0], late, views[2]])
    assert len(found.poses[0].frame) == len(points)
    assert found.poses[0].positions == pytest.approx(points @ TURN.T, abs=0.01)


def test_an_offset_of_half_a_frame_is_interpolated() -> None:
    points, _ = walk()
    views = rigs.views_of(rigs.around(2), points)
    fine = (points[:-1] + points[1:]) / 2
    late = replace(rigs.views_of(rigs.around(2), fine)[1], offset_s=0.5 / 60)
    found = recorded([views[0], late])
    inner = points[1:-1] @ TURN.T
    assert np.median(np.linalg.norm(found.poses[0].positions - inner, axis=-1)) < 1.0


def test_videos_out_of_step_are_refused_with_the_offset() -> None:
    points, _ = walk()
    views = rigs.views_of(rigs.around(3), points, noise_px=1.0)
    with pytest.raises(InputError, match=r"out of step: .*cam2 offset_s = \+0\.2000"):
        recorded([views[0], moved(views[1], 12), views[2]])


def test_constant_errors_of_an_estimator_do_not_hide_a_late_camera() -> None:
    """Each view sees each joint off by its own 15 px all the time: 83 ms are found, also in the first view, and none in step."""
    points, _ = walk()
    views = rigs.views_of(rigs.around(3), points, noise_px=2.0)
    rng = np.random.default_rng(2)
    for view in views:
        view.persons[0].points[:] += rng.normal(0, 15, (1, *view.persons[0].points.shape[1:]))
    assert not any("out of step" in note for note in recorded(views).notes)
    with pytest.raises(InputError, match=r"out of step: .*with cam2 offset_s = \+0\.0833,"):
        recorded([views[0], moved(views[1], 5), views[2]])
    with pytest.raises(InputError, match=r"with cam2 offset_s = -0\.0833, cam3 offset_s = -0\.0833,"):
        recorded([moved(views[0], 5), *views[1:]])


def test_a_view_that_may_be_late_is_noted() -> None:
    points, _ = walk()
    views = rigs.views_of(rigs.around(3), points, noise_px=12.0)
    (note,) = [n for n in recorded([views[0], moved(views[1], 6), views[2]]).notes if "out of step" in n]
    assert "may be out of step: with cam2 offset_s = +0.1000 the movement agrees slightly better" in note


def test_a_wrong_offset_is_refused_with_the_rest() -> None:
    points, _ = walk()
    views = rigs.views_of(rigs.around(3), points, noise_px=1.0)
    with pytest.raises(InputError, match=r"out of step: .*cam2 offset_s = \+0\.1000"):
        recorded([views[0], replace(moved(views[1], 12), offset_s=0.1), views[2]])


def test_a_camera_upside_down_is_refused() -> None:
    views = rigs.views_of(rigs.around(3), walk()[0])
    camera, person = views[2].camera, views[2].persons[0]
    turned = Sighting((camera.width - 1, camera.height - 1) - person.points, person.confidence)
    with pytest.raises(InputError, match="its video cam3 is upside down for its calibration"):
        recorded([*views[:2], replace(views[2], persons=[turned])])


def test_exchanged_videos_are_refused() -> None:
    views = rigs.views_of(rigs.around(4), walk()[0])
    wrong = [replace(views[0], camera=views[2].camera), views[1], replace(views[2], camera=views[0].camera), views[3]]
    with pytest.raises(InputError, match="its videos cam1 and cam3 seem exchanged"):
        recorded(wrong)


def test_a_calibration_of_another_session_is_refused() -> None:
    views = rigs.views_of(rigs.around(3), walk()[0])
    other = rigs.camera("cam2", (2600.0, 2900.0, 900.0), focal_px=1500)
    with pytest.raises(InputError, match="views do not fit the calibration: the best points lie"):
        recorded([views[0], replace(views[1], camera=other), views[2]])


def test_different_frame_rates_are_refused() -> None:
    views = rigs.views_of(rigs.around(2), walk()[0])
    with pytest.raises(InputError, match=r"different frame rates \(cam1 60, cam2 50 frames per second\)"):
        recorded([views[0], replace(views[1], time_s=np.arange(len(walk()[0])) / 50)])


def test_views_at_different_times_are_refused() -> None:
    views = rigs.views_of(rigs.around(2), walk()[0])
    with pytest.raises(InputError, match="no two of its cameras filmed at the same time"):
        recorded([views[0], replace(views[1], offset_s=100.0)])


def test_a_calibration_in_another_unit_is_refused() -> None:
    views = rigs.views_of(rigs.around(3), walk()[0])
    inches = [replace(v, camera=replace(v.camera, translation=v.camera.translation / 25.4)) for v in views]
    with pytest.raises(InputError, match=r"the person measures .* expected 600 to 2600; state the unit"):
        recorded(inches)


def test_a_board_laid_otherwise_is_seen_by_the_person() -> None:
    points, _ = walk()
    lying = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # the frame's Y is down, its Z away
    views = [
        replace(v, camera=replace(v.camera, rotation=v.camera.rotation @ lying.T))
        for v in rigs.views_of(rigs.around(3), points)
    ]
    found = recorded(views)
    head = walk()[1].index("nose")
    height = found.poses[0].positions[:, head, 1]
    assert np.nanmedian(height - np.nanmin(found.poses[0].positions[..., 1], axis=1)) > 1400
    assert any("the vertical axis is -y of the calibration, because" in note for note in found.notes)


def test_another_person_in_view_is_distinguished() -> None:
    points, _ = walk()
    cameras = rigs.around(3)
    views = rigs.views_of(cameras, points)
    standing = np.repeat(points[:1] + np.array([900.0, 1500.0, 0.0]), len(points), axis=0)
    others = rigs.views_of(cameras, standing)
    mixed = [replace(v, persons=[o.persons[0], *v.persons]) for v, o in zip(views, others, strict=True)]
    found = recorded(mixed)
    assert found.poses[0].positions == pytest.approx(points @ TURN.T, abs=0.01)
    assert any("2 persons were seen by two cameras or more; the subject walks farthest" in n for n in found.notes)


def with_bystander(views: list[View]) -> list[View]:
    """Somebody else, whom only the first camera sees."""
    person = views[0].persons[0]
    other = Sighting(person.points * 0.2 + 3.0, person.confidence)
    return [replace(views[0], persons=[person, other]), *views[1:]]


def test_a_fault_of_a_camera_is_found_beside_a_bystander() -> None:
    """The others would agree without it, so that it could be left out without a word."""
    views = rigs.views_of(rigs.around(3), walk()[0])
    camera, person = views[2].camera, views[2].persons[0]
    turned = Sighting((camera.width - 1, camera.height - 1) - person.points, person.confidence)
    with pytest.raises(InputError, match="its video cam3 is upside down for its calibration"):
        recorded(
            with_bystander(
                [*views[:2], replace(views[2], persons=[Sighting(turned.points / 9, turned.confidence), turned])]
            )
        )
    with pytest.raises(InputError, match=r"out of step: .*cam3 offset_s = \+0\.5000"):
        recorded(with_bystander([*views[:2], moved(views[2], 30)]))
    small = Sighting(person.points / 2, person.confidence)
    found = recorded(with_bystander([*views[:2], replace(views[2], persons=[small])]))
    assert any("cam3: nobody in it is where the other cameras see the subject" in note for note in found.notes)
    assert found.quality["n_cameras"] == 2
    assert found.poses[0].positions == pytest.approx(walk()[0] @ TURN.T, abs=0.01)


@pytest.mark.parametrize(("n_cameras", "which"), [(3, 0), (4, 3)])
def test_a_mirrored_video_is_refused(n_cameras: int, which: int) -> None:
    """With left and right exchanged throughout it would fit the others in the wrong place."""
    views = rigs.views_of(rigs.around(n_cameras), walk()[0], noise_px=1.0)
    camera, person = views[which].camera, views[which].persons[0]
    mirrored = Sighting(np.array([camera.width - 1.0, 0]) + person.points * [-1, 1], person.confidence)
    views[which] = replace(views[which], persons=[mirrored])
    with pytest.raises(InputError, match=f"its video cam{which + 1} is mirrored: the best points lie"):
        recorded(views)
