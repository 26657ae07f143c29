"""The README tells the truth: its commands run, in order, and print what it shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import ROOT

README = ROOT / "README.md"
BLOCK = re.compile(r"^```(console|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)
# Figures that differ from run to run: seconds, sizes.
CHANGING = re.compile(r"\d+(\.\d+)? (MB|s|ms)\b")


def console_steps(text: str):
    """(command, what it prints) of every command of a console block."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        yield command, shown.rstrip("\n")


def test_commands_of_the_tour_run_and_print_what_is_shown(tmp_path):
    assert run_blocks([block for block in BLOCK.findall(README.read_text()) if not of_study(block)], tmp_path) >= 8


@pytest.mark.slow  # its truth is in tests/unit/test_study.py
@pytest.mark.timeout(600)
def test_commands_of_the_study_run_and_print_what_is_shown(tmp_path):
    assert run_blocks([block for block in BLOCK.findall(README.read_text()) if of_study(block)], tmp_path) >= 4


def of_study(block):
    """Whether a block is about the simulated study, which takes a minute."""
    return "study/lake" in block[1] or "--study" in block[1]


def run_blocks(blocks, folder):
    """Run the blocks in a folder; the number of commands. Raises AssertionError for what fails or prints something else."""
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "COLUMNS": "200"}
    wrong, n = [], 0
    for kind, text in blocks:
        if kind == "python":
            done = subprocess.run([sys.executable, "-c", text], cwd=folder, env=env, capture_output=True, text=True)
            n += 1
            if done.returncode:
                wrong.append(f"python block: {done.stderr[-600:]}")
            continue
        for command, shown in console_steps(text):
            done = subprocess.run(command, shell=True, cwd=folder, env=env, capture_output=True, text=True)
            n += 1
            if done.returncode:
                wrong.append(f"{command}: exit {done.returncode}: {done.stderr[-600:]}")
            elif shown and CHANGING.sub("…", shown) not in CHANGING.sub("…", done.stdout + done.stderr):
                wrong.append(f"{command}: README shows\n{shown}\nbut it prints\n{done.stdout}{done.stderr}")
    assert not wrong, "\n\n".join(wrong)
    return n
