"""The parameters of a C3D file, read by ezc3d in a child process that may crash without harm.

One child serves all files of a worker and is started again after a crash. It is given the header and the parameter
section with the first frame alone: see docs/decisions/c3d-frames-and-parameters.md.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import struct
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from neurostore.errors import InputError

from .c3d_layout import Layout, head_for_ezc3d

TIMEOUT_S = 15.0
_lock = threading.Lock()
_child: subprocess.Popen[bytes] | None = None
_owner = 0


@dataclass(frozen=True, slots=True)
class Parameters:
    """Parameters by group and name, both in upper case; strings stripped."""

    groups: dict[str, dict[str, list]]

    def strings(self, group: str, name: str) -> list[str]:
        """A text parameter with its continuations (LABELS, LABELS2, LABELS3, …); empty where there is none."""
        of_group = self.groups.get(group, {})
        values = list(of_group.get(name, []))
        number = 2
        while f"{name}{number}" in of_group:
            values += of_group[f"{name}{number}"]
            number += 1
        return [v for v in values if isinstance(v, str)] if all(isinstance(v, str) for v in values) else []

    def numbers(self, group: str, name: str) -> list[float]:
        """A numeric parameter, flat, the first dimension running fastest; empty where there is none."""
        values = self.groups.get(group, {}).get(name, [])
        return [float(v) for v in values if isinstance(v, int | float)]

    def string(self, group: str, name: str) -> str:
        """The first string of a text parameter, '' where there is none."""
        return next(iter(self.strings(group, name)), "")


def read_parameters(path: Path, layout: Layout) -> Parameters:
    """Parameters of the file whose layout was checked.

    Raises
    ------
    InputError : ezc3d refuses them, crashes on them, or does not answer within 15 s.
    """
    with path.open("rb") as source, tempfile.NamedTemporaryFile(suffix=".c3d") as file, _lock:
        source.seek(layout.data_offset)
        file.write(head_for_ezc3d(path, layout))
        file.write(source.read(layout.frame_bytes))
        file.flush()
        answer = _ask(path, file.name)
    if "error" in answer:
        raise InputError(path, f"its parameters cannot be read (ezc3d): {answer['error']}")
    groups: dict[str, dict[str, list]] = {}
    for group, parameters in answer["groups"].items():
        of_group = groups.setdefault(group.upper().strip(), {})
        for name, parameter in parameters.items():
            of_group[name.upper().strip()] = [_text(v) if isinstance(v, str) else v for v in parameter["values"]]
    return Parameters(groups)


def _text(value: str) -> str:
    """Text as the file means it: UTF-8, or else Latin-1 (older Windows software), without padding."""
    raw = value.encode("utf-8", "surrogateescape")
    with contextlib.suppress(UnicodeDecodeError):
        return raw.decode("utf-8").strip("\0 \t\r\n")
    return raw.decode("latin-1").strip("\0 \t\r\n")


def _ask(path: Path, request: str) -> dict:
    global _child
    child = _running_child()
    assert child.stdin is not None
    assert child.stdout is not None
    message = request.encode()
    deadline = time.monotonic() + TIMEOUT_S
    try:
        child.stdin.write(struct.pack("<I", len(message)) + message)
        child.stdin.flush()
        (size,) = struct.unpack("<I", _read(child.stdout, 4, deadline))
        answer: dict = json.loads(_read(child.stdout, size, deadline))
        return answer
    except TimeoutError:
        _stop()
        raise InputError(path, f"its parameters keep ezc3d busy for more than {TIMEOUT_S:.0f} s: damaged") from None
    except (EOFError, BrokenPipeError):
        child.wait()
        how = f"signal {-child.returncode}" if child.returncode < 0 else f"exit status {child.returncode}"
        _stop()
        raise InputError(path, f"its parameters crash ezc3d ({how}): damaged") from None
    except BaseException:  # an interrupt in between would leave an answer to the wrong question
        _stop()
        raise


def _running_child() -> subprocess.Popen[bytes]:
    """The child of this process, started where there is none (a forked process never uses its parent's)."""
    global _child, _owner
    if _owner != os.getpid() or _child is None or _child.poll() is not None:
        _stop()
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        _child = subprocess.Popen(
            [sys.executable, "-P", "-m", "neurostore.ingest.readers.c3d_child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,  # Ctrl-C is for the parent alone
        )
        if _owner != os.getpid():
            atexit.register(_stop)
        _owner = os.getpid()
    return _child


def _stop() -> None:
    """End the child of this process, if there is one."""
    global _child
    if _child is not None and _owner == os.getpid():
        _child.kill()
        for stream in (_child.stdin, _child.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        _child.wait()
        _child = None


def _read(stream: IO[bytes], size: int, deadline: float) -> bytes:
    """Exactly ``size`` bytes from the pipe, or EOFError, or TimeoutError at the deadline."""
    parts = bytearray()
    while len(parts) < size:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([stream], [], [], left)[0]:
            raise TimeoutError
        chunk = os.read(stream.fileno(), min(size - len(parts), 1 << 16))
        if not chunk:
            raise EOFError
        parts += chunk
    return bytes(parts)
