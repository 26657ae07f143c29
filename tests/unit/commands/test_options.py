"""Every command that reads trials has the same options for which trials."""

from __future__ import annotations

import inspect

import pytest

from neurostore.commands import compare, distances, report, table1, tables
from neurostore.commands.options import trial_options

COMMANDS = (
    tables.trials,
    compare.compare,
    table1.table1,
    distances.distances,
    distances.neighbours,
    report.report,
)
SHARED = inspect.signature(trial_options, eval_str=True).parameters


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
def test_commands_that_read_trials_have_every_filter(command):
    own = inspect.signature(command).parameters
    names = {"where", "session", "condition", "side", "event_source", "mixed", "version", "release", "lake"}
    assert SHARED.keys() == names
    assert {name: own[name].annotation for name in SHARED} == {name: p.annotation for name, p in SHARED.items()}
    assert "chosen" not in own
