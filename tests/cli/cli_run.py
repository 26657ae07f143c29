"""The command line as a user meets it, in this process: start-up is measured elsewhere."""

from __future__ import annotations

import io
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from neurostore.cli import run as run_command


@dataclass(frozen=True)
class Shown:
    """The exit status and the output of a command."""

    returncode: int
    stdout: str
    stderr: str
    stdout_bytes: bytes


def run(*arguments: object, cwd: Path | None = None, env: dict[str, str] | None = None, stdin: str = "") -> Shown:
    """Run ``neurostore …`` with its own streams and without the user's NEUROSTORE_ variables."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("NEUROSTORE_")} | {"COLUMNS": "200"} | (env or {})
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    before = Path.cwd()
    try:
        if cwd is not None:
            os.chdir(cwd)
        with (
            patch.dict(os.environ, clean, clear=True),
            patch.object(sys, "argv", ["neurostore", *map(str, arguments)]),
            patch.object(sys, "stdout", out),
            patch.object(sys, "stderr", err),
            patch.object(sys, "stdin", io.StringIO(stdin)),
        ):
            try:
                run_command()
                code = 0
            except SystemExit as ended:
                code = int(ended.code or 0)
    finally:
        os.chdir(before)
    raw = out.buffer.getvalue()  # type: ignore[attr-defined]
    said = err.buffer.getvalue()  # type: ignore[attr-defined]
    return Shown(code, raw.decode("utf-8", "replace"), said.decode("utf-8", "replace"), raw)
