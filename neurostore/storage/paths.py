"""Paths of what is stored: which store holds them, and how they are put together."""

from __future__ import annotations


def is_remote(path: object) -> bool:
    """Whether a resolved path is on an object store."""
    return isinstance(path, str) and path.startswith("s3://")


def join(root: str, *parts: str) -> str:
    """The path of something below the root."""
    return "/".join((root.rstrip("/"), *parts))
