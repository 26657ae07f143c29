"""Fixtures that every folder of tests may use."""

from __future__ import annotations

import os

# One example database, fixed seeds: a failing property must fail again.
from hypothesis import HealthCheck, settings

settings.register_profile("neurostore", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("neurostore")
os.environ.pop("NEUROSTORE_LAKE", None)
