"""Draws the pictures of the README from the demonstration's report: ``docs/pictures.py [DEMO]``, with headless Chromium.

report.png is the top of the page, player.png a person's skeleton, curves.png the knee over the gait cycle by group. Where
DEMO is no folder with a report, the demonstration is made first, in a temporary folder.
"""

from __future__ import annotations

import base64
import io
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

PICTURES = Path(__file__).parent / "pictures"
WIDTH = 1100
MOST_COLOURS = 96


def chromium() -> Any:
    """A headless browser of the width of the pictures.

    Raises
    ------
    SystemExit : Chromium or its driver is not installed.
    """
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if not (program and driver):
        raise SystemExit("the pictures need Chromium and chromedriver: apt-get install chromium chromium-driver")
    options = Options()
    options.binary_location = program
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        f"--window-size={WIDTH},760",
    ):
        options.add_argument(argument)
    return webdriver.Chrome(options=options, service=Service(driver))


def save(picture: str, png: bytes) -> None:
    """Write a picture with few colours, so that it stays small."""
    from PIL import Image

    image = Image.open(io.BytesIO(png)).convert("RGB").quantize(MOST_COLOURS, dither=Image.Dither.NONE)
    image.save(PICTURES / picture, optimize=True)
    print(f"{PICTURES / picture}: {(PICTURES / picture).stat().st_size / 1000:.0f} kB")


def part(browser: Any, script: str) -> bytes:
    """A picture of the element that a script returns, with all that is drawn in it."""
    box = browser.execute_script(
        f"const e = (() => {{ {script} }})(); e.scrollIntoView({{block: 'center'}}); const b = e.getBoundingClientRect();"
        "return {x: b.x + scrollX, y: b.y + scrollY, width: b.width, height: b.height, scale: 1};"
    )
    time.sleep(2.0)  # plotly and the player draw when they come into view
    taken = browser.execute_cdp_cmd("Page.captureScreenshot", {"clip": box, "captureBeyondViewport": True})
    return base64.b64decode(taken["data"])


def draw(report: Path) -> None:
    """The three pictures of a report."""
    browser = chromium()
    try:
        browser.get(report.resolve().as_uri())
        time.sleep(3.0)
        save("report.png", browser.get_screenshot_as_png())
        save("curves.png", part(browser, CURVES))
        save("player.png", part(browser, PLAYER))
    finally:
        browser.quit()


CURVES = "return document.getElementById('figure-group-curves-knee_flexion').closest('.grid').parentElement;"
PLAYER = "return document.querySelector('.player');"


def main() -> None:
    """Make the demonstration if needed, and draw."""
    from neurostore.demo import run

    PICTURES.mkdir(exist_ok=True)
    given = Path(sys.argv[1]) / "report.html" if len(sys.argv) > 1 else None
    if given is not None and given.is_file():
        draw(given)
        return
    with tempfile.TemporaryDirectory() as folder:
        draw(run(Path(folder) / "demo")["report"])


if __name__ == "__main__":
    main()
