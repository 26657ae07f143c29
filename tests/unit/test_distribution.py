"""What pip installs is not called as the package is imported: that name belongs to somebody else on PyPI."""

from __future__ import annotations

import re
import subprocess
import tomllib

from neurostore import release
from tests import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
#: an installation of the other project: its name alone, or with extras or a version
STRANGERS = re.compile(r"(pip|uv|pipx|poetry)\s+(pip\s+)?(install|add)\b[^\n`]*?(?<![\w./-])neurostore(?![\w./-])")


def texts() -> list[str]:
    """Every file of the repository that a person or a program may take a command from."""
    named = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    return [n for n in named if n.endswith((".py", ".md", ".toml", ".yml", ".html", ".ipynb")) or "." not in n]


def test_nothing_says_to_install_the_other_project() -> None:
    assert STRANGERS.search("pip install 'neurostore[report]'")
    assert STRANGERS.search("pip install --upgrade neurostore")
    assert not STRANGERS.search(f"pip install '{PROJECT['name']}[report]'")
    found = []
    for name in texts():
        path = ROOT / name
        if path.is_file() and path.name != "test_distribution.py" and (match := STRANGERS.search(path.read_text())):
            found.append(f"{name}: {match[0]}")
    assert found == []


def test_messages_take_the_name_from_pyproject() -> None:
    assert PROJECT["name"] != "neurostore"
    assert release.distribution() == PROJECT["name"]
    assert release.how_to_install("report") == f"pip install '{PROJECT['name']}[report]'"
    assert set(PROJECT["scripts"]) == {"neurostore"}
    of_all = re.fullmatch(rf"{PROJECT['name']}\[(.*)\]", PROJECT["optional-dependencies"]["all"][0])
    assert of_all
    assert set(of_all[1].split(",")) <= set(PROJECT["optional-dependencies"])


def test_without_pyproject_the_installed_name_is_used(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(release, "__file__", str(tmp_path / "site-packages" / "neurostore" / "release.py"))
    found = release.installed()
    assert release.distribution() == (found.metadata["Name"] if found else None)
    monkeypatch.setattr(release, "installed", lambda: None)
    assert release.how_to_install("report") == "install the extra 'report' of this package"


def test_the_readme_names_it() -> None:
    assert f"pip install {PROJECT['name']}" in (ROOT / "README.md").read_text()
