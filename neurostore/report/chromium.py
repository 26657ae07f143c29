"""A page printed to PDF by the Chromium or Chrome of this machine: no network, no user profile, no leftover files."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from pathlib import Path

from neurostore.errors import UsageError
from neurostore.storage import temporary

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
LONGEST_S = 180.0
_OPTIONS = (
    "--headless",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--no-pdf-header-footer",
)


def find() -> str:
    """The browser that prints: that of NEUROSTORE_CHROMIUM, else the first found. Raises UsageError if there is none."""
    chosen = os.environ.get("NEUROSTORE_CHROMIUM")
    if chosen:
        path = shutil.which(chosen)
        if path is None:
            raise UsageError(
                f"NEUROSTORE_CHROMIUM is {chosen!r}, which is not a program here; name a Chromium or Chrome"
            )
        return path
    for name in (*NAMES, *PLACES):
        path = shutil.which(name)
        if path is not None:
            return path
    raise UsageError(
        f"a PDF is printed by Chromium or Chrome, and none is on this machine's PATH (looked for {', '.join(NAMES)}); install "
        "one, name it in NEUROSTORE_CHROMIUM, or write OUT.html and print that from any browser"
    )


def print_page(text: str, out: Path) -> None:
    """Print an HTML document into a PDF file, which is complete or absent.

    Raises
    ------
    UsageError : no browser.  OSError : out cannot be written.
    """
    browser = find()
    with temporary.scratch() as folder:
        page, made = folder / "page.html", folder / "page.pdf"
        page.write_text(text, encoding="utf-8")
        output = _run(
            [browser, *_options(), f"--user-data-dir={folder / 'profile'}", f"--print-to-pdf={made}", page.as_uri()],
            folder,
        )
        content = made.read_bytes() if made.exists() else b""
        if not (content.startswith(b"%PDF-") and content.rstrip().endswith(b"%%EOF")):
            last = output.strip().splitlines()[-1:] or ["it gave no message"]
            raise UsageError(
                f"{out}: {browser} printed no complete PDF ({last[0]}); try OUT.html and print that, or name another browser in "
                "NEUROSTORE_CHROMIUM"
            )
    with temporary.replacing(out) as work:
        work.write_bytes(content)


def _options() -> tuple[str, ...]:
    """Chromium refuses its sandbox to the administrator, who is the only user in many containers."""
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    return (*_OPTIONS, "--no-sandbox") if is_root else _OPTIONS


def _environment(folder: Path) -> dict[str, str]:
    """The environment in which a browser writes its temporary files to a folder, unless its path is too long for them.

    Chromium binds a socket in a folder of its own there, and the path of a socket has 103 bytes at most on macOS.
    """
    is_short = len(os.fsencode(folder)) + len("/org.chromium.Chromium.XXXXXX/SingletonSocket") <= 103
    return {**os.environ, "TMPDIR": str(folder)} if is_short else dict(os.environ)


def _run(command: list[str], folder: Path) -> str:
    """Run a browser with all its processes, and end them all; what it wrote to stderr. folder : of its temporary files."""
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True,
        env=_environment(folder),
    ) as browser:  # fmt: skip
        try:
            _, output = browser.communicate(timeout=LONGEST_S)
        except subprocess.TimeoutExpired:
            output = f"no answer within {LONGEST_S:.0f} s".encode()
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(browser.pid, signal.SIGKILL)
    return output.decode("utf-8", errors="replace")
