"""The page of `make page` in a real browser: no request, no error, nothing cut at 360 and 1280 pixels; slider, keys, links and play.

Needs playwright and Debian's chromium, as the explorer's test does; screenshots are kept in the folder that BROWSER_SHOTS names, if it does.
"""
import json
import os
import re
import sys
from functools import partial
from pathlib import Path

import pytest
import torch

from colddiff_nb.degradations import TASKS, make
from colddiff_nb.notebook import figures as show

HOME = Path(__file__).resolve().parents[2]
CHROMIUM = "/usr/bin/chromium"
playwright = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed: pip install playwright")
pytestmark = pytest.mark.skipif(not Path(CHROMIUM).exists(), reason=f"there is no {CHROMIUM}: apt-get install chromium")
sys.path.insert(0, str(HOME / "tools"))
import page as maker  # noqa: E402

WIDTHS, SCHEMES = (360, 1280), ("light", "dark")


@pytest.fixture(scope="module")
def comparisons() -> dict[maker.Key, show.Comparison]:
    """All pairs (super-resolution with two images) of large pixels; the network names the image moved by a pixel."""
    made, generator = {}, torch.Generator().manual_seed(0)
    for data, channels in (("mnist", 1), ("cifar10", 3)):
        for task in TASKS:
            degrade = make(task, data)
            for i in range(2 if task == "superres" else 1):
                x0 = torch.rand(1, channels, 4, 4, generator=generator).repeat_interleave(8, 2).repeat_interleave(8, 3) * 2 - 1
                drawn = degrade.draw(1, generator)
                made[task, data, i] = show.compare(partial(lambda moved, x_s, s, start: moved, x0.roll(1, -1)), drawn, x0, f"{task} {data} {i}")
    return made


