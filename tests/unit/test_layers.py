"""Imports point one way: cli → ingest, cohort, report → lake, views, dtw → schema, skeleton, errors; heavy ones stay in their rooms."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LAYER = {  # smaller numbers may not import larger ones
    "errors": 0, "child_process": 0, "printable": 0, "schema": 1, "frames": 1, "frame_files": 1, "skeleton": 1, "opensim": 1, "storage": 1, "storage_s3": 1, "signs_of_life": 1, "spill": 1, "ray_cluster": 1, "walker": 1, "walker_body": 1, "walker_bvh": 1,
    "views": 2, "dtw": 2, "udfs": 2, "lake": 2, "lake_write": 2, "staging": 2, "lake_log": 2, "delta": 2, "hashes": 2, "tombstones": 2, "verify": 3, "damaged_trials": 3, "mend": 3, "outputs": 2, "locked_sql": 3, "locked_child": 3, "erase": 3, "erase_files": 3, "migrate": 3, "doctor": 3, "pseudonymise": 3, "lake_sql": 2, "maintenance": 2, "lake_export": 2, "lake_renew": 2,
    "cohort": 3, "distance_matrix": 3, "representations": 3, "alignment": 3, "blocks": 3, "comparison": 3, "ingest": 3, "report": 3, "export": 3, "analysis": 3, "plot": 3, "demo": 4, "commands": 4, "cli": 5,
}  # fmt: skip
MAY_IMPORT = {
    "torch": ("ingest/refine/", "neurostore/dtw/soft.py"),
    "tensorflow": (
        "ingest/video/estimators/metrabs.py",
        "ingest/video/models/store.py",
        "ingest/video/models/inspection.py",
    ),
    "mediapipe": ("ingest/video/estimators/mediapipe.py",),
}


def sources():
    for folder in ("neurostore", "ingest", "queries", "schemas"):
        yield from (ROOT / folder).rglob("*.py")


def imports(path: Path):
    """(module, is at module level) of every absolute import; lazy imports inside functions are allowed upwards."""
    tree = ast.parse(path.read_text())
    top = {id(node) for node in tree.body}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) in top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module, id(node) in top
            yield from ((f"{node.module}.{alias.name}", id(node) in top) for alias in node.names)


def room(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if parts[0] == "neurostore" and len(parts) > 1 else None


def test_layers_point_one_way():
    wrong = []
    for path in sources():
        relative = path.relative_to(ROOT)
        here = (
            "ingest"
            if relative.parts[0] == "ingest"
            else (relative.parts[1] if len(relative.parts) > 2 else relative.stem)
        )
        if here not in LAYER:
            continue
        for module, is_top in imports(path):
            there = room(module)
            if is_top and there in LAYER and LAYER[there] > LAYER[here]:
                wrong.append(f"{relative} imports {module}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("package", sorted(MAY_IMPORT))
def test_heavy_packages_stay_in_their_rooms(package):
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in sources()
        for module, _ in imports(path)
        if module.split(".")[0] == package and not str(path.relative_to(ROOT)).startswith(MAY_IMPORT[package])
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
