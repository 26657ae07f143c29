"""Whatever is done to a lake, in any order: its views have the rows that they have without stored results."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neurostore import reviews
from neurostore.api import open as open_lake
from neurostore.lake import relations, results
from neurostore.lake.commit import commit, renew_trials, stage
from neurostore.upkeep.compact import compact
from neurostore.upkeep.erase import erase
from neurostore.upkeep.refresh import refresh
from tests.builders.kept_lake import rows_of, walk_trial

N_EXAMPLES = int(os.environ.get("NEUROSTORE_EXAMPLES", "3"))  # each computes a view from frames, which takes seconds
VIEWS = ("gait_events", "gait_cycles", "spatiotemporal", "cycle_curves", "subject_summary", "gait_profile")
SESSIONS = (("S1", "pre"), ("S1", "post"), ("S2", "pre"), ("S3", ""))
PATTERNS = ("normal", "crouch", "stiff_knee")
CHOICES = ({}, {"event_source": "file"}, {"event_source": "computed"}, {"reviews": "off"}, {"reference": "control"})

CONDITIONS = ("true", "subject = 'S2'", "subject = 'S1' AND session = 'pre'", "subject IN ('S2', 'S3')")

keys = st.tuples(st.sampled_from(SESSIONS), st.sampled_from(("walk_a", "walk_b", "walk_c"))).map(
    lambda k: (*k[0], k[1])
)


def put(path, key, pattern, phase):
    """Add or replace a trial, unless its person was erased."""
    commit(path, [stage(path, [walk_trial(*key, pattern, phase)])], on_refused=lambda erased: None)


def remove(path, key):
    commit(path, removed=[key])


def exclude(path, key):
    there = {(r["subject"], r["session"], r["trial"]) for r in open_lake(path).trials_table().to_pylist()}
    if key in there:
        decision = dict(zip(("subject", "session", "trial"), key, strict=True))
        reviews.decide(path, [{**decision, "action": "exclude", "reviewer": "R1", "reason": "fell"}])


def describe(path, key, condition):
    renew_trials(path, {key: {"condition": condition}})


def measure(path, key, height_m):
    commit(path, subjects=[{"subject": key[0], "group": "CP", "height_m": height_m}])


def forget(path):
    erase(path, "S2")


def tidy(path):
    compact(path, safe_age_s=0)


steps = st.one_of(
    st.tuples(st.just(put), keys, st.sampled_from(PATTERNS), st.sampled_from((0.0, 0.2))),
    st.tuples(st.just(remove), keys),
    st.tuples(st.just(exclude), keys),
    st.tuples(st.just(describe), keys, st.sampled_from(("barefoot", "shod"))),
    st.tuples(st.just(measure), keys, st.sampled_from((1.5, 1.9))),
    st.tuples(st.just(forget)),
    st.tuples(st.just(tidy)),
    st.tuples(st.just(refresh)),
)


@pytest.mark.slow
@settings(max_examples=N_EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    done=st.lists(steps, min_size=2, max_size=5),
    view=st.sampled_from(VIEWS),
    choice=st.sampled_from(CHOICES),
    back=st.integers(0, 2),
    many_frames=st.sampled_from((0, 300_000)),
    few_trials=st.sampled_from((0, 50)),
    where=st.sampled_from(CONDITIONS),
)
def test_rows_are_those_computed(made, done, view, choice, back, many_frames, few_trials, where):
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "lake"))
        shutil.copytree(made[0], path)
        versions = [open_lake(path).version]
        for step, *arguments in done:
            step(path, *arguments)
            if step is forget:  # older versions go with the person
                versions.clear()
            versions.append(open_lake(path).version)
        version = versions[max(0, len(versions) - 1 - back)]
        stored = open_lake(path, version).choose(**choice)
        computed = rows_of(open_lake(path, version).without_results().choose(**choice), view, where)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(relations, "MANY_FRAMES", many_frames)  # 0: what is not stored is computed in batches
            patch.setattr(
                results, "FEW_TRIALS", few_trials
            )  # 0: only a query of some people computes stale sessions itself
            assert rows_of(stored, view, where) == computed
