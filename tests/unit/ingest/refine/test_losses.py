"""Each loss on a case small enough to work out by hand."""

import math

import pytest

torch = pytest.importorskip("torch")
from neurostore.ingest.refine.training import losses  # noqa: E402


def _all(*shape):
    return torch.ones(shape, dtype=torch.bool)


def test_supervised_depth_is_robust_and_masks():
    target = torch.zeros(1, 1, 3)
    correction = torch.tensor([[[1.0, 0.0, 9.0]]])
    seen = torch.tensor([[[True, True, False]]])
    log_sd = torch.zeros_like(correction)
    # smooth L1 with beta 0.1: 1 - 0.05 and 0; likelihood 0.5 * 1 + 0 and 0
    assert losses.supervised_depth(correction, log_sd, target, seen).item() == pytest.approx(
        (0.95 + 0.05 * 0.5) / 2, abs=1e-6
    )


def test_the_likelihood_is_smallest_at_the_true_spread():
    error = torch.full((1, 1, 1), 0.7)
    at = [
        losses.supervised_depth(error, torch.full((1, 1, 1), math.log(sd)), torch.zeros(1, 1, 1), _all(1, 1, 1)).item()
        for sd in (0.5, 0.7, 0.9)
    ]
    assert at[1] < at[0]
    assert at[1] < at[2]


def test_limb_depth_does_not_see_the_whole_body_move():
    bones = torch.tensor([[0, 1], [1, 2]])
    target = torch.zeros(1, 1, 3)
    assert losses.limb_depth(torch.full((1, 1, 3), 2.0), target, bones, _all(1, 1, 3)).item() == 0.0
    bent = torch.tensor([[[0.0, 0.0, 1.0]]])  # one bone of two is wrong by 1
    assert losses.limb_depth(bent, target, bones, _all(1, 1, 3)).item() == pytest.approx(0.95 / 2)


def test_bone_length_is_the_distance_from_the_persons_own():
    points = torch.tensor([[[[0.0, 0, 0], [3.0, 4, 0]], [[0.0, 0, 0], [0.0, 0, 4]]]])
    found = losses.bone_length(points, torch.tensor([[4.5]]), torch.tensor([[0, 1]]), _all(1, 2, 2))
    assert found.item() == pytest.approx((0.5 + 0.5) / 2)


def test_symmetry_compares_mean_lengths_of_left_and_right():
    left, right = [[0.0, 0, 0], [2.0, 0, 0]], [[0.0, 0, 0], [0, 3.0, 0]]
    points = torch.tensor([[left + right]])
    bones, pairs = torch.tensor([[0, 1], [2, 3]]), torch.tensor([[0, 1]])
    assert losses.symmetry(points, pairs, bones, _all(1, 1, 4)).item() == pytest.approx(1.0)


@pytest.mark.parametrize(("folded_deg", "costs"), [(0, 0.0), (90, 0.0), (150, 0.0), (180, 0.05)])
def test_range_of_motion_leaves_pathology_alone(folded_deg, costs):
    """Anything between straight and folded by 162 degrees is free; only a limb folded flat onto itself costs."""
    a = math.radians(folded_deg)
    points = torch.tensor([[[[0.0, 0, 0], [0.0, 1, 0], [math.sin(a), 1 + math.cos(a), 0]]]])
    assert losses.range_of_motion(points, torch.tensor([[0, 1, 2]]), _all(1, 1, 3)).item() == pytest.approx(
        costs, abs=1e-6
    )


def test_ground_contact_counts_what_is_more_than_a_centimetre_below():
    up, floor = torch.tensor([[0.0, -1, 0]]), torch.tensor([-9.0])  # y down; the floor 9 dm below the camera
    points = torch.tensor([[[[0.0, 9.05, 40.0], [0.0, 9.3, 40.0]]]])  # 5 mm and 30 mm below
    found = losses.ground_contact(points, up, floor, torch.tensor([0, 1]), _all(1, 1, 2))
    assert found.item() == pytest.approx((0.0 + 0.2) / 2, abs=1e-5)


def test_smoothness_forgives_true_acceleration():
    t = torch.arange(5.0)
    truth = torch.stack([t**2, 0 * t, 0 * t], -1)[None, :, None]
    assert losses.smoothness(truth + 3.0, truth, _all(1, 5, 1)).item() == pytest.approx(0.0, abs=1e-6)
    shaken = truth.clone()
    shaken[0, 2, 0, 1] += 1.0  # second differences 1, -2, 1
    assert losses.smoothness(shaken, truth, _all(1, 5, 1)).item() == pytest.approx(4 / 3, abs=1e-5)


def test_nothing_present_gives_no_loss_and_no_nan():
    none = torch.zeros(1, 2, 2, dtype=torch.bool)
    points = torch.randn(1, 2, 2, 3)
    assert losses.bone_length(points, torch.ones(1, 1), torch.tensor([[0, 1]]), none).item() == 0.0
