"""The store that is ``s3://bucket/prefix``, an object store.

An object appears whole under its name or not at all, so nothing is renamed or synced. What a local disk does by hard
link and lock, the store does by conditional put (``If-None-Match``, ``If-Match``): Amazon S3 since 2024, MinIO, Ceph,
Cloudflare R2. Credentials, region and endpoint are those boto3 finds (``AWS_ACCESS_KEY_ID``, ``AWS_PROFILE``,
``AWS_ENDPOINT_URL`` …); deltalake and polars read the same variables, and want ``AWS_ALLOW_HTTP=true`` for an endpoint
without TLS.
"""

from __future__ import annotations

import json
import os
import random
import re
import socket
import threading
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any

from neurostore.errors import ConflictError, LakeError, MissingExtraError
from neurostore.file_hash import Digest, Hasher, digest_of
from neurostore.release import how_to_install
from neurostore.storage.stored_file import StoredFile

LEASE_S = 60.0  # a lease that was not renewed for this long, by the store's clock, has no holder any more
_MOST_AT_ONCE = 1000  # largest number of keys in one delete request


def resolve(text: str) -> str:
    """``s3://bucket/prefix`` from what a user, a shell or pathlib made of it.

    Raises
    ------
    LakeError : no bucket, or a prefix that Delta or hive readers would misread.
    """
    match = re.fullmatch(r"s3a?:/+([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/+(.*?))?/*", text)
    if not match:
        raise LakeError(
            f"{text!r}: expected s3://bucket/prefix with a bucket name of lower-case letters, digits, . and -"
        )
    prefix = re.sub(r"/+", "/", match[2] or "")
    bad = sorted(set(re.findall(r"[%\\=\x00-\x1f\x7f]", prefix)))
    if bad or ".." in prefix.split("/"):
        raise LakeError(f"{text!r}: a lake's path cannot hold {', '.join(map(repr, bad or ['..']))}")
    return f"s3://{match[1]}/{prefix}".rstrip("/")


def split(path: str) -> tuple[str, str]:
    """Bucket and key."""
    bucket, _, key = path.removeprefix("s3://").partition("/")
    return bucket, key


@cache
def _session(pid: int) -> tuple[Any, Any]:
    try:
        import boto3
        from botocore.config import Config
    except ImportError:
        raise MissingExtraError(f"lakes on S3 need boto3: {how_to_install('s3')}") from None
    session = boto3.session.Session()
    return session, session.client("s3", config=Config(retries={"max_attempts": 5, "mode": "standard"}))


def client() -> Any:
    """boto3's client of this process (it must not cross a fork)."""
    return _session(os.getpid())[1]


def filesystem() -> Any:
    """The pyarrow file system with the client's endpoint, region and credentials as they are now."""
    return _filesystem(*settings(), os.getpid())


def settings() -> tuple[str, str, Any]:
    """Endpoint, region and credentials (access_key, secret_key, token; None for none) as they are now."""
    session, held = _session(os.getpid())
    credentials = session.get_credentials()
    frozen = credentials.get_frozen_credentials() if credentials is not None else None
    return held.meta.endpoint_url, held.meta.region_name or "us-east-1", frozen


@cache
def _filesystem(endpoint: str, region: str, credentials: Any, pid: int) -> Any:
    from pyarrow import fs

    options: dict[str, Any] = {"region": region}
    if "amazonaws.com" not in endpoint:
        scheme, _, host = endpoint.partition("://")
        options |= {"scheme": scheme, "endpoint_override": host}
    if credentials is None:
        return fs.S3FileSystem(anonymous=True, **options)
    return fs.S3FileSystem(
        access_key=credentials.access_key, secret_key=credentials.secret_key, session_token=credentials.token, **options
    )


