"""Where the real recordings are; tests that need them skip where the folder is absent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests import ROOT

SHARED_BESIDE_US = ROOT.parent / "shared" / "data"
SHARED = Path(os.environ.get("NEUROSTORE_SHARED", ROOT.parent / "shared")) / "data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason=f"real recordings are not at {SHARED}")


def skipped_in_vain(reasons: list[str], folder: Path = SHARED_BESIDE_US) -> int:
    """How many of these skipped tests lacked real recordings that are in the folder beside the repository."""
    return sum("real recordings" in reason for reason in reasons) if folder.is_dir() else 0
