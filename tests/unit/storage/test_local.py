"""Files appear whole or not at all."""

from __future__ import annotations

import hashlib
import inspect
import os
import stat

import numpy as np
import pytest
import xxhash

from neurostore import storage
from neurostore.errors import LakeError
from neurostore.storage import local, s3


def names(folder) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def broken():
    yield b"half"
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    "name", sorted(n for n, f in vars(storage.Store).items() if inspect.isfunction(f) and n[0] != "_")
)
@pytest.mark.parametrize("store", [local, s3])
def test_every_store_takes_what_the_protocol_says(store, name):
    expected = list(inspect.signature(getattr(storage.Store, name)).parameters.values())[1:]
    found = list(inspect.signature(getattr(store, name)).parameters.values())[: len(expected)]
    assert [(p.name, p.kind, p.default) for p in found] == [(p.name, p.kind, p.default) for p in expected]


def test_a_new_file_has_the_size_and_hash_of_its_pieces(tmp_path):
    pieces = [b"ab", memoryview(np.arange(3, dtype=np.int32)), bytearray(b"c")]
    content = b"".join(bytes(p) for p in pieces)
    path = tmp_path / "deeper" / "file"
    expected = (hashlib.sha256(content).hexdigest(), len(content), xxhash.xxh3_64_hexdigest(content))
    assert storage.write_new(str(path), pieces) == expected == storage.digest(str(path))
    assert storage.quick_digest(str(path)) == (expected[2], expected[1])
    assert path.read_bytes() == content
    assert names(path.parent) == ["file"]


def test_what_fails_half_way_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(OSError, match="No space left"):
        storage.write_new(str(path), broken())
    with pytest.raises(OSError, match="No space left"):
        storage.write_temporary(str(path), broken())
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


def test_a_failed_rename_leaves_no_temporary_file(tmp_path, monkeypatch):
    def refuse(*paths):
        raise PermissionError(13, "Permission denied")

    temporary = storage.write_temporary(str(tmp_path / "file"), [b"new"])
    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(PermissionError):
        storage.publish(temporary, tmp_path / "file")
    with pytest.raises(PermissionError):
        storage.write_whole(str(tmp_path / "file"), b"new")
    assert names(tmp_path) == []


def test_a_file_that_must_not_be_replaced_stays(tmp_path):
    path = str(tmp_path / "file")
    assert storage.write_whole(path, b"first", replace=False)
    assert not storage.write_whole(path, b"second", replace=False)
    assert storage.read_bytes(path) == b"first"
    assert names(tmp_path) == ["file"]


def test_a_secret_file_is_its_owners_alone(tmp_path):
    local.write_whole(str(tmp_path / "key"), b"secret", mode=0o600)
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600


def test_folders_are_published_whole(tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    (work / "a").write_bytes(b"1")
    storage.publish(work, tmp_path / "done")
    assert names(tmp_path) == ["done"]
    assert names(tmp_path / "done") == ["a"]


@pytest.mark.parametrize("path", ["/a=b", "/a%20", "gs://bucket/x", "s3://B/x", "s3://bucket/a=b"])
def test_paths_that_no_lake_can_have_are_refused(path):
    with pytest.raises(LakeError):
        storage.resolve(path)


def test_json_notices_a_changed_byte(tmp_path):
    path = tmp_path / "a.json"
    storage.write_json(str(path), {"a": 1})
    assert storage.is_intact_json(str(path))
    path.write_bytes(path.read_bytes().replace(b'"a": 1', b'"a": 2'))
    assert storage.is_intact_json(str(path)) is False
    assert storage.is_intact_json(str(tmp_path / "none")) is None
    path.write_text('{"a": 1}')
    assert storage.is_intact_json(str(path)) is None