@contextmanager
def _named_errors(path: str) -> Iterator[None]:
    """Turn an error of boto3 into a LakeError that names the object."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        advice = {
            "NoSuchBucket": "there is no such bucket: create it first",
            "AccessDenied": "these credentials do not allow this",
            "InvalidAccessKeyId": "the store does not know these credentials",
            "NotImplemented": "this store does not support a request that a lake needs (conditional put)",
        }.get(code, str(error))
        raise LakeError(f"{path}: {advice}") from error
    except BotoCoreError as error:
        raise LakeError(f"{path}: the store cannot be reached or used: {error}") from error


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def exists(path: str) -> bool:
    """Whether there is such an object, or any below that prefix."""
    bucket, key = split(path)
    with _named_errors(path):
        if size_of(path) >= 0:
            return True
        listing = client().list_objects_v2(Bucket=bucket, Prefix=f"{key}/" if key else "", MaxKeys=1)
    return bool(listing.get("KeyCount"))


def size_of(path: str) -> int:
    """Bytes of an object; -1 if there is none."""
    bucket, key = split(path)
    if not key:
        return -1
    with _named_errors(path):
        try:
            return int(client().head_object(Bucket=bucket, Key=key)["ContentLength"])
        except client().exceptions.ClientError as error:
            if _code(error) in ("404", "NoSuchKey", "NotFound"):
                return -1
            raise


def list_files(folder: str, *, logs: bool = False) -> list[StoredFile]:
    """Every object below a prefix, those of Delta's logs only if asked for."""
    bucket, key = split(folder)
    prefix = f"{key}/" if key else ""
    files = []
    with _named_errors(folder):
        for page in client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for item in page.get("Contents", ()):
                path = item["Key"].removeprefix(prefix)
                if path and not path.endswith("/") and (logs or "_delta_log" not in path.split("/")[:-1]):
                    files.append(StoredFile(path, item["Size"], item["LastModified"].timestamp()))
    return files


def read_log(table_folder: str) -> Iterator[str]:
    """The text of every commit in a Delta table's log, oldest first."""
    folder = f"{table_folder}/_delta_log"
    for file in sorted(list_files(folder, logs=True), key=lambda f: f.path):
        if re.fullmatch(r"\d{20}\.json", file.path):
            yield (read_bytes(f"{folder}/{file.path}") or b"").decode("utf-8")


def delete(paths: list[str]) -> int:
    """Delete objects. Returns how many were asked for: a store does not say which were there."""
    for at in range(0, len(paths), _MOST_AT_ONCE):
        some = paths[at : at + _MOST_AT_ONCE]
        bucket = split(some[0])[0]
        keys = [{"Key": split(p)[1]} for p in some]
        with _named_errors(some[0]):
            answer = client().delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True})
        if answer.get("Errors"):
            first = answer["Errors"][0]
            raise LakeError(f"s3://{bucket}/{first['Key']}: not deleted: {first.get('Message')}")
    return len(paths)


def keeps_old_versions(root: str) -> bool:
    """Whether the bucket keeps what is deleted or overwritten, so that nothing can be erased from it."""
    with _named_errors(root):
        answer = client().get_bucket_versioning(Bucket=split(root)[0])
    return answer.get("Status") in ("Enabled", "Suspended")


def sync_folder(folder: str) -> None:
    """An object store answers when the bytes are safe: nothing is to be done."""


def sync_folders(root: str, folder: str) -> None:
    """Nothing is to be done."""


def sync_file(path: str) -> None:
    """Nothing is to be done."""


def write_new(path: str, pieces: Iterable[Any]) -> Digest:
    """Write a new object of bytes-like pieces. Returns its digest."""
    content = b"".join(pieces)
    write_whole(path, content)
    return digest_of(content)


def open_parquet(path: str) -> Any:
    """A pyarrow ParquetFile that reads what is asked for and no more."""
    import pyarrow.parquet as pq

    return pq.ParquetFile("/".join(split(path)), filesystem=filesystem(), page_checksum_verification=True)


def digest(path: str) -> Digest | None:
    """Hashes and size of an object; None if there is none."""
    response = _get(path)
    if response is None:
        return None
    hasher = Hasher()
    with _named_errors(path):
        for piece in response["Body"].iter_chunks(1 << 20):
            hasher.update(piece)
    return hasher.digest()


def _get(path: str) -> dict[str, Any] | None:
    bucket, key = split(path)
    with _named_errors(path):
        try:
            return client().get_object(Bucket=bucket, Key=key)
        except client().exceptions.NoSuchKey:
            return None


def read_bytes(path: str) -> bytes | None:
    """A small object; None if there is none."""
    response = _get(path)
    if response is None:
        return None
    with _named_errors(path):
        return response["Body"].read()


