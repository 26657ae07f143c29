"""The page in a real browser: headless Chromium, driven by selenium. Skipped if there is none."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from neurostore.report.panels import PANELS
from neurostore.report.sessions import sessions_of
from tests.builders.browser import CHROMIUM, DRIVER, chromium, wait
from tests.builders.hostile import HOSTILE

pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="no chromium with chromedriver on this machine")


@pytest.fixture(scope="module")
def driver():
    one = chromium()
    yield one
    one.quit()


@pytest.fixture
def browser(driver, page):
    """The page freshly loaded, as wide as a desk, with its first person shown."""
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    driver.get("about:blank")
    driver.get(page.as_uri())
    return driver


def choose(browser, name: str, value: str) -> None:
    """What a person does at a select: set it and let it report the change."""
    browser.execute_script(
        "const s = document.getElementById('filter-' + arguments[0]); s.value = arguments[1]; s.dispatchEvent(new Event('change'));",
        name, value,
    )  # fmt: skip


def curve(browser, subject: str, slug: str, angle: str, side: str):
    return browser.execute_script(
        "const plot = document.querySelector(`#figure-${arguments[0]}-${arguments[1]} .plot`);"
        "const trace = plot._fullData.find((t) => t.meta && t.meta.role === 'mean' && t.meta.side === arguments[2]);"
        "return trace ? {y: Array.from(trace.y), visible: trace.visible} : null",
        slug, angle, side,
    )  # fmt: skip


def test_loads_without_errors_or_network(browser):
    browser.execute_script("report.drawAll()")
    wait(browser, "document.querySelectorAll('.js-plotly-plot').length > 20")
    assert browser.get_log("browser") == []
    assert browser.execute_script("return performance.getEntriesByType('resource').map((e) => e.name)") == []
    assert browser.execute_script("return window.hacked") is None


@pytest.mark.parametrize("subject", ["H02", "S01", "C01"])
def test_every_panel_has_the_numbers_of_the_views(browser, lake, subject):
    choose(browser, "subject", subject)
    browser.execute_script("report.drawAll()")
    wanted = ", ".join(
        f"avg({which.column(side, rel)}) FILTER (side = '{side}') AS {side}_{which.angle}{'_rel' if rel else ''}"
        for which in PANELS for side in ("left", "right") for rel in ((False, True) if which.may_be_relative else (False,))
    )  # fmt: skip
    rows = lake.sql(
        f"SELECT session, percent, {wanted} FROM cycle_curves WHERE subject = $subject AND is_steady AND person = 0 "
        "GROUP BY ALL ORDER BY ALL",
        {"subject": subject},
    )
    n_compared = 0
    for (session,), part in rows.group_by("session", maintain_order=True):
        for which in PANELS:
            for side in ("left", "right"):
                name = f"{side}_{which.angle}"
                column = name if part[name].null_count() == 0 else f"{name}_rel"
                shown = curve(browser, subject, f"{subject}_{session}", which.angle, side)
                np.testing.assert_allclose(shown["y"], part[column].to_numpy(), atol=1e-3)
                n_compared += 1
    assert n_compared == 24 * rows["session"].n_unique()


def test_table_has_the_numbers_of_the_summary(browser, lake):
    choose(browser, "subject", "S02")
    shown = browser.execute_script(
        "return [...document.querySelectorAll('#subject-S02 td[data-column]')].map((c) => [c.className, c.dataset.column, Number(c.dataset.value)])"
    )
    rows = {r["side"]: r for r in lake.sql("SELECT * FROM subject_summary WHERE subject = 'S02'").to_dicts()}
    assert len(shown) > 30
    for side, column, value in shown:
        assert value == pytest.approx(rows[side][column], rel=1e-5)


def test_slider_moves_the_skeleton_and_the_cursor(browser):
    choose(browser, "subject", "H01")
    body = "document.querySelector('#subject-H01')"
    wait(browser, f"Boolean({body}.querySelector('.timeline .plot')._fullLayout)")
    picture = f"{body}.querySelector('.player canvas').toDataURL()"
    browser.execute_script(f"{body}.querySelector('.player').scrollIntoView()")
    wait(browser, f"{body}.querySelector('output.time').textContent")
    before = browser.execute_script(f"return {picture}")
    said = browser.execute_script(f"return {body}.querySelector('output.time').textContent")
    from selenium.webdriver.common.keys import Keys

    slider = browser.execute_script(f"return {body}.querySelector('input.frame')")
    slider.send_keys(Keys.ARROW_RIGHT * 20)  # as from a keyboard
    assert browser.execute_script(f"return {body}.querySelector('input.frame').value") == "20"
    after = browser.execute_script(f"return {picture}")
    assert after != before
    assert browser.execute_script(f"return {body}.querySelector('output.time').textContent") != said
    time_s = browser.execute_script(f"return JSON.parse({body}.querySelector('script.clip').textContent).time_s[20]")
    wait(browser, f"{body}.querySelector('.timeline .plot').layout.shapes[0].visible")
    cursor = f"{body}.querySelector('.timeline .plot').layout.shapes[0].x0"
    wait(browser, f"Math.abs({cursor} - {time_s}) < 1e-6")
    canvas = browser.execute_script(f"return {body}.querySelector('.player canvas')")
    canvas.send_keys(Keys.ARROW_LEFT)
    assert browser.execute_script(f"return {picture}") != after  # turned


def test_address_leads_to_the_person(browser):
    assert browser.execute_script("return document.getElementById('filter-subject').value") == "C01"
    browser.execute_script("location.hash = '#S02'")
    wait(browser, "document.getElementById('filter-subject').value === 'S02'")
    wait(browser, "Math.abs(document.getElementById('people').getBoundingClientRect().top) < 120")
    browser.execute_script("location.hash = '#%'")  # no code and nobody's name
    browser.execute_script("location.hash = '#*'")
    assert browser.execute_script("return document.getElementById('filter-subject').value") == "S02"


def test_single_strides_are_those_of_the_views(browser, data):
    choose(browser, "subject", "S02")
    browser.execute_script("report.drawAll()")
    plot = "document.querySelector('#figure-S02_ses1-knee_flexion .plot')"
    lines = f"{plot}.data.filter((t) => t.meta.role === 'stride').map((t) => [t.meta.side, t.visible, Array.from(t.y)])"
    assert {visible for _, visible, _ in browser.execute_script(f"return {lines}")} == {False}
    choose(browser, "strides", "strides")
    block = sessions_of(data, "S02")[0]
    shown = browser.execute_script(f"return {lines}")
    assert [side for side, _, _ in shown] == ["left", "right"]
    for side, visible, values in shown:
        assert visible is True
        wanted = np.concatenate([[*s.curves["knee_flexion"][::2], np.nan] for s in block.strides[side]])
        np.testing.assert_allclose(np.array(values, float), wanted, atol=0.011)


def test_click_on_a_stride_goes_to_its_trial_cycle_and_percent(browser, data):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By

    choose(browser, "subject", "S01")
    choose(browser, "strides", "strides")
    browser.execute_script("report.drawAll()")
    stride = sessions_of(data, "S01")[1].strides["right"][-1]
    figure = browser.find_element(By.CSS_SELECTOR, "#figure-S01_ses2-knee_flexion .plot")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", figure)
    size, span = browser.execute_script(
        "const l = arguments[0]._fullLayout; return [l._size, l.yaxis.range]", figure
    )  # the point of this stride at 72 %
    up = (stride.curves["knee_flexion"][72] - span[0]) / (span[1] - span[0])
    box = figure.size
    x = size["l"] + 0.72 * size["w"] - box["width"] / 2
    y = size["t"] + (1 - up) * size["h"] - box["height"] / 2
    ActionChains(browser).move_to_element_with_offset(figure, round(x), round(y)).click().perform()
    viewer = "document.querySelector('#subject-S01')"
    wait(browser, f"{viewer}.querySelector('output.percent').textContent.endsWith(': 72 %')")
    said = browser.execute_script(f"return {viewer}.querySelector('output.percent').textContent").split()
    name = f"{viewer}.querySelector('.trial-choice select').selectedOptions[0].textContent"
    trial = browser.execute_script(f"return {name}").removeprefix("ses2 ")
    block = sessions_of(data, "S01")[1]  # a formula makes the strides: several may be as near
    found = next(s for s in block.strides[said[0]] if (s.trial, str(s.cycle)) == (trial, said[2].rstrip(":")))
    assert found.curves["knee_flexion"][72] == pytest.approx(stride.curves["knee_flexion"][72], abs=1)
    assert said[0] == "right"
    time_s = float(browser.execute_script(f"return {viewer}.querySelector('output.time').textContent").split(" s")[0])
    assert abs(time_s - (found.start_s + 0.72 * (found.end_s - found.start_s))) < 0.03  # the frame nearest to it
    line = "document.querySelector('#figure-S01_ses2-hip_flexion i.moment.right')"
    assert float(browser.execute_script(f"return {line}.dataset.percent")) == pytest.approx(72, abs=0.6)
    assert browser.execute_script(
        "return document.querySelector('#figure-S01_ses1-hip_flexion i.moment.right')?.hidden ?? true"
    )


def test_percent_and_player_move_together_by_keyboard(browser):
    from selenium.webdriver.common.keys import Keys

    choose(browser, "subject", "H02")
    browser.execute_script("report.drawAll()")
    viewer = "document.querySelector('#subject-H02')"
    wait(browser, f"{viewer}.querySelector('output.time').textContent")
    percent = browser.execute_script(f"return {viewer}.querySelector('input.percent')")
    percent.send_keys(Keys.HOME, *[Keys.ARROW_RIGHT] * 30)
    said = browser.execute_script(f"return {viewer}.querySelector('output.percent').textContent")
    assert said.endswith(": 30 %")
    side = said.split()[0]
    phases = browser.execute_script(
        f"return JSON.parse({viewer}.querySelector('.trial:not([hidden]) script.phases').textContent)"
    )
    start, _, end = next(p[:3] for p in phases[side] if p[3] == int(said.split()[2].rstrip(":")))
    time_s = float(browser.execute_script(f"return {viewer}.querySelector('output.time').textContent").split(" s")[0])
    assert abs(time_s - (start + 0.3 * (end - start))) < 0.03
    frame = browser.execute_script(f"return {viewer}.querySelector('input.frame')")
    frame.send_keys(*[Keys.ARROW_RIGHT] * 4)
    time_s = float(browser.execute_script(f"return {viewer}.querySelector('output.time').textContent").split(" s")[0])
    line = f"{viewer}.querySelector('#figure-H02_ses1-knee_flexion i.moment.{side}')"
    shown = float(browser.execute_script(f"return {line}.dataset.percent"))
    assert shown == pytest.approx(100 * (time_s - start) / (end - start), abs=1.0)


def test_side_filter_hides_the_other_side(browser):
    choose(browser, "subject", "H02")
    browser.execute_script("report.drawAll()")
    choose(browser, "side", "left")
    assert curve(browser, "H02", "H02_ses1", "knee_flexion", "left")["visible"] is True
    assert (
        curve(browser, "H02", "H02_ses1", "knee_flexion", "right") is None
        or not curve(browser, "H02", "H02_ses1", "knee_flexion", "right")["visible"]
    )
    shapes = "document.querySelector('#figure-H02_ses1-knee_flexion .plot').layout.shapes"
    assert browser.execute_script(f"return Object.fromEntries({shapes}.map((s) => [s.name, s.visible]))") == {
        "left": True,
        "right": False,
    }
    cells = "[...document.querySelectorAll('#subject-H02 td.right')].filter((c) => c.getClientRects().length).length"
    assert browser.execute_script(f"return {cells}") == 0
    choose(browser, "side", "")
    assert curve(browser, "H02", "H02_ses1", "knee_flexion", "right")["visible"] is True


def test_group_and_subject_filters(browser):
    shown = "[...document.querySelectorAll('article.subject:not([hidden])')].map((a) => a.dataset.subject)"
    choose(browser, "subject", "S02")
    assert browser.execute_script(f"return {shown}") == ["S02"]
    choose(browser, "group", "control")
    assert browser.execute_script(f"return {shown}") == ["H01"]
    open_options = (
        "[...document.querySelectorAll('#filter-subject option')].filter((o) => !o.disabled).map((o) => o.value)"
    )
    assert browser.execute_script(f"return {open_options}") == ["H01", "H02", "H03", "*"]
    choose(browser, "subject", "*")
    assert browser.execute_script(f"return {shown}") == ["H01", "H02", "H03"]
    choose(browser, "group", HOSTILE)
    choose(browser, "subject", "C01")
    assert browser.execute_script(f"return {shown}") == ["C01"]
    blocks = "[...document.querySelectorAll('#subject-C01 .block:not([hidden])')].map((b) => b.dataset.session)"
    assert browser.execute_script(f"return {blocks}") == ["ses1", "ses2"]
    choose(browser, "session", "ses2")
    assert browser.execute_script(f"return {blocks}") == ["ses2"]


def test_next_and_previous_by_keyboard(browser):
    from selenium.webdriver.common.keys import Keys

    choose(browser, "subject", "C01")
    button = browser.execute_script("return document.getElementById('next-subject')")
    assert browser.execute_script("return document.getElementById('previous-subject').disabled")
    button.send_keys(Keys.ENTER)
    assert browser.execute_script("return document.getElementById('filter-subject').value") == "C02"
    assert browser.current_url.endswith("#C02")


def test_first_tab_leads_to_the_content(browser):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    browser.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    assert browser.execute_script("return document.activeElement.textContent") == "Skip to the report"


# Smallest contrast (WCAG 2.1, relative luminance) of any text with what lies behind it; graphics text is dark on white.
CONTRAST = """
const channel = (c) => { c /= 255; return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
const parse = (text) => (text.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
const behind = (element) => {
  for (let e = element; e; e = e.parentElement) {
    const c = parse(getComputedStyle(e).backgroundColor);
    if (c.length < 4 || c[3] > 0.9) return c;
  }
  return [255, 255, 255];
};
let worst = [99, ""];
for (const element of document.querySelectorAll("body *")) {
  const text = [...element.childNodes].filter((n) => n.nodeType === 3).map((n) => n.textContent.trim()).join("");
  if (!text || !element.getClientRects().length || ["SCRIPT", "STYLE", "OPTION"].includes(element.tagName) || element.disabled) continue;
  if (element.closest(".modebar, [disabled], .player canvas")) continue;
  const style = getComputedStyle(element), isDrawn = element.namespaceURI.endsWith("svg");
  const [a, b] = [light(parse(isDrawn ? style.fill : style.color)), isDrawn ? 1 : light(behind(element))].sort((x, y) => y - x);
  const ratio = (a + 0.05) / (b + 0.05);
  if (ratio < worst[0]) worst = [ratio, text];
}
return worst;
"""


def test_text_stands_out_from_its_ground(browser):
    choose(browser, "subject", "C01")
    browser.execute_script("report.drawAll()")
    wait(browser, "document.querySelectorAll('.js-plotly-plot').length > 20")
    ratio, text = browser.execute_script(CONTRAST)
    assert 4.5 <= ratio < 30, text  # level AA


def test_every_control_is_reached_by_tab_and_shows_the_focus(browser):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    choose(browser, "subject", "H02")
    wanted = browser.execute_script(
        "return [...document.querySelectorAll('select, button, input, canvas, summary, [tabindex=\"0\"]')]"
        ".filter((e) => e.getClientRects().length && !e.disabled && !e.closest('.modebar')).length"
    )
    body, reached = browser.find_element(By.TAG_NAME, "body"), set()
    for _ in range(3 * wanted):
        browser.switch_to.active_element.send_keys(Keys.TAB) if reached else body.send_keys(Keys.TAB)
        now = browser.execute_script(
            "const e = document.activeElement; const s = getComputedStyle(e); if (e === document.body) return null;"
            "return [[...document.querySelectorAll('*')].indexOf(e), s.outlineStyle, e.closest('.modebar') !== null,"
            " e.textContent + (e.getAttribute('aria-label') || '') + (e.labels?.[0]?.textContent || '')]"
        )
        if now is None:
            break
        index, outline, is_bar, name = now
        assert outline != "none", name
        assert name.strip()
        if not is_bar and name != "Skip to the report":
            reached.add(index)
    assert len(reached) == wanted > 12


def test_phone_has_no_sideways_scrolling(browser):
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    )
    browser.refresh()
    browser.execute_script("report.drawAll()")
    wait(browser, "document.querySelectorAll('.js-plotly-plot').length > 20")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 390


def test_prints_everybody(browser):
    choose(browser, "subject", "*")
    browser.execute_script("report.drawAll()")
    pdf = base64.b64decode(browser.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})["data"])
    assert pdf.startswith(b"%PDF")
    n_pages = pdf.count(b"/Type /Page\n") + pdf.count(b"/Type /Page ") + pdf.count(b"/Type /Page/")
    assert n_pages >= 9  # a person begins on a new page
    assert browser.get_log("browser") == []


def test_nothing_of_the_printed_page_is_wider_than_its_sheet(driver, lake, tmp_path):
    """A browser shrinks every sheet of a page of which one table is too wide."""
    from neurostore.report import print_page
    from neurostore.report.data import collect

    path = tmp_path / "print.html"
    path.write_text(print_page.build(collect(lake, reference="control", subjects=("C01",))), encoding="utf-8")
    driver.get(path.as_uri())
    widths = driver.execute_script(
        "return [...document.querySelectorAll('.sheet')].map((s) => [Math.max(...[...s.querySelectorAll('*')].map((e) => "
        "e.getBoundingClientRect().right)), s.getBoundingClientRect().right])"
    )
    assert len(widths) == 3
    assert all(widest <= sheet + 1 for widest, sheet in widths), widths