@pytest.fixture(scope="module")
def address(comparisons, tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(maker.page(comparisons), encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def opened(browser, address):
    """open(hash, width, ...) -> a page; in the end no page has asked for anything but the file, nor complained."""
    complaints, contexts = [], []

    def allow_the_file_alone(route):
        if route.request.url.partition("#")[0] == address or route.request.url.startswith("data:"):
            route.continue_()
        else:
            complaints.append(f"asked for {route.request.url[:200]}")
            route.abort()

    def open_(hash: str = "", width: int = 1280, **options):
        context = browser.new_context(viewport={"width": width, "height": 800}, **options)
        contexts.append(context)
        page = context.new_page()
        page.route("**/*", allow_the_file_alone)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{address}#{hash}")
        painted(page)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert not complaints, complaints


def until(page, condition: str) -> None:
    """Wait for a condition. (The page forbids the eval that playwright's own wait_for_function needs.)"""
    for _ in range(400):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(25)
    pytest.fail(f"never came true: {condition}")


def painted(page) -> None:
    until(page, "Promise.all(Object.values(decoded)).then(() => [...document.querySelectorAll('figure canvas')].every(c => c.width === 32))")


def pixels(page, canvas: str) -> list[int]:
    """Red, green, blue of all pixels."""
    flat = page.evaluate("""id => {
        const copy = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
        copy.drawImage(document.getElementById(id), 0, 0);
        return [...copy.getImageData(0, 0, 32, 32).data];
    }""", canvas)
    return [value for i, value in enumerate(flat) if i % 4 != 3]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_cut_and_every_target_can_be_hit(opened, width, scheme):
    page = opened("task=deblur&data=cifar10&k=49", width, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for target in page.locator("button, select, .choice, input[type=range]").all():
        box = target.bounding_box()
        assert box["width"] >= 44 and box["height"] >= 44 and box["x"] >= 0 and box["x"] + box["width"] <= width, target
    paper, ink = (int(re.findall(r"\d+", page.evaluate(f"getComputedStyle(document.body).{name}"))[0]) for name in ("backgroundColor", "color"))
    assert (paper > ink) == (scheme == "light")
    if os.environ.get("BROWSER_SHOTS"):
        page.screenshot(path=Path(os.environ["BROWSER_SHOTS"]) / f"page-{width}-{scheme}.png", full_page=True)


def test_a_link_shows_the_painters_pictures_numbers_and_sentence(opened, comparisons):
    for task, data, image, k in (("deblur", "mnist", 0, 12), ("inpaint", "cifar10", 0, 50), ("superres", "cifar10", 1, 0)):
        page, comparison = opened(f"task={task}&data={data}&image={image}&k={k}"), comparisons[task, data, image]
        assert page.locator("#readout").inner_text() == show.readout(comparison, k) == page.locator("#k").get_attribute("aria-valuetext")
        assert page.locator("#sentence").inner_text() == show.describe(comparison, k)
        for name in show.ALGORITHMS:
            for kind, image_ in zip(("state", "prediction", "added", "error"), show.panels(comparison, name, k)):
                assert bytes(pixels(page, f"{name}-{kind}")) == image_.tobytes(), (task, name, kind)
        page.locator("#stretch").check()
        painted(page)
        assert bytes(pixels(page, "algorithm2-state")) == show.panels(comparison, "algorithm2", k, stretch=True)[0].tobytes()


def test_slider_keys_buttons_and_selection_move_the_picture_and_the_address(opened):
    page = opened("task=inpaint&data=mnist&k=37")
    page.get_by_label("Steps done").focus()
    page.keyboard.press("ArrowRight")
    painted(page)
    assert page.locator("#readout").inner_text().startswith("step 38 of 50") and page.url.endswith("#task=inpaint&data=mnist&k=38")
    before = pixels(page, "algorithm2-state")
    page.get_by_role("button", name="back").click()
    painted(page)
    assert page.url.endswith("k=37") and pixels(page, "algorithm2-state") != before
    page.get_by_label("Task").select_option(label="super-resolution")  # of 3 steps: k comes down to it
    page.get_by_label("Data").select_option(label="photographs")
    page.locator("input[name=image]").nth(1).check()
    painted(page)
    assert page.url.endswith("#task=superres&data=cifar10&image=1&k=3")
    assert page.get_by_role("button", name="next").is_disabled()
    page.evaluate("location.hash = '#task=inpaint&data=mnist&k=7'")  # as a link in the page does
    until(page, "document.getElementById('readout').textContent.startsWith('step 7 of 50')")
    page.get_by_role("link", name="Deblurring a digit").click()  # from the end of the page
    until(page, "document.getElementById('readout').textContent.startsWith('step 0 of 40') && scrollY === 0")


def test_both_rows_stand_above_the_slider_on_a_projector(opened):
    page = opened("task=deblur&data=mnist&k=0")
    page.set_viewport_size({"width": 1280, "height": 720})
    bar = page.locator(".bottom").bounding_box()
    assert all(box["y"] + box["height"] <= bar["y"] for box in (picture.bounding_box() for picture in page.locator("figure canvas, .bar").all()))


def test_play_goes_to_the_end_and_is_quiet_on_the_way(opened):
    page = opened("task=superres&data=mnist&k=0")
    page.get_by_role("button", name="play").click()
    assert page.locator("#sentence").get_attribute("aria-live") == "off"
    until(page, "document.getElementById('readout').textContent.startsWith('step 3 of 3')")
    assert page.get_by_role("button", name="play").is_visible() and page.locator("#sentence").get_attribute("aria-live") == "polite"


def test_nothing_moves_by_itself_for_readers_who_want_no_motion(opened):
    page = opened(reduced_motion="reduce")
    assert page.locator("#play").is_hidden() and page.get_by_role("button", name="next").is_visible()


def test_a_link_to_what_is_not_there_says_so(opened):
    page = opened("task=sharpen&data=mnist&k=99")
    said = page.locator("#status").inner_text()
    assert "task=sharpen" in said and "deblur, " in said and "k=99" in said and "0 to 40" in said


def test_pictures_have_names(opened):
    page = opened("task=inpaint&data=mnist&k=3")
    for canvas in page.locator("canvas").all():
        assert len(canvas.get_attribute("aria-label")) > 6 and canvas.get_attribute("role") == "img"
    assert page.locator("img:not([alt])").count() == 0


def test_a_page_that_is_too_large_is_refused(comparisons, monkeypatch):
    monkeypatch.setattr(maker, "LARGEST", 10_000)
    with pytest.raises(ValueError, match="more than 10,000: show fewer images"):
        maker.page({key: value for key, value in comparisons.items() if key[0] == "superres"})


def test_the_shipped_models_restore_images_of_the_offline_test_split():
    made = maker.restored(tasks=("superres",), data=("mnist",), images=1)
    content = json.loads(re.findall(r'id="content">(.*?)</script>', maker.page(made), re.DOTALL)[0])
    assert list(content["entries"]) == ["superres mnist 0"]
    assert "mnist5k test image" in content["entries"]["superres mnist 0"]["title"]
