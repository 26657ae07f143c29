"""`neurostore --help` loads nothing heavy, and every command says how it is used."""

from __future__ import annotations

import re
import subprocess
import sys
from inspect import signature

import pytest
from typer.testing import CliRunner

from neurostore.cli import MODULES, command_line
from neurostore.commands.help_sections import SECTIONS
from tests.cli.cli_run import run

HEAVY = {"tensorflow", "torch", "numba", "duckdb", "polars", "pyarrow", "numpy", "deltalake", "scipy", "ray", "rich"}
SLOW_PARTS = {"importlib.metadata", "email", "hashlib", "tomllib"}  # of the standard library: 5 to 25 ms each
app = command_line()
COMMANDS = [c.name or c.callback.__name__ for c in app.registered_commands]


def test_the_command_line_loads_nothing_heavy():
    code = "import neurostore.cli, sys; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not HEAVY & {name.split(".")[0] for name in loaded}
    assert not SLOW_PARTS & set(loaded)


@pytest.mark.parametrize("module", MODULES)
def test_a_command_loads_the_module_that_has_it(module):
    for asked in MODULES[module]:
        alone = command_line(asked)
        found = [c.name or c.callback.__name__ for c in alone.registered_commands]
        assert (*found, *(group.name for group in alone.registered_groups)) == MODULES[module]


def test_help_without_options_is_the_help_of_the_whole_program():
    runner = CliRunner()
    alone = command_line("--help")
    assert runner.invoke(alone, ["--help"]).output == runner.invoke(app, ["--help"]).output
    assert all(not signature(command.callback).parameters for command in alone.registered_commands)
    assert "--lake" in runner.invoke(command_line(), ["review", "export", "--help"]).output  # the modules keep theirs


def test_help_names_every_command():
    shown = run("--help")
    assert shown.returncode == 0
    assert all(name in shown.stdout for name in COMMANDS)


@pytest.mark.parametrize("command", app.registered_commands, ids=COMMANDS)
def test_every_command_has_an_example(command):
    said = command.callback.__doc__
    name = command.name or command.callback.__name__
    assert f"Example: neurostore {name}" in said


def test_usage_errors_are_status_2():
    assert run("ingest").returncode == 2
    assert run("ingest", "x", "--no-such-option").returncode == 2
    assert run("nonsense").returncode == 2


def test_version():
    import neurostore

    assert run("version").stdout == f"{neurostore.__version__}\n"
    assert run("--version").stdout == f"{neurostore.__version__}\n"


def test_help_has_every_command_under_a_section():
    shown = run("--help").stdout
    headings = [line.removesuffix(":") for line in shown.splitlines() if line.endswith(":") and line[0] != " "]
    assert headings == ["Options", *SECTIONS]
    below = shown[shown.index(SECTIONS[0]) :]
    groups = [group.name for group in app.registered_groups]
    assert sorted(re.findall(r"^  ([a-z]\S*)", below, re.MULTILINE)) == sorted([*COMMANDS, *groups])
    assert "..." not in below  # no sentence is cut
