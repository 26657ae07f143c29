"""What a module of tests needs that is not always installed. Looked for, not imported: every worker collects every module."""

from __future__ import annotations

from importlib.util import find_spec

import pytest


def need(package: str, reason: str) -> None:
    """Skip the module of tests that calls this where a package is not installed."""
    if find_spec(package) is None:
        pytest.skip(reason, allow_module_level=True)
