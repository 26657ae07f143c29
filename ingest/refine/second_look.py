"""A second look at the corrected positions: the network applies a share of each correction that physics proposes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from neurostore.ingest.refine.features import (
    CORRECTION_MM,
    MOST_OFF_PATH,
    N_FEATURES,
    PATH,
    PLACE,
    RAY,
    SCALE_MM,
    VELOCITY,
)
from neurostore.ingest.refine.marker_set import MarkerSet

SMOOTH_S = (0.16, 0.095, 0.055)  # widths of the kernels, about 1.2, 2 and 3.5 Hz
POWER_S = 0.3  # width of the kernel that measures the strength of a band
N_PROPOSALS = 2 * len(SMOOTH_S) + 5
N_FEATURES_AGAIN = N_FEATURES + N_PROPOSALS + 2 * len(SMOOTH_S) + 4
_LEAST_WEIGHT = 0.1  # weight of a bone's length if the bone points along the ray, where the length is least certain
_LEAST_SD_MM = 5.0
_LENGTH_SHARE = 0.5  # SD of a bone's length, as a share of the SD of its far end's depth
_MOST = 3.0  # largest proposal, decimetres


class SecondLook(nn.Module):
    """Features and proposals of a second look, computed from a correction and its log SD.

    Input: features (B, T, M, N_FEATURES) of :func:`~.features.window`. Output: features (B, T, M, N_FEATURES_AGAIN) and
    proposals (B, T, M, N_PROPOSALS), which are further corrections in decimetres.

    Place, velocity, path and foreshortening are made again of the corrected positions. Proposed are: the depth smoothed
    by three kernels; the step along the rays that brings all bones nearest to their lengths at once, weighed by the SD;
    the step that does so for the marker's own bone, and for the bone across the body (hips, shoulders); and to undo the
    correction, whole, smoothed by the kernels, or in the window's mean. Added too: the spans of the bones across the
    body, the correction so far, its SD, how strong depth and correction are about their smoothed selves (where little
    movement is left and much was corrected, what is left is noise), and the rate of the video.
    """

    apart: Tensor

    def __init__(self, markers: MarkerSet, n_frames: int, node_rate_hz: float):
        super().__init__()
        self.node_rate_hz, self.hips = node_rate_hz, list(markers.hips)
        limb = [(i, b) for i, b in enumerate(markers.parent_bone) if b >= 0]
        is_limb = {b for _, b in limb}
        across = [(end, b) for b, ends in enumerate(markers.bones) if b not in is_limb for end in ends]
        # (bone, marker, other marker of the bone) for both kinds
        self.kinds = [[(b, i, sum(markers.bones[b]) - i) for i, b in kind] for kind in (limb, across)]
        self.near, self.far = ([bone[end] for bone in markers.bones] for end in (0, 1))
        self.n_rigid = len(markers.rigid)
        apart = torch.arange(n_frames)[:, None] - torch.arange(n_frames)[None]
        self.register_buffer("apart", apart.float(), persistent=False)

    def forward(
        self, features: Tensor, present: Tensor, body: Tensor, correction: Tensor, log_sd: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Features (B, T, M, N_FEATURES_AGAIN) and proposals (B, T, M, N_PROPOSALS) for a correction and its log SD."""
        rate_hz = body[:, -1] * 60.0 if self.node_rate_hz == 0 else torch.full_like(body[:, -1], self.node_rate_hz)
        rays = features[..., RAY] / 4.0
        rays = torch.cat([rays, (1.0 - rays.square().sum(-1, keepdim=True)).clamp(min=0.0).sqrt()], dim=-1)
        correction = torch.where(present, correction, 0.0)
        moved = correction[..., None] * rays * CORRECTION_MM
        is_centred = present[:, :, self.hips].all(dim=2)[..., None]
        shift = torch.where(is_centred, moved[:, :, self.hips].mean(dim=2), 0.0)[:, :, None]
        points = features[..., PLACE] * SCALE_MM + moved - shift
        path = features[..., PATH] + shift[..., 2] / CORRECTION_MM
        velocity = features[..., VELOCITY] + _velocity(moved, present, rate_hz)
        sd = log_sd.exp()
        lengths = self._lengths(points, present)
        spans, lacking = self._spans(points, rays, lengths, present)
        smoother = self._smoother(points[..., 2] / CORRECTION_MM + path, present, rate_hz)
        unsteady = self._smoother(correction, present, rate_hz)
        strength = self._strength(torch.cat([smoother, unsteady], dim=-1), present, rate_hz)
        proposals = torch.cat(
            [
                smoother,
                self._jointly(points, rays, lengths, present, sd)[..., None],
                lacking,
                -correction[..., None],
                -(correction[..., None] + unsteady),
                -(correction.sum(1) / present.sum(1).clamp(min=1))[:, None, :, None].expand(*correction.shape, 1),
            ],
            dim=-1,
        ).clamp(-_MOST, _MOST)
        out = torch.cat(
            [
                points / SCALE_MM,
                velocity.clamp(-8, 8),
                path.clamp(-MOST_OFF_PATH, MOST_OFF_PATH)[..., None],
                spans[..., :1],
                lacking[..., :1].clamp(-_MOST, _MOST),
                features[..., RAY.start :],
                spans[..., 1:],
                proposals,
                correction[..., None],
                sd[..., None],
                strength.clamp(max=_MOST),
                (body[:, -1, None, None, None]).expand(*sd.shape, 1),
            ],
            dim=-1,
        )
        return torch.where(present[..., None], out, 0.0), torch.where(present[..., None], proposals, 0.0)

    def _smoother(self, depth: Tensor, present: Tensor, rate_hz: Tensor) -> Tensor:
        """(B, T, M, K): from each depth to the smoothed one.

        Gaussian kernels over what is present, used twice (2 K - K K), which leaves slow curves in place.
        """
        out = []
        for width_s in SMOOTH_S:
            kernel = torch.exp(-0.5 * (self.apart / (width_s * rate_hz[:, None, None])).square())
            total = (kernel @ present.float()).clamp(min=1e-6)

            def smooth(values: Tensor, kernel: Tensor = kernel, total: Tensor = total) -> Tensor:
                return kernel @ torch.where(present, values, 0.0) / total

            once = smooth(depth)
            out.append(once + smooth(depth - once) - depth)
        return torch.stack(out, dim=-1)

    def _strength(self, bands: Tensor, present: Tensor, rate_hz: Tensor) -> Tensor:
        """(B, T, M, K) root mean square in the neighbourhood."""
        kernel = torch.exp(-0.5 * (self.apart / (POWER_S * rate_hz[:, None, None])).square())
        total = (kernel @ present.float()).clamp(min=1e-6)
        squares = torch.where(present[..., None], bands.square(), 0.0).flatten(2)
        return ((kernel @ squares).unflatten(2, bands.shape[2:]) / total[..., None]).sqrt()

    def _lengths(self, points: Tensor, present: Tensor) -> Tensor:
        """(B, N) mm: each bone's mean length in the window, seen across the ray the more; 0 for one not seen."""
        along = points[:, :, self.far] - points[:, :, self.near]
        length = along.norm(dim=-1)
        across = along[..., :2].norm(dim=-1) / length.clamp(min=1.0)
        weight = (present[:, :, self.far] & present[:, :, self.near]) * (across.square() + _LEAST_WEIGHT)
        return (length * weight).sum(1) / weight.sum(1).clamp(min=1e-6)

    def _spans(self, points: Tensor, rays: Tensor, lengths: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        """Depth spans of the marker's own bone and of the one across the body: two arrays (B, T, M, 2).

        The depth that a bone of its length spans along the marker's ray (in units of SCALE_MM), and the distance of the
        given depth from it (decimetres).
        """
        spans, lacking = points.new_zeros(2, *points.shape[:3], 2)
        for k, kind in enumerate(self.kinds):
            if not kind:
                continue
            bones, ends, others = (list(v) for v in zip(*kind, strict=True))
            along = points[:, :, ends] - points[:, :, others]
            depth = (along * rays[:, :, ends]).sum(-1)
            across = along.square().sum(-1) - depth.square()
            span = (lengths[:, None, bones].square() - across).clamp(min=0.0).sqrt()
            off = torch.where(depth < 0, -span, span) - depth
            spans[:, :, ends, k] = span / SCALE_MM
            lacking[:, :, ends, k] = torch.where(present[:, :, others], off / CORRECTION_MM, 0.0)
        return spans, lacking

    def _jointly(self, points: Tensor, rays: Tensor, lengths: Tensor, present: Tensor, sd: Tensor) -> Tensor:
        """(B, T, M) decimetres: one Gauss-Newton step of all depths of a frame towards the rigid bones' lengths."""
        near, far, n = self.near[: self.n_rigid], self.far[: self.n_rigid], self.n_rigid
        along = points[:, :, far] - points[:, :, near]
        length = along.norm(dim=-1)
        unit = along / length.clamp(min=1.0)[..., None]
        slope = points.new_zeros(*points.shape[:2], n, points.shape[2])
        at = torch.arange(n)
        slope[:, :, at, far] = (unit * rays[:, :, far]).sum(-1)
        slope[:, :, at, near] = -(unit * rays[:, :, near]).sum(-1)
        sd_mm = sd * CORRECTION_MM
        of_length = (_LENGTH_SHARE * sd_mm[:, :, far]).clamp(min=_LEAST_SD_MM)
        weight = (present[:, :, far] & present[:, :, near]) / of_length.square()
        weighed = slope * weight[..., None]
        normal = slope.transpose(-1, -2) @ weighed + torch.diag_embed(
            sd_mm.clamp(min=_LEAST_SD_MM).square().reciprocal()
        )
        wrong = (weighed * (lengths[:, None, :n] - length)[..., None]).sum(dim=-2)
        return torch.cholesky_solve(wrong[..., None], torch.linalg.cholesky(normal))[..., 0] / CORRECTION_MM


def _velocity(moved: Tensor, present: Tensor, rate_hz: Tensor) -> Tensor:
    """(B, T, M, 3) m/s that a correction in mm adds, by central differences; 0 beside a gap."""
    added = torch.zeros_like(moved)
    both = (present[:, 2:] & present[:, :-2])[..., None]
    added[:, 1:-1] = torch.where(both, moved[:, 2:] - moved[:, :-2], 0.0) * (rate_hz[:, None, None, None] / 2000.0)
    return added
