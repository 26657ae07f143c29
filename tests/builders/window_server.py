"""A running `neurostore serve`, asked as a browser asks it."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

#: the trial that the tests change, as parameters of a request and as a condition
KEY = {"subject": "H01", "session": "ses1", "trial": "walk_01"}
WHERE = "subject = 'H01' AND session = 'ses1' AND trial = 'walk_01' AND person = 0"


@dataclass
class Server:
    """A running `neurostore serve`."""

    process: subprocess.Popen
    address: str
    cookie: str = ""

    @property
    def host(self) -> str:
        return urlsplit(self.address).netloc

    def ask(
        self, path: str, body: Any = None, method: str | None = None, **headers: str | None
    ) -> tuple[int, Any, dict]:
        """Status, content and headers of an answer; the content of JSON is parsed. A header that is None is not sent."""
        sent: dict[str, str | None] = {"Host": self.host, "Cookie": self.cookie}
        if body is not None:
            sent |= {"Origin": f"http://{self.host}", "Content-Type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection(self.host, timeout=120)
        try:
            content = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
            connection.putrequest(
                method or ("GET" if body is None else "POST"), path, skip_host=True, skip_accept_encoding=True
            )
            for name, value in sent.items():
                if value is not None:
                    connection.putheader(name, value)
            if content is not None and "Content-Length" not in sent:
                connection.putheader("Content-Length", str(len(content)))
            connection.endheaders(content)
            answer = connection.getresponse()
            text = answer.read()
            is_json = answer.headers.get("content-type", "").startswith("application/json")
            return answer.status, json.loads(text) if is_json else text, dict(answer.headers)
        finally:
            connection.close()

    def get(self, name: str, **values: Any) -> Any:
        """The content of an answer that must be good."""
        status, content, _ = self.ask(f"/api/{name}?{urlencode(values)}")
        assert status == 200, content
        return content

    def enter(self) -> None:
        """Take the cookie that the first address sets."""
        status, _, headers = self.ask(self.address[len(f"http://{self.host}") :])
        assert status == 303
        self.cookie = headers["set-cookie"].partition(";")[0]


@contextmanager
def running(lake, *options: str):
    """A server over a lake, ended however the test ends."""
    command = [sys.executable, "-m", "neurostore.cli", "serve", "--no-browser", "--lake", str(lake), *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        said = []
        for line in process.stderr:
            said.append(line)
            if found := re.search(r"http://127\.0\.0\.1:\d+/\S+", line):
                server = Server(process, found[0])
                server.enter()
                yield server
                return
        raise AssertionError(f"the server did not start: {''.join(said)}")
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def until(true, seconds: float = 120) -> Any:
    """The first value that is not falsy."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := true():
            return value
        time.sleep(0.05)
    raise AssertionError(f"never true: {true}")
