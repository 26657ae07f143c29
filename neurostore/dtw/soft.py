"""soft-DTW with gradients in torch: a smooth dynamic time warping that can be a loss.

Cuturi and Blondel 2017, arXiv:1703.01541; the value is tslearn's: squared Euclidean costs, no root, can be negative.
The only module of neurostore.dtw that needs torch.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from neurostore.dtw import _soft_kernels
from neurostore.dtw.options import check_band
from neurostore.errors import MissingExtraError, SeriesError
from neurostore.release import how_to_install

try:
    import torch
except ImportError:
    raise MissingExtraError(f"soft-DTW with gradients needs torch: {how_to_install('refine')}") from None


def soft_dtw(a: torch.Tensor, b: torch.Tensor, gamma: float = 1.0, *, band: float | None = None) -> torch.Tensor:
    """soft-DTW of two series, or of a batch of pairs, differentiable once in both.

    Parameters
    ----------
    a : (n, channels) or (batch, n, channels). b : (m, channels) or (batch, m, channels). float32 or float64, any
    device.
    gamma : smoothing, above 0; towards 0 the value becomes the squared DTW distance.
    band : as `neurostore.dtw.distance`.

    Returns
    -------
    scalar or (batch,) tensor.

    Raises
    ------
    SeriesError : empty, NaN or infinite input, shapes that do not fit, gamma not above 0, a band too narrow.

    Examples
    --------
    >>> x = torch.tensor([[0.0], [1.0]], dtype=torch.float64, requires_grad=True)
    >>> loss = soft_dtw(x, torch.tensor([[0.0], [3.0]], dtype=torch.float64), gamma=0.1)
    >>> loss.backward()
    >>> [round(v, 6) for v in x.grad.flatten().tolist()]
    [0.0, -4.0]
    """
    check_gamma(gamma)
    if a.ndim != b.ndim or a.ndim not in (2, 3) or a.shape[-1] != b.shape[-1]:
        raise SeriesError(
            f"series of the shapes {tuple(a.shape)} and {tuple(b.shape)}; "
            "expected (samples, channels) with equal channels, or batches of such series"
        )
    if a.ndim == 3 and len(a) != len(b):
        raise SeriesError(f"batches of {len(a)} and {len(b)} series; they must be equal")
    if 0 in a.shape or 0 in b.shape:
        raise SeriesError(f"series of the shapes {tuple(a.shape)} and {tuple(b.shape)}; none may be empty")
    if not (torch.isfinite(a).all() and torch.isfinite(b).all()):
        raise SeriesError("the series hold NaN or infinite values; fill or leave out what is missing")
    first, second = (a, b) if a.ndim == 3 else (a[None], b[None])
    n, m = first.shape[1], second.shape[1]
    samples, fraction = check_band(band, np.array([n]), np.array([m]))
    radius = int(np.ceil(fraction * max(n, m))) if fraction >= 0 else samples if samples >= 0 else n + m
    costs = (first[:, :, None, :] - second[:, None, :, :]).square().sum(dim=-1)
    values = _SoftMinimum.apply(costs, float(gamma), radius)
    return values if a.ndim == 3 else values[0]


def check_gamma(gamma: float) -> None:
    """Raise SeriesError unless gamma is above 0."""
    if not (np.isfinite(gamma) and gamma > 0):
        raise SeriesError(f"gamma is {gamma!r}; it must be above 0")


class _SoftMinimum(torch.autograd.Function):
    """(batch, n, m) costs to (batch,) soft-minimal path costs, on the CPU in float64 within."""

    @staticmethod
    def forward(ctx: Any, costs: torch.Tensor, gamma: float, radius: int) -> torch.Tensor:
        table = costs.detach().to("cpu", torch.float64).contiguous().numpy()
        batch, n, m = table.shape
        sums = np.empty((batch, n + 2, m + 2))
        for k in range(batch):
            _soft_kernels.soft_forward(table[k], gamma, radius, sums[k])
        ctx.kept = (table, sums, gamma, radius)
        return torch.as_tensor(sums[:, n, m].copy(), dtype=costs.dtype, device=costs.device)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        (gradient,) = gradients
        table, sums, gamma, radius = ctx.kept
        share = np.empty_like(table)
        for k in range(len(table)):
            _soft_kernels.soft_backward(table[k], gamma, radius, sums[k], share[k])
        costs = torch.as_tensor(share, dtype=gradient.dtype, device=gradient.device)
        return gradient[:, None, None] * costs, None, None
