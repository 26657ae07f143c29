"""Second looks: what smoothing and bone lengths propose, on cases that can be worked out, and how shares are learned."""

import dataclasses

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from neurostore.errors import ModelError  # noqa: E402
from neurostore.ingest.refine import checkpoint  # noqa: E402
from neurostore.ingest.refine.features import N_FEATURES, PATH, PLACE, RAY, SCALE_MM, sequence, window  # noqa: E402
from neurostore.ingest.refine.model import ModelConfig, PoseFormer  # noqa: E402
from neurostore.ingest.refine.second_look import N_FEATURES_AGAIN, N_PROPOSALS, SMOOTH_S, SecondLook  # noqa: E402
from neurostore.ingest.refine.training import train as training  # noqa: E402
from neurostore.ingest.refine.training.dataset import WindowBatches  # noqa: E402
from neurostore.ingest.refine.training.looks import LookConfig, train_looks  # noqa: E402
from neurostore.ingest.refine.training.motions import Camera, filmed  # noqa: E402
from tests.builders.filmed_walks import MARKERS, people, walk  # noqa: E402
from tests.builders.training import TINY  # noqa: E402

AT = {n: i for i, n in enumerate(MARKERS.names)}
JOINTLY, OWN_BONE, ACROSS, UNDO, MEAN = len(SMOOTH_S), len(SMOOTH_S) + 1, len(SMOOTH_S) + 2, len(SMOOTH_S) + 3, -1
T = 49


def _window(moved_mm=None):
    """A walk's window as the network sees it, the depth of every marker moved: (1, T, M, F), present, body."""
    truth = filmed(walk(rate_hz=20.0, n_strides=4.0).points, Camera(60.0, 0.0, 4000.0), MARKERS)[:T]
    if moved_mm is not None:
        truth = truth + moved_mm[..., None] * truth / np.linalg.norm(truth, axis=-1, keepdims=True)
    s = sequence(truth, None, None, np.arange(T) / 20.0, 20.0, MARKERS, 0.0)
    s = dataclasses.replace(s, points=truth.astype(np.float32))  # not low-passed
    features, present = window(s, 0, T, MARKERS)
    return (torch.from_numpy(v)[None] for v in (features, present, s.body))


def _again(features, present, body, correction=None):
    correction = torch.zeros(present.shape) if correction is None else correction
    return SecondLook(MARKERS, T, 20.0)(features, present, body, correction, torch.full(present.shape, -2.0))


def test_sizes_and_nothing_where_nothing_is():
    features, present, body = _window()
    present[:, 10:20, AT["left_toe"]] = False
    seen, proposals = _again(features, present, body)
    assert seen.shape == (1, T, 17, N_FEATURES_AGAIN)
    assert proposals.shape == (1, T, 17, N_PROPOSALS)
    assert torch.isfinite(seen).all()
    assert (proposals[~present] == 0).all()
    nobody = torch.zeros_like(present)
    assert all((v == 0).all() for v in _again(features, nobody, body))


def test_an_uncorrected_window_keeps_its_place_and_a_corrected_one_moves_along_its_rays():
    features, present, body = _window()
    seen, _ = _again(features, present, body)
    assert torch.allclose(seen[..., PLACE], features[..., PLACE], atol=1e-6)
    correction = torch.zeros(present.shape)
    correction[..., AT["left_wrist"]] = 0.5  # 50 mm
    seen, _ = _again(features, present, body, correction)
    moved = (seen[..., PLACE] - features[..., PLACE])[0] * SCALE_MM
    assert moved[:, AT["left_wrist"]].norm(dim=-1).numpy() == pytest.approx(np.full(T, 50.0), abs=1e-2)
    across = features[0, :, AT["left_wrist"], RAY] / 4.0
    assert torch.allclose(moved[:, AT["left_wrist"], :2], across * 50.0, atol=1e-2)
    assert moved[:, AT["right_wrist"]].abs().max() < 1e-3


def test_a_correction_of_the_whole_body_moves_its_path_not_its_shape():
    features, present, body = _window()
    seen, _ = _again(features, present, body, torch.full(present.shape, 0.3))
    assert (seen[..., PATH] - features[..., PATH]).mean().item() == pytest.approx(0.3, abs=0.01)
    assert (seen[..., PLACE] - features[..., PLACE]).abs().max() * SCALE_MM < 10.0  # rays differ by a few degrees


def test_smoothing_leaves_slow_curves_and_takes_what_shakes():
    features, present, body = _window()
    features[..., PLACE], features[..., PATH] = 0.0, 0.0
    t = torch.arange(T) / 20.0
    slow, fast = torch.sin(2 * torch.pi * 0.6 * t), 0.2 * torch.sin(2 * torch.pi * 7.0 * t)
    features[0, :, AT["left_wrist"], 2] = (slow + fast) * 100.0 / SCALE_MM
    _, proposals = _again(features, present, body)
    inner = slice(12, -12)  # ends know half of their neighbours
    for k in range(len(SMOOTH_S)):
        left = (slow + fast + proposals[0, :, AT["left_wrist"], k] - slow)[inner]
        assert left.abs().max() < 0.12, SMOOTH_S[k]


