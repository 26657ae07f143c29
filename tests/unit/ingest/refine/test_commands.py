"""neurostore refine data and train, from files to a checkpoint that apply takes."""

import json

import pytest

pytest.importorskip("torch")
from typer.testing import CliRunner

from neurostore.cli import command_line
from neurostore.ingest.refine.refiner import Refiner
from neurostore.ingest.refine.training import sources
from neurostore.walker.bvh import write_bvh
from neurostore.walker.gait import normal
from neurostore.walker.walk import walk

TINY = """
steps = 2
batch_size = 4
warm_up = 1
validate_every = 1
validation_batches = 1
workers = 0
[model]
n_frames = 9
spatial_width = 8
spatial_heads = 2
width = 16
layers = 1
heads = 2
[losses]
supervised_depth = 1.0
limb_depth = 0.5
"""


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """Enough strangers that the hash of their names puts some into each split."""
    root = tmp_path_factory.mktemp("lab")
    names = [f"P{i:02d}" for i in range(40)]
    wanted = {"train": 2, "validation": 1}
    for name in names:
        split = sources.split_of(f"{root.name}/{name}")
        if wanted.get(split, 0):
            wanted[split] -= 1
            (root / name).mkdir()
            write_bvh(walk(normal(), n_strides=1.5, rate_hz=60.0), root / name / "walk.bvh")
    assert not any(wanted.values())
    return root


def _run(*call):
    result = CliRunner().invoke(command_line(), ["refine", *map(str, call)])
    assert result.exit_code == 0, result.output
    return result


def test_data_shows_pairs(cohort):
    out = _run("data", "--data", cohort, "--n-batches", 3).stdout
    assert "depth_error_mean_mm" in out
    assert out.count("/walk") == 3
    assert out == _run("data", "--data", cohort, "--n-batches", 3).stdout


def test_train_makes_a_checkpoint_that_refines(cohort, tmp_path):
    config = tmp_path / "tiny.toml"
    config.write_text(TINY)
    _run("data", "--data", cohort, "--config", config, "--out", tmp_path / "windows", "--n-batches", 2)
    manifest = json.loads((tmp_path / "windows" / "manifest.json").read_text())
    assert len(manifest["people"]["train"]) == 2
    said = _run("train", config, "--data", cohort, "--out", tmp_path / "run", "--shards", tmp_path / "windows").stderr
    assert "step 2 of 2" in said
    refiner = Refiner.load(tmp_path / "run" / "refiner.safetensors")
    assert refiner.about["people"]["train"] == manifest["people"]["train"]
    assert list((tmp_path / "run").glob("events.out.tfevents.*"))


def test_an_empty_folder_is_named(tmp_path):
    result = CliRunner().invoke(
        command_line(), ["refine", "train", "small", "--data", str(tmp_path), "--out", str(tmp_path / "r")]
    )
    assert "holds no motion" in str(result.exception)