def write_whole(path: str, content: Any, *, replace: bool = True) -> bool:
    """Write an object. Returns False if it exists and must not be replaced."""
    return _put(path, content, **({} if replace else {"IfNoneMatch": "*"})) is not None


def _put(path: str, content: Any, **condition: str) -> str | None:
    """Write an object under a condition; its mark (ETag), or None if the condition does not hold."""
    bucket, key = split(path)
    body = content if isinstance(content, bytes) else memoryview(content).tobytes()
    with _named_errors(path):
        try:
            return client().put_object(Bucket=bucket, Key=key, Body=body, **condition)["ETag"]
        except client().exceptions.ClientError as error:
            if _code(error) in ("PreconditionFailed", "ConditionalRequestConflict", "412", "409", "NoSuchKey"):
                return None
            raise


def touch(path: str) -> None:
    """Renew an object's time."""
    content = read_bytes(path)
    if content is not None:
        _put(path, content)


@contextmanager
def lock(root: str, doing: str, timeout_s: float = 120.0) -> Iterator[bool]:
    """The lake's lease for writers, as `storage.lock`: one object, taken and renewed by conditional put.

    A holder renews it every quarter of LEASE_S; one that has died is followed after LEASE_S by the store's own clock.
    A holder that slept through its lease finds out when it gives it back. No update is lost even then: each commit
    is compare-and-swap by itself.

    Raises
    ------
    ConflictError : others held it for longer than ``timeout_s``, or took it from this process.
    """
    path = f"{root}/_neurostore/commit.lock"
    me = f"process {os.getpid()} on {socket.gethostname()} ({doing})"
    content = json.dumps({"holder": me, "token": uuid.uuid4().hex}).encode()
    mark, was_abandoned = _take(path, content, timeout_s, f"{root}: {doing}")
    held = [mark]
    stop = threading.Event()

    def renew() -> None:
        while not stop.wait(LEASE_S / 4):
            with suppress(LakeError):  # the next attempt may succeed
                renewed = _put(path, content, IfMatch=held[0])
                if renewed is None:
                    return
                held[0] = renewed

    thread = threading.Thread(target=renew, name="neurostore-lease", daemon=True)
    thread.start()
    is_done = False
    try:
        yield was_abandoned
        is_done = True
    finally:
        stop.set()
        thread.join()
        free = json.dumps({"holder": "", "failed": not is_done}).encode()
        if _put(path, free, IfMatch=held[0]) is None and is_done:
            raise ConflictError(f"{root}: {doing}: the lease ran out while it worked; repeat the command")


def _take(path: str, content: bytes, timeout_s: float, what: str) -> tuple[str, bool]:
    """Take the lease: (its mark, whether its last holder died or failed)."""
    deadline = time.monotonic() + timeout_s
    pause = 0.05
    while True:
        response = _get(path)
        if response is None:
            mark, was_abandoned = _put(path, content, IfNoneMatch="*"), False
            lease: dict[str, Any] = {}
        else:
            lease = _read_lease(response["Body"].read())
            was_abandoned = bool(lease["holder"] or lease.get("failed"))
            is_free = not lease["holder"] or _age_s(response) > LEASE_S
            mark = _put(path, content, IfMatch=response["ETag"]) if is_free else None
        if mark is not None:
            return mark, was_abandoned
        if time.monotonic() > deadline:
            raise ConflictError(
                f"{what}: {lease.get('holder') or 'another process'} has locked the lake for more than {timeout_s:g} s; "
                "wait for it or end it, then repeat the command"
            )
        time.sleep(pause * (0.5 + random.random()))
        pause = min(pause * 1.5, 1.0)


def _read_lease(content: bytes) -> dict[str, Any]:
    try:
        return {"holder": "", **json.loads(content)}
    except ValueError:
        return {"holder": "an unreadable lease"}


def _age_s(response: dict[str, Any]) -> float:
    """Seconds since an object was written, both times by the store's clock."""
    from email.utils import parsedate_to_datetime

    now = parsedate_to_datetime(response["ResponseMetadata"]["HTTPHeaders"]["date"])
    return (now - response["LastModified"]).total_seconds()
