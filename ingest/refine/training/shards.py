"""Training windows written once: a folder of .npy files that are mapped into memory, and what they were made from."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from neurostore.arrays import Floats
from neurostore.errors import UsageError
from neurostore.ingest.refine.model import ModelConfig
from neurostore.ingest.refine.training.dataset import WindowBatches
from neurostore.storage import temporary

FORMAT = 1
_MANIFEST = "manifest.json"
_BEGUN = ".neurostore-windows-unfinished"


def is_shards(path: Path) -> bool:
    """Whether a folder contains windows written by :func:`write`."""
    return (Path(path) / _MANIFEST).is_file()


def write(
    parts: dict[str, WindowBatches],
    out: Path,
    data_sha256: str,
    progress: Callable[[int, int], None] = lambda done, n: None,
) -> None:
    """Write every window of every batch to ``out/<split>/<array>.npy``, float32 (about 70 kB per window).

    The manifest is written last: a folder without it is not complete. A mark stands beside it until then, so that a
    command that was cut off can be repeated.

    Raises
    ------
    UsageError : the folder holds something else.
    """
    out = Path(out)
    begun = out / _BEGUN
    if out.exists() and any(out.iterdir()) and not is_shards(out) and not begun.exists():
        raise UsageError(f"{out}: holds other files; name a new folder")
    out.mkdir(parents=True, exist_ok=True)
    begun.touch()
    (out / _MANIFEST).unlink(missing_ok=True)
    n_all, n_done = sum(len(source) for source in parts.values()), 0
    for split, source in parts.items():
        folder = out / split
        folder.mkdir(parents=True, exist_ok=True)
        maps: dict[str, np.memmap[Any, Any]] = {}
        for k in range(len(source)):
            for name, values in source[k].items():
                if name not in maps:
                    shape = (len(source) * len(values), *values.shape[1:])
                    maps[name] = np.lib.format.open_memmap(folder / f"{name}.npy", "w+", values.numpy().dtype, shape)
                maps[name][k * len(values) : (k + 1) * len(values)] = values.numpy()
            n_done += 1
            progress(n_done, n_all)
        for array in maps.values():
            array.flush()
    first = next(iter(parts.values()))
    about = {
        "format": FORMAT,
        "markers": first.markers.name,
        "n_frames": first.model.n_frames,
        "node_rate_hz": first.model.node_rate_hz,
        "seed": first.seed,
        "data_sha256": data_sha256,
        "people": {split: sorted({m.person for m in source.motions}) for split, source in parts.items()},
    }
    with temporary.replacing(out / _MANIFEST) as work:
        work.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    begun.unlink()


def manifest(path: Path) -> dict[str, Any]:
    """What a folder of shards was made from. Raises UsageError."""
    try:
        about = json.loads((Path(path) / _MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: is not a folder of training windows ({error})") from None
    if about.get("format") != FORMAT:
        raise UsageError(f"{path}: windows of format {about.get('format')}, expected {FORMAT}; write them again")
    return about


class ShardBatches(torch.utils.data.Dataset[dict[str, torch.Tensor]]):
    """Batches from shards: every window once per pass, in an order drawn from the seed and the pass alone.

    Raises
    ------
    UsageError : the windows are of another marker set, length or rate than the model's, or fewer than a batch.
    """

    def __init__(self, path: Path, split: str, model: ModelConfig, batch_size: int, seed: int, n_batches: int):
        about = manifest(path)
        wanted = {"markers": model.markers, "n_frames": model.n_frames, "node_rate_hz": model.node_rate_hz}
        wrong = [f"{k} {about[k]} where the configuration says {v}" for k, v in wanted.items() if about[k] != v]
        if wrong:
            raise UsageError(f"{path}: holds windows of {', '.join(wrong)}; write them for this configuration")
        self.folder, self.batch_size, self.seed, self.n_batches = Path(path) / split, batch_size, seed, n_batches
        self.arrays: dict[str, Floats] = {}
        self.n_windows = len(np.load(self.folder / "present.npy", mmap_mode="r"))
        if self.n_windows < batch_size:
            raise UsageError(f"{self.folder}: holds {self.n_windows} windows, a batch needs {batch_size}")

    def __len__(self) -> int:
        return self.n_batches

    def __getitem__(self, k: int) -> dict[str, torch.Tensor]:
        if not self.arrays:  # mapped in the worker process that reads, not sent to it
            self.arrays = {p.stem: np.load(p, mmap_mode="r") for p in sorted(self.folder.glob("*.npy"))}
        a_pass = self.n_windows // self.batch_size
        order = np.random.default_rng([self.seed, k // a_pass]).permutation(self.n_windows)
        first = (k % a_pass) * self.batch_size
        chosen = np.sort(order[first : first + self.batch_size])
        return {name: torch.from_numpy(np.array(values[chosen])) for name, values in self.arrays.items()}
