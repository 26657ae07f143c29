"""What determines the results of an ingest: options, versions of readers and steps, calibrations."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from neurostore.errors import InputError
from neurostore.file_hash import sha256_of_all
from neurostore.ingest.cohort.source import TrialSource
from neurostore.ingest.recording import Calibration
from neurostore.schema import SCHEMA_VERSION

#: (subject, session) -> static trial -> its calibrations
Statics = dict[tuple[str, str], dict[str, tuple[Calibration, ...]]]


@dataclass(frozen=True, slots=True)
class Settings:
    """What determines the results of an ingest. ``cutoff_hz`` 0 for no filter; ``estimator_options`` go to it as given.

    hip_method : where hip centres come from on the skin (``joint_centres.HIP_METHODS``), unless cohort.toml says it of a trial.
    """

    cutoff_hz: float = 6.0
    hip_method: str = "harrington"
    estimator: str = "metrabs"
    estimator_options: dict[str, Any] = field(default_factory=dict)
    refine: bool = False
    body: bool = False

    def sha256(self, source: TrialSource, calibrations: Iterable[Calibration]) -> str:
        """The hash of everything that determines the results of a trial, except its own bytes."""
        options = asdict(replace(source.options, companions=()))
        own_body = options.pop("body")
        # hashes of earlier lakes were computed without them
        for name in ("functional", "swap_sides", "views", "curves"):
            if not options[name]:
                del options[name]
        parts = {
            "cutoff_hz": self.cutoff_hz,
            "hip_method": self.hip_method,
            "refine": self.refine,
            "options": options,
            "skeleton_file": _skeleton_file(options["skeleton"]),
            "calibrations": sorted([c.parameter, c.side or "", c.value, c.unit, c.source] for c in calibrations),
            "readers": [reader_version(path) for path in source.paths],
            "landmarks": _version("neurostore.ingest.landmarks"),
            "schema": SCHEMA_VERSION,
        }
        if source.options.curves:
            parts["curves"] = _version("neurostore.ingest.readers.curves")
        if self.body:
            from neurostore.ingest.body.fitting import settings_version

            parts["body"] = settings_version()
            if own_body:
                from neurostore.ingest.body.own_trial import files_version

                parts["own_body"] = files_version(own_body)
        if source.is_video:
            from neurostore.ingest.video.estimate import settings as estimator_settings

            parts["estimator"] = estimator_settings(self.estimator, self.estimator_options)
            if source.options.views:
                parts["multiview"] = multiview_versions()
                if self.estimator == "file":
                    from neurostore.ingest.multiview import keypoint_files

                    n_videos = len(source.options.views)
                    parts["key_points"] = [keypoint_files.VERSION, *keypoint_files.sha256_of(source.paths[:n_videos])]
            if self.refine:
                from neurostore.ingest.refine.apply import VERSION, checkpoint_sha256

                parts["refine"] = [checkpoint_sha256(), VERSION]
        return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def _skeleton_file(skeleton: str | None) -> str:
    """The text of a skeleton the user declared; '' for a declared name."""
    try:
        return Path(skeleton).read_text("utf-8") if skeleton and skeleton.endswith(".toml") else ""
    except (OSError, UnicodeDecodeError):
        return ""


def reader_version(path: Path) -> list[Any]:
    """Name and version of the reader of a file."""
    from neurostore.ingest.readers import READERS, suffix_of

    reader = READERS.get(suffix_of(path))
    return [reader.rpartition(".")[2], _version(f"neurostore.ingest.readers.{reader}")] if reader else ["video", 1]


def multiview_versions() -> list[int]:
    """Versions of the steps from several views to points."""
    return [_version(f"neurostore.ingest.multiview.{name}") for name in ("sides", "triangulate", "trial")]


def _version(module: str) -> int:
    return int(getattr(import_module(module), "VERSION", 1))


def source_sha256(source: TrialSource) -> str:
    """SHA-256 over every file of the trial and those its reader needs beside them.

    Raises
    ------
    InputError : a file cannot be read.
    """
    try:
        return sha256_of_all([*source.paths, *map(Path, sorted(source.options.companions))])
    except OSError as error:
        raise InputError(error.filename or source.paths[0], f"cannot be read: {error.strerror or error}") from None
