"""Checkpoints: safetensors with the configuration, the data's hashes and the metrics beside the weights; no pickle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialise

from neurostore.errors import ModelError
from neurostore.file_hash import sha256_of
from neurostore.ingest.refine.model import FORMAT, ModelConfig, PoseFormer
from neurostore.storage import temporary


def save(
    path: Path,
    model: PoseFormer,
    about: dict[str, Any],
    extra: dict[str, torch.Tensor] | None = None,
    dtype: torch.dtype = torch.float32,
) -> None:
    """Write weights and what is known about them; completely or not at all, so a killed run leaves the old file.

    extra : further tensors of a run to resume (optimiser state), names with ``run.`` before them.
    dtype : of the weights; half floats halve the file (``load`` widens them).
    """
    path = Path(path)
    tensors = {f"model.{k}": v.detach().cpu().to(dtype).contiguous() for k, v in model.state_dict().items()}
    tensors |= {f"run.{k}": v.detach().cpu().contiguous() for k, v in (extra or {}).items()}
    description = {"format": FORMAT, "model": model.config.to_dict(), **about}
    content = serialise(
        tensors, metadata={"neurostore": json.dumps(description, sort_keys=True, separators=(",", ":"))}
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with temporary.replacing(path) as work:
        work.write_bytes(content)


def load(path: Path, markers: str | None = None) -> tuple[PoseFormer, dict[str, Any]]:
    """The model, ready to answer, and what the checkpoint says of itself (with its own ``sha256``).

    Raises
    ------
    ModelError : no such file, damaged, a newer format, or of another marker set than ``markers``.
    """
    path = Path(path)
    about, tensors = read(path)
    try:
        config = ModelConfig(**about["model"])
    except TypeError as error:
        raise ModelError(f"{path}: has a configuration that this software does not know: {error}") from None
    if markers is not None and config.markers != markers:
        raise ModelError(f"{path}: refines the marker set {config.markers!r}; expected {markers!r}")
    model = PoseFormer(config)
    try:
        model.load_state_dict({k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")})
    except RuntimeError as error:
        raise ModelError(f"{path}: the weights do not fit the configuration it states: {error}") from None
    about["sha256"] = sha256_of(path)
    return model.eval(), about


def read(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """What a checkpoint says of itself, and all its tensors. Raises ModelError."""
    if not path.is_file():
        raise ModelError(f"{path}: no such checkpoint")
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get("neurostore")
            tensors = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118
        about = json.loads(text or "")
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelError(f"{path}: is not a checkpoint of a refinement, or is damaged ({error})") from None
    if about.get("format", 0) > FORMAT:
        known = f"this software supports versions up to {FORMAT}; install a newer neurostore"
        raise ModelError(f"{path}: checkpoint format {about['format']}, {known}")
    if "model" not in about:
        raise ModelError(f"{path}: states no configuration of the network; expected a file of refine train")
    return about, tensors
