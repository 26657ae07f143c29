"""neurostore doctor: says what is there, and asks for repairs only where something needs repair."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from pathlib import Path

import numpy as np

from neurostore.upkeep import doctor
from neurostore.upkeep.doctor import examine
from tests import ROOT
from tests.builders.lake_builder import build_lake, trial
from tests.cli.cli_run import run


def said(lake=None):
    return {f.name: f for f in examine(lake)}


def test_an_installation_and_a_lake(tmp_path):
    lake = build_lake(tmp_path, [trial("S1", "walk", left_heel=np.zeros((5, 3)))]).path
    found = said(lake)
    assert found["duckdb"].text.split(".")[0].isdigit()
    assert found["lake"].text.endswith("version 1, 1 trial")
    assert found["running ingest"].text == "none"
    assert not [f for f in found.values() if f.is_bad and "space" not in f.name]
    shown = run("doctor", "--lake", lake, "--format", "json")
    assert {"what", "found", "state"} == set(json.loads(shown.stdout)[0])


def test_extras_are_those_that_are_declared():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = set(declared["optional-dependencies"]) - {"all", "metal", "test", "check", "bench"}
    assert set(doctor.EXTRAS) == extras
    here = {re.split(r"[<>=]", d)[0] for d in declared["dependencies"]}
    named = {requirement.name for requirement in doctor._requirements("")}
    assert {"duckdb", "numpy", "pyarrow"} <= named <= here  # of an editable install, the declaration may be older


def declare(monkeypatch, *texts):
    monkeypatch.setattr(doctor.metadata, "requires", lambda _: list(texts))


def test_a_version_outside_the_tested_range_is_named(monkeypatch):
    declare(monkeypatch, "duckdb<1.2,>=0.1", "numpy<999,>=1; extra == 'x'", "polars~=0.1", "rich>=1")
    found = said()
    assert found["duckdb"].is_bad
    assert found["duckdb"].text.endswith("tested with <1.2,>=0.1")
    assert found["polars"].is_bad
    assert not found["rich"].is_bad
    assert "numpy" not in found


def test_an_extra_is_judged_by_what_the_code_needs_of_it(monkeypatch):
    declare(
        monkeypatch,
        "numpy==0.10.21; extra == 'mediapipe'",
        "rich>=1; extra == 's3'",
        "surely-absent>=1; extra == 'cluster'",
    )
    found = said()
    assert found["extra mediapipe"].is_bad
    assert "but ==0.10.21 is needed" in found["extra mediapipe"].text
    assert found["extra s3"].text == "installed"
    assert found["extra cluster"].text == "not installed (surely-absent)"


def test_a_version_in_the_range_of_another_python_is_one_that_the_code_works_with(monkeypatch):
    installed = {"mediapipe": "1.2.3"}
    monkeypatch.setattr(doctor, "_version", lambda package: installed.get(package))
    newer = "mediapipe<2,>=1.2; python_version >= '3.13' and extra == 'mediapipe'"
    declare(monkeypatch, "mediapipe==0.10.21; python_version < '3.13' and extra == 'mediapipe'", newer)
    assert doctor._extra("mediapipe") == doctor.Finding("extra mediapipe", "installed")
    for version in ("0.10.30", "2.0.0"):  # within neither
        installed["mediapipe"] = version
        found = doctor._extra("mediapipe")
        assert found.is_bad
        ranges = ["==0.10.21", "<2,>=1.2"] if sys.version_info < (3, 13) else ["<2,>=1.2", "==0.10.21"]
        assert f"mediapipe {version}, but {' or '.join(ranges)} is needed: pip install" in found.text


def test_an_extra_without_a_release_for_this_python(monkeypatch):
    monkeypatch.setattr(doctor, "_PYTHONS", ("3.0", "3.99"))
    declare(monkeypatch, "rich>=1; python_version < '3.1' and extra == 'pose'")
    assert said()["extra pose"].text.startswith("not available on Python 3.")


def test_what_needs_repair(tmp_path):
    assert "this folder does not exist" in said(tmp_path / "none")["lake"].text
    lake = Path(build_lake(tmp_path, [trial("S1", "walk", left_heel=np.zeros((5, 3)))]).path)
    (lake / "_neurostore" / "erasing.json").write_text("{}")
    assert said(lake)["erasure"].is_bad
    for entry in (lake / "trials" / "_delta_log").iterdir():
        entry.write_text("{")
    assert said(lake)["lake"].is_bad
    assert run("doctor", "--lake", lake).returncode == 1
