"""What a lake asks of where its bytes are stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Protocol

from neurostore.file_hash import Digest
from neurostore.storage.stored_file import StoredFile


class Store(Protocol):
    """A folder or an object store. The modules `local` and `s3` are one each.

    Paths are absolute: of a local file, or ``s3://bucket/key``.
    """

    def resolve(self, text: str) -> str:
        """The absolute root of a lake. Raises LakeError if a lake cannot be there."""

    def exists(self, path: str) -> bool:
        """Whether there is such a file, or anything below that folder."""

    def size_of(self, path: str) -> int:
        """Bytes of a file; -1 if there is none."""

    def list_files(self, folder: str, *, logs: bool = False) -> list[StoredFile]:
        """Every file below a folder, those of Delta's logs only if asked for."""

    def read_log(self, table_folder: str) -> Iterator[str]:
        """The text of every commit in a Delta table's log, oldest first."""

    def digest(self, path: str) -> Digest | None:
        """Hashes and size of a file; None if there is none."""

    def read_bytes(self, path: str) -> bytes | None:
        """A small file; None if there is none."""

    def open_parquet(self, path: str) -> Any:
        """A pyarrow ParquetFile to read from; to be closed."""

    def write_new(self, path: str, pieces: Iterable[Any]) -> Digest:
        """Write a new file of bytes-like pieces, completely or not at all. Returns its hashes and size."""

    def write_whole(self, path: str, content: Any, *, replace: bool = True) -> bool:
        """Write a small file completely or not at all. Returns False if it exists and must not be replaced."""

    def delete(self, paths: list[str]) -> int:
        """Delete files; those already gone are skipped. Returns how many were deleted, or asked for."""

    def touch(self, path: str) -> None:
        """Renew a file's time."""

    def sync_folder(self, folder: str) -> None:
        """Make the names in a folder survive a power cut."""

    def sync_folders(self, root: str, folder: str) -> None:
        """Make a new folder survive a power cut, with those above it up to the root."""

    def sync_file(self, path: str) -> None:
        """Make a file that another library wrote survive a power cut."""

    def keeps_old_versions(self, root: str) -> bool:
        """Whether the store keeps what is deleted or overwritten."""

    def lock(self, root: str, doing: str, timeout_s: float = 120.0) -> AbstractContextManager[bool]:
        """The lake's lock for writers. Yields whether the last holder died or failed before it was done."""
