"""Which pose models this machine has, for ``neurostore doctor``; loads none of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from importlib import metadata

from neurostore.ingest.video.estimators import mediapipe
from neurostore.ingest.video.models import declared, store
from neurostore.upkeep.doctor import Finding


def models() -> Iterator[Finding]:
    """A line for the models that are there, and one for each that is damaged or that mediapipe lacks."""
    there = []
    for model in declared.declared().values():
        wrong = store.state(model)
        if wrong:
            yield Finding(f"pose model {model.name}", wrong, is_bad=True)
        elif wrong is not None:
            there.append(model)
    fetched = ", ".join(model.name for model in there) or "none"
    yield Finding("pose models", f"{fetched} in {store.cache_folder()} (`neurostore model fetch`, `model verify`)")
    with suppress(metadata.PackageNotFoundError):
        version = metadata.version("mediapipe")
        if mediapipe.wheel_has_model():
            yield Finding("pose model of mediapipe", f"in the package mediapipe {version}")
        elif not any(model.estimator == "mediapipe" for model in there):
            how = f"`neurostore model fetch --model {mediapipe.DEFAULT}`"
            yield Finding("pose model of mediapipe", f"none: mediapipe {version} contains no model; {how} downloads it")
