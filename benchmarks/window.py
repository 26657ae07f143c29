"""How fast the window is: time of each answer and page, frames per second of a drag, memory of the server.

Run: python benchmarks/window.py [--trials 2000] [--lake LAKE]. Without --lake, one is made of walks as in
benchmarks/scale.py. Shown are wall-clock time, processor time of the server (which other load hardly changes), the most
memory that it has had so far, and the load of the machine. Pages are measured in headless Chromium where it is
installed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

DRAG = """
const done = arguments[0];
const handle = [...document.querySelectorAll('.handle.left.foot_strike')][1];
const box = handle.getBoundingClientRect(), at = { pointerId: 1, bubbles: true, button: 0, buttons: 1, clientY: box.y + 9 };
handle.setPointerCapture = () => {};
handle.dispatchEvent(new PointerEvent('pointerdown', { ...at, clientX: box.x + 9 }));
const start = performance.now(), before = neurostore.page.acts.frames;
let n = 0;
function step(now) {
  handle.dispatchEvent(new PointerEvent('pointermove', { ...at, clientX: box.x + 9 + 12 * Math.sin(n++ / 10) }));
  if (now - start < 3000) requestAnimationFrame(step);
  else {
    handle.dispatchEvent(new PointerEvent('pointercancel', at));
    done((neurostore.page.acts.frames - before) / ((now - start) / 1000));
  }
}
requestAnimationFrame(step);
"""


def processor_s(pid: int) -> float:
    """Processor time of a process, all threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int) -> float:
    """Most memory that a process has had."""
    line = next(x for x in Path(f"/proc/{pid}/status").read_text().splitlines() if x.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def measured(server: Any, what: str, work: Callable[[], Any], repeat: int = 5) -> Any:
    """Print the median wall-clock and processor time of some work; return its last result."""
    walls, cpus, result = [], [], None
    for _ in range(repeat):
        wall, cpu = time.monotonic(), processor_s(server.process.pid)
        result = work()
        walls.append(time.monotonic() - wall)
        cpus.append(processor_s(server.process.pid) - cpu)
    line = f"{what:44s} {1000 * statistics.median(walls):8.0f} ms wall {1000 * statistics.median(cpus):8.0f} ms cpu"
    print(f"{line} {memory_mb(server.process.pid):6.0f} MB   load {os.getloadavg()[0]:.1f}", flush=True)
    return result


def answers(server: Any) -> dict[str, Any]:
    """Time of each answer. Returns the trial that was asked for."""
    pending = {"n_pending": 1}

    def computed() -> None:
        nonlocal pending
        while pending["n_pending"]:
            time.sleep(0.5)
            pending = server.get("cohort")

    measured(server, "figures of every trial, in the background", computed, 1)
    table = measured(server, "answer: cohort", lambda: server.get("cohort"))
    trials = table["trials"]
    keys = [{k: trials[i][k] for k in ("subject", "session", "trial")} for i in range(0, len(trials), len(trials) // 6)]
    one, others = keys[0], iter(keys[1:])
    measured(server, "answer: trial of another session, first curves", lambda: server.get("trial", **next(others)))
    measured(server, "answer: trial, once more", lambda: server.get("trial", **one))
    gait = measured(server, "answer: events, cycles, parameters", lambda: server.get("gait", **one))
    event = next(e for e in gait["events"] if (e["side"], e["event"]) == ("left", "foot_strike"))
    shift = iter(range(1, 20))

    def move() -> list[dict[str, Any]]:
        on = {"action": "move_event", "side": "left", "event": "foot_strike", "reason": "benchmark"}
        return [{**on, "time_s": event["time_s"], "new_time_s": event["time_s"] + 0.001 * next(shift)}]

    measured(server, "answer: preview of a moved event", lambda: ask(server, "preview", {**one, "decisions": move()}))
    note = [{"action": "note", "reason": "benchmark"}]
    body = {**one, "version": gait["version"], "decisions": note}
    measured(server, "answer: a decision stored", lambda: ask(server, "decisions", body))
    measured(server, "answer: nearest neighbours", lambda: server.get("neighbours", **one))
    return one


def ask(server: Any, name: str, body: dict[str, Any]) -> Any:
    """A POST that must succeed."""
    status, content, _ = server.ask(f"/api/{name}", body)
    assert status == 200, content
    return content


def pages(server: Any, one: dict[str, Any]) -> None:
    """Time until the first rows and curves are drawn, and frames per second while an event is dragged."""
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--window-size=1280,900",
    ):
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        driver.get(server.address)
        wait(driver, "document.querySelector('tr[data-place]')")

        def cohort() -> None:
            driver.execute_script("location.hash = '#/query'")
            wait(driver, "document.querySelector('textarea')")
            driver.execute_script("location.hash = '#/'")
            wait(driver, "document.querySelector('tr[data-place]')")

        measured(server, "page: cohort, rows drawn", cohort, 3)
        address = "#/trial/" + "/".join(one.values())
        driver.execute_script("location.hash = arguments[0]", address)
        first = wait(driver, "document.querySelector('#page').dataset.firstCurveMs")
        print(f"{'page: trial, first curve drawn':44s} {first:>8} ms wall   load {os.getloadavg()[0]:.1f}")
        wait(driver, "document.querySelector('#page').dataset.ready")
        driver.set_script_timeout(60)
        rate = driver.execute_async_script(DRAG)
        print(f"{'page: frames per second of a drag':44s} {rate:8.0f}   load {os.getloadavg()[0]:.1f}")
    finally:
        driver.quit()


def wait(driver: Any, expression: str) -> Any:
    """The first value of an expression that is not falsy."""
    while not (value := driver.execute_script(f"return {expression}")):
        time.sleep(0.005)
    return value


def main() -> None:
    """Make or open the lake, serve it, measure."""
    from benchmarks.scale import make
    from tests.builders.window_server import running

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--lake", help="a lake that decisions are stored in: a copy")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lake = given.lake or str(Path(folder) / "lake")
        if not given.lake:
            make(lake, given.trials)
        began = time.monotonic()
        with running(lake, "--reviewer", "B1") as server:
            print(f"{'started':44s} {1000 * (time.monotonic() - began):8.0f} ms wall   load {os.getloadavg()[0]:.1f}")
            one = answers(server)
            if shutil.which("chromedriver"):
                pages(server, one)
            print(f"{'memory of the server, at most':44s} {memory_mb(server.process.pid):8.0f} MB")


if __name__ == "__main__":
    main()
