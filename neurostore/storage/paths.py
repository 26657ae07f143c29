"""Paths of what is stored: which store holds them, and how they are put together."""

from __future__ import annotations

import os
import uuid


def is_remote(path: object) -> bool:
    """Whether a resolved path is on an object store."""
    return isinstance(path, str) and path.startswith("s3://")


def join(root: str, *parts: str) -> str:
    """The path of something below the root."""
    return "/".join((root.rstrip("/"), *parts))


def temporary_name(path: str) -> str:
    """Where a file is written before it gets its name, beside it: ``.NAME.xxxxxxxx.tmp``, which any writer may sweep."""
    folder, name = os.path.split(path)
    return os.path.join(folder, f".{name}.{uuid.uuid4().hex[:8]}.tmp")
