"""What the machine refuses (memory, a disk) ends a command with a sentence and exit status 3, not with a traceback."""

from __future__ import annotations

import errno
from functools import partial

import numpy as np
import pytest

from neurostore import cli, distances
from neurostore.distances import comparison
from neurostore.distances.choice import POINTS
from neurostore.upkeep.verify import verify
from tests.builders.lake_builder import build_lake, trial
from tests.cli.cli_run import run


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError("Unable to allocate 74.5 GiB"), "not enough memory (Unable to allocate 74.5 GiB)"),
        (MemoryError(), "not enough memory (none left)"),
        (OSError(errno.ENOSPC, "No space left on device", "d.npy"), "d.npy: No space left on device"),
    ],
)
def test_it_is_reported_and_the_exit_status_is_3(error, said, monkeypatch, capsys):
    def fails():
        raise error

    monkeypatch.setattr(cli, "command_line", lambda asked: fails)
    monkeypatch.delenv("NEUROSTORE_DEBUG", raising=False)
    with pytest.raises(SystemExit) as ended:
        cli.run()
    assert ended.value.code == 3
    assert said in capsys.readouterr().err


def walk(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=(30, 3)) for name in POINTS}


def test_no_memory_for_a_block_of_a_matrix(tmp_path, monkeypatch):
    """Blocks before it are kept; the lake is whole; a repeat goes on and ends with the matrix of an undisturbed run."""
    walks = [trial(f"S{k}", "walk", points=walk(k)) for k in range(5)]
    lake = build_lake(tmp_path, walks).path
    words = ["distances", "--unit", "trial", "--representation", "coordinates", "--lake", lake]
    monkeypatch.setattr(distances, "write_distances", partial(distances.write_distances, block=2))
    assert run(*words, tmp_path / "whole.npy").returncode == 0
    between, calls = comparison.between, []

    def fails_once(*arguments):
        calls.append(arguments)
        if len(calls) == 3:
            np.empty(1 << 55)  # more than any address space
        return between(*arguments)

    monkeypatch.setattr(comparison, "between", fails_once)
    shown = run(*words, tmp_path / "out.npy")
    assert (shown.returncode, shown.stdout) == (3, "")
    assert "not enough memory (Unable to allocate" in shown.stderr
    assert not (tmp_path / "out.npy").exists()
    assert verify(lake).is_clean
    assert run(*words, tmp_path / "out.npy").returncode == 0
    assert len(calls) == 3 + 4  # six blocks; two were there
    assert (tmp_path / "out.npy").read_bytes() == (tmp_path / "whole.npy").read_bytes()
