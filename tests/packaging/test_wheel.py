"""What is shipped: wheel and sdist hold every module and data file, install alone, and the Dockerfile's steps work."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

from tests import ROOT

ROOMS = {"neurostore": "neurostore", "neurostore/ingest": "ingest"}
ROOMS |= {"neurostore/queries": "queries", "neurostore/schemas": "schemas"}  # folder in the wheel -> in the tree
NOT_SHIPPED = {".pyc", ".nbi", ".nbc"}
NEEDED = ("pyproject.toml", "README.md", "LICENSE", *ROOMS.values())


def sources(tree: Path) -> set[str]:
    """Every file of the rooms under the name it must have in the wheel."""
    found = set()
    for shipped, room in ROOMS.items():
        for path in (tree / room).rglob("*"):
            if path.is_file() and path.suffix not in NOT_SHIPPED and "__pycache__" not in path.parts:
                found.add(f"{shipped}/{path.relative_to(tree / room).as_posix()}")
    return found


def clean_environment() -> dict[str, str]:
    """The environment without what would let a checkout shine through."""
    return {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "NEUROSTORE_LAKE", "VIRTUAL_ENV")}


def run(*command: object, cwd: Path, **options) -> str:
    done = subprocess.run(
        [str(c) for c in command], cwd=cwd, env=clean_environment(), capture_output=True, text=True, **options
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """A copy of what is built, so that a `build` folder of the checkout cannot leak in."""
    copy = tmp_path_factory.mktemp("tree")
    for name in NEEDED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__", "*.nb?"))
        else:
            shutil.copy(source, copy / name)
    return copy


@pytest.fixture(scope="module")
def built(tree, tmp_path_factory) -> tuple[Path, Path]:
    """(wheel, sdist); the wheel is built from the sdist."""
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, tree, cwd=out)
    return next(out.glob("*.whl")), next(out.glob("*.tar.gz"))


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory) -> Path:
    """A fresh environment's folder of programs: our wheel is in it, its dependencies are those of this Python."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=False, symlinks=True)
    programs = folder / ("Scripts" if os.name == "nt" else "bin")
    run(sys.executable, "-m", "pip", "--python", programs / "python", "install", "--quiet", "--no-deps", "--no-index",
        built[0], cwd=folder)  # fmt: skip
    packages = next(folder.glob("lib/python*/site-packages"))
    theirs = [p for p in sys.path if p.endswith("site-packages")]
    # addsitedir would follow the .pth file of an editable install back into the checkout: plain paths do not
    (packages / "dependencies.pth").write_text("\n".join(theirs) + "\n")
    return programs


def test_every_module_and_data_file_is_in_the_wheel(built, tree):
    with zipfile.ZipFile(built[0]) as wheel:
        names = {n for n in wheel.namelist() if ".dist-info/" not in n}
    assert sources(tree) - names == set(), "add the folder or file type to [tool.setuptools] in pyproject.toml"
    assert names - sources(tree) == set()


def test_sdist_can_be_read_and_built_by_anybody(built, tree):
    with tarfile.open(built[1]) as sdist:
        names = {n.split("/", 1)[1] for n in sdist.getnames() if "/" in n}
    missing = {s for shipped in sources(tree) if (s := _in_tree(shipped)) not in names}
    assert missing == set()
    assert {"pyproject.toml", "README.md", "LICENSE"} <= names


def _in_tree(shipped: str) -> str:
    for folder in ("ingest", "queries", "schemas"):
        if shipped.startswith(f"neurostore/{folder}/"):
            return shipped.removeprefix("neurostore/")
    return shipped


def test_messages_of_the_installed_package_name_what_pip_installs(installed, tmp_path):
    said = run(
        installed / "python",
        "-c",
        "from neurostore.release import how_to_install as how; print(how('report'))",
        cwd=tmp_path,
    )
    name = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["name"]
    assert said.strip() == f"pip install '{name}[report]'"


