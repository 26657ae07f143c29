"""Poses that another program wrote beside the video: nothing is estimated here.

``walk.poses.parquet`` or ``walk.poses.json`` is read in place of ``walk.mp4`` (ingest/readers/poses_file.py), so a video
reaches this module only where that file is missing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

from neurostore.errors import UsageError
from neurostore.ingest.video.contract import EstimatorOptions

VERSION = 1


def nothing_beside(video: Path) -> str:
    """What is missing, and how to give it."""
    return (
        f"has no poses of another program beside it; expected {video.stem}.poses.parquet or {video.stem}.poses.json "
        f"in the same folder (docs/estimator-file.md), or choose --estimator metrabs or mediapipe"
    )


def identity(options: EstimatorOptions) -> dict[str, Any]:
    """For the hash of a trial's settings."""
    return {"name": "file"}


def memory_mb(options: EstimatorOptions) -> float:
    """What one process needs, roughly."""
    return 200.0


def load(options: EstimatorOptions) -> NoReturn:
    """There is no model to load.

    Raises
    ------
    UsageError : always.
    """
    raise UsageError("the estimator 'file' has no model: it reads what another program has estimated")
