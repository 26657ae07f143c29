"""Fixtures that every folder of tests may use."""

from __future__ import annotations

import os
from collections import Counter

import pytest

# One example database, fixed seeds: a failing property must fail again.
from hypothesis import HealthCheck, settings

from tests.shared_data import SHARED_BESIDE_US, skipped_in_vain

settings.register_profile("neurostore", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("neurostore")
os.environ.pop("NEUROSTORE_LAKE", None)


def pytest_terminal_summary(terminalreporter, exitstatus, config) -> None:
    """Say how many tests were skipped and why."""
    reasons = reasons_of(terminalreporter)
    if not reasons:
        return
    terminalreporter.section(f"{len(reasons)} skipped")
    for reason, n in Counter(reasons).most_common():
        terminalreporter.write_line(f"{n:5}  {reason}")
    if n_in_vain := skipped_in_vain(reasons):
        terminalreporter.write_line(
            f"{n_in_vain} tests of real recordings were skipped although these are at {SHARED_BESIDE_US}: that is a failure",
            red=True,
        )


def reasons_of(terminalreporter) -> list[str]:
    """Why tests were skipped, one text per test."""
    return [str(report.longrepr[2]).removeprefix("Skipped: ") for report in terminalreporter.stats.get("skipped", [])]


def pytest_sessionfinish(session, exitstatus) -> None:
    """Fail where tests of real recordings were skipped although the recordings are there."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter and skipped_in_vain(reasons_of(reporter)) and not exitstatus:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
