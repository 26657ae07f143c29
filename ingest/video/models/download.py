"""Download one file over HTTP: it resumes, tries each address in turn, and accepts no other scheme."""

from __future__ import annotations

import contextlib
import http.client
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from neurostore.errors import ModelError

_CHUNK = 1 << 20
_LOOPBACK = ("localhost", "127.0.0.1", "::1")

Progress = Callable[[int, int | None], None]  # bytes so far, total bytes if known


@dataclass(frozen=True)
class Address:
    """An http(s) URL. token : bearer token, sent to this URL's host alone and never to where it redirects."""

    url: str
    token: str | None = None

    def __post_init__(self) -> None:
        parts = urllib.parse.urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ModelError(
                f"{self.url}: a model is fetched from http:// or https:// addresses only, found scheme "
                f"{parts.scheme or 'none'!r}; download it yourself and give it with --from FILE"
            )
        if self.token and parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            raise ModelError(f"{self.shown}: a token is not sent over plain http; use an https address or no token")

    @property
    def shown(self) -> str:
        """The URL without its query (a pre-signed link carries its secret there) and without user and password."""
        parts = urllib.parse.urlsplit(self.url)
        host = parts.hostname or ""
        return f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}{parts.path}"


def fetch(
    addresses: Sequence[Address],
    target: Path,
    *,
    progress: Progress | None = None,
    attempts: int = 4,
    wait_s: float = 1.0,
    timeout_s: float = 60.0,
    limit_bytes: int = 1 << 36,
) -> Address:
    """Download to ``target``; bytes already there are kept and the rest is asked for by HTTP range.

    Each address gets ``attempts`` tries, with growing waits; a try that brought new bytes does not count.

    Raises
    ------
    ModelError : no address gave the whole file; the message holds what each one answered. ``target`` then
        holds what has arrived, so that a later call goes on from there.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    failures = []
    for address in addresses:
        tries = 0
        while tries < attempts:
            before = _size(target)
            try:
                _fetch_once(address, target, progress, timeout_s, limit_bytes)
                return address
            except urllib.error.HTTPError as error:
                failure = f"{address.shown}: HTTP {error.code} {error.reason}"
                error.close()
                if error.code < 500 and error.code not in (408, 416, 429):
                    failures.append(failure)
                    break
            except (OSError, http.client.HTTPException, _ShortError) as error:
                failure = f"{address.shown}: {getattr(error, 'reason', None) or error or type(error).__name__}"
            tries = 0 if _size(target) > before else tries + 1
            if tries == attempts:
                failures.append(failure)
            elif tries:
                time.sleep(wait_s * 2 ** (tries - 1))
    raise ModelError("no address gave the whole file: " + "; ".join(failures or ["none is configured"]))


class _ShortError(Exception):
    """The server stopped before the end."""


def _fetch_once(address: Address, target: Path, progress: Progress | None, timeout_s: float, limit_bytes: int) -> None:
    start = _size(target)
    request = urllib.request.Request(address.url, headers={"User-Agent": "neurostore", "Accept-Encoding": "identity"})
    if start:
        request.add_header("Range", f"bytes={start}-")
    if address.token:
        request.add_unredirected_header("Authorization", f"Bearer {address.token}")
    try:
        response = _opener().open(request, timeout=timeout_s)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # the server has no further bytes: the file is complete, or another file
            whole = (error.headers.get("Content-Range") or "").rpartition("/")[2]
            error.close()
            if whole == str(start):
                return
            target.unlink(missing_ok=True)
            raise _ShortError("the server holds another file than the part kept here; starting again") from None
        raise
    with response:
        if start and response.status != 206:  # the server ignores ranges: start from the beginning
            start = 0
        elif start and not (response.headers.get("Content-Range") or "").startswith(f"bytes {start}-"):
            target.unlink(missing_ok=True)
            raise _ShortError("the server answered with another range than the one asked for; starting again")
        length = response.headers.get("Content-Length")
        total = start + int(length) if length is not None else None
        with target.open("ab" if start else "wb") as file:
            done = start
            while chunk := response.read(_CHUNK):
                file.write(chunk)
                done += len(chunk)
                if done > limit_bytes:
                    target.unlink()
                    raise ModelError(f"{address.shown}: sends more than {limit_bytes} bytes; this is not the model")
                if progress:
                    progress(done, total)
        if total is not None and done < total:
            raise _ShortError(f"the connection ended after {done} of {total} bytes")


def _opener() -> urllib.request.OpenerDirector:
    """http and https alone, so that no redirect reaches a file or an FTP server; proxies as the system says."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


@contextlib.contextmanager
def alone(target: Path, name: str) -> Iterator[None]:
    """Hold the file that a download is appended to: two processes that did so would leave neither's file.

    Raises
    ------
    ModelError : another process holds it.
    """
    import fcntl

    target.parent.mkdir(parents=True, exist_ok=True)
    lock = target.with_name(f"{target.name}.lock")
    with lock.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ModelError(f"another process is downloading {name}; wait until it has finished") from None
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # keep the part for the next call
                target.parent.rmdir()
