"""Training of the looks, one after another, the transformers as they are: what they are given is made once and kept."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from neurostore.ingest.refine.model import PoseFormer
from neurostore.ingest.refine.training import losses

_NODES_A_WINDOW = 8
_BATCH = 1024  # nodes
_SLOWEST = 0.02  # share of the learning rate that is left at the end


@dataclass(frozen=True)
class LookConfig:
    """batches : of windows, to learn from; passes : through them. 0 batches: looks are not trained."""

    batches: int = 0
    passes: int = 30
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    limb_depth: float = 0.5


def train_looks(
    model: PoseFormer, batches: list[dict[str, Tensor]], bones: Tensor, config: LookConfig, seed: int,
    say: Callable[[str], None] = lambda text: None,
) -> None:  # fmt: skip
    """Each look in turn, on nodes drawn from the batches; the model is changed in place."""
    draw = torch.Generator().manual_seed(seed)
    for k in range(len(model.looks)):
        kept = _given(model, batches, k, draw)
        _train(model, k, kept, bones, config, draw)
        say(f"look {k + 1} of {len(model.looks)} trained on {len(kept[0]):,} nodes")


@torch.no_grad()
def _given(model: PoseFormer, batches: list[dict[str, Tensor]], k: int, draw: torch.Generator) -> tuple[Tensor, ...]:
    """hidden, features, proposals, correction, log sd, target and present of nodes drawn from every window."""
    model.eval()
    device = next(model.parameters()).device
    parts = []
    for batch in batches:
        features, present, body = (batch[name].to(device) for name in ("features", "present", "body"))
        correction, log_sd, hidden = model.first(features, present, body)
        for look in model.looks[:k]:
            seen = model.before_look(features, present, body, correction, log_sd)
            correction, log_sd = look(hidden, *seen, model.chain)
        seen = model.before_look(features, present, body, correction, log_sd)
        given = [hidden, *seen, batch["target"].to(device), present]
        windows, nodes = present.shape[:2]
        at = torch.rand(windows, nodes, generator=draw).argsort(1)[:, :_NODES_A_WINDOW].to(device)
        row = torch.arange(windows, device=device)[:, None]
        parts.append([values[row, at].flatten(0, 1) for values in given])
    return tuple(torch.cat(values) for values in zip(*parts, strict=True))


def _train(
    model: PoseFormer, k: int, kept: tuple[Tensor, ...], bones: Tensor, config: LookConfig, draw: torch.Generator
) -> None:
    look, n = model.looks[k], len(kept[0])
    look.train()
    optimiser = torch.optim.AdamW(look.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    n_steps, step = config.passes * math.ceil(n / _BATCH), 0
    for _ in range(config.passes):
        order = torch.randperm(n, generator=draw).to(kept[0].device)
        for rows in order.split(_BATCH):
            share = _SLOWEST + (1 - _SLOWEST) * 0.5 * (1 + math.cos(math.pi * step / n_steps))
            for group in optimiser.param_groups:
                group["lr"] = config.learning_rate * share * min(1.0, (step + 1) / 20)
            *given, target, present = (values[rows][:, None] for values in kept)
            correction, log_sd = look(*given, model.chain)
            loss = losses.supervised_depth(correction, log_sd, target, present)
            loss = loss + config.limb_depth * losses.limb_depth(correction, target, bones, present)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(look.parameters(), 1.0)
            optimiser.step()
            step += 1
    look.eval()
