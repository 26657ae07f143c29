"""The network: what it may look at and what it answers before training."""

import dataclasses

import pytest

torch = pytest.importorskip("torch")
from neurostore.errors import ModelError  # noqa: E402
from neurostore.ingest.refine import checkpoint  # noqa: E402
from neurostore.ingest.refine.features import N_FEATURES  # noqa: E402
from neurostore.ingest.refine.model import ModelConfig, PoseFormer, chain_of  # noqa: E402
from tests.builders.filmed_walks import MARKERS  # noqa: E402

SMALL = ModelConfig(n_frames=9, spatial_width=8, spatial_heads=2, width=16, layers=2, heads=2, dropout=0.0)
AT = {n: i for i, n in enumerate(MARKERS.names)}


def _trained_like(config=SMALL):
    torch.manual_seed(0)
    model = PoseFormer(config).eval()
    torch.nn.init.normal_(model.head[-1].weight, std=0.3)
    return model


def _batch(seed=1):
    torch.manual_seed(seed)
    present = torch.ones(2, 9, 17, dtype=torch.bool)
    return torch.randn(2, 9, 17, N_FEATURES), present, torch.randn(2, 4 * 16 + 1)


def test_untrained_it_corrects_nothing():
    correction, log_sd = PoseFormer(SMALL)(*_batch())
    assert correction.abs().max() == 0
    assert log_sd.shape == (2, 9, 17)


def test_what_is_missing_is_not_looked_at():
    model = _trained_like()
    features, present, body = _batch()
    present[:, 3:6, 4] = False
    present[:, 7] = False  # a whole frame
    with torch.no_grad():
        before = model(features, present, body)[0]
        changed = features.clone()
        changed[:, 3:6, 4] = 99.0
        changed[:, 7] = -99.0
        after = model(changed, present, body)[0]
    assert torch.isfinite(after).all()
    assert torch.equal(before[present], after[present])


def test_other_frames_and_the_body_are_looked_at():
    model = _trained_like()
    features, present, body = _batch()
    with torch.no_grad():
        before = model(features, present, body)[0]
        moved = features.clone()
        moved[:, 8, 0] += 1.0
        assert (model(moved, present, body)[0] - before)[:, 0].abs().max() > 1e-6
        assert (model(features, present, body + 1.0)[0] - before).abs().max() > 1e-6


def test_the_chain_runs_from_the_trunk_outwards():
    chain = torch.tensor(chain_of(MARKERS))
    toe = {MARKERS.names[i] for i in chain[:, AT["left_toe"]].nonzero()[:, 0].tolist()}
    assert toe == {"left_knee", "left_ankle", "left_toe"}
    assert chain[:, AT["left_hip"]].sum() == 0


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "a.safetensors"
    checkpoint.save(path, _trained_like(), {"note": "x"})
    return path


def test_a_checkpoint_comes_back(saved):
    model, about = checkpoint.load(saved, "landmarks")
    batch = _batch()
    with torch.no_grad():
        assert torch.equal(model(*batch)[0], _trained_like()(*batch)[0])
    assert about["note"] == "x"
    assert len(about["sha256"]) == 64


def test_half_floats_halve_the_file_and_hardly_change_the_answer(saved, tmp_path):
    half = tmp_path / "half.safetensors"
    checkpoint.save(half, _trained_like(), {}, dtype=torch.float16)
    assert half.stat().st_size < 0.65 * saved.stat().st_size
    batch = _batch()
    with torch.no_grad():
        assert (checkpoint.load(half)[0](*batch)[0] - _trained_like()(*batch)[0]).abs().max() < 0.02


def test_bad_checkpoints_are_named(saved, tmp_path):
    with pytest.raises(ModelError, match="no such checkpoint"):
        checkpoint.load(tmp_path / "none.safetensors")
    with pytest.raises(ModelError, match="'landmarks'; expected 'opencap'"):
        checkpoint.load(saved, "opencap")
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(saved.read_bytes()[:-100])
    with pytest.raises(ModelError, match="damaged"):
        checkpoint.load(cut)
    other = tmp_path / "other.safetensors"
    other.write_bytes(b"no tensors at all")
    with pytest.raises(ModelError, match="damaged"):
        checkpoint.load(other)
    newer = tmp_path / "newer.safetensors"
    checkpoint.save(newer, _trained_like(), {"format": 99})
    with pytest.raises(ModelError, match="format 99"):
        checkpoint.load(newer)
    unfit = tmp_path / "unfit.safetensors"
    wider = dataclasses.replace(SMALL, width=32).to_dict()
    checkpoint.save(unfit, _trained_like(), {"model": wider})
    with pytest.raises(ModelError, match="do not fit"):
        checkpoint.load(unfit)


def test_another_softwares_safetensors_file_is_named(tmp_path):
    from safetensors.torch import save_file

    path = tmp_path / "plain.safetensors"
    save_file({"a": torch.zeros(2)}, path)
    with pytest.raises(ModelError, match="is not a checkpoint of a refinement"):
        checkpoint.load(path)
