"""What a visitor does on the live page, and what it then shows."""
from __future__ import annotations

import math
import os
from pathlib import Path

import pytest
import torch
from torch import Tensor

Stroke = list[tuple[float, float]]


def arc(x: float, y: float, width: float, height: float, start: int, end: int) -> Stroke:
    """Part of an ellipse around (x, y), from one angle in degrees to another."""
    angles = [math.radians(start + (end - start) * i / 14) for i in range(15)]
    return [(x + width * math.cos(angle), y + height * math.sin(angle)) for angle in angles]


SHAPES: dict[int, list[Stroke]] = {
    0: [arc(.5, .5, .24, .34, -90, 270)],
    1: [[(.5, .15), (.5, .85)]],
    2: [[*arc(.48, .32, .2, .18, 190, 360), (.62, .5), (.3, .83), (.72, .83)]],
    3: [arc(.45, .32, .2, .17, 200, 440) + arc(.45, .67, .24, .19, -80, 150)],
    4: [[(.35, .15), (.28, .5), (.7, .5)], [(.62, .2), (.6, .85)]],
    5: [[(.68, .15), (.36, .15), (.33, .45), *arc(.46, .64, .22, .21, -120, 140)]],
    6: [[(.6, .14), (.4, .35), *arc(.48, .65, .19, .19, 180, 540)]],
    7: [[(.28, .17), (.72, .17), (.45, .85)]],
    8: [arc(.5, .33, .15, .17, 90, 450) + arc(.5, .67, .19, .17, -90, 270)],
    9: [[*arc(.47, .35, .18, .18, 0, 360), (.64, .45), (.58, .86)]]}


def draw(page, digit: int) -> None:
    """Draw a digit by the mouse on an empty canvas."""
    page.locator("#clear").click()
    box = page.locator("#pad").bounding_box()
    for stroke in SHAPES[digit]:
        points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
        page.mouse.move(*points[0])
        page.mouse.down()
        for point in points[1:]:
            page.mouse.move(*point, steps=3)
        page.mouse.up()


def to_the_end(page) -> None:
    """Show the last step."""
    page.locator("#step").focus()
    page.keyboard.press("End")
    said(page, "What was left had")


def said(page, part: str) -> str:
    """Wait until the live region says so; returns all of it."""
    page.locator("#said", has_text=part).wait_for()
    return page.locator("#said").inner_text()


def warned(page) -> str:
    """Wait for a warning; returns it."""
    page.locator("#wrong").wait_for()
    return page.locator("#wrong").inner_text()


def seen(page, canvas: str) -> Tensor:
    """What a canvas of 32 x 32 shows, (1, 3, 32, 32) in [-1, 1]."""
    flat = page.evaluate("""chosen => {
        const copy = new OffscreenCanvas(32, 32).getContext("2d");
        copy.drawImage(document.querySelector(chosen), 0, 0);
        return [...copy.getImageData(0, 0, 32, 32).data];
    }""", canvas)
    return torch.tensor(flat, dtype=torch.float32).view(1, 32, 32, 4)[..., :3].permute(0, 3, 1, 2) / 127.5 - 1


def until(page, condition: str) -> None:
    """Wait for a condition. The page forbids the eval that playwright's own wait_for_function needs."""
    for _ in range(1200):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    pytest.fail(f"never came true: {condition}")


def keep(page, name: str) -> None:
    """Save a screenshot in the folder that BROWSER_SHOTS names, if it does."""
    if os.environ.get("BROWSER_SHOTS"):
        page.screenshot(path=Path(os.environ["BROWSER_SHOTS"]) / f"{name}.png")
