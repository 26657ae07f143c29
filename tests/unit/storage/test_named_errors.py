"""Errors of writing a file name the file and what to do, whoever met them."""

from __future__ import annotations

import errno

import polars as pl
import pytest

from neurostore.errors import UsageError
from neurostore.storage import temporary

FULL = "the disk is full: free some space and repeat the command"
HIDDEN = "parquet: File out of specification: underlying IO error: No space left on device (os error 28)"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), f"rows.csv: cannot be written: {FULL}"),
        (OSError("No space left on device (os error 28)"), f"rows.csv: cannot be written: {FULL}"),
        (pl.exceptions.ComputeError(HIDDEN), f"rows.csv: cannot be written: {FULL}"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), f"rows.csv: cannot be written: {FULL}"),
        (PermissionError(errno.EACCES, "Permission denied", "/x/.rows.csv.01234567.tmp"), "rows.csv: cannot be written: Permission denied"),
        (PermissionError(errno.EACCES, "Permission denied", "/x/folder"), "/x/folder: cannot be written: Permission denied"),
    ],
)  # fmt: skip
def test_errors_of_the_machine(error, text):
    with pytest.raises(UsageError) as raised, temporary.named("rows.csv"):
        raise error
    assert str(raised.value) == text


@pytest.mark.parametrize("error", [ValueError("a fault of ours"), UsageError("no such trial")])
def test_other_errors_pass_as_they_are(error):
    with pytest.raises(type(error)) as raised, temporary.named("rows.csv"):
        raise error
    assert raised.value is error
