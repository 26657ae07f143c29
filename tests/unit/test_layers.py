"""Imports point one way: docs/architecture.md draws the rooms, and each imports from the rooms below it alone.

Every import counts: at the top of a module, inside a function, relative, for types only, and by name as text.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests import ROOT

DRAWING = ROOT / "docs" / "architecture.md"
FOLDERS = {
    "neurostore": "neurostore",
    "neurostore.ingest": "ingest",
    "neurostore.queries": "queries",
    "neurostore.schemas": "schemas",
}
#: (importer, imported) against the drawing. Only to be shortened.
AGAINST_THE_DRAWING: set[tuple[str, str]] = set()
#: Modules that import one another in a circle. Only to be shortened.
CIRCLES: set[frozenset[str]] = set()
MAY_IMPORT = {
    "torch": ("ingest/refine/", "neurostore/dtw/soft.py"),
    "tensorflow": (
        "ingest/video/estimators/metrabs.py",
        "ingest/video/models/store.py",
        "ingest/video/models/inspection.py",
    ),
    "mediapipe": ("ingest/video/estimators/mediapipe.py",),
}


@cache
def modules() -> dict[str, Path]:
    """Every module of the installed package, by the name it is imported under."""
    found = {}
    for package, folder in FOLDERS.items():
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = [package, *path.relative_to(ROOT / folder).with_suffix("").parts]
            found[".".join(parts).removesuffix(".__init__")] = path
    return found


@cache
def height_of_rooms() -> dict[str, int]:
    """Room to its row in the drawing of docs/architecture.md, counted from the bottom."""
    drawing = re.search(r"^```rooms\n(.*?)^```", DRAWING.read_text(), re.DOTALL | re.MULTILINE)
    assert drawing, f"{DRAWING} has no block of rooms"
    rows = [line.split() for line in drawing[1].splitlines() if line.strip()]
    names = [name for row in rows for name in row]
    assert len(names) == len(set(names)), "a room is drawn twice"
    return {name: height for height, row in enumerate(reversed(rows)) for name in row}


def room_of(module: str) -> str:
    """The drawn room that holds a module: ``neurostore.lake.delta`` is in ``lake``, ``neurostore`` itself is a room."""
    name = module.removeprefix("neurostore.")
    while name not in height_of_rooms():
        assert "." in name, f"{module} is in no room of {DRAWING.relative_to(ROOT)}"
        name = name.rpartition(".")[0]
    return name


def names_imported(text: str, package: str) -> Iterator[str]:
    """Dotted name of everything that a module of the package imports, wherever the import stands."""
    tree = ast.parse(text)
    not_imported = set(texts_that_import_nothing(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base += [node.module] if node.module else []
            yield from (".".join([*base, alias.name]) for alias in node.names)
        elif isinstance(node, ast.Constant) and id(node) not in not_imported and is_module_as_text(node.value):
            yield str(node.value)


def is_module_as_text(value: object) -> bool:
    """Whether a constant is the full name of a module below ``neurostore``."""
    return isinstance(value, str) and "." in value and value in modules()


def texts_that_import_nothing(tree: ast.AST) -> Iterator[int]:
    """Names of modules as text that start another process (after ``-m``) or find a package's data (``files``)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.List):
            for before, after in zip(node.elts, node.elts[1:], strict=False):
                if isinstance(before, ast.Constant) and before.value == "-m":
                    yield id(after)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "files":
            yield from (id(below) for argument in node.args for below in ast.walk(argument))


def module_named(name: str) -> str | None:
    """The module that an imported name stands for or is taken from; None for another project's."""
    while name not in modules():
        if "." not in name:
            return None
        name = name.rpartition(".")[0]
    return name


@cache
def imports() -> dict[str, set[str]]:
    """Module to the modules it imports."""
    graph = {}
    for module, path in modules().items():
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        named = {module_named(name) for name in names_imported(path.read_text(), package)}
        graph[module] = {name for name in named if name and name != module}
    return graph


