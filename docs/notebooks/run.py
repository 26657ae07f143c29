"""Runs the notebooks of this folder and stores their outputs: ``docs/notebooks/run.py``, on lakes made by `neurostore demo`.

Cells are run one after the other in plain Python. What a cell prints and what its last line is worth is stored as a
notebook server would store it: a figure as PNG, a table as HTML and text. No notebook server is needed.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import io
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent


def run_cell(source: str, names: dict[str, Any]) -> list[dict[str, Any]]:
    """The outputs of one cell of code. names : the variables of the notebook, changed by the cell."""
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, "<cell>", "exec"), names)
        value = eval(compile(ast.Expression(last.value), "<cell>", "eval"), names) if last else None
    outputs: list[dict[str, Any]] = []
    if printed.getvalue():
        outputs.append({"output_type": "stream", "name": "stdout", "text": lines(printed.getvalue())})
    if value is not None:
        outputs.append({"output_type": "execute_result", "execution_count": None, "metadata": {}, "data": shown(value)})
    return outputs


def shown(value: Any) -> dict[str, Any]:
    """A value as a notebook shows it: by type of content."""
    data: dict[str, Any] = {}
    for kind, method in (("image/png", "_repr_png_"), ("text/html", "_repr_html_")):
        make = getattr(value, method, None)
        content = make() if make is not None else None
        if content:
            data[kind] = base64.b64encode(content).decode() if isinstance(content, bytes) else lines(content)
    return {**data, "text/plain": lines(repr(value))} if "image/png" not in data else {**data, "text/plain": ["figure"]}


def lines(text: str) -> list[str]:
    """A text as notebooks store it."""
    return text.splitlines(keepends=True)


def run_notebook(path: Path, folder: Path) -> dict[str, Any]:
    """The notebook with its outputs, run in a folder that holds the lakes it opens."""
    notebook: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    names: dict[str, Any] = {"__name__": "__main__"}
    with contextlib.chdir(folder):
        for number, cell in enumerate((c for c in notebook["cells"] if c["cell_type"] == "code"), 1):
            outputs = json.dumps(run_cell("".join(cell["source"]), names))
            cell["outputs"] = json.loads(outputs.replace(f"{folder.resolve()}/", ""))
            cell["execution_count"] = number
            for output in cell["outputs"]:
                if "execution_count" in output:
                    output["execution_count"] = number
    return notebook


def main() -> None:
    """Make the two lakes, run every notebook and store it."""
    from neurostore import demo, study

    with tempfile.TemporaryDirectory() as name:
        folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(name)
        if not (folder / "demo").exists():
            demo.run(folder / "demo")
        if not (folder / "study").exists():
            study.run(folder / "study")
        for path in sorted(HERE.glob("*.ipynb")):
            notebook = run_notebook(path, folder)
            path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    os.environ.setdefault("COLUMNS", "160")
    main()
