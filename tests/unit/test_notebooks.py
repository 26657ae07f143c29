"""The notebooks run from top to bottom on lakes of the demonstration, and show what is stored in them."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

from neurostore import demo, study
from neurostore.ingest.pipeline import ingest
from neurostore.upkeep.refresh import refresh
from tests import ROOT

NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def runner() -> ModuleType:
    spec = importlib.util.spec_from_file_location("run_notebooks", ROOT / "docs" / "notebooks" / "run.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The two lakes that notebooks open, with fewer people and trials than those of the command."""
    top = tmp_path_factory.mktemp("notebooks")
    demo.make_cohort(top / "demo" / "cohort", n_per_group=3, n_trials=1)
    study.make_cohort(top / "study" / "cohort", n_per_group=4, n_trials=1)
    for name in ("demo", "study"):
        assert not ingest(top / name / "cohort", top / name / "lake", n_workers=1).failed
        refresh(top / name / "lake")
    return top


def kinds(notebook: dict) -> list[list[str]]:
    """By cell of code, how each output is shown."""
    cells = [c for c in notebook["cells"] if c["cell_type"] == "code"]
    return [[*(kind for o in c["outputs"] for kind in o.get("data", {o.get("name"): ""}))] for c in cells]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_every_cell_runs_and_is_shown_as_it_is_stored(runner: ModuleType, folder: Path, path: Path) -> None:
    stored = json.loads(path.read_text())
    notebook = runner.run_notebook(path, folder)
    assert kinds(notebook) == kinds(stored)
    assert all(shown for shown in kinds(stored))
    assert any("text/html" in shown for shown in kinds(stored))
    assert not [o for c in stored["cells"] for o in c.get("outputs", []) if o["output_type"] == "error"]


def test_there_is_one_for_each_subject_and_figures_show_by_themselves() -> None:
    assert {p.stem for p in NOTEBOOKS} == {"table-1", "curves-and-spm", "distances-and-clusters", "pre-and-post"}
    figures = [p.stem for p in NOTEBOOKS if "image/png" in p.read_text()]
    assert figures == ["curves-and-spm", "distances-and-clusters", "pre-and-post"]
    assert all(p.stat().st_size < 200_000 for p in NOTEBOOKS)
