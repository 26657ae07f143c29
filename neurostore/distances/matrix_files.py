"""Distance matrices of any size: written block by block, resumed after a kill, extended when the lake has grown.

While it grows, the matrix of one side is a temporary file beside OUT (raw values, row after row), with a journal: one
line per finished block of rows and columns, written after the block's bytes are on disk. Both have a hash of items and
options in their names, so that a repeated call finds them; those with other hashes are deleted.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from neurostore.arrays import Floats, Ints
from neurostore.distances import comparison as compare
from neurostore.distances import earlier as earlier_matrix
from neurostore.distances.matrix import labels_frame, long_parquet, square_csv, write_sidecar
from neurostore.errors import NeurostoreError
from neurostore.matrix_names import sidecar
from neurostore.ray_cluster import Lost
from neurostore.storage import temporary

if TYPE_CHECKING:
    from neurostore.distances.comparison import Comparison, Part
    from neurostore.distances.earlier import Earlier
    from neurostore.ray_cluster import Cluster

NOT_IN_FINGERPRINT = (
    "n_threads",
    "where",
    "side",
    "incomplete",
)  # they choose items, and digests record which were chosen


@dataclass(frozen=True)
class Work:
    """One side that is being written to a file."""

    part: Part
    comparison: Comparison
    partial: Path
    journal: Path
    fingerprint: str
    digests: list[str]

    @property
    def n(self) -> int:
        """Number of items."""
        return len(self.part.labels)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the distances."""
        return np.dtype(self.comparison.dtype)

    @property
    def earlier(self) -> Path:
        """Where the distances of an earlier .parquet are laid out."""
        return self.partial.with_name(self.partial.name.replace("-square.", "-earlier."))

    def rows(self, first: int, last: int) -> Floats:
        """Rows first … last - 1 of the partial square, read and not mapped: mapped pages count as memory."""
        size = self.n * self.dtype.itemsize
        values = np.fromfile(self.partial, self.dtype, (last - first) * self.n, offset=first * size)
        return values.reshape(last - first, self.n)


@dataclass(frozen=True)
class Blocks:
    """Blocks to be done: (first row, first column, rows, columns); pairs in all and done before."""

    todo: list[tuple[int, int, Ints, Ints]]
    n_pairs: int
    n_done: int


def write(
    out: Path,
    compared: dict[str, Part],
    comparison: Comparison,
    provenance: dict[str, Any],
    *,
    progress: bool,
    block: int,
    cluster: Cluster | None = None,
) -> list[Path]:
    """Compute and write; see `neurostore.distances.write_distances`. cluster : does the blocks instead of this process."""
    recipe = _recipe(provenance["options"], compared, comparison)
    works = {side: _work(out, side, part, comparison, recipe) for side, part in compared.items()}
    plans = {side: _plan(work, block) for side, work in works.items()}
    with _bar(progress, sum(p.n_pairs for p in plans.values()), sum(p.n_done for p in plans.values())) as advance:
        for side, work in works.items():
            if plans[side].todo:
                path = _target(out, side, len(works))
                earlier = earlier_matrix.find(path, side, recipe, work.dtype, work.earlier)
                _compute(work, plans[side], earlier, advance, cluster)
    about = {
        side: {**provenance, "left_out": w.part.left_out, "notes": w.part.notes, "recipe": recipe, "digests": w.digests}
        for side, w in works.items()
    }
    written = _publish(out, works, about)
    for work in works.values():
        work.partial.unlink(missing_ok=True)
        work.journal.unlink(missing_ok=True)
        work.earlier.unlink(missing_ok=True)
    return written


def _work(out: Path, side: str, part: Part, comparison: Comparison, recipe: str) -> Work:
    rows = zip(part.members, part.labels, strict=True)
    digests = [_digest([part.series[k] for k in members], label) for members, label in rows]
    fingerprint = hashlib.sha256("\n".join([recipe, *digests]).encode()).hexdigest()
    stem = f"{out.name}.{side}" if side else out.name
    square, journal = (out.with_name(f"{stem}-{what}") for what in ("square", "journal"))
    for one in (square, journal, out.with_name(f"{stem}-earlier")):
        for path in temporary.left_of(one):
            if path != _beside(one, fingerprint):
                path.unlink(missing_ok=True)
    return Work(part, comparison, _beside(square, fingerprint), _beside(journal, fingerprint), fingerprint, digests)


def _beside(path: Path, fingerprint: str) -> Path:
    return Path(temporary.name_beside(path, fingerprint[:8]))


