"""Training: AdamW, cosine schedule, early stopping on validation people, TensorBoard, exact resume after a kill."""

from __future__ import annotations

import hashlib
import json
import math
import time
import tomllib
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import torch

from neurostore.errors import ModelError, UsageError

from . import losses
from .checkpoint import read, save
from .dataset import WindowBatches
from .markers import MarkerSet, marker_set
from .model import ModelConfig, PoseFormer, n_parameters
from .motions import Motion, read_motions


@dataclass(frozen=True)
class TrainConfig:
    """A training run; see configs/*.toml. ``losses`` are weights of the functions of that name."""

    markers: str = "landmarks"
    seed: int = 1
    steps: int = 6000
    batch_size: int = 64
    learning_rate: float = 1.2e-3
    weight_decay: float = 0.02
    warm_up: int = 200
    validate_every: int = 500
    patience: int = 6
    workers: int = 1
    model: dict[str, Any] = field(default_factory=dict)
    losses: dict[str, float] = field(default_factory=lambda: {"supervised_depth": 1.0})


def read_config(name_or_path: str) -> TrainConfig:
    """``small``, ``seed``, or a TOML file of that form. Raises UsageError."""
    path = Path(name_or_path)
    source = path if path.suffix == ".toml" else resources.files(__package__) / "configs" / f"{name_or_path}.toml"
    try:
        table = tomllib.loads(source.read_text(encoding="utf-8"))
        config = TrainConfig(**table)
        ModelConfig(markers=config.markers, **config.model)
    except (OSError, tomllib.TOMLDecodeError, TypeError) as error:
        raise UsageError(f"{name_or_path}: no training configuration (small, seed or a .toml file): {error}") from None
    unknown = set(config.losses) - set(LOSSES)
    if unknown:
        raise UsageError(f"{name_or_path}: no losses named {', '.join(sorted(unknown))}; there are {', '.join(LOSSES)}")
    return config


LOSSES = ("supervised_depth", "bone_length", "symmetry", "range_of_motion", "ground_contact", "smoothness")


