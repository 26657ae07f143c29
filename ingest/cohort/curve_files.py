"""The trials of a file of curves: one for each person and session that it names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from neurostore.errors import InputError
from neurostore.ingest.cohort.config import CohortConfig
from neurostore.ingest.cohort.files import CohortFile
from neurostore.ingest.cohort.source import TrialSource, key_from
from neurostore.ingest.readers import curves, stem_of


def is_curves(file: CohortFile, role: str, config: CohortConfig) -> bool:
    """Whether cohort.toml states curves of a file that is nothing else by its name and first bytes."""
    is_table = role == "unknown" and file.path.suffix.lower() in curves.SUFFIXES and not file.name.startswith(".")
    return is_table and bool(config.options(file.relative).curves)


def curve_trials(
    file: CohortFile, config: CohortConfig, renamed: list[tuple[str, str]], refused: list[InputError]
) -> Iterator[TrialSource]:
    """One trial per person and session of the file, named after the file.

    Subject and session are those that the file states, else its folders. renamed, refused : as of the Cohort; added to.
    """
    options = config.options(file.relative)
    try:
        everyone = curves.members(file.path, options.curves)
    except InputError as error:
        refused.append(error)
        return
    folders = (*file.parts[:-1], "", "")
    trial = key_from(stem_of(file.path))
    for subject, session in everyone:
        named = (subject or folders[0], session or ("" if subject else folders[1]))
        if not named[0]:
            problem = 'nothing says whose curves these are; put the file into a folder <subject>/ or state subject = "COLUMN" in [curves]'
            refused.append(InputError(file.path, problem))
            return
        keys = (key_from(named[0]), key_from(named[1]))
        if not trial or not keys[0] or (named[1] and not keys[1]):
            problem = f"no keys can be made of {named[0]!r}, {named[1]!r} and {file.name!r}; expected letters or digits"
            refused.append(InputError(file.path, problem))
            continue
        if keys != named:
            renamed.append((f"{file.relative}: {'/'.join(filter(None, named))}", "/".join(filter(None, keys))))
        member = replace(options, member=f"{subject}/{session}")
        yield TrialSource(*keys, trial, (file.path,), member, n_bytes=file.n_bytes)
