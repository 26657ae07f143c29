"""Who may ask: every request that is not ours is refused before anything is read or written."""

from __future__ import annotations

import socket
import time

import pytest

KEY = "subject=H01&session=ses1&trial=walk_01"
WRITES = ("preview", "decisions", "sql")


def test_the_first_address_sets_a_cookie_and_hides_the_token(server):
    status, _, headers = server.ask(server.address[len(f"http://{server.host}") :], Cookie=None)
    assert status == 303
    assert headers["location"] == "/"
    cookie = headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Path=/" in cookie
    token = server.address.partition("token=")[2]
    assert token not in cookie
    assert server.cookie.partition("=")[0].endswith(server.host.partition(":")[2])  # other ports have other cookies


@pytest.mark.parametrize("cookie", [None, "", "neurostore=x", "neurostore_1=abc; other=1"])
def test_without_the_cookie_nothing_is_shown(server, cookie):
    for path in ("/", "/static/main.js", "/api/state", f"/api/trial?{KEY}", f"/api/video?{KEY}"):
        status, content, _ = server.ask(path, Cookie=cookie)
        assert status == 401, path
        assert b"token" in content


def test_a_wrong_token_sets_no_cookie(server):
    status, _, headers = server.ask("/?token=wrong", Cookie=None)
    assert status == 401
    assert "set-cookie" not in headers


@pytest.mark.parametrize("host", ["example.org", "example.org:80", "127.0.0.1", "127.0.0.1.example.org", "", "[::1]"])
def test_another_host_is_refused_even_with_the_cookie(server, host):
    status, content, headers = server.ask("/api/state", Host=host)
    assert status in (400, 421), content
    assert "set-cookie" not in headers


@pytest.mark.parametrize("origin", ["http://example.org", "null", "https://127.0.0.1", "http://localhost:1"])
@pytest.mark.parametrize("name", WRITES)
def test_a_page_of_another_origin_may_not_write(server, name, origin):
    status, _, _ = server.ask(f"/api/{name}", {}, Origin=origin)
    assert status == 403


@pytest.mark.parametrize("name", WRITES)
def test_what_may_write_needs_an_origin_and_json(server, name):
    assert server.ask(f"/api/{name}", {}, Origin=None)[0] == 403
    assert server.ask(f"/api/{name}", {}, Content_Type="text/plain")[0] == 415
    assert server.ask(f"/api/{name}", {}, Content_Type="application/x-www-form-urlencoded")[0] == 415
    assert server.ask(f"/api/{name}", b"not json")[0] == 400
    assert server.ask(f"/api/{name}", {}, Cookie=None)[0] == 401
    assert server.ask(f"/api/{name}", b" " * 300_000)[0] == 413
    assert server.ask(f"/api/{name}")[0] == 405  # not by GET


@pytest.mark.parametrize("n_bytes", [2, 300_000])
def test_a_refusal_is_read_even_when_the_body_comes_after_it(server, n_bytes):
    name, _, port = server.host.partition(":")
    head = f"POST /api/preview HTTP/1.1\r\nHost: {server.host}\r\nContent-Length: {n_bytes}\r\n\r\n"
    with socket.create_connection((name, int(port)), timeout=20) as connection:
        connection.sendall(head.encode())
        time.sleep(0.1)  # the server has answered by now
        connection.sendall(b" " * n_bytes)
        time.sleep(0.1)  # and a closed one has been reset
        assert connection.recv(4096).startswith(b"HTTP/1.1 403 ")
        connection.sendall(f"GET /api/state HTTP/1.1\r\nHost: {server.host}\r\n\r\n".encode())
        received = b""
        while b"HTTP/1.1 401 " not in received:  # the next answer on the same connection
            received += connection.recv(4096) or pytest.fail(f"closed after {received!r}")


def test_a_page_of_another_site_may_not_read(server):
    assert server.ask("/api/state", Sec_Fetch_Site="cross-site")[0] == 403
    assert server.ask("/api/state", Origin="http://example.org")[0] == 403
    assert server.ask("/api/state", Sec_Fetch_Site="same-origin")[0] == 200
    assert server.ask("/", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate", Cookie=None)[0] == 401


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH"])
def test_other_methods_are_refused(server, method):
    status, _, headers = server.ask("/api/state", method=method, Origin=f"http://{server.host}")
    assert status == 405
    assert not [name for name in headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize("path", ["/", "/static/main.js", "/api/state", "/nowhere"])
def test_every_answer_has_the_policy(server, path):
    _, _, headers = server.ask(path)
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    "path",
    ["/static/app.py", "/static/../app.py", "/static/..%2fapp.py", "/static/%2e%2e/%2e%2e/cli.py", "/static//etc/hostname",
     "/static/guard.py", "/api/video?subject=..&session=&trial=..", "/api/video?subject=H01&session=ses1&trial=../walk_01"],
)  # fmt: skip
def test_no_path_from_a_browser_reaches_a_file(server, path):
    status, content, _ = server.ask(path)
    assert status in (400, 404)
    assert b"import" not in (content if isinstance(content, bytes) else str(content).encode())


def test_read_only_stores_nothing(server, made):
    from neurostore.api import open as open_lake

    before = open_lake(made / "lake").version
    body = {
        "subject": "H01",
        "session": "ses1",
        "trial": "walk_01",
        "version": before,
        "decisions": [{"action": "exclude", "reason": "x"}],
    }
    status, content, _ = server.ask("/api/decisions", body)
    assert status == 403
    assert "--reviewer" in content["error"]
    assert open_lake(made / "lake").version == before


def test_only_this_machine_is_listened_to(server):
    port = int(server.host.partition(":")[2])
    with open("/proc/net/tcp") as file:
        listening = [line.split()[1] for line in file if line.split()[3] == "0A"]
    addresses = {address.partition(":")[0] for address in listening if int(address.partition(":")[2], 16) == port}
    assert addresses == {"0100007F"}  # 127.0.0.1


def test_free_queries_only_read_the_lake(server):
    status, found, _ = server.ask("/api/sql", {"query": "SELECT count(*) AS n FROM trials"})
    assert (status, found["columns"], found["rows"]) == (200, ["n"], [[6]])
    for query in (
        "SELECT * FROM read_text('/etc/hostname')",
        "DROP TABLE trials",
        "SELECT 1; SELECT 2",
        "COPY trials TO 'x.csv'",
        "",
    ):
        status, found, _ = server.ask("/api/sql", {"query": query})
        assert status == 400, query
        assert found["error"]
