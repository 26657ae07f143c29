"""What doctor says of pose models: fetched ones, damaged ones, and whether mediapipe has one."""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from neurostore.ingest.video.estimators import mediapipe, present
from neurostore.ingest.video.models import declared, store
from tests.cli.cli_run import run


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> store.Installed:
    """A bundle in a cache of its own, declared as the full pose landmarker."""
    monkeypatch.setenv("NEUROSTORE_MODELS", str(tmp_path / "models"))
    file = tmp_path / "own.task"
    with zipfile.ZipFile(file, "w") as archive:
        for name in store.BUNDLED:
            archive.writestr(name, b"weights")
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    model = replace(declared.find("pose_landmarker_full"), sha256=sha256)
    monkeypatch.setattr(declared, "declared", lambda *_: {model.name: model})
    return store.fetch(model, tarball=file)


def said() -> dict[str, tuple[str, bool]]:
    return {f.name: (f.text, f.is_bad) for f in present.models()}


def test_a_fetched_model_is_named_and_a_damaged_one_is_to_be_repaired(
    bundle: store.Installed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mediapipe, "wheel_has_model", lambda: False)
    found = said()
    assert found["pose models"][0].startswith("pose_landmarker_full in ")
    assert "pose model of mediapipe" not in found
    bundle.path.write_bytes(b"cut off")
    found = said()
    assert found["pose models"][0].startswith("none in ")
    assert found["pose model pose_landmarker_full"][1]
    assert "model fetch --force" in found["pose model pose_landmarker_full"][0]


def test_a_mediapipe_without_a_model_says_which_to_fetch(
    bundle: store.Installed, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.remove(bundle.model)
    monkeypatch.setattr(present.metadata, "version", lambda _: "1.2.3")
    monkeypatch.setattr(mediapipe, "wheel_has_model", lambda: False)
    assert said()["pose model of mediapipe"] == (
        "none: mediapipe 1.2.3 contains no model; `neurostore model fetch --model pose_landmarker_full` downloads it",
        False,
    )
    monkeypatch.setattr(mediapipe, "wheel_has_model", lambda: True)
    assert said()["pose model of mediapipe"][0] == "in the package mediapipe 1.2.3"


def test_the_command_shows_them(tmp_path: Path) -> None:
    shown = run(
        "doctor", "--lake", tmp_path / "none", "--format", "json", env={"NEUROSTORE_MODELS": str(tmp_path / "empty")}
    )
    found = {row["what"]: row["found"] for row in json.loads(shown.stdout)}
    assert found["pose models"].startswith(f"none in {tmp_path / 'empty'}")