class Terms:
    """The weighted losses of a batch, on one device."""

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
        hinges = [(f"{s}_{a}", f"{s}_{b}", f"{s}_{c}") for s in ("left", "right")
                  for a, b, c in (("hip", "knee", "ankle"), ("shoulder", "elbow", "wrist"))]  # fmt: skip
        self.hinges = torch.tensor(
            [[at[n] for n in h] for h in hinges if all(n in at for n in h)], device=device
        ).reshape(-1, 3)
        feet = [i for n, i in at.items() if n.endswith(("heel", "toe", "calc_study", "toe_study"))]
        self.feet = torch.tensor(feet, device=device, dtype=torch.long)

    def __call__(
        self, batch: dict[str, torch.Tensor], correction: torch.Tensor, log_sd: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        present = batch["present"]
        points = batch["noisy"] + correction[..., None] * batch["rays"]
        every: dict[str, Callable[[], torch.Tensor]] = {
            "supervised_depth": lambda: losses.supervised_depth(correction, log_sd, batch["target"], present),
            "bone_length": lambda: losses.bone_length(points, batch["lengths"], self.bones, present),
            "symmetry": lambda: losses.symmetry(points, self.pairs, self.bones, present),
            "range_of_motion": lambda: losses.range_of_motion(points, self.hinges, present),
            "ground_contact": lambda: losses.ground_contact(points, batch["up"], batch["floor"], self.feet, present),
            "smoothness": lambda: losses.smoothness(points, batch["truth"], present),
        }
        return {name: every[name]() for name, weight in self.weights.items() if weight}

    def total(self, terms: dict[str, torch.Tensor]) -> torch.Tensor:
        return sum((self.weights[name] * term for name, term in terms.items()), torch.zeros(()))


def train(config: TrainConfig, data: Path, out: Path, say: Callable[[str], None] = print) -> Path:
    """Train and write ``out/best.safetensors`` (and ``last.safetensors``, from which the same call goes on after a
    kill).

    Raises
    ------
    ModelError : the loss is no number: the last good checkpoint stays, the batch is named.
    UsageError : fewer than two people to train on, or none to validate on.
    """
    markers = marker_set(config.markers)
    motions = read_motions(data, markers, ("train", "validation"))
    parts = {split: [m for m in motions if m.split == split] for split in ("train", "validation")}
    _check_people(parts)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(config.seed)
    model = PoseFormer(
        ModelConfig(
            **{
                **config.model,
                "markers": config.markers,
                "n_markers": len(markers.names),
                "n_bones": len(markers.bones),
            }
        )
    ).to(device)
    optimiser = torch.optim.AdamW(model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    run = _Run(config, Path(out), model, optimiser, data_hash(motions))
    run.resume()
    people = len({m.person for m in parts["train"]})
    say(f"{n_parameters(model):,} parameters on {device}; {len(parts['train'])} motions of {people} people")
    terms = Terms(markers, config.losses, device)
    check = _validation(parts["validation"], markers, model.config.n_frames, config)
    source = WindowBatches(parts["train"], markers, model.config.n_frames, config.batch_size, config.seed, config.steps)
    loader = torch.utils.data.DataLoader(
        torch.utils.data.Subset(source, range(run.step, config.steps)), batch_size=None, num_workers=config.workers,
        multiprocessing_context="spawn" if config.workers else None, persistent_workers=bool(config.workers),
    )  # fmt: skip
    scaler = torch.amp.GradScaler("cuda", enabled=device.type == "cuda")
    start = time.monotonic()
    for batch in loader:
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(config, run.step)
        batch = {k: v.to(device) for k, v in batch.items()}
        model.train()
        with torch.autocast(device.type, torch.float16, enabled=device.type == "cuda"):
            correction, log_sd = model(batch["features"], batch["present"], batch["body"])
        values = terms(batch, correction.float(), log_sd.float())
        loss = terms.total(values)
        if not torch.isfinite(loss):
            raise ModelError(
                f"the loss of batch {run.step} (seed {config.seed}) is {loss.item()}: "
                + ", ".join(f"{k} {v.item():.3g}" for k, v in values.items())
                + f"; training stopped, {run.last} holds step {run.saved}"
            )
        optimiser.zero_grad()
        scaler.scale(loss).backward()
        scaler.unscale_(optimiser)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimiser)
        scaler.update()
        run.advance(values, loss)
        if run.step % config.validate_every == 0 or run.step == config.steps:
            error = _validate(model, check, device)
            pace = (time.monotonic() - start) / 60
            say(
                f"step {run.step} of {config.steps}, {pace:.1f} min: loss {run.mean_loss:.4f}, validation {error:.1f} mm"
            )
            if run.judge(error):
                say(f"no better for {config.patience} validations: stopped")
                break
    run.writer.close()
    return run.best


def learning_rate(config: TrainConfig, step: int) -> float:
    """Linear warm-up, then half a cosine down to 1 %."""
    if step < config.warm_up:
        return config.learning_rate * (step + 1) / config.warm_up
    share = (step - config.warm_up) / max(1, config.steps - config.warm_up)
    return config.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(share, 1.0))))


def data_hash(motions: list[Motion]) -> str:
    """SHA-256 over the motions trained on, by name and positions."""
    digest = hashlib.sha256()
    for motion in sorted(motions, key=lambda m: m.source):
        digest.update(motion.source.encode())
        digest.update(np.ascontiguousarray(motion.points).tobytes())
    return digest.hexdigest()


def _check_people(parts: dict[str, list[Motion]]) -> None:
    n = len({m.person for m in parts["train"]})
    if n < 2:
        raise UsageError(f"{n} person to train on: at least two are needed, or the network learns one body")
    if not parts["validation"]:
        raise UsageError("nobody to validate on: people.toml names the people of split 'validation', none is here")


