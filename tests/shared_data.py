"""Where the real recordings lie; tests that need them skip where the folder is absent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests import ROOT

SHARED = Path(os.environ.get("NEUROSTORE_SHARED", ROOT.parent / "shared")) / "data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason=f"real recordings are not at {SHARED}")