def test_bones_of_their_lengths_propose_nothing_and_a_shifted_knee_goes_back():
    true, present, body = _window()
    _, proposals = _again(true, present, body)
    assert proposals[..., JOINTLY].abs().mean() < 0.05  # the walker's joints are points; decimetres
    thigh = true[0, :, AT["left_knee"], PLACE] - true[0, :, AT["left_hip"], PLACE]
    leans = int((thigh[:, 2].abs() / thigh.norm(dim=-1)).argmax())  # a thigh across the ray says little of depth
    away = float(torch.sign(thigh[leans, 2]))  # longer if the knee goes on that way
    moved = np.zeros((T, 17), np.float32)
    moved[leans, AT["left_knee"]] = 60.0 * away
    _, shifted = _again(*_window(moved))
    change = (shifted - proposals)[0, leans, AT["left_knee"], JOINTLY] * away
    assert -0.6 < change < -0.05


def test_the_own_bones_proposal_makes_the_bone_as_long_as_in_the_window():
    features, present, body = _window(np.random.default_rng(0).normal(0, 25, (T, 17)).astype(np.float32))
    again = SecondLook(MARKERS, T, 20.0)
    _, proposals = _again(features, present, body)
    points = features[..., PLACE] * SCALE_MM
    lengths = again._lengths(points, present)
    rays = features[..., RAY] / 4.0
    rays = torch.cat([rays, (1 - rays.square().sum(-1, keepdim=True)).sqrt()], -1)
    bone = MARKERS.bones.index((AT["left_knee"], AT["left_ankle"]))
    end = (
        points[..., AT["left_ankle"], :]
        + proposals[..., AT["left_ankle"], OWN_BONE, None] * 100.0 * rays[..., AT["left_ankle"], :]
    )
    length = (end - points[..., AT["left_knee"], :]).norm(dim=-1)
    off = length - lengths[:, bone]
    assert (off > -0.5).all()
    assert (off.abs() < 0.5).float().mean() > 0.5  # elsewhere it is longer than that already as seen across the ray


def test_undoing_is_the_correction_turned_round():
    features, present, body = _window()
    correction = torch.randn(present.shape) * 0.2
    _, proposals = _again(features, present, body, correction)
    assert torch.allclose(proposals[..., UNDO], -correction)
    assert torch.allclose(proposals[..., MEAN], -correction.mean(1, keepdim=True).expand_as(correction), atol=1e-6)
    assert proposals[..., ACROSS][..., AT["left_knee"]].abs().max() == 0  # ends no bone across the body
    assert proposals[..., ACROSS][..., AT["left_hip"]].abs().max() > 0


SMALL = ModelConfig(n_frames=9, spatial_width=8, spatial_heads=2, width=16, layers=1, heads=2, dropout=0.0, looks=2)


def test_untrained_looks_change_nothing_and_what_is_missing_is_not_looked_at():
    torch.manual_seed(0)
    model = PoseFormer(SMALL).eval()
    torch.nn.init.normal_(model.head[-1].weight, std=0.3)
    features, present, body = (
        torch.randn(2, 9, 17, N_FEATURES),
        torch.ones(2, 9, 17, dtype=torch.bool),
        torch.rand(2, 65),
    )
    with torch.no_grad():
        first, *others = model.answers(features, present, body)
        assert all(torch.equal(first[0], other[0]) and torch.equal(first[1], other[1]) for other in others)
        for look in model.looks:
            torch.nn.init.normal_(look.net[-1].weight, std=0.1)
        present[:, 3:6, 4] = False
        before = model(features, present, body)[0]
        features[:, 3:6, 4] = 99.0
        after = model(features, present, body)[0]
    assert torch.equal(before[present], after[present])


def test_looks_learn_and_leave_the_transformers_alone():
    motions = people()
    config = dataclasses.replace(TINY.model_config(), looks=1, look_width=16, dropout=0.0)
    torch.manual_seed(0)
    model = PoseFormer(config)
    source = WindowBatches(motions[:2], MARKERS, config, 16, 3, 3)
    batches = [source[k] for k in range(3)]
    before = {k: v.clone() for k, v in model.state_dict().items()}

    def error():
        with torch.no_grad():
            answers = [model(*(b[k] for k in ("features", "present", "body")))[0] for b in batches]
        return np.mean([(a - b["target"])[b["present"]].abs().mean() for a, b in zip(answers, batches, strict=True)])

    untrained = error()
    train_looks(model, batches, torch.tensor(MARKERS.bones), LookConfig(batches=3, passes=40), 1)
    assert error() < 0.9 * untrained
    after = model.state_dict()
    changed = {k.split(".")[0] for k in after if not torch.equal(after[k], before[k])}
    assert changed == {"looks"}


def test_training_ends_with_the_looks(tmp_path):
    config = dataclasses.replace(
        TINY, model={**TINY.model, "looks": 1, "look_width": 8}, looks={"batches": 2, "passes": 3}
    )
    motions = people()
    best = training.train_on(config, motions, tmp_path, say=lambda text: None)
    told = []
    looked = training.look_on(config, motions, best, None, told.append)
    assert told == ["look 1 of 1 trained on 64 nodes"]  # 8 of each window
    one, two = (checkpoint.load(p)[0].state_dict() for p in (best, looked))
    assert {k.split(".")[0] for k in one if not torch.equal(one[k], two[k])} == {"looks"}
    again = checkpoint.load(training.look_on(config, motions, best, None, told.append))[0].state_dict()
    assert all(torch.equal(two[k], again[k]) for k in two)
    more = dataclasses.replace(config, start_from=str(looked), model={**config.model, "looks": 2})
    training.train_on(more, motions, tmp_path / "more", say=lambda text: None)
    other = dataclasses.replace(more, model={**more.model, "width": 32})
    with pytest.raises(ModelError, match="another network"):
        training.train_on(other, motions, tmp_path / "other", say=lambda text: None)
