"""The audit of vulnerabilities: answers of the database, kept answers where it is silent, and nothing passed over."""

from __future__ import annotations

import importlib.util
import json
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests import ROOT


@pytest.fixture
def audit(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The program, on a machine with one package besides ours."""
    spec = importlib.util.spec_from_file_location("audit", ROOT / "benchmarks" / "audit.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    installed = [("Plotly", "6.0"), (next(iter(module.OURS)), "0.1.0")]
    there = [SimpleNamespace(metadata={"Name": name}, version=version) for name, version in installed]
    monkeypatch.setattr(module.metadata, "distributions", lambda: there)
    return module


def answers(module: ModuleType, monkeypatch: pytest.MonkeyPatch, stdout: str, stderr: str = "") -> None:
    done = SimpleNamespace(stdout=stdout, stderr=stderr, returncode=0)
    monkeypatch.setattr(module.subprocess, "run", lambda *_, **__: done)


def said_of(**plotly: Any) -> str:
    return json.dumps({"dependencies": [{"name": "plotly", "version": "6.0", **plotly}]})


HOLE = {"id": "PYSEC-1", "fix_versions": ["6.1"]}


def test_a_package_without_known_vulnerabilities_passes_and_one_with_fails(audit, monkeypatch, tmp_path, capsys):
    answers(audit, monkeypatch, said_of(vulns=[]))
    assert audit.main(tmp_path / "kept.json") == 0
    assert capsys.readouterr().out == "1 packages, 0 not audited, 0 known vulnerabilities\n"
    answers(audit, monkeypatch, said_of(vulns=[HOLE]))
    assert audit.main(tmp_path / "kept.json") == 1
    assert "plotly==6.0: PYSEC-1, fixed in 6.1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("stdout", "stderr", "why"),
    [("", "Connection refused", "could not be reached: Connection refused"), ("", "python: No module named pip_audit", "pip-audit is not installed"), (said_of(skip_reason="not found"), "", "knows none")],
    ids=["no network", "no package index", "a mirror that knows no package"],
)  # fmt: skip
def test_without_the_database_kept_answers_are_used_and_their_age_is_printed(
    audit, monkeypatch, tmp_path, capsys, stdout, stderr, why
):
    path = tmp_path / "kept.json"
    answers(audit, monkeypatch, stdout, stderr)
    assert audit.main(path) == 1
    assert "not audited: plotly==6.0" in capsys.readouterr().out
    audit.keep({"plotly==6.0": {"asked": time.time() - 3 * 86_400, "vulns": [HOLE]}}, path)
    before = path.read_text()
    assert audit.main(path) == 1
    said = capsys.readouterr().out
    assert why in said
    assert "1 answers are kept ones, up to 3.0 days old" in said
    assert "PYSEC-1" in said
    assert "1 packages, 0 not audited, 1 known vulnerabilities" in said
    assert path.read_text() == before, "no answer of the database, and nothing kept is overwritten"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"plotly==6.0": {}}', '{"asked": 1.0, "packages": []}'])
def test_a_damaged_file_of_answers_is_as_none(audit, tmp_path: Path, content: str) -> None:
    (tmp_path / "kept.json").write_text(content)
    assert audit.kept(tmp_path / "kept.json") == {}
