"""Record the film of the live page that README shows: a script draws, destroys and restores a digit.

    make site && python site/record.py [FILE]    write it (default: results/pictures/live.gif)
"""
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
ANGLES = map(math.radians, range(-120, 141, 20))
BELLY = [(.46 + .22 * math.cos(angle), .64 + .21 * math.sin(angle)) for angle in ANGLES]
FIVE = [(.68, .15), (.58, .15), (.47, .15), (.36, .15), (.345, .3), (.33, .45), *BELLY]


def film(page: Page) -> Iterator[tuple[int, int]]:
    """The scenes: draw, sixteen squares, back; then blur, and back.

    Yields, for each frame, after how many milliseconds it is taken and how many it stays.
    """
    page.locator("#clear").click()
    yield 2000, 900
    box = page.locator("#pad").bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in FIVE]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=4)
        yield 150, 90
    page.mouse.up()
    yield 800, 1600
    yield from restored(page, 3, range(1, 4))

    page.locator("[name=task][value=deblur]").check()
    for s in (1, 2, 3, 4, 6, 8, 11, 15, 20):
        page.locator("#severity").fill(str(s))
        yield 1500 if s == 1 else 300, 120
    yield 0, 1200
    yield from restored(page, 20, range(2, 21, 2))


def restored(page: Page, s: int, steps: range) -> Iterator[tuple[int, int]]:
    """Move the slider over the steps of severity s."""
    for k in steps:
        page.locator("#step").fill(str(k))
        page.locator(f"#step[aria-valuetext='{k} of {s} steps done']").wait_for()
        yield 350, 2600 if k == s else 700 if s < 5 else 220  # by then the rule has lit up


def serve(route: Route) -> None:
    """Answer what the page asks for from the folder of the site."""
    route.fulfill(path=SITE / (urlsplit(route.request.url).path.strip("/") or "index.html"))


def main(file: str | Path = HOME / "results" / "pictures" / "live.gif") -> str | None:
    if not SITE.exists():
        return f"there is no {SITE.relative_to(HOME)}: make site"
    frames, durations = [], []
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1200, "height": 625}, color_scheme="light")
        page.route("**/*", serve)
        page.goto("http://localhost/")
        for after, stays in film(page):
            page.wait_for_timeout(after)
            frames.append(Image.open(io.BytesIO(page.screenshot())).convert("RGB"))
            durations.append(stays)
    palette = Image.fromarray(np.concatenate(frames)).quantize(128)
    small = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    small[0].save(file, save_all=True, append_images=small[1:], duration=durations, loop=0, optimize=True)
    return None


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
