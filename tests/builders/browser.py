"""Headless Chromium, driven by selenium."""

from __future__ import annotations

import shutil
import time

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")


def chromium():
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                     "--disable-background-networking", "--window-size=1280,900"):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options=options, service=Service(DRIVER))


def wait(driver, expression: str, seconds: float = 100) -> object:
    """The first value of an expression that is not falsy."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := driver.execute_script(f"return {expression}"):
            return value
        time.sleep(0.05)
    message = driver.execute_script("return document.querySelector('#message')?.textContent")
    raise AssertionError(f"never true: {expression}; shown: {message}")
