"""Record the film of the live page that README shows: a script draws, destroys and restores a digit.

    make site && python site/record.py [FILE]    write it (default: results/pictures/live.gif)
"""
from __future__ import annotations

import io
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
from PIL import Image
from playwright.sync_api import Page, Route, sync_playwright

HOME = Path(__file__).resolve().parent.parent
SITE = HOME / "build" / "site"
CHROMIUM = "/usr/bin/chromium"
WIDTH, HEIGHT, COLOURS = 1200, 625, 128
ANGLES = map(math.radians, range(-120, 141, 20))
BELLY = [(.46 + .22 * math.cos(angle), .64 + .21 * math.sin(angle)) for angle in ANGLES]
FIVE = [(.68, .15), (.58, .15), (.47, .15), (.36, .15), (.345, .3), (.33, .45), *BELLY]
Frame = tuple[Image.Image, int]  # and how many milliseconds it stays


def shot(page: Page, milliseconds: int) -> Frame:
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB"), milliseconds


def show(page: Page, k: int, s: int) -> None:
    """Move the slider to step k of s and wait until it is shown."""
    page.locator("#step").fill(str(k))
    page.locator(f"#step[aria-valuetext='{k} of {s} steps done']").wait_for()
    page.wait_for_timeout(350)  # the rule has lit up


def restore(page: Page, s: int, steps: list[int]) -> Iterator[Frame]:
    for k in steps:
        show(page, k, s)
        yield shot(page, 2600 if k == s else 700 if s < 5 else 220)


def film(page: Page) -> Iterator[Frame]:
    """The scenes: draw, sixteen squares, back; then blur, and back."""
    page.locator("#clear").click()
    page.wait_for_timeout(2000)
    yield shot(page, 900)
    box = page.locator("#pad").bounding_box()
    assert box is not None
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in FIVE]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=4)
        page.wait_for_timeout(150)
        yield shot(page, 90)
    page.mouse.up()
    page.wait_for_timeout(800)
    yield shot(page, 1600)
    yield from restore(page, 3, [1, 2, 3])

    page.locator("[name=task][value=deblur]").check()
    for s in (1, 2, 3, 4, 6, 8, 11, 15, 20):
        page.locator("#severity").fill(str(s))
        page.wait_for_timeout(1500 if s == 1 else 300)
        yield shot(page, 120)
    yield shot(page, 1200)
    yield from restore(page, 20, [*range(2, 21, 2)])


def serve(route: Route) -> None:
    """Answer what the page asks for from the folder of the site."""
    route.fulfill(path=SITE / (urlsplit(route.request.url).path.strip("/") or "index.html"))


def main() -> str | None:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else HOME / "results" / "pictures" / "live.gif"
    if not SITE.exists():
        return f"there is no {SITE.relative_to(HOME)}: make site"
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        page.route("**/*", serve)
        page.goto("http://localhost/")
        pictures, durations = zip(*film(page))
    palette = Image.fromarray(np.concatenate(pictures)).quantize(COLOURS)
    small = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    small[0].save(path, save_all=True, append_images=small[1:], duration=durations, loop=0, optimize=True)
    print(f"{path}: {len(small)} frames, {path.stat().st_size / 1e6:.2f} MB")
    return None


if __name__ == "__main__":
    sys.exit(main())
