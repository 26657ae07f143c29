"""Decisions of reviewers on left and right, which an ingest carries out: the trial is read again with sides exchanged."""

from __future__ import annotations

from dataclasses import replace

from neurostore.errors import InputError
from neurostore.ingest.cohort.source import Cohort
from neurostore.ingest.pipeline.plan import LakeState, row_of
from neurostore.ingest.pipeline.settings import source_sha256
from neurostore.trial_key import key_text


def follow_reviews(cohort: Cohort, state: LakeState) -> Cohort:
    """The cohort, its sources with the sides that reviewers decided on; cohort.toml is overridden for these trials.

    A decision holds for the bytes that the reviewer saw: where a file has changed since, it is read as it is, with a
    warning.
    """
    for source in cohort.trials if state.sides else ():
        row = row_of(source, state)
        key = (row["subject"], row["session"], row["trial"]) if row else source.key
        decision = state.sides.get(key)
        if decision is None:
            continue
        try:
            is_seen = source_sha256(source) == decision["source_sha256"]
        except InputError:
            continue  # the plan reports it
        if is_seen:
            source.options = replace(source.options, swap_sides=decision["action"] == "swap_sides")
        elif decision["action"] == "swap_sides":
            cohort.warnings.append(
                f"{key_text(key)}: left and right are not exchanged, because the file has changed since "
                f"{decision['reviewer']} decided so ({decision['reason']}); look at it and decide again"
            )
    return cohort
