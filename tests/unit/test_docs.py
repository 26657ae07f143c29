"""The pages are true: generated pages are current, and links, paths, commands, options and code in all pages exist."""

from __future__ import annotations

import ast
import functools
import importlib
import importlib.util
import re
import shlex
import tomllib

import duckdb
import pytest
import typer

from neurostore.api import Lake
from neurostore.cli import command_line
from tests import ROOT

DOCS = ROOT / "docs"
GENERATED = {"tables.md", "commands.md", "MODEL_ARTIFACTS.md"}
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "ingest" / "refine" / "MODEL_CARD.md",
    *(p for p in sorted(DOCS.rglob("*.md")) if p.name not in GENERATED),
]
#: tables of options without a command in front belong to this command
COMMAND_OF_PAGE = {"report.md": ["report"], "interchange.md": ["export"], "video.md": ["ingest"]}
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"^```\w*\n.*?^```|^    .*$|`[^`\n]+`", re.MULTILINE | re.DOTALL)
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*[a-z]")
PATH = re.compile(
    r"(?<![\w./-])(?:docs|tests|benchmarks|findings|queries|schemas|ingest|neurostore|\.ci|\.github)/[\w./-]*\w"
)
TEXTS = {page: page.read_text() for page in PAGES}


@functools.cache
def commands():
    """The whole command line as a tree."""
    return typer.main.get_command(command_line())


@functools.cache
def generated() -> dict[str, str]:
    """Text of every generated page by file name."""
    spec = importlib.util.spec_from_file_location("docs_build", DOCS / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.pages()


def code_lines(text: str):
    """Lines of code of a page: in fences, indented, and between backticks."""
    for code in CODE.findall(text):
        yield from code.strip("`").splitlines()


def commands_in(text: str):
    """Words of each ``neurostore …`` on a page; prose in place of arguments ends a command."""
    for line in code_lines(text):
        line = line.strip().removeprefix("$ ")
        if not re.match(r"neurostore \S", line):
            continue
        try:
            yield shlex.split(line, comments=True)[1:]
        except ValueError:  # a quote left open by an ellipsis
            yield line.split()[1:]


def options_of(words: list[str]) -> tuple[list[str], set[str]]:
    """Path of the command that these words begin with, and the options that it has."""
    command, path = commands(), []
    while hasattr(command, "commands") and len(words) > len(path) and words[len(path)] in command.commands:
        command = command.commands[words[len(path)]]
        path.append(words[len(path)])
    has = {name for p in command.params for name in [*p.opts, *p.secondary_opts]}
    return path, {*has, "--help", "--version"}


@pytest.mark.parametrize("name", ["tables.md", "commands.md", "MODEL_ARTIFACTS.md"])
def test_generated_pages_are_current(name):
    assert (DOCS / name).read_text() == generated()[name], "stale: run make docs"


def listed(wrong) -> list[str]:
    """(page, what is wrong with it) as lines, for the message of an assertion."""
    return [f"{page.relative_to(ROOT)}: {what}" for page, what in wrong]


def test_links_lead_somewhere():
    links = [(page, link) for page, text in TEXTS.items() for link in re.findall(r"\]\(([^)\s]+)\)", text)]
    local = [(page, link) for page, link in links if not re.match(r"[a-z]+:", link)]
    assert len(local) > 10
    assert listed((p, link) for p, link in local if not (p.parent / link.partition("#")[0]).exists()) == []


def test_paths_exist():
    missing = []
    for page, text in TEXTS.items():
        for path in set(PATH.findall(text)):
            in_package = ROOT / path.removeprefix("neurostore/")  # ingest/, queries/, schemas/ install below neurostore
            if not (ROOT / path).exists() and not in_package.exists():
                missing.append((page, path))
    assert listed(missing) == []


def test_commands_and_their_options_exist():
    wrong, n = [], 0
    for page, text in TEXTS.items():
        for words in commands_in(text):
            path, has = options_of(words)
            n += 1
            if words and not path and re.fullmatch(r"[a-z][a-z-]*", words[0]):
                wrong.append((page, f"no command: neurostore {words[0]}"))
            given = {w for w in words if re.fullmatch(r"-[a-z]", w)}
            given |= {o for w in words for o in OPTION.findall(w.partition("=")[0]) if w.startswith("--")}
            wrong += [(page, f"neurostore {' '.join(path)} has no {option}") for option in sorted(given - has)]
        if path := COMMAND_OF_PAGE.get(page.name):
            rows = re.findall(r"^\| `(--[a-z-]+)", text, re.MULTILINE)
            wrong += [(page, f"neurostore {path[0]} has no {o}") for o in rows if o not in options_of(path)[1]]
    assert n > 60
    assert listed(wrong) == []


def test_the_day_is_29_jobs_each_with_a_command():
    """What they print is compared by python -m tests.torture.day."""
    jobs = re.split(r"^\*\*(\d+)\. ", TEXTS[DOCS / "day.md"], flags=re.MULTILINE)[1:]
    assert [int(number) for number in jobs[::2]] == list(range(1, 30))
    assert [number for number, text in zip(jobs[::2], jobs[1::2], strict=True) if "\n$ neurostore " not in text] == []


def test_targets_of_make_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = [
        (page, target)
        for page, text in TEXTS.items()
        for line in code_lines(text)
        for target in re.findall(r"^\s*make ([a-z-]+)", line)
    ]
    assert len(named) > 8
    assert listed((page, target) for page, target in named if target not in targets) == []


def test_scripts_have_the_options_that_are_shown():
    wrong, n = [], 0
    for page, text in TEXTS.items():
        for line in code_lines(text):
            script = re.search(r"python (?:-m (tests\.[\w.]+)|(benchmarks/\w+\.py))", line)
            if script is None:
                continue
            path = ROOT / (script[2] or script[1].replace(".", "/") + ".py")
            source = path.read_text() if path.exists() else ""
            n += 1
            shown = OPTION.findall(line[script.end() :].partition("#")[0])
            wrong += [(page, f"{path.name} has no {option}") for option in shown if option not in source]
            wrong += [] if source else [(page, f"no {path.relative_to(ROOT)}")]
    assert n > 10
    assert listed(wrong) == []


def test_python_and_toml_can_be_read_and_methods_exist():
    wrong = []
    for page, text in TEXTS.items():
        for kind, code in FENCE.findall(text):
            if kind == "python":
                ast.parse(code)
            if kind == "toml":
                tomllib.loads(code)
        wrong += [(page, f"lake.{m}") for m in re.findall(r"\blake\.(\w+)\(", text) if not hasattr(Lake, m)]
        for module, name in re.findall(r"\b(neurostore(?:\.[a-z_]+)+)\.(\w+)\(", text):
            if not hasattr(importlib.import_module(module), name):
                wrong.append((page, f"{module}.{name}"))
    assert listed(wrong) == []


def test_sql_runs_on_a_lake_without_trials(tmp_path):
    connection, wrong, n = Lake.create(tmp_path / "lake").connect(), [], 0
    for page, text in TEXTS.items():
        queries = [part for kind, code in FENCE.findall(text) if kind == "sql" for part in code.split(";")]
        queries += [words[1] for words in commands_in(text) if words[:1] == ["sql"] and len(words) > 1]
        for query in queries:
            if not query.strip() or "…" in query or "read_parquet" in query or query.startswith("-"):
                continue
            n += 1
            try:
                connection.execute(query)
            except duckdb.Error as error:
                wrong.append((page, f"{query}: {error}"))
    assert n > 6
    assert listed(wrong) == []
