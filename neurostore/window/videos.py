"""The source video of a trial, if there is one: found from what the lake records, never from what a browser asks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from neurostore.ingest.readers import VIDEO_SUFFIXES

MEDIA_TYPES = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/mp4",
    ".webm": "video/webm",
    ".mkv": "video/webm",
}


def video_of(row: Mapping[str, Any], cohort: Path | None) -> Path | None:
    """The video file of a trial inside the cohort folder, or None.

    row : of ``trials``. A recorded path that leads out of the folder, as through a symbolic link, is not a video.
    """
    if cohort is None:
        return None
    root = cohort.resolve()
    for name in dict.fromkeys([row["source_path"], *(row["source_paths"] or ())]):
        path = (root / name).resolve()
        if path.suffix.lower() in VIDEO_SUFFIXES and path.is_relative_to(root) and path.is_file():
            return path
    return None


def media_type(path: Path) -> str | None:
    """The type under which a browser may play the file; None if browsers cannot."""
    return MEDIA_TYPES.get(path.suffix.lower())
