"""The routes of the window: each answer is one function over the shelf, as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurostore.errors import ConflictError, LakeError, MissingExtraError, NeurostoreError, UsageError
from neurostore.lake import releases
from neurostore.release import VERSION, how_to_install
from neurostore.window import comparison, deciding, trial, videos
from neurostore.window.guard import Guard

if TYPE_CHECKING:
    from starlette.requests import Request

    from neurostore.trial_key import Key
    from neurostore.window.shelf import Shelf

ASSETS = {
    "index.html": "text/html; charset=utf-8",
    "window.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
SCRIPTS = (
    "main.js", "api.js", "dom.js", "cohort.js", "trial.js", "chart.js", "events.js", "dialogs.js", "compare.js",
    "query.js", "panels.js", "drafts.js",
)  # fmt: skip
_STATUS: tuple[tuple[type[NeurostoreError], int], ...] = (
    (UsageError, 400), (ConflictError, 409), (LakeError, 503), (NeurostoreError, 500),
)  # fmt: skip


class Window:
    """What the routes share.

    Attributes
    ----------
    reviewer : the code that decisions are stored under; None shows only. cohort : the folder with source videos.
    """

    def __init__(self, shelf: Shelf, reviewer: str | None = None, cohort: Path | None = None):
        self.shelf, self.reviewer, self.cohort = shelf, reviewer, cohort

    def state(self, request: Request) -> Any:
        """The lake, who reviews, and what is chosen."""
        shelf = self.shelf
        return {
            "lake": shelf.path.rstrip("/").rsplit("/", 1)[-1],
            "version": shelf.lake().version,
            "state": releases.state_text(shelf.lake()),
            "is_release": shelf.lake().released is not None,
            "n_trials": len(shelf.trials()),
            "reviewer": self.reviewer,
            "reference": shelf.reference,
            "software": VERSION,
        }

    def cohort_table(self, request: Request) -> Any:
        """The rows of the cohort page."""
        reference = request.query_params.get("reference", self.shelf.reference) or None
        return self.shelf.cohort.table(reference)

    def trial(self, request: Request) -> Any:
        """A trial with its first curves."""
        key = _key(request)
        row = self.shelf.trial(key)
        with self.shelf.bench(*key[:2]) as bench:
            opened = trial.opening(bench, key, row)
        path = videos.video_of(row, self.cohort)
        playable = path is not None and videos.media_type(path) is not None
        return {**opened, "video": {"name": path.name, "is_playable": playable} if path else None}

    def skeleton(self, request: Request) -> Any:
        """The skeleton of a trial for the player."""
        key = _key(request)
        row = self.shelf.trial(key)
        with self.shelf.bench(*key[:2]) as bench:
            return trial.clip(bench, key, row)

    def gait(self, request: Request) -> Any:
        """Events, cycles, parameters and decisions of a trial."""
        key = _key(request)
        self.shelf.trial(key)
        with self.shelf.bench(*key[:2]) as bench:
            return {
                "version": bench.version,
                **trial.gait(bench, key),
                "file_events": trial.file_events(bench, key),
                "decisions": trial.decisions(bench, key),
            }

    def measured(self, request: Request) -> Any:
        """Forces, moments, powers and EMG of a trial."""
        key = _key(request)
        self.shelf.trial(key)
        with self.shelf.bench(*key[:2]) as bench:
            return {
                "forces": trial.forces(bench, key),
                "kinetics": trial.kinetics(bench, key),
                "emg": trial.emg(bench, key),
            }

    def preview(self, request: Request, body: Any) -> Any:
        """A trial as it would be with drafted decisions."""
        key, drafts = deciding.drafts_of(body)
        self.shelf.trial(key)
        with self.shelf.bench(*key[:2]) as bench, bench.drafted(key, deciding.preview_rows(bench, key, drafts)):
            return trial.gait(bench, key)

    def decide(self, request: Request, body: Any) -> Any:
        """Store decisions, all or none."""
        if self.reviewer is None:
            raise Refused("this window is read-only: start it with --reviewer CODE to store decisions")
        return deciding.store(self.shelf, self.reviewer, body)

    def compare(self, request: Request) -> Any:
        """Curves of trials or cycles over each other, with the band of a group."""
        items = [comparison.item_of(text) for text in request.query_params.getlist("item")]
        return comparison.curves(self.shelf, items, request.query_params.get("group") or None)

    def neighbours(self, request: Request) -> Any:
        """The trials that are most like one."""
        key = _key(request)
        self.shelf.trial(key)
        return comparison.neighbours(self.shelf, key)

    def query(self, request: Request, body: Any) -> Any:
        """A free SELECT, run by the locked child process."""
        from neurostore.lake import locked

        text = body.get("query") if isinstance(body, dict) else None
        if not isinstance(text, str) or not text.strip():
            raise UsageError("the query is empty; write one SELECT")
        rows = locked.run(self.shelf.lake(), text, time_limit_s=20, memory_limit_mb=512, row_limit=100_000)
        shown = rows.head(1000)
        return {
            "columns": rows.columns,
            "n_rows": rows.height,
            "rows": [[_shown(value) for value in row] for row in shown.iter_rows()],
        }


class Refused(NeurostoreError):
    """A request that the window refuses."""


def build(window: Window, token: str, hosts: tuple[str, ...]) -> Guard:
    """The whole application behind its guard.

    Raises
    ------
    MissingExtraError : starlette is not installed.
    """
    try:
        from starlette.applications import Starlette
        from starlette.routing import Route
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"neurostore serve needs {error.name}: {how_to_install('app')}") from None
    readings = {
        "state": window.state, "cohort": window.cohort_table, "trial": window.trial, "skeleton": window.skeleton,
        "gait": window.gait, "measured": window.measured, "compare": window.compare, "neighbours": window.neighbours,
    }  # fmt: skip
    writings = {"preview": window.preview, "decisions": window.decide, "sql": window.query}
    routes = [Route("/", _asset("index.html")), Route("/static/{name}", _static), Route("/favicon.ico", _icon)]
    routes += [Route(f"/api/{name}", _answering(read)) for name, read in readings.items()]
    routes += [Route(f"/api/{name}", _taking(write), methods=["POST"]) for name, write in writings.items()]
    routes.append(Route("/api/video", _showing(window)))
    return Guard(Starlette(routes=routes), token, hosts)


def _answering(read: Callable[[Request], Any]) -> Any:
    async def endpoint(request: Request) -> Any:
        return await _answer(lambda: read(request))

    return endpoint


def _taking(write: Callable[[Request, Any], Any]) -> Any:
    async def endpoint(request: Request) -> Any:
        content = await request.body()

        def work() -> Any:
            try:
                body = json.loads(content)
            except (ValueError, RecursionError):
                raise UsageError("the body of the request is not JSON; expected a JSON object") from None
            return write(request, body)

        return await _answer(work)

    return endpoint


async def _answer(work: Callable[[], Any]) -> Any:
    """The result of some work in a thread as JSON, or its named error."""
    from starlette.concurrency import run_in_threadpool
    from starlette.responses import Response

    def worked() -> tuple[int, bytes]:
        try:
            status, body = 200, work()
        except NeurostoreError as error:
            status = 403 if isinstance(error, Refused) else next(s for kind, s in _STATUS if isinstance(error, kind))
            body = {"error": str(error), "kind": type(error).__name__}
        except OSError as error:
            status, body = 503, {"error": f"{error.strerror or error}: correct this and try again", "kind": "OSError"}
        return status, json.dumps(body, default=_shown, allow_nan=False, separators=(",", ":")).encode("utf-8")

    status, content = await run_in_threadpool(worked)
    return Response(content, status, media_type="application/json")


def _shown(value: Any) -> Any:
    """A value for JSON: NaN and infinity as null, other types as text."""
    if isinstance(value, float):
        return value if value - value == 0 else None
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, dict):
        return {str(k): _shown(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_shown(v) for v in value]
    return str(value)


def _key(request: Request) -> Key:
    given = request.query_params
    missing = [name for name in ("subject", "trial") if not given.get(name)]
    if missing:
        raise UsageError(f"the address lacks {' and '.join(missing)}")
    return given["subject"], given.get("session", ""), given["trial"]


@lru_cache
def _content(name: str) -> bytes:
    package = "neurostore.report" if name == "player.js" else str(__package__)
    return (resources.files(package) / name).read_bytes()


def _asset(name: str) -> Any:
    async def endpoint(request: Request) -> Any:
        from starlette.responses import Response

        kind = ASSETS.get(name, "text/javascript; charset=utf-8")
        return Response(_content(name), media_type=None, headers={"content-type": kind})

    return endpoint


async def _static(request: Request) -> Any:
    from starlette.responses import PlainTextResponse

    name = request.path_params["name"]
    if name not in (*ASSETS, *SCRIPTS, "player.js"):
        return PlainTextResponse("no such file", 404)
    return await _asset(name)(request)


async def _icon(request: Request) -> Any:
    return await _asset("icon.svg")(request)


def _showing(window: Window) -> Any:
    async def endpoint(request: Request) -> Any:
        return await _video(window, request)

    return endpoint


async def _video(window: Window, request: Request) -> Any:
    """The trial's own video, in parts as the browser seeks."""
    from starlette.concurrency import run_in_threadpool
    from starlette.responses import FileResponse, JSONResponse

    try:
        row = await run_in_threadpool(lambda: window.shelf.trial(_key(request)))
    except NeurostoreError as error:
        return JSONResponse({"error": str(error)}, 400)
    path = videos.video_of(row, window.cohort)
    kind = videos.media_type(path) if path else None
    if path is None or kind is None:
        return JSONResponse({"error": "there is no video of this trial that a browser can play"}, 404)
    return FileResponse(path, media_type=kind)
