"""A video is found from what the lake records, inside the cohort's folder alone."""

from __future__ import annotations

from neurostore.window.videos import media_type, video_of


def row(*names: str) -> dict:
    return {"source_path": names[0], "source_paths": list(names)}


def test_the_recorded_video_inside_the_folder_is_found(tmp_path):
    cohort = tmp_path / "cohort"
    (cohort / "S01").mkdir(parents=True)
    video = cohort / "S01" / "walk.mp4"
    video.write_bytes(b"x")
    (cohort / "S01" / "walk.c3d").write_bytes(b"x")
    assert video_of(row("S01/walk.mp4"), cohort) == video
    assert video_of(row("S01/walk.c3d", "S01/walk.mp4"), cohort) == video  # beside another file of the trial
    assert video_of(row("S01/walk.c3d"), cohort) is None
    assert video_of(row("S01/other.mp4"), cohort) is None
    assert video_of(row("S01/walk.mp4"), None) is None


def test_nothing_outside_the_folder_is_a_video(tmp_path):
    cohort = tmp_path / "cohort"
    cohort.mkdir()
    (tmp_path / "secret.mp4").write_bytes(b"x")
    (cohort / "linked.mp4").symlink_to(tmp_path / "secret.mp4")
    (cohort / "folder.mp4").mkdir()
    for name in ("../secret.mp4", str(tmp_path / "secret.mp4"), "linked.mp4", "folder.mp4"):
        assert video_of(row(name), cohort) is None


def test_only_what_browsers_play_has_a_type(tmp_path):
    assert media_type(tmp_path / "a.MP4") == "video/mp4"
    assert media_type(tmp_path / "a.webm") == "video/webm"
    assert media_type(tmp_path / "a.avi") is None
