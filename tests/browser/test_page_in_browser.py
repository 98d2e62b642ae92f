"""The page without a kernel, opened from a file in a real browser: no request, no error, fits a phone, the slider moves the pictures.

Needs playwright and Debian's chromium; without them it is skipped. Screenshots are kept in the folder that BROWSER_SHOTS names, if it does.
"""
import os
import re
import sys
from pathlib import Path

import pytest

HOME = Path(__file__).resolve().parents[2]
CHROMIUM = "/usr/bin/chromium"
playwright = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed: pip install playwright")
pytestmark = pytest.mark.skipif(not Path(CHROMIUM).exists(), reason=f"there is no {CHROMIUM}: apt-get install chromium")
sys.path.insert(0, str(HOME / "tools"))
import page as tool  # noqa: E402


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    file = tmp_path_factory.mktemp("page") / "page.html"
    file.write_text(tool.page(tool.restored(tasks=("superres", "deblur"), data=("mnist",), images=1)), encoding="utf-8")
    return file.as_uri()


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


def opened(browser, address, width, **options):
    view = browser.new_page(viewport={"width": width, "height": 800}, **options)
    view.complaints, view.asked = [], []
    view.on("console", lambda message: view.complaints.append(message.text))
    view.on("pageerror", lambda error: view.complaints.append(str(error)))
    view.on("request", lambda request: view.asked.append(request.url))
    view.goto(address)
    playwright.expect(view.locator("#algorithm2-state")).to_have_attribute("width", "32")
    return view


def picture(view, name):
    return view.evaluate(f"document.getElementById('{name}').toDataURL()")


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_slider_moves_the_pictures_without_a_request(browser, address, width, scheme):
    view = opened(browser, f"{address}#task=superres&data=mnist&k=1", width, color_scheme=scheme)
    assert view.locator("#k").input_value() == "1" and "step 1 of 3" in view.locator("#readout").inner_text()
    before = picture(view, "algorithm2-state")
    view.locator("#k").focus()
    view.keyboard.press("ArrowRight")
    playwright.expect(view.locator("#readout")).to_contain_text("step 2 of 3")
    view.wait_for_timeout(100)  # pictures are decoded aside
    assert picture(view, "algorithm2-state") != before and view.url.endswith("k=2")
    assert "2 of 3 steps" in view.locator("#sentence").inner_text() and view.locator("#k").get_attribute("aria-valuetext")
    view.locator("#task").select_option("deblur")
    playwright.expect(view.locator("#readout")).to_contain_text("of 40")
    assert "task=deblur" in view.url and view.evaluate("document.documentElement.scrollWidth") <= width
    if shots := os.environ.get("BROWSER_SHOTS"):
        view.screenshot(path=Path(shots) / f"page-{width}-{scheme}.png", full_page=True)
    assert not view.complaints
    assert all(url.startswith(("data:", address)) for url in view.asked)


def test_targets_are_large_and_pictures_are_described(browser, address):
    view = opened(browser, address, 360)
    for box in [target.bounding_box() for target in view.locator("button, select, .choice, #k").all()]:
        assert box["height"] >= 44 and box["width"] >= 44
    labels = [canvas.get_attribute("aria-label") for canvas in view.locator("canvas").all()]
    assert len(labels) > 8 and all(labels)


def test_play_plays_and_is_not_offered_where_motion_is_not_wanted(browser, address):
    view = opened(browser, f"{address}#task=superres&data=mnist&k=0", 1280)
    view.locator("#play").click()
    playwright.expect(view.locator("#readout")).to_contain_text("step 3 of 3", timeout=10_000)
    still = opened(browser, f"{address}#task=superres&data=mnist&k=0", 1280, reduced_motion="reduce")
    assert not still.locator("#play").is_visible() and still.locator("#next").is_visible()


def test_an_address_that_names_what_is_not_there_is_told(browser, address):
    view = opened(browser, f"{address}#task=sharpen&k=99", 1280)
    told = view.locator("#status").inner_text()
    assert "task=sharpen" in told and "k=99" in told and not view.complaints


def test_the_file_is_small_and_names_no_other_address():
    text = tool.page(tool.restored(tasks=("superres",), data=("mnist",), images=1))
    assert len(text) < tool.LARGEST and not re.search(r"""(src|href)=["']https?:""", text)
