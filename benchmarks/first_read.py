"""Cost of checking every byte before a lake's first query, as a share of that query: ``joint_angles`` in full.

    python benchmarks/first_read.py LAKE [--repeat 7]

Processor time of all threads, which other processes hardly change; the files are in the page cache for both. Nothing is
remembered between repetitions, so every check is a first one.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from unittest import mock

import platformdirs

from neurostore.lake import checked
from neurostore.lake.version import Version


def first_check_s(version: Version) -> float:
    """Seconds of processor time to compare the files of landmarks with the record, in a process that has checked nothing before."""
    paths = [f"landmarks/{file.path}" for file in version.table_state("landmarks").files]
    with tempfile.TemporaryDirectory() as cache:
        checked._known.clear()
        with mock.patch.object(platformdirs, "user_cache_path", return_value=Path(cache)):
            began = time.process_time()
            checked.check(version.path, paths)
            return time.process_time() - began


def query_s(version: Version) -> float:
    """Seconds of processor time of a query over every column of joint_angles; the files were checked before."""
    with version.connect() as connection:
        began = time.process_time()
        connection.execute("CREATE TEMP TABLE angles AS SELECT * FROM joint_angles")
        return time.process_time() - began


def main() -> None:
    """Print both times and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lake", type=Path)
    parser.add_argument("--repeat", type=int, default=7)
    asked = parser.parse_args()
    version = Version.open(asked.lake)
    query_s(version)
    checks, queries = [], []
    for _ in range(asked.repeat):
        checks.append(first_check_s(version))
        queries.append(query_s(version))
    check, query = statistics.median(checks), statistics.median(queries)
    n_bytes = sum(file.size for file in version.table_state("landmarks").files)
    print(f"{n_bytes / 1e6:.1f} MB of landmarks: check {check * 1e3:.1f} ms, joint_angles {query * 1e3:.0f} ms")
    print(f"the first check costs {check / query:.1%} of joint_angles")


if __name__ == "__main__":
    main()
