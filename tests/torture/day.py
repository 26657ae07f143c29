"""docs/day.md from top to bottom in an empty folder: every command ends well and prints what the page shows.

Run: python -m tests.torture.day. With ``--write`` the page is given what the commands print now, to be read before it is kept.
"""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests import ROOT
from tests.cli.cli_run import run

PAGE = ROOT / "docs" / "day.md"
BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
#: what differs from run to run: times, sizes, versions of the software, hashes, temporary folders
CHANGING = (
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00"), "…"),
    (re.compile(r"\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d)?"), "…"),
    (re.compile(r"\b[0-9a-f]{16,64}\b"), "…"),
    (re.compile(r"\b\d+(\.\d+)? (s|MB)\b"), r"… \2"),
    (re.compile(r"^(lake_version|software_version): [\d.]+", re.MULTILINE), r"\1: …"),
    (re.compile(r"\bversion \d+"), "version …"),
    (re.compile(r"^(n_files|n_bytes|n_rows): \d+", re.MULTILINE), r"\1: …"),
    (re.compile(r"\b0\.\d+\.\d+\b(?=, release)"), "…"),
    (re.compile(r"^\d+ files, … MB: intact", re.MULTILINE), "… files, … MB: intact"),
)


UNSHOWN = ("neurostore demo", "neurostore check")  # their tables are wide: the page describes them


def steps(text: str) -> Iterator[tuple[str, str]]:
    """(command, what the page shows below it) of every command of a page."""
    for block in BLOCK.findall(text):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, shown = part.partition("\n")
            yield command, shown.rstrip("\n")


def steady(text: str, folder: Path) -> str:
    """What is printed, without what differs from run to run."""
    text = text.replace(f"{folder.resolve()}/", "")
    for pattern, instead in CHANGING:
        text = pattern.sub(instead, text)
    return "\n".join(line.rstrip() for line in text.splitlines())


def printed(command: str, folder: Path) -> tuple[int, str]:
    """Exit status and output of a command; those of Neurostore in this process."""
    if command.startswith("neurostore "):
        done = run(*shlex.split(command)[1:], cwd=folder)
        return done.returncode, done.stdout + done.stderr
    plain = subprocess.run(command, shell=True, cwd=folder, capture_output=True, text=True)
    return plain.returncode, plain.stdout + plain.stderr


def main() -> int:
    """Run the page. Returns how many commands are wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write what is printed into the page")
    is_written = parser.parse_args().write
    page, written = PAGE.read_text(encoding="utf-8"), ""
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="neurostore-day-") as name:
        for command, shown in list(steps(page)):
            code, output = printed(command, Path(name))
            found = "" if command.startswith(UNSHOWN) else steady(output, Path(name))
            if code:
                wrong += 1
                print(f"exit {code}: {command}\n{output}", flush=True)
            elif is_written and found != shown:
                before = f"$ {command}\n" + (f"{shown}\n" if shown else "")
                above, _, page = page.partition(before)  # commands come in the order of the page
                written += f"{above}$ {command}\n{found}\n"
            elif found != shown:
                wrong += 1
                print(f"otherwise: {command}\nthe page shows\n{shown}\nbut it prints\n{found}", flush=True)
    if is_written:
        PAGE.write_text(written + page, encoding="utf-8")
    print(f"{len(list(steps(PAGE.read_text(encoding='utf-8'))))} commands, {wrong} wrong")
    return wrong


if __name__ == "__main__":
    sys.exit(min(main(), 1))
