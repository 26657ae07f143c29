"""Which requests are allowed: host, origin, token and cookie are checked before anything else reads a request.

The server listens on this machine only, but every page in its browser can send requests here. So a request must name
this server as its host (a foreign name that was made to point here does not), carry the cookie that only the first URL
with the token sets, and, where it comes from a page, come from one of ours.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Any
from urllib.parse import parse_qs

from neurostore.wording import is_whole

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
SAFE = frozenset({"GET", "HEAD"})
MOST_BYTES = 256 * 1024  # largest body of a request


class Guard:
    """ASGI middleware around the whole window.

    Parameters
    ----------
    app : the window. token : what the first URL must carry. hosts : names, with the port, that this server has.
    """

    def __init__(self, app: Any, token: str, hosts: tuple[str, ...]):
        self.app, self.token, self.hosts = app, token, hosts
        # Cookies are shared between the ports of a machine, so the name has the port in it.
        self.cookie_name = f"neurostore_{hosts[0].rpartition(':')[2]}"
        self.cookie = secrets.token_urlsafe(32)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # no websockets: the server closes the connection
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        problem = self._problem(scope, headers)
        if problem is not None:
            await _answer(send, *problem)
            return
        token = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if token:
            await self._first(scope, token, send)
            return
        if not self._has_cookie(headers):
            await _answer(send, 401, "open the address with the token that `neurostore serve` printed")
            return
        await self.app(scope, receive, _with_headers(send))

    def _problem(self, scope: Any, headers: dict[str, str]) -> tuple[int, str] | None:
        host, origin = headers.get("host", ""), headers.get("origin")
        names = [name for name, _ in scope["headers"]]
        if host not in self.hosts or names.count(b"host") != 1:
            return 421, f"this server is {' or '.join(self.hosts)}; the request names another host"
        is_safe = scope["method"] in SAFE
        if origin is not None and origin != f"http://{host}":
            return 403, "the request comes from a page of another origin"
        if not is_safe and origin is None:
            return 403, "a request that may change something needs the header Origin"
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and not _is_visit(scope, headers):
            return 403, "the request comes from a page of another site"
        if scope["method"] not in (*SAFE, "POST"):
            return 405, "GET, HEAD and POST are answered"
        if not is_safe:
            return _wrong_body(headers)
        return None

    async def _first(self, scope: Any, token: str, send: Any) -> None:
        """The visit with the token: sets the cookie and leads to the same page without the token."""
        if scope["method"] not in SAFE or not _same(token, self.token):
            await _answer(send, 401, "this is not the token of this server; open the address that it printed")
            return
        cookie = f"{self.cookie_name}={self.cookie}; Path=/; HttpOnly; SameSite=Strict"
        await _answer(send, 303, "", [(b"location", b"/"), (b"set-cookie", cookie.encode("ascii"))])

    def _has_cookie(self, headers: dict[str, str]) -> bool:
        pairs = (part.strip().partition("=") for part in headers.get("cookie", "").split(";"))
        return any(name == self.cookie_name and _same(value, self.cookie) for name, _, value in pairs)


def _is_visit(scope: Any, headers: dict[str, str]) -> bool:
    """Whether somebody followed a link to the first page: it shows nothing without the token or the cookie."""
    return scope["method"] == "GET" and scope["path"] == "/" and headers.get("sec-fetch-mode") == "navigate"


def _wrong_body(headers: dict[str, str]) -> tuple[int, str] | None:
    if headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        return 415, "the body must be application/json"
    length = headers.get("content-length", "")
    if not is_whole(length):
        return 411, "the header Content-Length is missing"
    return (413, f"the body is larger than {MOST_BYTES} bytes") if int(length) > MOST_BYTES else None


def _same(one: str, other: str) -> bool:
    """Whether two secrets are equal, in a time that does not reveal where they differ."""
    digests = (hashlib.sha256(text.encode("utf-8", "replace")).digest() for text in (one, other))
    return secrets.compare_digest(*digests)


def _with_headers(send: Any) -> Any:
    async def sending(message: Any) -> None:
        if message["type"] == "http.response.start":
            given = {name.lower() for name, _ in message["headers"]}
            ours = [(n.encode(), v.encode()) for n, v in HEADERS.items() if n.encode() not in given]
            message = {**message, "headers": [*message["headers"], *ours]}
        await send(message)

    return sending


async def _answer(send: Any, status: int, text: str, headers: list[tuple[bytes, bytes]] | None = None) -> None:
    ours = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
    # The connection stays open: closed over a body that is still on its way, it would be reset, and the answer lost.
    kind = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": status, "headers": [*ours, *kind, *(headers or ())]})
    await send({"type": "http.response.body", "body": text.encode("utf-8")})