def circles(graph: dict[str, set[str]]) -> set[frozenset[str]]:
    """Sets of modules of which each reaches every other (Tarjan's strongly connected components of two or more)."""
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    open_modules: list[str] = []
    found: set[frozenset[str]] = set()

    def visit(module: str) -> None:
        order[module] = lowest[module] = len(order)
        open_modules.append(module)
        for other in graph.get(module, ()):
            if other not in order:
                visit(other)
                lowest[module] = min(lowest[module], lowest[other])
            elif other in open_modules:
                lowest[module] = min(lowest[module], order[other])
        if lowest[module] == order[module]:
            start = open_modules.index(module)
            if len(open_modules) - start > 1:
                found.add(frozenset(open_modules[start:]))
            del open_modules[start:]

    for module in graph:
        if module not in order:
            visit(module)
    return found


def rooms_that_exist() -> set[str]:
    """Modules and packages of neurostore and of ingest, one level down; ``neurostore`` stands for its ``__init__``."""
    found = {"neurostore"}
    for module in modules():
        parts = module.split(".")[1:]
        if parts and parts != ["ingest"]:
            found.add(".".join(parts[: 2 if parts[0] == "ingest" else 1]))
    return found


def test_every_room_is_drawn_and_every_drawn_room_exists():
    drawn = set(height_of_rooms())
    assert rooms_that_exist() - drawn == set(), "draw these rooms in docs/architecture.md"
    assert drawn - rooms_that_exist() == set(), "these rooms of docs/architecture.md do not exist"


def test_imports_point_down():
    height = height_of_rooms()
    wrong = set()
    for module, imported in imports().items():
        if module == "neurostore.ingest":
            assert not imported, "ingest/__init__.py holds its docstring alone"
            continue
        for other in imported:
            here, there = room_of(module), room_of(other)
            if here != there and height[there] >= height[here]:
                wrong.add((module, other))
    assert wrong - AGAINST_THE_DRAWING == set(), "these imports point up or sideways"
    assert AGAINST_THE_DRAWING - wrong == set(), "no longer needed: take them off the list"


def test_no_modules_import_one_another_in_a_circle():
    found = circles(imports())
    assert found - CIRCLES == set(), "these modules import one another in a circle"
    assert CIRCLES - found == set(), "no longer needed: take them off the list"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import neurostore.schema", {"neurostore.schema"}),
        ("from neurostore import schema, storage", {"neurostore.schema", "neurostore.storage"}),
        ("def read():\n    from neurostore.storage import s3", {"neurostore.storage.s3"}),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from neurostore.sql import views", {"typing.TYPE_CHECKING", "neurostore.sql.views"}),
        ("from . import delta", {"neurostore.lake.delta"}),
        ("from .delta import Log", {"neurostore.lake.delta.Log"}),
        ("from ..sql import views", {"neurostore.sql.views"}),
        ("PUBLIC = {'open': 'neurostore.lake.version'}", {"neurostore.lake.version"}),
        ("run(['python', '-m', 'neurostore.lake.locked_child'])", set()),
        ("from importlib import resources\nresources.files('neurostore.queries')", {"importlib.resources"}),
    ],
)  # fmt: skip
def test_every_kind_of_import_is_seen(text, expected):
    assert set(names_imported(text, "neurostore.lake")) == expected


def test_circles_are_seen():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}, "e": {"f"}, "f": {"e"}}) == {
        frozenset("abc"),
        frozenset("ef"),
    }
    assert circles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == set()


def test_names_are_taken_from_the_module_that_holds_them():
    assert module_named("neurostore.schema.SCHEMA_VERSION") == "neurostore.schema"
    assert module_named("neurostore.ingest.readers.read") == "neurostore.ingest.readers"
    assert module_named("numpy.linalg") is None


@pytest.mark.parametrize("package", sorted(MAY_IMPORT))
def test_heavy_packages_stay_in_their_rooms(package):
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for module, path in modules().items()
        for name in names_imported(path.read_text(), module.rpartition(".")[0])
        if name.split(".")[0] == package and not str(path.relative_to(ROOT)).startswith(MAY_IMPORT[package])
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("module", ["neurostore", "neurostore.cli"])
def test_importing_loads_nothing_heavy(module):
    code = (
        f"import sys, {module}; "
        "print([m for m in ('tensorflow', 'torch', 'numba', 'duckdb', 'polars', 'pyarrow', 'numpy', 'scipy') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
