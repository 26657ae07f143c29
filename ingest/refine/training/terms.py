"""The weighted sum of the losses of a batch."""

from __future__ import annotations

from collections.abc import Callable

import torch

from neurostore.ingest.refine.marker_set import MarkerSet
from neurostore.ingest.refine.training import losses

LOSSES = (
    "supervised_depth", "limb_depth", "bone_length", "symmetry", "range_of_motion", "ground_contact", "smoothness",
)  # fmt: skip
_HINGES = (("hip", "knee", "ankle"), ("shoulder", "elbow", "wrist"))


class Terms:
    """The losses of :mod:`.losses` for one marker set, on one device. ``weights`` by their names; 0 leaves one out."""

    def __init__(self, markers: MarkerSet, weights: dict[str, float], device: torch.device):
        at = {n: i for i, n in enumerate(markers.names)}
        self.weights = weights
        self.bones = torch.tensor(markers.bones, device=device)
        order = {b: i for i, b in enumerate(markers.bones)}
        pairs = {
            tuple(sorted((i, order.get((markers.mirror[a], markers.mirror[b]), i))))
            for i, (a, b) in enumerate(markers.bones)
        }
        self.pairs = torch.tensor(sorted(p for p in pairs if p[0] != p[1]), device=device).reshape(-1, 2)
        hinges = [[f"{side}_{part}" for part in hinge] for side in ("left", "right") for hinge in _HINGES]
        known = [[at[n] for n in hinge] for hinge in hinges if all(n in at for n in hinge)]
        self.hinges = torch.tensor(known, device=device, dtype=torch.long).reshape(-1, 3)
        feet = [i for n, i in at.items() if n.endswith(("heel", "toe", "calc_study", "toe_study"))]
        self.feet = torch.tensor(feet, device=device, dtype=torch.long)

    def __call__(
        self, batch: dict[str, torch.Tensor], correction: torch.Tensor, log_sd: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """Terms of the loss by name, for a batch, a correction (B, T, M) and its log SD."""
        present, target = batch["present"], batch["target"]
        points = batch["noisy"] + correction[..., None] * batch["rays"]
        every: dict[str, Callable[[], torch.Tensor]] = {
            "supervised_depth": lambda: losses.supervised_depth(correction, log_sd, target, present),
            "limb_depth": lambda: losses.limb_depth(correction, target, self.bones, present),
            "bone_length": lambda: losses.bone_length(points, batch["lengths"], self.bones, present),
            "symmetry": lambda: losses.symmetry(points, self.pairs, self.bones, present),
            "range_of_motion": lambda: losses.range_of_motion(points, self.hinges, present),
            "ground_contact": lambda: losses.ground_contact(points, batch["up"], batch["floor"], self.feet, present),
            "smoothness": lambda: losses.smoothness(points, batch["truth"], present),
        }
        return {name: every[name]() for name, weight in self.weights.items() if weight}

    def total(self, terms: dict[str, torch.Tensor]) -> torch.Tensor:
        """Weighted sum of the terms."""
        return torch.stack([self.weights[name] * term for name, term in terms.items()]).sum()
