"""The evaluation of a checkpoint on the people of a folder or a lake whom it was not trained on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from neurostore.errors import UsageError
from neurostore.ingest.refine.apply import load_refiner
from neurostore.ingest.refine.training.evaluate import PROTOCOLS, RATES_HZ, Row, evaluate
from neurostore.ingest.refine.training.motions import Motion
from neurostore.ingest.refine.training.sources import people, read_motions


def prove(
    data: Path,
    checkpoint: Path | None = None,
    protocols: Sequence[str] | None = None,
    rates_hz: Sequence[float] | None = None,
    n_cameras: int = 2,
    every: int = 1,
    say: Callable[[str], None] = lambda text: None,
) -> list[Row]:
    """Rows of the proof.

    People trained or validated on are left out, by their names and by the hashes of their files in the checkpoint,
    which find copies under other names; so are skeletons that are not the person's own (their lengths would be those of
    somebody trained on).

    Raises
    ------
    UsageError : nobody is left, no such folder, protocol or a rate below 15 Hz.  ModelError : the checkpoint.
    """
    slow = [r for r in rates_hz or () if r < 15]
    if slow:
        raise UsageError(f"rate of {slow[0]:g} Hz: refinement is meant for video of 15 Hz or more")
    refiner = load_refiner(checkpoint)
    known = refiner.about.get("people", {})
    files = set(refiner.about.get("source_sha256", ()))
    motions = read_motions(data, refiner.markers, unknown_split="test", say=say)
    seen = {*known.get("train", ()), *known.get("validation", ())}
    seen |= {m.person for m in motions if m.source_sha256 in files}
    motions = [m for m in motions if m.person not in seen]
    named = {p["name"] for p in people().values()}
    candidates = [m for m in motions if (m.split == "test" or m.person not in named) and m.is_own_skeleton]
    if not candidates:
        raise UsageError(f"{data}: all people here were used in training or validation; give motions of other people")
    chosen = _thinned(candidates, every)
    say(f"{len(chosen)} motions of {', '.join(sorted({m.person for m in chosen}))}")
    tenths = 0

    def progress(done: int, n: int) -> None:
        nonlocal tenths
        if 10 * done // n > tenths:
            tenths = 10 * done // n
            say(f"{10 * tenths} %")

    return evaluate(
        chosen,
        refiner,
        protocols=protocols or tuple(PROTOCOLS),
        rates_hz=rates_hz or RATES_HZ,
        n_cameras=n_cameras,
        progress=progress,
    )


def _thinned(motions: list[Motion], every: int) -> list[Motion]:
    """Every n-th motion, of the same people."""
    return [replace(m) for m in motions[::every]]
