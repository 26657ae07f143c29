"""The window in headless Chromium: each action by mouse and by keyboard, then by SQL on the lake."""

from __future__ import annotations

import shutil
import time

import pytest

from neurostore import reviews
from neurostore.api import open as open_lake
from tests.builders.browser import CHROMIUM, DRIVER, chromium, wait
from tests.builders.trial_video import GREY_A_FRAME, RATE_HZ, add_video
from tests.builders.window_pages import (
    TRIAL,
    at_use,
    click,
    find,
    hand,
    keys,
    open_trial,
    press,
)
from tests.builders.window_server import WHERE, running

pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="no chromium with chromedriver on this machine")


@pytest.fixture(scope="module")
def lake_path(made, tmp_path_factory):
    """A lake that the tests of this module change one after the other."""
    folder = tmp_path_factory.mktemp("browsed")
    shutil.copytree(made / "lake", folder / "lake")
    return folder / "lake"


@pytest.fixture(scope="module")
def filmed(made, lake_path):
    """The cohort's folder with a film of one trial."""
    cohort = lake_path.parent / "cohort"
    add_video(lake_path, cohort, ("C01", "ses1", "walk_01"))
    return cohort


@pytest.fixture(scope="module")
def window(lake_path, filmed):
    with running(lake_path, "--reviewer", "R1", "--reference", "control", "--cohort", str(filmed)) as server:
        yield server


@pytest.fixture(scope="module")
def driver(window):
    one = chromium()
    try:
        one.get(window.address)
        yield one
    finally:
        one.quit()


@pytest.fixture
def trial(driver):
    """The trial freshly opened, with its skeleton, events and curves."""
    open_trial(driver)
    yield driver
    driver.execute_script("while (neurostore.page.drafts().undo()) ;")
    assert [m for m in driver.get_log("browser") if m["level"] == "SEVERE" and "status of 4" not in m["message"]] == []


def stored(path, side: str = "left", event: str = "foot_strike") -> list[float]:
    query = (
        f"SELECT DISTINCT time_s FROM gait_events WHERE {WHERE} AND side = '{side}' AND event = '{event}' ORDER BY 1"
    )
    return open_lake(path).sql(query)["time_s"].to_list()


def store(driver, reason: str = "seen in the curves") -> None:
    """Store by keyboard: s, the reason, Enter."""
    from selenium.webdriver.common.keys import Keys

    before = driver.execute_script("return neurostore.state.version")
    driver.execute_script("document.activeElement.blur()")
    keys(driver, "s")
    wait(driver, "document.querySelector('dialog[open]')")
    if driver.execute_script("return document.querySelector('dialog #reason') !== null"):
        keys(driver, reason)
    keys(driver, Keys.ENTER)
    wait(driver, f"neurostore.state.version > {before} && !document.querySelector('dialog[open]')")
    wait(driver, "document.querySelector('#message').className === 'done'")


def test_cohort_by_keyboard_and_mouse(driver):
    from selenium.webdriver.common.keys import Keys

    driver.execute_script("location.hash = '#/'")
    wait(driver, "document.querySelectorAll('tr[data-place]').length === 6")
    wait(driver, "!document.querySelector('#progress').textContent.includes('computing')")
    shown = "[...document.querySelectorAll('tr[data-place]')].map((r) => r.dataset.key)"
    assert driver.execute_script(f"return {shown}")[0].startswith("C01/")  # outliers first
    keys(driver, "/", "S01 ses2")
    wait(driver, f"JSON.stringify({shown}) === '[\"S01/ses2/walk_01\"]'")
    keys(driver, Keys.ENTER)  # to the rows
    keys(driver, Keys.ENTER)  # opens the trial
    wait(driver, "document.querySelector('#page').dataset.ready === 'S01/ses2/walk_01'")
    driver.execute_script("location.hash = '#/'")
    wait(driver, "document.querySelector('#search')")
    at_use(lambda: find(driver, "#search").clear())
    driver.execute_script(
        "const s = document.getElementById('search'); s.value = ''; s.dispatchEvent(new Event('input'))"
    )
    wait(driver, "document.querySelectorAll('tr[data-place]').length === 6")
    click(driver, ".c-subject button")
    assert driver.execute_script(f"return {shown}")[0] == "C01/ses1/walk_01"
    assert at_use(lambda: find(driver, ".c-subject").get_attribute("aria-sort")) == "ascending"
    click(driver, "tr[data-key='H01/ses1/walk_01'] td")
    wait(driver, "location.hash === '#/trial/H01/ses1/walk_01'")


