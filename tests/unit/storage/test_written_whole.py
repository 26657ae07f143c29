"""Every file that a command writes is written beside its place and renamed: no code opens a file by its final name."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests import ROOT

PATHS = [p for room in ("neurostore", "ingest") for p in (ROOT / room).rglob("*.py")]
WRITING = {
    "write_text", "write_bytes", "write_csv", "write_parquet", "write_ipc", "savefig", "copyfile", "copy2", "open_memmap",
    "sink_parquet", "tofile", "ParquetWriter",
}  # fmt: skip
SAVING = {"np", "book"}  # np.save, and save of a workbook
WHOLE = {
    "temporary.replacing",
    "temporary.folder_beside",
    "temporary.scratch",
    "io.BytesIO",
    "io.StringIO",
    "BytesIO",
    "StringIO",
}

#: functions that write to a place they are given, or that is not final; why a kill leaves nothing half-written
BY_OTHERS = {
    ("ingest/cohort/coding/video.py", "copy_frames"): "into the folder of a coded copy that is being made",
    ("ingest/cohort/organise.py", "_copy"): "into the folder of a cohort that is being made",
    ("ingest/cohort/pseudonymise.py", "_write"): "into the folder of a coded copy that is being made",
    ("ingest/refine/training/shards.py", "write"): "marked as begun until all of it is there",
    ("ingest/video/models/download.py", "_fetch_once"): "a part, which the next download goes on with",
    ("ingest/video/models/download.py", "alone"): "an empty file to lock",
    ("ingest/video/overlay.py", "_mux"): "into a temporary folder",
    ("neurostore/commands/output.py", "_write"): "into a file of write_frame",
    ("neurostore/commands/table1.py", "_workbook"): "into a file of write",
    ("neurostore/demo.py", "run"): "figures of the demonstration, written again by each run",
    ("neurostore/demo.py", "write_tsv"): "a table of the demonstration, written again by each run",
    ("neurostore/distances/earlier.py", "_of_parquet"): "a temporary square",
    ("neurostore/distances/matrix.py", "long_parquet"): "into a temporary file",
    ("neurostore/distances/matrix.py", "square_csv"): "into a temporary file",
    ("neurostore/distances/matrix_files.py", "_compute"): "the square and its journal, which a repeat goes on with",
    ("neurostore/distances/matrix_files.py", "_npy_from"): "into a temporary file",
    ("neurostore/distances/matrix_files.py", "_plan"): "the square and its journal, which a repeat goes on with",
    ("neurostore/report/chromium.py", "print_page"): "into a temporary folder",
    ("neurostore/study.py", "_exchange_sides"): "a capture of the simulated study",
    ("neurostore/upkeep/database.py", "in_database"): "into a temporary folder",
    ("neurostore/upkeep/erase_files.py", "_erase_from_csv"): "into a temporary file",
    ("neurostore/walker/bvh.py", "write_bvh"): "a capture of the simulated cohort",
}


def written_directly(text: str) -> Iterator[tuple[str, str]]:
    """(function, call) of each call that writes to a place which its function did not make as a temporary one."""
    for function in ast.walk(ast.parse(text)):
        if isinstance(function, ast.FunctionDef):
            made = _made(function)
            for call in ast.walk(function):
                if isinstance(call, ast.Call) and (place := _place(call)) is not None and place not in made:
                    yield function.name, ast.unparse(call)


def _made(function: ast.FunctionDef) -> set[str]:
    """Names of temporary places and of memory, and of what is opened in them."""
    made: set[str] = set()
    for node in ast.walk(function):  # a `with` or an assignment comes before those within it
        pairs: list[tuple[ast.expr, ast.expr | None]] = []
        if isinstance(node, ast.With):
            pairs = [(item.context_expr, item.optional_vars) for item in node.items]
        elif isinstance(node, ast.Assign):
            pairs = [(node.value, target) for target in node.targets]
        for value, name in pairs:
            is_made = isinstance(value, ast.Call) and (ast.unparse(value.func) in WHOLE or _root(value) in made)
            if is_made and isinstance(name, ast.Name):
                made.add(name.id)
    return made


def _place(call: ast.Call) -> str | None:
    """The name of what a call writes to; None if it does not write."""
    if not isinstance(call.func, ast.Attribute):
        return None
    owner, method, first = call.func.value, call.func.attr, call.args[0] if call.args else None
    given = (part for a in (*call.args, *(k.value for k in call.keywords)) for part in ast.walk(a))
    texts = [part.value for part in given if isinstance(part, ast.Constant)]
    modes = [t for t in texts if isinstance(t, str) and 0 < len(t) < 4 and set(t) <= set("rwaxbt+")]
    if ast.unparse(owner) == "storage":
        return None  # which writes whole files alone
    if method == "open":
        is_of_module = ast.unparse(owner) in ("av", "io", "os", "zipfile")
        return _root(first if is_of_module and first else owner) if any(set(m) & set("wax+") for m in modes) else None
    if method in ("write_text", "write_bytes"):
        return _root(owner)
    if method in ("copyfile", "copy2", "write_table") and len(call.args) > 1:
        return _root(call.args[1])
    is_saving = method == "save" and ast.unparse(owner) in SAVING
    return _root(first) if (method in WRITING or is_saving) and first is not None else None


def _root(node: ast.AST) -> str:
    """The name that an expression begins with: ``work`` of ``str(work / name)`` and of ``work.open()``."""
    return next((n.id for n in ast.walk(node) if isinstance(n, ast.Name) and n.id not in ("str", "os")), "")


def test_the_rule_sees_what_it_is_to_see():
    def seen(line: str) -> int:
        return len(list(written_directly(f"def f(path):\n with temporary.replacing(path) as work:\n  {line}")))

    assert [seen(f"{place}.write_text('x')") for place in ("path", "work")] == [1, 0]
    assert [seen(f"np.save({place}, 1)") for place in ("path", "work")] == [1, 0]
    assert [seen(f"frame.write_csv({place})") for place in ("path", "work")] == [1, 0]
    assert [seen(f"av.open(str({place}), 'w')") for place in ("path", "work")] == [1, 0]
    assert [seen(f"{place}.open('wb')") for place in ("path", "work")] == [1, 0]
    assert [seen(f"shutil.copyfile(path, {place})") for place in ("path", "work")] == [1, 0]
    assert seen("path.open('rb')") == 0


def test_temporary_files_have_names_of_ours():
    """A killed process leaves what it was writing: the next writer sweeps, and an erasure searches, what has our names."""
    named = {"NamedTemporaryFile", "TemporaryDirectory", "mkstemp", "mkdtemp", "mktemp"}
    for path in (p for p in PATHS if p.parent.name != "storage"):
        text = path.read_text(encoding="utf-8")
        calls = {
            n.attr if isinstance(n, ast.Attribute) else n.id
            for n in ast.walk(ast.parse(text))
            if isinstance(n, ast.Attribute | ast.Name)
        }
        assert calls & named == set(), path
        assert "book.save(" not in text or "with temporary.of_libraries():\n        book.save(" in text, path


def test_no_file_is_opened_by_its_final_name():
    found = {
        (str(path.relative_to(ROOT)), function): call
        for path in PATHS
        if path.parent.name != "storage"
        for function, call in written_directly(path.read_text(encoding="utf-8"))
    }
    assert {k: v for k, v in found.items() if k not in BY_OTHERS} == {}
    assert BY_OTHERS.keys() - found.keys() == set()
