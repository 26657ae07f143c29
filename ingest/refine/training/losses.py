"""The losses, one function each.

Positions (B, T, M, 3) in decimetres, camera coordinates (y down); present (B, T, M); all return a scalar.
"""

from __future__ import annotations

import torch
from torch import Tensor


def supervised_depth(correction: Tensor, log_sd: Tensor, target: Tensor, present: Tensor) -> Tensor:
    """Robust error of the correction plus the Gaussian likelihood of its SD (beta-weighted, Seitzer 2022)."""
    error = correction - target
    robust = torch.nn.functional.smooth_l1_loss(correction, target, beta=0.1, reduction="none")
    likelihood = 0.5 * (error.detach() * torch.exp(-log_sd)) ** 2 + log_sd
    return _mean(robust + 0.05 * likelihood, present)


def limb_depth(correction: Tensor, target: Tensor, bones: Tensor, present: Tensor) -> Tensor:
    """Robust error of the depth between the two ends of each bone.

    This depth determines the angles and does not depend on the distance of the whole body.
    """
    error = correction - target
    between = error[:, :, bones[:, 1]] - error[:, :, bones[:, 0]]
    seen = present[:, :, bones[:, 0]] & present[:, :, bones[:, 1]]
    robust = torch.nn.functional.smooth_l1_loss(between, torch.zeros_like(between), beta=0.1, reduction="none")
    return _mean(robust, seen)


def bone_length(points: Tensor, lengths: Tensor, bones: Tensor, present: Tensor) -> Tensor:
    """Distance of each bone's length from the person's own. lengths : (B, N) true lengths."""
    length, seen = _lengths(points, bones, present)
    return _mean((length - lengths[:, None]).abs(), seen)


def symmetry(points: Tensor, pairs: Tensor, bones: Tensor, present: Tensor) -> Tensor:
    """Difference of the window's mean left and right bone lengths. pairs : (P, 2) indices of bones."""
    length, seen = _lengths(points, bones, present)
    mean = (length * seen).sum(1) / seen.sum(1).clamp(min=1)
    both = seen[:, :, pairs[:, 0]].any(1) & seen[:, :, pairs[:, 1]].any(1)
    return _mean((mean[:, pairs[:, 0]] - mean[:, pairs[:, 1]]).abs(), both)


def range_of_motion(points: Tensor, hinges: Tensor, present: Tensor, limit_cos: float = -0.95) -> Tensor:
    """Soft limit for hinges that are folded flat.

    Three points do not show whether knee or elbow bend in the wrong direction, but they show a hinge folded flat.

    hinges : (H, 3) marker indices. The cosine between the two bones at the hinge is penalised below ``limit_cos`` (folded
    beyond 162 degrees); nothing is clamped, so pathology within the range of human joints costs nothing.
    """
    a, b, c = (points[:, :, hinges[:, i]] for i in range(3))
    cos = torch.nn.functional.cosine_similarity(b - a, c - b, dim=-1)
    seen = present[:, :, hinges].all(-1)
    return _mean(torch.relu(limit_cos - cos), seen)


def ground_contact(
    points: Tensor, up: Tensor, floor: Tensor, feet: Tensor, present: Tensor, slack: float = 0.1
) -> Tensor:
    """Depth of foot markers below the floor. up : (B, 3); floor : (B,) height along up; slack : 10 mm in decimetres."""
    height = (points[:, :, feet] * up[:, None, None]).sum(-1) - floor[:, None, None]
    return _mean(torch.relu(-height - slack), present[:, :, feet])


def smoothness(points: Tensor, truth: Tensor, present: Tensor) -> Tensor:
    """Second difference beyond the true one: jitter, not movement."""
    second = points[:, 2:] - 2 * points[:, 1:-1] + points[:, :-2]
    true = truth[:, 2:] - 2 * truth[:, 1:-1] + truth[:, :-2]
    seen = present[:, 2:] & present[:, 1:-1] & present[:, :-2]
    return _mean((second - true).norm(dim=-1), seen)


def _lengths(points: Tensor, bones: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
    length = (points[:, :, bones[:, 0]] - points[:, :, bones[:, 1]]).norm(dim=-1)
    return length, present[:, :, bones[:, 0]] & present[:, :, bones[:, 1]]


def _mean(values: Tensor, present: Tensor) -> Tensor:
    return (values * present).sum() / present.sum().clamp(min=1)
