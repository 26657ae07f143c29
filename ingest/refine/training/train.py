"""Training: AdamW, cosine schedule, early stopping on validation people, TensorBoard, exact resume after a kill."""

from __future__ import annotations

import hashlib
import math
import time
import tomllib
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import torch

from neurostore import toml_text
from neurostore.errors import ModelError, UsageError
from neurostore.ingest.refine.checkpoint import load, save
from neurostore.ingest.refine.marker_set import MarkerSet
from neurostore.ingest.refine.markers import marker_set
from neurostore.ingest.refine.model import ModelConfig, PoseFormer, n_parameters
from neurostore.ingest.refine.training.dataset import MIXTURE, WindowBatches
from neurostore.ingest.refine.training.looks import LookConfig, train_looks
from neurostore.ingest.refine.training.motions import Motion
from neurostore.ingest.refine.training.run_state import RunState
from neurostore.ingest.refine.training.shards import ShardBatches
from neurostore.ingest.refine.training.sources import read_motions
from neurostore.ingest.refine.training.terms import LOSSES, Terms


@dataclass(frozen=True)
class TrainConfig:
    """A training run; see configs/*.toml. ``losses`` are weights of the functions of that name in :mod:`.losses`.

    noise : share of the windows with each protocol. start_from : a checkpoint of the same transformers whose weights
    the run begins with; '' for fresh ones. looks : how the looks are trained afterwards
    (:class:`~.looks.LookConfig`); the best validation counts without them.
    """

    markers: str = "landmarks"
    seed: int = 1
    steps: int = 6000
    batch_size: int = 64
    learning_rate: float = 1.2e-3
    weight_decay: float = 0.02
    warm_up: int = 200
    averaging: float = 0.995
    validate_every: int = 500
    validation_batches: int = 8
    patience: int = 6
    start_from: str = ""
    workers: int = 1
    threads: int = 1
    model: dict[str, Any] = field(default_factory=dict)
    noise: dict[str, float] = field(default_factory=lambda: dict(MIXTURE))
    losses: dict[str, float] = field(default_factory=lambda: {"supervised_depth": 1.0})
    looks: dict[str, Any] = field(default_factory=dict)

    def model_config(self) -> ModelConfig:
        """Configuration of the network that these settings describe."""
        markers = marker_set(self.markers)
        sizes = {"n_markers": len(markers.names), "n_bones": len(markers.bones)}
        return ModelConfig(**{**self.model, "markers": self.markers, **sizes})


def read_config(name_or_path: str) -> TrainConfig:
    """``small``, ``seed``, or a TOML file of that form. Raises UsageError."""
    path = Path(name_or_path)
    source = path if path.suffix == ".toml" else resources.files(__package__) / "configs" / f"{name_or_path}.toml"
    try:
        config = TrainConfig(**toml_text.loads(source.read_text(encoding="utf-8")))
        config.model_config()
        LookConfig(**config.looks)
    except (OSError, tomllib.TOMLDecodeError, TypeError) as error:
        raise UsageError(f"{name_or_path}: no training configuration (small, seed or a .toml file): {error}") from None
    if set(config.noise) != set(MIXTURE) or min(config.noise.values()) < 0 or not sum(config.noise.values()) > 0:
        raise UsageError(
            f"{name_or_path}: noise is {config.noise}; expected the share of each protocol: {', '.join(MIXTURE)}"
        )
    unknown = set(config.losses) - set(LOSSES)
    if unknown:
        raise UsageError(
            f"{name_or_path}: no losses named {', '.join(sorted(unknown))}; known losses are {', '.join(LOSSES)}"
        )
    return config


def train(
    config: TrainConfig, data: Path, out: Path, shards: Path | None = None, say: Callable[[str], None] = print
) -> Path:
    """Train, calibrate, and write ``out/refiner.safetensors``, whose path is returned.

    Beside it are ``best.safetensors`` and ``last.safetensors``, from which the same call goes on after a kill.
    shards : windows written by ``refine data``, instead of making them on the way; ``data`` still gives the motions
    that the uncertainty is calibrated on.

    Raises
    ------
    ModelError : the loss is not a number: the last good checkpoint stays, the batch is named.
    UsageError : fewer than two people to train on, or none to validate on.
    """
    from neurostore.ingest.refine.training.finish import finish

    motions = read_motions(data, marker_set(config.markers), ("train", "validation"), say=say)
    best = train_on(config, motions, out, shards, say)
    best = look_on(config, motions, best, shards, say)
    return finish(best, motions, Path(out) / "refiner.safetensors")