def test_an_event_is_dragged_and_its_effect_is_shown_before_it_is_stored(trial, lake_path):
    from selenium.webdriver import ActionChains

    time_s = hand(trial, 2)[1]
    before = stored(lake_path)
    pixels = trial.execute_script("const a = neurostore.page.axis; return (a.x(1) - a.x(0)) * 0.03")
    at_use(
        lambda: (
            ActionChains(trial).click_and_hold(hand(trial, 2)[0]).move_by_offset(round(pixels), 0).release().perform()
        )
    )
    moved = hand(trial, 2)[1]
    assert moved - time_s == pytest.approx(0.03, abs=0.004)
    assert stored(lake_path) == before  # nothing is stored yet
    start = "document.querySelector(\"[data-cycle='left 2']\").closest('tr').cells[1].textContent"
    wait(trial, f"{start} === '{moved:.2f}'")  # the cycle begins where the event now is
    value = at_use(lambda: find(trial, ".new[data-side=left][data-name=stance_pct]").get_attribute("data-value"))
    promised = float(value)
    store(trial)
    assert stored(lake_path)[2] == pytest.approx(moved, abs=6e-4)
    query = f"SELECT median(stance_pct) FROM spatiotemporal WHERE {WHERE} AND side = 'left' AND is_steady"
    assert open_lake(lake_path).sql(query).item() == pytest.approx(promised, abs=1e-9)
    last = reviews.listing(open_lake(lake_path)).row(0, named=True)
    assert (last["action"], last["reviewer"], last["reason"], last["basis"]) == (
        "move_event",
        "R1",
        "seen in the curves",
        "window",
    )


