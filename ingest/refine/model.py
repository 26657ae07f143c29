"""PoseFormer: corrections along the camera ray for every marker of a window of frames, each with its uncertainty.

After Zheng et al. 2021 (doi 10.1109/ICCV48922.2021.01145): a small transformer over the markers of one frame, whose
outputs joined make the token of that frame, and a transformer over the frames. Four things are ours: a token of the body
(bone lengths as the whole trial shows them, so that a limb's foreshortening shows its depth), an answer that adds up along
the limbs from the trunk, a head for the logarithm of the standard deviation, and second looks, which take shares of
what smoothing and bone lengths propose of the corrected positions (:mod:`.second_look`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from neurostore.ingest.refine.features import MOST_OFF_PATH, N_FEATURES, PATH
from neurostore.ingest.refine.marker_set import MarkerSet
from neurostore.ingest.refine.markers import marker_set
from neurostore.ingest.refine.second_look import N_FEATURES_AGAIN, N_PROPOSALS, SecondLook

FORMAT = 2
_LOG_SD = (-6.0, 3.0)


@dataclass(frozen=True)
class ModelConfig:
    """Sizes of the network.

    ``markers`` names the marker set; n_frames is the window, in nodes of ``node_rate_hz`` (0: the video's own frames);
    looks, of look_width, are had at the answer of the transformers.
    """

    markers: str = "landmarks"
    n_markers: int = 17
    n_bones: int = 16
    n_frames: int = 49
    node_rate_hz: float = 20.0
    spatial_width: int = 32
    spatial_layers: int = 1
    spatial_heads: int = 4
    width: int = 192
    layers: int = 4
    heads: int = 6
    feed_forward: int = 2
    dropout: float = 0.05
    looks: int = 0
    look_width: int = 96

    def to_dict(self) -> dict[str, Any]:
        """The configuration as a plain dictionary."""
        return asdict(self)


class PoseFormer(nn.Module):
    """(B, T, M, F) features, (B, T, M) present, (B, C) body → correction (B, T, M) and log sd (B, T, M), in decimetres.

    Decimetres keep numbers near 1. A missing marker is masked in the attention, not zero: its token is a learned one.
    """

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.config = config
        c = config
        self.embed = nn.Linear(N_FEATURES, c.spatial_width)
        self.marker = nn.Parameter(torch.randn(c.n_markers, c.spatial_width) * 0.02)
        self.missing = nn.Parameter(torch.zeros(c.spatial_width))
        self.spatial = _encoder(c.spatial_width, c.spatial_heads, c.spatial_layers, c.feed_forward, c.dropout)
        self.join = nn.Linear(c.n_markers * c.spatial_width, c.width)
        self.body = nn.Sequential(nn.Linear(4 * c.n_bones + 1, c.width), nn.GELU(), nn.Linear(c.width, c.width))
        self.frame = nn.Parameter(torch.randn(c.n_frames, c.width) * 0.02)
        self.temporal = _encoder(c.width, c.heads, c.layers, c.feed_forward, c.dropout)
        self.split = nn.Linear(c.width, c.n_markers * c.spatial_width)
        last = nn.Linear(2 * c.spatial_width, 3)
        nn.init.zeros_(last.weight)  # so that an untrained network corrects nothing
        nn.init.zeros_(last.bias)
        self.head = nn.Sequential(
            nn.LayerNorm(2 * c.spatial_width),
            nn.Linear(2 * c.spatial_width, 2 * c.spatial_width),
            nn.GELU(),
            last,
        )
        markers = marker_set(c.markers)
        self.register_buffer("chain", torch.tensor(chain_of(markers)), persistent=False)
        self.again = SecondLook(markers, c.n_frames, c.node_rate_hz)
        self.looks = nn.ModuleList(_Look(2 * c.spatial_width, c.look_width, c.n_markers) for _ in range(c.looks))

    def forward(self, features: Tensor, present: Tensor, body: Tensor) -> tuple[Tensor, Tensor]:
        """Correction (B, T, M) and log SD (B, T, M) of the last step, in decimetres."""
        return self.answers(features, present, body)[-1]

    def answers(self, features: Tensor, present: Tensor, body: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Correction and log sd of the transformers, then after each look. Gradients stay within a look."""
        correction, log_sd, hidden = self.first(features, present, body)
        out = [(correction, log_sd)]
        for look in self.looks:
            given = self.before_look(features, present, body, *out[-1])
            out.append(look(hidden.detach(), *given, self.chain))
        return out

    @torch.no_grad()
    def before_look(
        self, features: Tensor, present: Tensor, body: Tensor, correction: Tensor, log_sd: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What a look is given: features, proposals, and the answer so far."""
        return *self.again(features, present, body, correction, log_sd), correction.detach(), log_sd.detach()

    def first(self, features: Tensor, present: Tensor, body: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The transformers' correction and log sd, and what they know of each marker (B, T, M, 2 spatial widths)."""
        b, t, m, _ = features.shape
        c = self.config
        features = features.clone()
        features[..., PATH] = features[..., PATH].clamp(-MOST_OFF_PATH, MOST_OFF_PATH)
        tokens = self.embed(features)
        tokens = torch.where(present[..., None], tokens, self.missing) + self.marker  # (B, T, M, d)
        tokens = self.spatial(tokens.reshape(b * t, m, c.spatial_width), ~present.reshape(b * t, m))
        frames = self.join(tokens.reshape(b, t, m * c.spatial_width)) + self.frame  # (B, T, D)
        frames = torch.cat([self.body(body)[:, None], frames], dim=1)  # the token of the body comes first
        seen = torch.cat([present.new_ones(b, 1), present.any(dim=2)], dim=1)
        frames = self.temporal(frames, ~seen)[:, 1:]
        context = self.split(frames).reshape(b, t, m, c.spatial_width)
        hidden = torch.cat([tokens.reshape(b, t, m, c.spatial_width), context], dim=-1)
        out = self.head(hidden)
        # A marker's own correction plus the corrections of the bones between the trunk and the marker.
        return out[..., 0] + out[..., 1] @ self.chain, out[..., 2].clamp(*_LOG_SD), hidden


class _Look(nn.Module):
    """One further step: features of a marker, proposals and the correction so far give the next correction.

    Features (B, T, M, F and N_FEATURES_AGAIN), proposals (B, T, M, N_PROPOSALS). The step adds its own correction, one
    that accumulates along the limb, and a share of each proposal.
    """

    def __init__(self, n_hidden: int, width: int, n_markers: int):
        super().__init__()
        n_out = 3 + N_PROPOSALS
        self.norm = nn.LayerNorm(n_hidden)
        self.net = nn.Sequential(
            nn.Linear(n_hidden + N_FEATURES_AGAIN, width), nn.GELU(), nn.Linear(width, width), nn.GELU(),
            nn.Linear(width, n_out),
        )  # fmt: skip
        for blank in self.net[-1].parameters():
            nn.init.zeros_(blank)  # so that an untrained step changes nothing
        self.of_marker = nn.Parameter(torch.zeros(n_markers, n_out))

    def forward(
        self, hidden: Tensor, features: Tensor, proposals: Tensor, correction: Tensor, log_sd: Tensor, chain: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Correction (B, T, M) and log SD (B, T, M) of the last step, in decimetres."""
        out = self.net(torch.cat([self.norm(hidden), features], dim=-1)) + self.of_marker
        more = out[..., 0] + out[..., 1] @ chain + (out[..., 3:] * proposals).sum(-1)
        return correction + more, (log_sd + out[..., 2]).clamp(*_LOG_SD)


def chain_of(markers: MarkerSet) -> list[list[float]]:
    """(M, M): 1 where the row's marker is the column's or is between it and the trunk."""
    chain = [[0.0] * len(markers.names) for _ in markers.names]
    for marker in range(len(markers.names)):
        at = marker
        while markers.parent_bone[at] >= 0:
            chain[at][marker] = 1.0
            at = markers.bones[markers.parent_bone[at]][0]
    return chain


class _Block(nn.Module):
    """One pre-norm transformer block; ``hidden`` marks the tokens that are masked."""

    def __init__(self, width: int, heads: int, feed_forward: int, dropout: float):
        super().__init__()
        self.heads = heads
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.feed = nn.Sequential(
            nn.Linear(width, feed_forward * width), nn.GELU(), nn.Linear(feed_forward * width, width)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, hidden: Tensor) -> Tensor:
        """Correction (B, T, M) and log SD (B, T, M) of the last step, in decimetres."""
        b, n, d = x.shape
        q, k, v = self.qkv(self.norm_1(x)).reshape(b, n, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        # If every token is hidden (no marker in the frame), a token attends to itself: attention over nothing gives NaN.
        mask = ~hidden[:, None, None, :] | torch.eye(n, dtype=torch.bool, device=x.device)
        mixed = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x = x + self.dropout(self.out(mixed.transpose(1, 2).reshape(b, n, d)))
        return x + self.dropout(self.feed(self.norm_2(x)))


class _Encoder(nn.Module):
    def __init__(self, blocks: list[_Block], width: int):
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, hidden: Tensor) -> Tensor:
        """Correction (B, T, M) and log SD (B, T, M) of the last step, in decimetres."""
        for block in self.blocks:
            x = block(x, hidden)
        return self.norm(x)


def _encoder(width: int, heads: int, layers: int, feed_forward: int, dropout: float) -> _Encoder:
    return _Encoder([_Block(width, heads, feed_forward, dropout) for _ in range(layers)], width)


def n_parameters(model: nn.Module) -> int:
    """Number of weights."""
    return sum(p.numel() for p in model.parameters())