def train_on(
    config: TrainConfig,
    motions: list[Motion],
    out: Path,
    shards: Path | None = None,
    say: Callable[[str], None] = print,
) -> Path:
    """As :func:`train`, on motions in memory; returns ``out/best.safetensors``."""
    markers = marker_set(config.markers)
    parts = {split: [m for m in motions if m.split == split] for split in ("train", "validation")}
    check_people(parts)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cpu":
        torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    model = PoseFormer(config.model_config()).to(device)
    if config.start_from:
        given, _ = load(Path(config.start_from), config.markers)
        sizes = {name: getattr(model.config, name) for name in ("looks", "look_width")}
        if replace(given.config, **sizes) != model.config:
            raise ModelError(f"{config.start_from}: holds another network than the configuration describes")
        model.load_state_dict({k: v for k, v in given.state_dict().items() if not k.startswith("looks.")}, strict=False)
    trained = [p for name, p in model.named_parameters() if not name.startswith("looks.")]
    optimiser = torch.optim.AdamW(trained, lr=config.learning_rate, weight_decay=config.weight_decay)
    run = RunState(Path(out), model, optimiser, asdict(config), data_hash(motions), config.averaging)
    run.resume()
    people = len({m.person for m in parts["train"]})
    say(f"{n_parameters(model):,} parameters on {device}; {len(parts['train'])} motions of {people} people")
    check = _validation(parts["validation"], markers, config)
    say(f"validation without correction (6 Hz low-pass alone): {_validate(None, check, device):.2f} mm")
    source: torch.utils.data.Dataset[dict[str, torch.Tensor]]
    if shards is not None:
        source = ShardBatches(shards, "train", model.config, config.batch_size, config.seed, config.steps)
    else:
        source = WindowBatches(
            parts["train"], markers, model.config, config.batch_size, config.seed, config.steps, mixture=config.noise
        )
    loader = torch.utils.data.DataLoader(
        torch.utils.data.Subset(source, range(run.step, config.steps)), batch_size=None, num_workers=config.workers,
        multiprocessing_context="spawn" if config.workers else None, persistent_workers=bool(config.workers),
    )  # fmt: skip
    terms = Terms(markers, config.losses, device)
    scaler = torch.amp.GradScaler("cuda", enabled=device.type == "cuda")
    start = time.monotonic()
    try:
        for batch in loader:
            values, loss = _step(run, batch, terms, scaler, config, device)
            run.advance(values, loss)
            if run.step % config.validate_every and run.step != config.steps:
                continue
            error = _validate(run.mean, check, device)
            minutes = (time.monotonic() - start) / 60
            line = f"step {run.step} of {config.steps}, {minutes:.1f} min: loss {run.mean_loss:.4f}"
            say(f"{line}, validation {error:.2f} mm")
            if run.keep_best(error) >= config.patience:
                say(f"no better for {config.patience} validations: stopped")
                break
    finally:
        run.writer.close()
    return run.best


def look_on(
    config: TrainConfig, motions: list[Motion], best: Path, shards: Path | None, say: Callable[[str], None] = print
) -> Path:
    """Train the looks at the best transformers; returns the path of the result. It takes minutes; a run that was killed begins again."""
    looks = LookConfig(**config.looks)
    if not looks.batches:
        return best
    markers = marker_set(config.markers)
    model, about = load(best)
    kept = ("features", "present", "body", "target")
    source: torch.utils.data.Dataset[dict[str, torch.Tensor]]
    if shards is not None:
        source = ShardBatches(shards, "train", model.config, config.batch_size, config.seed + 1, looks.batches)
    else:
        train = [m for m in motions if m.split == "train"]
        source = WindowBatches(
            train,
            markers,
            model.config,
            config.batch_size,
            config.seed + 2_000_003,
            looks.batches,
            mixture=config.noise,
        )
    batches = [{k: v for k, v in source[n].items() if k in kept} for n in range(looks.batches)]
    train_looks(model, batches, torch.tensor(markers.bones), looks, config.seed, say)
    out = best.with_name("looked.safetensors")
    save(out, model, {k: v for k, v in about.items() if k not in ("sha256", "model", "format")})
    return out


def _step(
    run: RunState, batch: dict[str, torch.Tensor], terms: Terms, scaler: Any, config: TrainConfig, device: torch.device
) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    # The step number seeds dropout, so that a resumed run draws the same numbers as an uninterrupted one.
    torch.manual_seed(config.seed * 1_000_003 + run.step)
    for group in run.optimiser.param_groups:
        group["lr"] = learning_rate(config, run.step)
    batch = {k: v.to(device) for k, v in batch.items()}
    run.model.train()
    with torch.autocast(device.type, torch.float16, enabled=device.type == "cuda"):
        correction, log_sd, _ = run.model.first(batch["features"], batch["present"], batch["body"])
    values = terms(batch, correction.float(), log_sd.float())
    loss = terms.total(values)
    if not torch.isfinite(loss):
        kept = f"{run.last} holds step {run.saved}" if run.saved else "no step has been saved yet"
        raise ModelError(
            f"the loss of batch {run.step} (seed {config.seed}) is {loss.item()}: "
            + ", ".join(f"{k} {v.item():.3g}" for k, v in values.items())
            + f"; training stopped, {kept}; try a smaller learning_rate"
        )
    run.optimiser.zero_grad()
    scaler.scale(loss).backward()
    scaler.unscale_(run.optimiser)
    torch.nn.utils.clip_grad_norm_(run.optimiser.param_groups[0]["params"], 1.0)
    scaler.step(run.optimiser)
    scaler.update()
    return values, loss.detach()


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


def check_people(parts: dict[str, list[Motion]]) -> None:
    """Raise UsageError if the people are too few for training or validation."""
    n = len({m.person for m in parts["train"]})
    if n < 2:
        raise UsageError(f"{n} person to train on: at least two are needed, or the network learns one body")
    if not parts["validation"]:
        raise UsageError(
            "no person to validate on: none of the people that people.toml lists under split 'validation' is in the data"
        )


def _validation(motions: list[Motion], markers: MarkerSet, config: TrainConfig) -> list[dict[str, torch.Tensor]]:
    source = WindowBatches(
        motions, markers, config.model_config(), 32, config.seed + 1_000_003, config.validation_batches,
        mixture=config.noise,
    )  # fmt: skip
    return [source[k] for k in range(len(source))]


@torch.no_grad()
def _validate(model: PoseFormer | None, batches: list[dict[str, torch.Tensor]], device: torch.device) -> float:
    """Mean absolute error along the ray after correction, mm; None corrects nothing."""
    total = count = 0.0
    for batch in batches:
        correction = torch.zeros(())
        if model is not None:
            model.eval()
            correction = model.first(*(batch[k].to(device) for k in ("features", "present", "body")))[0].cpu()
        error = (correction - batch["target"]).abs() * batch["present"]
        total, count = total + float(error.sum()), count + float(batch["present"].sum())
    return 100.0 * total / max(count, 1.0)
