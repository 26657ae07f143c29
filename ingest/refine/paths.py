"""Where the checkpoint of the package is stored; needs no torch."""

from __future__ import annotations

from importlib import resources
from pathlib import Path


def shipped() -> Path:
    """``small.safetensors`` beside this module."""
    return Path(str(resources.files(__package__) / "small.safetensors"))
