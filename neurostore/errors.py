"""One tree of exceptions. Each carries the exit status the command line ends with.

An error says what was found, what was expected and how to repair it, and names file, column or frame.
"""

from __future__ import annotations


class NeurostoreError(Exception):
    """Any error a user can meet. Unless a subclass says otherwise: nothing could be done (exit status 3)."""

    exit_code = 3


class UsageError(NeurostoreError):
    """The request is wrong: an unknown option, unit, column or representation (exit status 2)."""

    exit_code = 2


class SeriesError(UsageError, ValueError):
    """Series that cannot be compared: empty, missing values, different channels, a band too narrow."""


class InputError(NeurostoreError):
    """One source file or trial cannot be read. The other trials are ingested (exit status 1)."""

    exit_code = 1

    def __init__(self, path: object, *problems: str):
        self.path = str(path)
        self.problems = problems
        super().__init__(f"{self.path}: " + "; ".join(problems))

    def __reduce__(self) -> tuple[type[InputError], tuple[str, ...]]:  # so that errors can be pickled between processes
        return (type(self), (self.path, *self.problems))


class CohortError(NeurostoreError):
    """The cohort folder as a whole cannot be used (missing, empty, colliding keys, a bad cohort.toml)."""


class SkeletonError(NeurostoreError):
    """A skeleton declaration is missing, contradictory, or does not fit the data."""


class LakeError(NeurostoreError):
    """The lake cannot be opened or written."""


class NotALakeError(LakeError):
    """The folder is not a Neurostore lake."""


class NewerLakeError(LakeError):
    """The lake was written by a newer schema version than this software knows."""


class VanishedVersionError(LakeError):
    """A version of the lake was vacuumed or erased while, or before, it was read."""


class ConflictError(LakeError):
    """Other writers committed first each time, until the retries were used up."""


class DamagedLakeError(LakeError):
    """A file of the lake is missing or its bytes changed."""


class ModelError(NeurostoreError):
    """A pose model or a checkpoint is missing, altered or unfit."""


class MissingExtraError(NeurostoreError):
    """An optional dependency is needed; the message says which extra installs it."""