def test_no_pickle_model_or_recording_is_shipped(built):
    with zipfile.ZipFile(built[0]) as wheel:
        sizes = {i.filename: i.file_size for i in wheel.infolist()}
    kinds = {Path(n).suffix for n in sizes}
    assert not kinds & {".pkl", ".pickle", ".pt", ".pth", ".npy", ".bvh", ".c3d", ".mp4"}
    assert sum(sizes.values()) < 20e6


def test_twine_finds_nothing_wrong(built):
    said = run(sys.executable, "-m", "twine", "check", "--strict", *built, cwd=built[0].parent)
    assert said.count("PASSED") == 2, said


def test_declared_packages_are_the_folders(tree):
    declared = tomllib.loads((tree / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    here = {s.rsplit("/", 1)[0].replace("/", ".") for s in sources(tree)}
    assert set(declared) == here


def test_command_runs_from_a_clean_environment(installed, tmp_path):
    help_text = run(installed / "neurostore", "--help", cwd=tmp_path)
    for command in ("ingest", "sql", "distances", "compact"):
        assert command in help_text
    where = run(installed / "python", "-c", "import neurostore; print(neurostore.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(installed.parent.resolve()), "the checkout was imported"


def test_installed_data_files_are_found(installed, tree, tmp_path):
    code = (
        "import json, neurostore.ingest.readers, neurostore.ingest.landmarks\n"
        "from neurostore import schema, skeleton\nfrom neurostore.sql import views\n"
        "print(json.dumps([len(schema.tables()), len(skeleton.names()), len(views.names())]))"
    )
    found = json.loads(run(installed / "python", "-c", code, cwd=tmp_path).splitlines()[-1])
    tables = list((tree / "schemas" / "tables").glob("*.toml"))
    skeletons = list((tree / "schemas" / "skeletons").glob("*.toml"))
    views = [p for p in (tree / "queries").glob("*.sql") if not p.stem.startswith("_")]
    assert found == [len(tables), len(skeletons), len(views)]


# The Dockerfile, where no container runtime can run it


def dockerfile() -> list[tuple[str, str]]:
    """(instruction, rest) of each step, continued lines joined."""
    text = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text(encoding="utf-8"))
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return [(word.upper(), rest) for word, rest in (line.split(maxsplit=1) for line in lines)]


def test_dockerfile_copies_what_the_build_needs():
    copied = [s for word, rest in dockerfile() if word == "COPY" for s in rest.split()[:-1]]
    assert [s for s in copied if not (ROOT / s).exists()] == []
    assert set(NEEDED) <= set(copied)


def test_dockerfile_python_is_a_supported_one():
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    version = next(rest for word, rest in dockerfile() if word == "FROM").split(":")[1].split("-")[0]
    from packaging.specifiers import SpecifierSet

    assert version in SpecifierSet(wanted)


def test_dockerfile_install_runs_on_what_it_copies(tmp_path):
    """Its COPY and pip steps in a clean environment; --no-deps and --dry-run, so that nothing is downloaded."""
    for word, rest in dockerfile():
        if word == "COPY":
            *given, target = rest.split()
            for name in given:
                source = ROOT / name
                to = tmp_path / target / (name if target == "./" else "")
                shutil.copytree(source, to, dirs_exist_ok=True) if source.is_dir() else shutil.copy(source, to)
    steps = [rest for word, rest in dockerfile() if word == "RUN" and "pip install" in rest]
    local = re.findall(r'pip install (?:--\S+ )*"(\.\S*)"', " ".join(steps))
    assert local == [".[all]"]
    run(sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--no-build-isolation", "--dry-run",
        local[0], cwd=tmp_path)  # fmt: skip
    entry = next(rest for word, rest in dockerfile() if word == "ENTRYPOINT")
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert json.loads(entry)[0] in scripts


def test_torch_of_the_dockerfile_is_within_the_declared_range():
    from packaging.requirements import Requirement

    pinned = re.search(r'"torch==([^"]+)"', " ".join(rest for _, rest in dockerfile()))
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    declared = next(Requirement(r) for r in extras["refine"] if r.startswith("torch"))
    assert pinned is not None
    assert declared.specifier.contains(pinned[1])