def test_events_are_moved_deleted_added_undone_and_redone_by_keyboard(trial, lake_path):
    from selenium.webdriver.common.keys import Keys

    before = stored(lake_path)
    frame = 1 / open_lake(lake_path).sql("SELECT rate_hz FROM trials WHERE subject = 'H01'").row(0)[0]
    time_s = hand(trial, 1)[1]
    at_use(lambda: trial.execute_script("arguments[0].focus()", hand(trial, 1)[0]))
    keys(trial, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert hand(trial, 1)[1] == pytest.approx(time_s + 2 * frame, abs=1.1e-3)
    keys(trial, "u")
    assert hand(trial, 1)[1] == pytest.approx(time_s + frame, abs=1.1e-3)
    keys(trial, "r")
    assert hand(trial, 1)[1] == pytest.approx(time_s + 2 * frame, abs=1.1e-3)
    at_use(lambda: trial.execute_script("arguments[0].focus()", hand(trial, 4)[0]))
    keys(trial, Keys.DELETE)
    assert (
        trial.execute_script("return document.querySelectorAll('.handle.left.foot_strike').length") == len(before) - 1
    )
    trial.execute_script("neurostore.page.acts.time(arguments[0])", before[4] + 0.04)
    trial.execute_script("document.activeElement.blur()")
    keys(trial, "1")
    store(trial)
    after = stored(lake_path)
    assert len(after) == len(before)
    assert after[1] == pytest.approx(before[1] + 2 * frame, abs=1e-6)
    assert after[4] == pytest.approx(before[4] + 0.04, abs=1e-6)
    assert trial.execute_script("return document.querySelector('.changes').textContent") == ""


def test_a_cycle_is_left_out_and_included_again_by_mouse(trial, lake_path):
    query = f"SELECT reason FROM gait_cycles WHERE {WHERE} AND side = 'right' AND cycle = 2"
    trial.execute_script("document.querySelector(\"[data-cycle='right 2']\").click()")
    wait(trial, "document.querySelector('dialog[open] #reason')")
    trial.execute_script("document.querySelector('dialog #reason').value = 'stumbled over a cable'")
    click(trial, "dialog button.main")
    wait(trial, "document.querySelector('.bar-cycle.excluded')")
    assert open_lake(lake_path).sql(query).item() is None
    click(trial, "[data-act=store]")
    wait(trial, "document.querySelector('dialog[open]')")
    click(trial, "dialog button.main")
    wait(
        trial,
        "document.querySelector('#message').className === 'done' && !document.querySelector('.changes').textContent",
    )
    assert open_lake(lake_path).sql(query).item() == "excluded by R1: stumbled over a cable"
    click(trial, ".decisions button[data-review]")  # take back the latest
    wait(trial, "document.querySelector('dialog[open] #reason')")
    version = trial.execute_script("return neurostore.state.version")
    click(trial, "dialog button.main")
    wait(trial, f"neurostore.state.version > {version}")
    assert open_lake(lake_path).sql(query).item() is None


def test_looked_at_counts_on_the_cohort_page(driver, lake_path):
    open_trial(driver, "#/trial/S01/ses1/walk_01")
    version = driver.execute_script("return neurostore.state.version")
    keys(driver, "l")
    wait(driver, f"neurostore.state.version > {version}")
    row = reviews.listing(open_lake(lake_path)).row(0, named=True)
    assert (row["action"], row["subject"], row["reason"]) == ("note", "S01", "looked at")
    looked = open_lake(lake_path).sql("SELECT count(DISTINCT (subject, session, trial)) FROM reviews").item()
    driver.execute_script("location.hash = '#/'")
    wait(driver, f"document.querySelector('#progress')?.textContent.includes('{looked} of 6 looked at')")


def test_what_cannot_be_is_reported_and_not_stored(trial, lake_path):
    version = open_lake(lake_path).version
    trial.execute_script(
        "const d = neurostore.page.drafts(); const e = d.now.events.filter((e) => e.side === 'left' && e.event === 'foot_strike')[1]; d.move(e.id, e.time_s + 0.9)"
    )
    wait(trial, "document.querySelector('.problem').textContent.includes('would pass the left foot_off')")
    assert trial.execute_script("return document.querySelector('[data-act=store]').disabled")
    assert open_lake(lake_path).version == version


def test_two_browsers_at_once(trial, window, lake_path):
    """The second sees what the first stored, and a decision on the same event from an old page is a named conflict."""
    with running(lake_path, "--reviewer", "R2") as other:
        second = chromium()
        try:
            second.get(other.address)
            wait(second, "window.neurostore?.state")
            open_trial(second)
            at = hand(second, 3)[1]
            move = "const d = neurostore.page.drafts(); const e = d.now.events.find((e) => e.side === 'left' && e.event === 'foot_strike' && Math.abs(e.time_s - arguments[0]) < 0.001); d.move(e.id, e.time_s + arguments[1])"
            trial.execute_script(move, at, 0.02)
            second.execute_script(move, at, -0.02)
            store(trial)
            version = open_lake(lake_path).version
            keys(second, "s")
            wait(second, "document.querySelector('dialog[open]')")
            click(second, "dialog button.main")
            said = wait(second, "document.querySelector('#message.error')?.textContent")
            assert "R1 decided move_event on the same part of H01/ses1/walk_01" in said
            assert open_lake(lake_path).version == version
            assert (
                second.execute_script("return document.querySelector('.changes').textContent") == "1 change not stored"
            )
        finally:
            second.quit()


def test_player_cursor_and_curves_move_together(trial):
    from selenium.webdriver.common.keys import Keys

    time_now = "neurostore.page.time()"
    keys(trial, Keys.ARROW_RIGHT)
    assert trial.execute_script(f"return {time_now}") > 0
    press(trial, ".player input[type=range]", Keys.ARROW_RIGHT * 10)
    at = trial.execute_script(f"return {time_now}")
    assert at_use(lambda: find(trial, ".clock").text) == f"{at:.3f} s"
    trial.execute_script("neurostore.page.acts.time(2)")
    assert (
        trial.execute_script("return Math.abs(document.querySelector('.player output').textContent.split(' ')[0] - 2)")
        < 0.03
    )


GREY = """
const pen = document.createElement('canvas').getContext('2d');
pen.drawImage(document.querySelector('video'), 0, 0, 4, 4);
return pen.getImageData(1, 1, 1, 1).data[0];
"""


def test_video_is_in_step_with_skeleton_and_cursor(driver):
    """The film's grey tells the frame: shown is the one of the cursor's time, whoever moved it."""
    from selenium.webdriver.common.keys import Keys

    open_trial(driver, "#/trial/C01/ses1/walk_01")
    wait(driver, "document.querySelector('video')?.readyState >= 2")
    still = "((v) => !v.seeking && v.paused && v.readyState >= 2 && Math.abs(v.currentTime - neurostore.page.time()) < 0.01)(document.querySelector('video'))"

    def frame() -> float:
        wait(driver, still)
        return (driver.execute_script(GREY) - 8) / GREY_A_FRAME

    for time_s in (2.02, 0.5, 3.3):
        driver.execute_script("neurostore.page.acts.time(arguments[0])", time_s)
        assert frame() == pytest.approx(int(time_s * RATE_HZ), abs=1.5)
        shown = driver.execute_script("return document.querySelector('.player output').textContent")
        assert float(shown.split(" ")[0]) == pytest.approx(time_s, abs=0.03)
    press(driver, ".player input[type=range]", Keys.ARROW_LEFT * 5)  # the skeleton leads
    time_s = driver.execute_script("return neurostore.page.time()")
    assert time_s < 3.3 - 4 / RATE_HZ
    assert frame() == pytest.approx(time_s * RATE_HZ, abs=1.5)
    click(driver, ".player .play")
    wait(driver, f"neurostore.page.time() > {time_s + 0.3}")
    wait(driver, "Math.abs(document.querySelector('video').currentTime - neurostore.page.time()) < 0.15")
    driver.execute_script(
        "if (document.querySelector('.play').textContent === 'Pause') document.querySelector('.play').click(); neurostore.page.acts.time(1)"
    )
    assert frame() == pytest.approx(RATE_HZ, abs=1.5)


def test_an_event_is_dragged_by_a_finger(trial):
    time_s = hand(trial, 2, "right", "foot_off")[1]
    x, y, pixels = at_use(
        lambda: trial.execute_script(
            "arguments[0].scrollIntoView({ block: 'center' });"
            "const b = arguments[0].getBoundingClientRect(), a = neurostore.page.axis;"
            "return [b.x + b.width / 2, b.y + b.height / 2, (a.x(1) - a.x(0)) * 0.03]",
            hand(trial, 2, "right", "foot_off")[0],
        )
    )
    touch = "Input.dispatchTouchEvent"
    trial.execute_cdp_cmd(touch, {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for step in range(1, 6):
        trial.execute_cdp_cmd(touch, {"type": "touchMove", "touchPoints": [{"x": x + pixels * step / 5, "y": y + 3}]})
    trial.execute_cdp_cmd(touch, {"type": "touchEnd", "touchPoints": []})
    assert hand(trial, 2, "right", "foot_off")[1] - time_s == pytest.approx(0.03, abs=0.006)
    assert trial.execute_script("return document.querySelector('.changes').textContent") == "1 change not stored"


def test_every_curve_can_be_chosen_on_a_tablet(trial):
    size = {"width": 820, "height": 1100, "deviceScaleFactor": 1, "mobile": True}
    trial.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        click(trial, "details.curves summary")
        left, right = trial.execute_script(
            "const b = document.querySelector('.menu').getBoundingClientRect(); return [b.left, b.right]"
        )
        assert left >= 0
        assert right <= 820
    finally:
        click(trial, "details.curves summary")
        trial.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_comparison_shows_curves_and_neighbours(driver):
    driver.execute_script("location.hash = '#/compare?item=C01/ses1/walk_01&item=H01/ses1/walk_01/left/1'")
    wait(driver, "document.querySelectorAll('#neighbours tr').length === 5")
    assert driver.execute_script("return document.querySelectorAll('.items li').length") == 2
    assert driver.execute_script("return document.querySelectorAll('.panels canvas').length") == 12
    click(driver, "#neighbours button")
    wait(driver, "document.querySelectorAll('.items li').length === 3")
    click(driver, ".items button")
    wait(driver, "document.querySelectorAll('.items li').length === 2")


@pytest.mark.parametrize("width", [1280, 820])
@pytest.mark.parametrize("address", ["#/", TRIAL, "#/compare", "#/query"])
def test_nothing_reaches_beyond_the_screen(driver, width, address):
    size = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": width < 1000}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        driver.execute_script("location.hash = '#/query'; location.hash = arguments[0]", address)
        wait(driver, "!document.querySelector('.loading') && document.querySelector('main').children.length")
        time.sleep(0.2)
        assert driver.execute_script("return document.documentElement.scrollWidth") <= width
        assert (
            driver.execute_script(
                "return document.querySelector('main').scrollWidth - document.querySelector('main').clientWidth"
            )
            <= 0
        )
    finally:
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_loads_nothing_from_elsewhere_and_runs_no_text_of_the_lake(driver, window):
    names = driver.execute_script("return performance.getEntriesByType('resource').map((e) => e.name)")
    assert names
    assert all(name.startswith(f"http://{window.host}/") for name in names)
    assert driver.execute_script("return document.cookie") == ""  # HttpOnly
    assert "token" not in driver.current_url
