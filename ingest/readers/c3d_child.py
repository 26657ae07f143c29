"""The child process that runs ezc3d: reads headers with their parameters from a pipe, answers with JSON.

It holds no frames (docs/decisions/c3d-frames-and-parameters.md) and may crash, hang or ask for any amount of memory
without harm: memory and time are limited here, the parent sees the end of the pipe, and it ends with its parent.
Messages both ways: four bytes of length, then the bytes.
"""

from __future__ import annotations

import json
import os
import signal
import struct
import sys
from typing import Any, BinaryIO

from neurostore import child_process

MEMORY_BYTES = 1 << 30
SECONDS = 4


def main() -> None:
    """Serve until standard input ends."""
    requests = sys.stdin.buffer
    answers = os.fdopen(os.dup(1), "wb")
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)  # what ezc3d prints must not get among the answers
    os.dup2(silence, 2)
    child_process.end_with_parent()
    import ezc3d

    child_process.limit_memory(MEMORY_BYTES)
    while path := _receive(requests):
        signal.alarm(SECONDS)  # its default action ends the process, whatever ezc3d is doing
        answer: dict[str, Any]
        try:
            answer = {"groups": _parameters(ezc3d, path.decode())}
        except MemoryError:
            answer = {"error": f"its parameters ask for more than {MEMORY_BYTES >> 20} MB"}
        except Exception as error:  # whatever ezc3d raises is a fault of the file
            answer = {"error": str(error).strip() or type(error).__name__}
        signal.alarm(0)
        body = json.dumps(answer).encode()
        answers.write(struct.pack("<I", len(body)) + body)
        answers.flush()


def _parameters(ezc3d: Any, path: str) -> dict[str, dict[str, dict[str, Any]]]:
    """Every parameter as {group: {name: {dims, values}}}: values flat, first dimension running fastest."""
    try:
        swig = ezc3d.ezc3d.c3d(path, ezc3d.ezc3d.Options(False, False))
    except (RuntimeError, ValueError, OSError, IndexError):  # small faults of formatting that ezc3d can look over
        swig = ezc3d.ezc3d.c3d(path, ezc3d.ezc3d.Options(False, True))
    groups: dict[str, dict[str, dict[str, Any]]] = {}
    for group in swig.parameters().groups():
        of_group = groups.setdefault(group.name(), {})
        for parameter in group.parameters():
            kind = parameter.type()
            if kind == ezc3d.ezc3d.CHAR:
                values = list(parameter.valuesAsString())
            elif kind == ezc3d.ezc3d.FLOAT:
                values = [float(v) for v in parameter.valuesAsDouble()]
            elif kind == ezc3d.ezc3d.BYTE:
                values = [int(v) for v in parameter.valuesAsByte()]
            elif kind == ezc3d.ezc3d.INT:
                values = [int(v) for v in parameter.valuesAsInt()]
            else:
                continue
            of_group[parameter.name()] = {"dims": list(parameter.dimension()), "values": values}
    return groups


def _receive(stream: BinaryIO) -> bytes:
    size = stream.read(4)
    return stream.read(struct.unpack("<I", size)[0]) if len(size) == 4 else b""


if __name__ == "__main__":
    main()
