"""A function is one paragraph: at most 60 lines and 10 arguments, and a module at most 400 lines. Kernels excepted."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import ROOT

MOST_LINES, MOST_ARGUMENTS, MOST_IN_A_MODULE = 60, 10, 400
#: Functions that are longer or take more. Only to be shortened.
TOO_LARGE: set[str] = set()
#: Modules that are longer. Only to be shortened.
TOO_LONG: set[str] = set()


def files() -> list[Path]:
    return sorted(path for folder in ("neurostore", "ingest") for path in (ROOT / folder).rglob("*.py"))


def is_kernel(function: ast.FunctionDef | ast.AsyncFunctionDef, module: str) -> bool:
    """Compiled by numba, by its decorator, or in a module of compiled loops, whose name says so."""
    names = {ast.unparse(d.func if isinstance(d, ast.Call) else d).split(".")[-1] for d in function.decorator_list}
    return bool(names & {"kernel", "njit", "jit", "vectorize", "guvectorize", "intrinsic"}) or module.endswith(
        "kernels"
    )


def commands_of(tree: ast.Module) -> set[str]:
    """Functions that are commands of typer: their arguments are options of the command line, their docstrings its help."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Call):  # app.command(…)(function)
            maker, names = node.func, [a.id for a in node.args if isinstance(a, ast.Name)]
        elif isinstance(node, ast.FunctionDef) and any(isinstance(d, ast.Call) for d in node.decorator_list):
            maker, names = next(d for d in node.decorator_list if isinstance(d, ast.Call)), [node.name]
        else:
            continue
        if isinstance(maker.func, ast.Attribute) and maker.func.attr in ("command", "callback"):
            found |= set(names)
    return found


def lines_of(function: ast.FunctionDef | ast.AsyncFunctionDef, is_command: bool) -> int:
    """Lines of a function; of a command those below its options and its help."""
    first = function.lineno
    if is_command:
        first = function.body[min(len(function.body) - 1, int(ast.get_docstring(function) is not None))].lineno
    return (function.end_lineno or 0) - first + 1


def too_large(text: str, module: str) -> Iterator[tuple[str, int, int]]:
    """(name, lines, arguments) of every function that is too long or takes too many arguments."""

    tree = ast.parse(text)
    commands = commands_of(tree)

    def walk(node: ast.AST, names: tuple[str, ...]) -> Iterator[tuple[str, int, int]]:
        for below in ast.iter_child_nodes(node):
            inside = (
                (*names, below.name)
                if isinstance(below, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
                else names
            )
            if isinstance(below, ast.FunctionDef | ast.AsyncFunctionDef) and not is_kernel(below, module):
                is_command = below.name in commands  # also one that a function makes
                n_lines = lines_of(below, is_command)
                a = below.args
                n = len([*a.posonlyargs, *a.args, *a.kwonlyargs, *filter(None, [a.vararg, a.kwarg])])
                n -= bool(names) and bool(a.args) and a.args[0].arg in ("self", "cls")
                if n_lines > MOST_LINES or (n > MOST_ARGUMENTS and not is_command):
                    yield ".".join(inside), n_lines, n
            yield from walk(below, inside)

    yield from walk(tree, ())


def test_functions_are_short_and_take_few_arguments():
    found = {
        f"{path.relative_to(ROOT).as_posix()}: {name}": f"{n_lines} lines, {n} arguments"
        for path in files()
        for name, n_lines, n in too_large(path.read_text(), path.stem)
    }
    new = {name: size for name, size in found.items() if name not in TOO_LARGE}
    assert not new, f"more than {MOST_LINES} lines or {MOST_ARGUMENTS} arguments"
    assert TOO_LARGE - found.keys() == set(), "no longer needed: take them off the list"


def test_modules_are_short():
    found = {path.relative_to(ROOT).as_posix(): len(path.read_text().splitlines()) for path in files()}
    found = {name: n for name, n in found.items() if n > MOST_IN_A_MODULE}
    new = {name: n for name, n in found.items() if name not in TOO_LONG}
    assert not new, f"more than {MOST_IN_A_MODULE} lines: split them along their meaning"
    assert TOO_LONG - found.keys() == set(), "no longer needed: take them off the list"


LONG = "def f():\n" + "    a = 1\n" * 60
MANY = "def f(a, b, c, d, e, f, g, h, i, j, *, k): pass"
COMMAND = MANY.replace("pass", "\n    'h'\n    BODY") + "\napp.command(short_help='x')(f)"


@pytest.mark.parametrize(
    ("text", "module", "expected"),
    [
        (LONG, "m", [("f", 61, 0)]),
        ("class A:\n" + "\n".join("    " + line for line in LONG.splitlines()), "m", [("A.f", 61, 0)]),
        ("def g():\n" + "\n".join("    " + line for line in LONG.splitlines()), "m", [("g", 62, 0), ("g.f", 61, 0)]),
        (LONG.replace("    a = 1\n", "", 1), "m", []),
        ("@kernel\n" + LONG, "m", []),
        ("@numba.njit(cache=True)\n" + LONG, "m", []),
        (LONG, "normal_kernels", []),
        ("@cache\n" + LONG, "m", [("f", 61, 0)]),
        (MANY, "m", [("f", 1, 11)]),
        (MANY.replace(", *, k", ", *k"), "m", [("f", 1, 11)]),
        (MANY.replace(", *, k", ""), "m", []),
        ("class A:\n    " + MANY.replace("(a, b", "(self, b"), "m", []),
        (COMMAND.replace("BODY", "pass"), "m", []),
        ("@app.command(name='x')\n" + MANY, "m", []),
        (COMMAND.replace("BODY", LONG.partition("\n")[2].strip()), "m", []),
        (COMMAND.replace("BODY", LONG.partition("\n")[2].strip() + "\n    b = 1"), "m", [("f", 61, 11)]),
    ],
)
def test_what_is_too_large_is_seen(text, module, expected):
    assert list(too_large(text, module)) == expected
