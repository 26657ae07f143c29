"""The marker model, packed, fetched into a cache of its own and found by name: as a lab's own model would be."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("av", reason="videos need PyAV")

from neurostore import skeleton as skeletons
from neurostore.ingest.video.models import declared as declared_models
from neurostore.ingest.video.models import store
from tests.builders import marker_model
from tests.builders.once import once
from tests.installed import need

need("tensorflow", "the test model is a SavedModel")


@pytest.fixture(scope="session")
def marker_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The SavedModel of tests/builders/marker_model.py with MeTRAbs's two marker skeletons and a further one."""
    return once(tmp_path_factory.getbasetemp(), "markers", _build)  # as much work as twenty tests


def _build(folder: Path) -> None:
    declared = {}
    for name in ("smpl_24", "berkeley_mhad_43", "bml_movi_87"):
        skeleton = skeletons.load(name)
        index = {joint: i for i, joint in enumerate(skeleton.joints)}
        declared[name] = (list(skeleton.source_names), [(index[a], index[b]) for a, b in skeleton.bones])
    marker_model.build(folder, declared)


@pytest.fixture(scope="session")
def model(marker_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Options that choose the marker model, which is in a model cache made for the tests."""
    folder = tmp_path_factory.mktemp("cache")
    tarball = folder / "markers.tar.gz"
    with tarfile.open(tarball, "w:gz") as archive:
        archive.add(marker_folder, "markers")
    pinned = declared_models.find()
    declared = folder / "models.toml"
    arguments = ", ".join(f'"{a}"' for a in pinned.methods["detect_poses_batched"])
    declared.write_text(
        f'[[model]]\nname = "markers"\nestimator = "metrabs"\nfile = "markers.tar.gz"\n'
        f'sha256 = "{hashlib.sha256(tarball.read_bytes()).hexdigest()}"\nsize_about_mb = 1\n'
        f"[model.interface]\nmethods = {{ detect_poses_batched = [{arguments}] }}\n"
        f'attributes = ["per_skeleton_joint_names", "per_skeleton_joint_edges"]\n'
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEUROSTORE_MODELS", str(folder / "models"))
        store.fetch(declared_models.find("markers", declared), tarball=tarball)
        yield {"model": "markers", "models_toml": str(declared)}