def _validation(
    motions: list[Motion], markers: MarkerSet, n_frames: int, config: TrainConfig
) -> list[dict[str, torch.Tensor]]:
    source = WindowBatches(motions, markers, n_frames, 64, config.seed + 1_000_003, 8)
    return [source[k] for k in range(len(source))]


@torch.no_grad()
def _validate(model: PoseFormer, batches: list[dict[str, torch.Tensor]], device: torch.device) -> float:
    """Mean absolute error along the ray after correction, mm."""
    model.eval()
    total = count = 0.0
    for batch in batches:
        correction, _ = model(*(batch[k].to(device) for k in ("features", "present", "body")))
        error = (correction.cpu() - batch["target"]).abs() * batch["present"]
        total, count = total + float(error.sum()), count + float(batch["present"].sum())
    return 100.0 * total / max(count, 1.0)


class _Run:
    """Where a run stands, on disk and in memory."""

    def __init__(self, config: TrainConfig, out: Path, model: PoseFormer, optimiser: torch.optim.AdamW, data: str):
        from torch.utils.tensorboard import SummaryWriter

        out.mkdir(parents=True, exist_ok=True)
        self.config, self.model, self.optimiser, self.data = config, model, optimiser, data
        self.best, self.last = out / "best.safetensors", out / "last.safetensors"
        self.writer = SummaryWriter(str(out))
        self.step = self.saved = self.waited = 0
        self.best_error = math.inf
        self.mean_loss = 0.0

    def about(self) -> dict[str, Any]:
        return {
            "training": asdict(self.config),
            "data_sha256": self.data,
            "step": self.step,
            "validation_depth_error_mm": self.best_error if math.isfinite(self.best_error) else None,
            "waited": self.waited,
        }

    def resume(self) -> None:
        """Go on from last.safetensors if it is of this very run."""
        if not self.last.exists():
            return
        about, tensors = read(self.last)
        if about["training"] != json.loads(json.dumps(asdict(self.config))) or about["data_sha256"] != self.data:
            raise ModelError(
                f"{self.last}: belongs to a run of other settings or data; name another folder or remove it"
            )
        self.model.load_state_dict({k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")})
        self.step = self.saved = about["step"]
        self.waited, self.best_error = about["waited"], about["validation_depth_error_mm"] or math.inf
        for i, parameter in enumerate(self.optimiser.param_groups[0]["params"]):
            self.optimiser.state[parameter] = {
                "step": torch.tensor(float(self.step)),
                "exp_avg": tensors[f"run.{i}.exp_avg"].to(parameter.device),
                "exp_avg_sq": tensors[f"run.{i}.exp_avg_sq"].to(parameter.device),
            }
        torch.manual_seed(self.config.seed * 1_000_003 + self.step)

    def advance(self, values: dict[str, torch.Tensor], loss: torch.Tensor) -> None:
        self.step += 1
        self.mean_loss = float(loss) if self.step == 1 else 0.98 * self.mean_loss + 0.02 * float(loss)
        if self.step % 20 == 0:
            for name, value in values.items():
                self.writer.add_scalar(f"loss/{name}", float(value), self.step)

    def judge(self, error: float) -> bool:
        """Keep the state; True when patience is over."""
        self.writer.add_scalar("validation/depth_error_mm", error, self.step)
        self.waited = 0 if error < self.best_error else self.waited + 1
        if error < self.best_error:
            self.best_error = error
            save(self.best, self.model, self.about())
        state = self.optimiser.state
        extra = {
            f"{i}.{k}": state[p][k]
            for i, p in enumerate(self.optimiser.param_groups[0]["params"])
            for k in ("exp_avg", "exp_avg_sq")
        }
        save(self.last, self.model, self.about(), extra)
        self.saved = self.step
        torch.manual_seed(self.config.seed * 1_000_003 + self.step)
        return self.waited >= self.config.patience
