"""Batches, runs, resumption, and what goes wrong."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from neurostore.errors import ModelError, UsageError  # noqa: E402
from neurostore.ingest.refine import checkpoint  # noqa: E402
from neurostore.ingest.refine.training import shards  # noqa: E402
from neurostore.ingest.refine.training import train as training  # noqa: E402
from neurostore.ingest.refine.training.dataset import WindowBatches  # noqa: E402
from neurostore.ingest.refine.training.finish import finish  # noqa: E402
from tests.builders.filmed_walks import MARKERS, people  # noqa: E402
from tests.builders.training import TINY  # noqa: E402


@pytest.fixture(scope="module")
def motions():
    return people()


def _weights(path):
    _, tensors = checkpoint.read(path)
    return tensors


def test_batch_k_is_the_same_whoever_makes_it(motions):
    config = TINY.model_config()
    one, two = (WindowBatches(motions[:2], MARKERS, config, 4, 7, 10) for _ in range(2))
    one[0], one[1]  # what was drawn before does not matter
    for name, values in one[3].items():
        assert torch.equal(values, two[3][name]), name
    assert not torch.equal(one[3]["features"], one[4]["features"])
    other = WindowBatches(motions[:2], MARKERS, config, 4, 8, 10)
    assert not torch.equal(one[3]["features"], other[3]["features"])


def test_targets_bring_the_noisy_points_to_the_truth_along_the_ray(motions):
    batch = WindowBatches(motions[:2], MARKERS, TINY.model_config(), 16, 7, 1)[0]
    placed = batch["noisy"] + batch["target"][..., None] * batch["rays"]
    off = (placed - batch["truth"]).norm(dim=-1)[batch["present"]]
    before = (batch["noisy"] - batch["truth"]).norm(dim=-1)[batch["present"]]
    assert off.median() < 0.12  # decimetres: what is left lies across the ray
    assert off.median() < before.median()


def test_a_killed_run_goes_on_as_if_nothing_had_been(motions, tmp_path):
    quiet = {"say": lambda text: None}
    training.train_on(TINY, motions, tmp_path / "whole", **quiet)

    class Killed(Exception):
        pass

    def kill(text):
        if text.startswith("step 4 of"):
            raise Killed

    with pytest.raises(Killed):
        training.train_on(TINY, motions, tmp_path / "cut", say=kill)
    assert not (tmp_path / "cut" / "last.safetensors").exists() or (
        checkpoint.read(tmp_path / "cut" / "last.safetensors")[0]["step"] < 8
    )
    training.train_on(TINY, motions, tmp_path / "cut", **quiet)
    whole, cut = (_weights(tmp_path / n / "last.safetensors") for n in ("whole", "cut"))
    assert whole.keys() == cut.keys()
    for name in whole:
        assert torch.equal(whole[name], cut[name]), name


def test_resumption_starts_from_the_saved_step(motions, tmp_path):
    half = dataclasses.replace(TINY, validate_every=2)
    told = []

    def kill(text):
        told.append(text)
        if text.startswith("step 6 of"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        training.train_on(half, motions, tmp_path / "cut", say=kill)
    assert checkpoint.read(tmp_path / "cut" / "last.safetensors")[0]["step"] == 4
    again = []
    training.train_on(half, motions, tmp_path / "cut", say=again.append)
    assert [t.split(",")[0] for t in again if t.startswith("step")] == ["step 6 of 8", "step 8 of 8"]
    training.train_on(half, motions, tmp_path / "whole", say=lambda text: None)
    whole, cut = (_weights(tmp_path / n / "last.safetensors") for n in ("whole", "cut"))
    assert all(torch.equal(whole[name], cut[name]) for name in whole)


def test_a_run_of_other_settings_is_not_continued(motions, tmp_path):
    training.train_on(dataclasses.replace(TINY, steps=4), motions, tmp_path, say=lambda text: None)
    with pytest.raises(ModelError, match="other settings or data"):
        training.train_on(dataclasses.replace(TINY, steps=4, seed=2), motions, tmp_path, say=lambda text: None)
    with pytest.raises(ModelError, match="other settings or data"):
        training.train_on(dataclasses.replace(TINY, steps=4), motions[1:] + people(3), tmp_path)


def test_a_loss_that_is_not_a_number_stops_and_names_the_batch(motions, tmp_path, monkeypatch):
    real = training.Terms.total
    calls = []

    def total(self, terms):
        calls.append(1)
        return real(self, terms) * (float("nan") if len(calls) == 6 else 1.0)

    monkeypatch.setattr(training.Terms, "total", total)
    with pytest.raises(ModelError, match=r"batch 5 \(seed 1\).*nan.*holds step 4"):
        training.train_on(TINY, motions, tmp_path, say=lambda text: None)
    assert all(torch.isfinite(v).all() for v in _weights(tmp_path / "last.safetensors").values())
    checkpoint.load(tmp_path / "best.safetensors")


def test_one_person_is_too_few(motions, tmp_path):
    with pytest.raises(UsageError, match="1 person to train on: at least two"):
        training.train_on(TINY, [motions[0], motions[-1]], tmp_path)
    with pytest.raises(UsageError, match="no person to validate on"):
        training.train_on(TINY, motions[:2], tmp_path)


def test_early_stopping(motions, tmp_path, monkeypatch):
    errors = iter([5.0, 3.0, 4.0, 4.0, 4.0, 4.0])
    monkeypatch.setattr(training, "_validate", lambda *a: next(errors))
    eager = dataclasses.replace(TINY, steps=40, validate_every=1, patience=2)
    told = []
    training.train_on(eager, motions, tmp_path, say=told.append)
    assert told[-1] == "no better for 2 validations: stopped"
    assert checkpoint.read(tmp_path / "best.safetensors")[0]["step"] == 1


def test_learning_rate_warms_up_and_falls_as_half_a_cosine():
    config = training.TrainConfig(steps=110, warm_up=10, learning_rate=1.0)
    assert training.learning_rate(config, 0) == pytest.approx(0.1)
    assert training.learning_rate(config, 10) == pytest.approx(1.0)
    assert training.learning_rate(config, 60) == pytest.approx(0.505)
    assert training.learning_rate(config, 109) == pytest.approx(0.01, abs=0.001)


def test_finished_checkpoints_say_whom_they_know(motions, tmp_path):
    best = training.train_on(TINY, motions, tmp_path, say=lambda text: None)
    out = finish(best, motions, tmp_path / "refiner.safetensors")
    _, about = checkpoint.load(out, "landmarks")
    assert about["people"] == {"train": ["p0", "p1"], "validation": ["v"]}
    assert about["calibration"]["sd_scale"] > 0
    assert about["calibration"]["interval_95"] > 1
    assert about["noise"]["independent"]["sigmas_mm"] == [30.0, 50.0, 80.0]


def test_shards_hold_what_would_have_been_made(motions, tmp_path):
    config = TINY.model_config()
    source = WindowBatches(motions[:2], MARKERS, config, 4, 7, 3)
    shards.write({"train": source}, tmp_path / "w", "abc")
    mapped = shards.ShardBatches(tmp_path / "w", "train", config, 4, 7, 6)
    first_pass = torch.cat([mapped[k]["target"] for k in range(3)])
    made = torch.cat([source[k]["target"] for k in range(3)])
    assert sorted(first_pass.flatten(1).sum(1).tolist()) == sorted(made.flatten(1).sum(1).tolist())
    assert isinstance(mapped.arrays["features"], np.memmap)
    training.train_on(TINY, motions, tmp_path / "run", shards=tmp_path / "w", say=lambda text: None)


def test_shards_of_another_shape_and_strange_folders_are_refused(motions, tmp_path):
    config = TINY.model_config()
    shards.write({"train": WindowBatches(motions[:2], MARKERS, config, 4, 7, 1)}, tmp_path / "w", "abc")
    with pytest.raises(UsageError, match="n_frames 9 where the configuration says 11"):
        shards.ShardBatches(tmp_path / "w", "train", dataclasses.replace(config, n_frames=11), 4, 7, 1)
    with pytest.raises(UsageError, match="holds 4 windows, a batch needs 8"):
        shards.ShardBatches(tmp_path / "w", "train", config, 8, 7, 1)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.doc").touch()
    with pytest.raises(UsageError, match="holds other files"):
        shards.write({}, tmp_path / "full", "abc")
    with pytest.raises(UsageError, match="is not a folder of training windows"):
        shards.manifest(tmp_path)


def test_windows_whose_writing_was_cut_off_are_none_and_can_be_written_again(motions, tmp_path):
    source = WindowBatches(motions[:2], MARKERS, TINY.model_config(), 4, 7, 1)

    def cut_off(done: int, n: int) -> None:
        raise KeyboardInterrupt

    shards.write({"train": source}, tmp_path / "w", "abc")
    with pytest.raises(KeyboardInterrupt):
        shards.write({"train": source}, tmp_path / "w", "def", cut_off)
    assert not shards.is_shards(tmp_path / "w")
    shards.write({"train": source}, tmp_path / "w", "def")
    assert shards.manifest(tmp_path / "w")["data_sha256"] == "def"
    assert not [p for p in (tmp_path / "w").iterdir() if p.name.startswith(".")]


def test_configurations(tmp_path):
    assert training.read_config("small").markers == "landmarks"
    seed = training.read_config("seed")
    config = seed.model_config()
    assert (config.heads, config.layers, config.width, config.n_frames, config.n_markers) == (8, 6, 512, 11, 59)
    assert seed.batch_size == 256
    with pytest.raises(UsageError, match="no training configuration"):
        training.read_config("medium")
    bad = tmp_path / "a.toml"
    bad.write_text("[noise]\nmeasured = 1.0\n")
    with pytest.raises(UsageError, match="expected the share of each protocol: independent, correlated, measured"):
        training.read_config(str(bad))
    bad.write_text("[losses]\nbeauty = 1.0\n")
    with pytest.raises(UsageError, match="no losses named beauty"):
        training.read_config(str(bad))
    bad.write_text("stepps = 3\n")
    with pytest.raises(UsageError, match="stepps"):
        training.read_config(str(bad))


def test_the_seeds_configuration_learns(tmp_path):
    """Its network (23 million weights) takes a step on the OpenCap markers; a GPU is for the rest."""
    from neurostore.ingest.refine.markers import marker_set
    from neurostore.ingest.refine.model import PoseFormer, n_parameters
    from neurostore.ingest.refine.training.dataset import WindowBatches
    from neurostore.ingest.refine.training.sources import read_motions
    from neurostore.ingest.refine.training.terms import Terms
    from neurostore.walker.bvh import write_bvh
    from neurostore.walker.gait import normal
    from neurostore.walker.walk import walk

    (tmp_path / "A").mkdir()
    write_bvh(walk(normal(), n_strides=1.5), tmp_path / "A" / "walk.bvh")
    config = training.read_config("seed")
    markers = marker_set("opencap")
    motions = read_motions(tmp_path, markers)
    batch = WindowBatches(motions, markers, config.model_config(), 2, 1, 1)[0]
    model = PoseFormer(config.model_config())
    assert 20e6 < n_parameters(model) < 26e6
    terms = Terms(markers, config.losses, torch.device("cpu"))
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-4)
    losses = []
    for _ in range(3):
        optimiser.zero_grad()
        loss = terms.total(terms(batch, *model(batch["features"], batch["present"], batch["body"])))
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


def test_tensorboard_does_not_load_tensorflow(tmp_path):
    code = (
        "import sys; from pathlib import Path\n"
        "from neurostore.ingest.refine.training.run_state import event_writer\n"
        f"w = event_writer(Path({str(tmp_path)!r})); w.add_scalar('a', 1.0, 1); w.close()\n"
        "assert 'tensorflow' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
    assert list(tmp_path.glob("events.out.tfevents.*"))