def _digest(series: list[Floats], label: dict[str, Any]) -> str:
    keys = {k: v for k, v in label.items() if k != "group"}
    digest = hashlib.sha256(json.dumps(keys, sort_keys=True, default=str).encode())
    for x in series:
        digest.update(str(x.shape).encode())
        digest.update(np.ascontiguousarray(x).tobytes())
    return digest.hexdigest()[:32]


def _recipe(options: dict[str, Any], compared: dict[str, Part], comparison: Comparison) -> str:
    """What distances depend on besides the samples. Series are hashed after whitening, so that a reference group is included."""
    kept = {k: v for k, v in options.items() if k not in NOT_IN_FINGERPRINT}
    notes = {side: part.notes for side, part in compared.items()}
    text = json.dumps([kept, notes, comparison.metric], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _target(out: Path, side: str, n_sides: int) -> Path:
    """The file of one side."""
    if out.suffix == ".parquet" or not side or n_sides == 1:
        return out
    return out.with_name(f"{out.stem}.{side}{out.suffix}")


def _plan(work: Work, block: int) -> Blocks:
    """The blocks of one side that are still to be computed, by the journal; a new journal if none fits."""
    done = _finished_blocks(work)
    if done is None:
        done = set()
        with work.partial.open("wb") as file:
            file.truncate(work.n * work.n * work.dtype.itemsize)
        work.journal.write_text(f"{work.fingerprint} {block}\n", encoding="utf-8")
    else:
        block = int(work.journal.read_text(encoding="utf-8").split("\n", 1)[0].split()[1])
    starts = range(0, work.n, block)
    ends = {i: min(work.n, i + block) for i in starts}
    places = [(i, j) for i in starts for j in starts[i // block :]]
    todo: list[tuple[int, int, Ints, Ints]] = [
        (i, j, np.arange(i, ends[i]), np.arange(j, ends[j])) for i, j in places if (i, j) not in done
    ]
    n_pairs = work.n * (work.n - 1) // 2
    return Blocks(todo, n_pairs, n_pairs - sum(_n_pairs(len(r), len(c), i == j) for i, j, r, c in todo))


def _compute(
    work: Work,
    plan: Blocks,
    earlier: Earlier | None,
    advance: Callable[[int], None],
    cluster: Cluster | None,
) -> None:
    """Compute the rest of the matrix of one side, block by block."""
    n_pairs = {(i, j): _n_pairs(len(rows), len(columns), i == j) for i, j, rows, columns in plan.todo}
    with work.partial.open("r+b") as square, work.journal.open("a", encoding="utf-8") as journal:
        temporary.hold(square.fileno())
        temporary.hold(journal.fileno())
        for (i, j), block in _blocks_of(work, earlier, plan.todo, cluster):
            _put(square, work, i, j, block)
            if i != j:
                _put(square, work, j, i, block.T)
            square.flush()
            os.fsync(square.fileno())
            journal.write(f"{i} {j}\n")
            journal.flush()
            advance(n_pairs[i, j])


def _n_pairs(n_rows: int, n_columns: int, is_diagonal: bool) -> int:
    return n_rows * (n_rows - 1) // 2 if is_diagonal else n_rows * n_columns


def _blocks_of(
    work: Work,
    earlier: Earlier | None,
    todo: list[tuple[int, int, Ints, Ints]],
    cluster: Cluster | None,
) -> Iterator[tuple[tuple[int, int], Floats]]:
    """Every block of todo with its place, in any order. On a cluster, one with anything new is computed as a whole."""
    old = set() if earlier is None else {k for k, digest in enumerate(work.digests) if digest in earlier.place}
    calls = []
    for i, j, rows, columns in todo:
        if cluster is None or old.issuperset(rows.tolist() + columns.tolist()):
            yield (i, j), _block(work, earlier, rows, columns)
        else:
            calls.append(((i, j), rows, columns))
    if not calls or cluster is None:
        return
    part = cluster.share(replace(work.part, labels=[], left_out={}, notes=[]))  # only numbers are sent, no names
    comparison = replace(work.comparison, n_threads=1)
    arguments = ((place, (part, comparison, rows, columns)) for place, rows, columns in calls)
    for place, block in cluster.run(_remote_block, arguments):
        if isinstance(block, Lost):
            raise NeurostoreError(
                f"{work.partial.name}: the Ray workers of block {place} died ({block.reason}); finished blocks are "
                "kept: repeat the command"
            )
        yield place, block


def _remote_block(part: Part, comparison: Comparison, rows: Ints, columns: Ints) -> Floats:
    """A task: one block, all of it."""
    return _symmetric(compare.between(part, comparison, rows, columns), rows, columns)


def _finished_blocks(work: Work) -> set[tuple[int, int]] | None:
    """Blocks that are in the partial file, or None if it must be started again."""
    size = work.n * work.n * work.dtype.itemsize
    if not work.journal.is_file() or not work.partial.is_file() or work.partial.stat().st_size != size:
        return None
    lines = work.journal.read_text(encoding="utf-8").split("\n")
    if not lines[0].startswith(work.fingerprint + " "):
        return None
    return {(int(a), int(b)) for a, b in (line.split() for line in lines[1:-1])}  # an incomplete last line is ignored


def _block(work: Work, earlier: Earlier | None, rows: Ints, columns: Ints) -> Floats:
    """Distances of rows to columns (first row <= first column); those of the earlier file are not computed again."""
    out = np.zeros((len(rows), len(columns)), work.dtype)
    is_new_row, is_new_column = np.ones(len(rows), bool), np.ones(len(columns), bool)
    if earlier is not None:
        old_row, old_column = (np.array([earlier.place.get(work.digests[k], -1) for k in x]) for x in (rows, columns))
        is_new_row, is_new_column = old_row < 0, old_column < 0
        for k in np.flatnonzero(~is_new_row):
            known = np.flatnonzero(~is_new_column & (columns > rows[k]))  # values below the diagonal are not used
            out[k, known] = earlier.row(int(old_row[k]), old_column[known])
    if is_new_row.any():
        out[is_new_row] = _fresh(work, rows[is_new_row], columns)
    if is_new_column.any() and not is_new_row.all():
        out[np.ix_(~is_new_row, is_new_column)] = _fresh(work, rows[~is_new_row], columns[is_new_column])
    return _symmetric(out, rows, columns)


def _symmetric(out: Floats, rows: Ints, columns: Ints) -> Floats:
    """A block on the diagonal, made from its upper triangle."""
    if rows[0] != columns[0]:
        return out
    out = np.triu(out, 1)
    return out + out.T


def _fresh(work: Work, rows: Ints, columns: Ints) -> Floats:
    """Distances with the smaller index first, as `pairwise` takes them; entries below the diagonal are not used."""
    return compare.between(work.part, work.comparison, rows, columns)


def _put(file: BinaryIO, work: Work, i: int, j: int, values: Floats) -> None:
    values = np.ascontiguousarray(values)
    for k, row in enumerate(values):
        file.seek(((i + k) * work.n + j) * work.dtype.itemsize)
        file.write(row.tobytes())


def _publish(out: Path, works: dict[str, Work], about: dict[str, dict[str, Any]]) -> list[Path]:
    """Give finished files their names, by rename: a file is complete or absent."""
    import polars as pl

    written = []
    labels = {side: labels_frame(work.part.labels) for side, work in works.items()}
    unit = next(iter(works.values())).part.unit
    if out.suffix == ".parquet":
        first = next(iter(about.values()))
        if len(works) > 1:
            first = {**first, "digests": {side: w.digests for side, w in works.items()}}
            first["left_out"] = {k: v for one in about.values() for k, v in one["left_out"].items()}
            first["notes"] = [note for one in about.values() for note in one["notes"]]
        metadata = {"unit": unit, "provenance": {k: v for k, v in first.items() if k != "digests"}}
        with temporary.replacing(out) as file:
            long_parquet(file, [(labels[side], work.rows) for side, work in works.items()], metadata)
            _forget_description(out)
        write_sidecar(out, pl.concat(labels.values()), unit, first)
        return [out]
    for side, work in works.items():
        path = _target(out, side, len(works))
        with temporary.replacing(path) as file:
            if path.suffix == ".npy":
                _npy_from(work, file)
            else:
                square_csv(file, labels[side], work.rows)
            _forget_description(path)
        write_sidecar(path, labels[side], unit, about[side])
        written.append(path)
    return written


def _forget_description(path: Path) -> None:
    """Delete the description before the file is replaced, so that a description always belongs to its file."""
    sidecar(path).unlink(missing_ok=True)


def _npy_from(work: Work, path: Path) -> None:
    """The partial file behind a .npy header, copied in pieces."""
    with path.open("wb") as file, work.partial.open("rb") as source:
        header = {"descr": np.lib.format.dtype_to_descr(work.dtype), "fortran_order": False, "shape": (work.n, work.n)}
        np.lib.format.write_array_header_1_0(file, header)
        while piece := source.read(1 << 24):
            file.write(piece)


@contextmanager
def _bar(progress: bool, total: int, n_done: int) -> Iterator[Callable[[int], None]]:
    """A progress bar of pairs on stderr; None without progress. n_done : by an earlier, killed call."""
    if not progress:
        yield lambda n: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("pairs"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("pairs", total=total, completed=n_done)
        yield lambda n: bar.update(task, advance=n)
