"""The state of a training run, in memory and on disk, so that a killed run continues exactly where it was."""

from __future__ import annotations

import json
import math
import sys
import types
from pathlib import Path
from typing import Any

import torch

from neurostore.errors import ModelError
from neurostore.ingest.refine.checkpoint import read, save
from neurostore.ingest.refine.model import PoseFormer


class RunState:
    """Weights, their running mean, the optimiser and the counters of a run in the folder ``out``.

    ``best.safetensors`` holds the averaged weights of the best validation; ``last.safetensors`` all that a resumed
    run needs.
    settings : settings that must be equal to resume this run.
    """

    def __init__(
        self,
        out: Path,
        model: PoseFormer,
        optimiser: torch.optim.Optimizer,
        settings: dict[str, Any],
        data_sha256: str,
        decay: float,
    ):
        out.mkdir(parents=True, exist_ok=True)
        self.model, self.optimiser, self.decay = model, optimiser, decay
        self.settings, self.data_sha256 = json.loads(json.dumps(settings)), data_sha256
        self.mean = PoseFormer(model.config).to(next(model.parameters()).device)
        self.mean.load_state_dict(model.state_dict())
        self.best, self.last = out / "best.safetensors", out / "last.safetensors"
        self.step = self.saved = self.waited = 0
        self.best_error = math.inf
        self.mean_loss = 0.0
        self.writer = event_writer(out)

    def about(self) -> dict[str, Any]:
        """What a checkpoint records about its training."""
        return {
            "training": self.settings,
            "data_sha256": self.data_sha256,
            "step": self.step,
            "validation_depth_error_mm": self.best_error if math.isfinite(self.best_error) else None,
            "waited": self.waited,
            "mean_loss": self.mean_loss,
        }

    def resume(self) -> None:
        """Go on from last.safetensors, if there is one.

        Raises
        ------
        ModelError : it belongs to a run with other settings or data.
        """
        if not self.last.exists():
            return
        about, tensors = read(self.last)
        if about["training"] != self.settings or about["data_sha256"] != self.data_sha256:
            raise ModelError(
                f"{self.last}: belongs to a run with other settings or data; name another folder or remove it"
            )
        for model, prefix in ((self.model, "model."), (self.mean, "run.mean.")):
            model.load_state_dict({k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)})
        self.step = self.saved = about["step"]
        self.waited, self.mean_loss = about["waited"], about["mean_loss"]
        self.best_error = math.inf if about["validation_depth_error_mm"] is None else about["validation_depth_error_mm"]
        for i, parameter in enumerate(self.optimiser.param_groups[0]["params"]):
            self.optimiser.state[parameter] = {
                "step": torch.tensor(float(self.step)),
                "exp_avg": tensors[f"run.{i}.exp_avg"].to(parameter.device),
                "exp_avg_sq": tensors[f"run.{i}.exp_avg_sq"].to(parameter.device),
            }

    @torch.no_grad()
    def advance(self, values: dict[str, torch.Tensor], loss: torch.Tensor) -> None:
        """Count a step; move the averaged weights. The average is short at first."""
        self.step += 1
        self.mean_loss = float(loss) if self.step == 1 else 0.98 * self.mean_loss + 0.02 * float(loss)
        keep = min(self.decay, self.step / (self.step + 10))
        for mean, now in zip(self.mean.parameters(), self.model.parameters(), strict=True):
            mean.lerp_(now, 1 - keep)
        if self.step % 20 == 0:
            for name, value in values.items():
                self.write(f"loss/{name}", float(value))

    def keep_best(self, error: float) -> int:
        """Keep the state, the best apart; returns for how many validations in a row there was no better one."""
        self.write("validation/depth_error_mm", error)
        is_better = error < self.best_error
        self.waited = 0 if is_better else self.waited + 1
        self.best_error = min(error, self.best_error)
        if is_better:
            save(self.best, self.mean, self.about())
        state = self.optimiser.state
        extra = {
            f"{i}.{k}": state[p][k]
            for i, p in enumerate(self.optimiser.param_groups[0]["params"])
            for k in ("exp_avg", "exp_avg_sq")
        }
        extra |= {f"mean.{k}": v for k, v in self.mean.state_dict().items()}
        save(self.last, self.model, self.about(), extra)
        self.saved = self.step
        self.writer.flush()
        return self.waited

    def write(self, tag: str, value: float) -> None:
        """Write a value to the event log, at the current step."""
        self.writer.add_scalar(tag, value, self.step)


def event_writer(out: Path) -> Any:
    """A TensorBoard writer that does not import tensorflow, which would take seconds and hundreds of MB.

    tensorboard uses its own substitute if it finds this module.
    """
    sys.modules.setdefault("tensorboard.compat.notf", types.ModuleType("tensorboard.compat.notf"))
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(out))
