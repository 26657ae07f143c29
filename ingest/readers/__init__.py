"""One reader per format, in a plain dict by lower-case ending of the file's name. A reader is ``read(path, options) -> Recording``.

Input: a path and what cohort.toml says of it. Output: a Recording: positions in mm, Y up, NaN where missing;
``poses[0]`` is the primary skeleton. Whatever was estimated, dropped or renamed is a sentence in its ``notes`` and a
step in its ``steps``. Readers check the content, not only the name: a file with the right suffix and the wrong content
gets an InputError. The modules are imported when first needed, so that a cohort of BVH files loads neither ezc3d nor a
BIDS reader. May import: recording, geometry, and neurostore's compiled, errors, skeleton, opensim and wording.
Subjects, lakes and landmarks are not known here.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from neurostore.errors import InputError
from neurostore.ingest.recording import ReadOptions, Recording

#: suffix -> module below this package that reads it
READERS: dict[str, str] = {
    ".bvh": "trees.bvh",
    ".amc": "trees.amc",
    ".c3d": "c3d",
    ".trc": "markers.trc",
    ".mot": "mot",
    ".sto": "mot",
    ".json": "neuropose",
    ".mvnx": "mvnx",
    ".tsv": "markers.tsv",
    ".csv": "markers.points_csv",
    ".npy": "markers.points_csv",
    ".poses.parquet": "poses_file",
    ".poses.json": "poses_file",
}

#: videos go to a pose estimator, not to a reader
VIDEO_SUFFIXES = frozenset({".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v"})


def suffix_of(path: Path) -> str:
    """The ending by which a file's reader is found, in lower case: two parts for poses of other programs."""
    last = "".join(path.suffixes[-2:]).lower()
    return last if last in READERS else path.suffix.lower()


def stem_of(path: Path) -> str:
    """The name of a file without the ending by which its reader is found."""
    return path.name[: len(path.name) - len(suffix_of(path))]


def read(path: Path | str, options: ReadOptions | None = None) -> Recording:
    """Read one motion file by its suffix.

    Raises
    ------
    InputError : it is a folder, the suffix is unknown, or the reader finds the content wrong (every problem at once).
    """
    path = Path(path)
    suffix = suffix_of(path)
    if options is not None and options.curves:
        from neurostore.ingest.readers import curves

        return curves.read(path, options)
    if path.is_dir():
        raise InputError(path, "is a folder; name a file")
    if suffix not in READERS:
        known = ", ".join(sorted(READERS))
        raise InputError(path, f"no reader for files ending in {suffix or 'nothing'!r}; known are {known}")
    module = import_module(f".{READERS[suffix]}", __package__)
    recording: Recording = module.read(path, options or ReadOptions())
    return recording
