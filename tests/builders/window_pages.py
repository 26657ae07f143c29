"""Headless Chromium on the pages of the window: opening, waiting, finding, pressing."""

from __future__ import annotations

import time

from tests.builders.browser import wait

TRIAL = "#/trial/H01/ses1/walk_01"


def open_trial(driver, address: str = TRIAL) -> None:
    driver.execute_script("location.hash = '#/query'")
    wait(driver, "document.querySelector('textarea')")
    driver.execute_script("location.hash = arguments[0]", address)
    wait(driver, f"document.querySelector('#page').dataset.ready === '{address[8:]}'")


def find(driver, selector: str):
    from selenium.webdriver.common.by import By

    return driver.find_element(By.CSS_SELECTOR, selector)


def at_use(act, times: int = 20):
    """What act does with elements that it looks up itself; again if the page was redrawn in between."""
    from selenium.common.exceptions import StaleElementReferenceException

    for left in reversed(range(times)):
        try:
            return act()
        except StaleElementReferenceException:
            if not left:
                raise
            time.sleep(0.05)
    raise AssertionError


def click(driver, selector: str) -> None:
    """Click the element that is there now."""
    at_use(lambda: find(driver, selector).click())


def press(driver, selector: str, pressed: str) -> None:
    """Send keys to the element that is there now."""
    at_use(lambda: find(driver, selector).send_keys(pressed))


def keys(driver, *pressed: str) -> None:
    from selenium.webdriver import ActionChains

    ActionChains(driver).send_keys(*pressed).perform()


def hand(driver, index: int, side: str = "left", event: str = "foot_strike"):
    """The n-th handle of one kind, in order of time, with the time that it names."""
    script = (
        "return [...document.querySelectorAll(`.handle.${arguments[0]}.${arguments[1]}`)]"
        ".map((e) => [e, Number(e.getAttribute('aria-label').match(/at ([\\d.]+) s/)[1])]).sort((a, b) => a[1] - b[1])[arguments[2]]"
    )
    return driver.execute_script(script, side, event, index)
