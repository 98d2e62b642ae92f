"""Whether a picture is a digit, and how MNIST would have it."""
from __future__ import annotations

import numpy as np
from PIL import Image, ImageChops, ImageFilter, ImageOps

COLOURFUL = 8.0  # of 255: the least mean distance between channels of a picture in colour
FLAT = 0.1  # of 1: the most that the rim around a digit varies (standard deviation)
WRITING = 112  # pixels a side in which ink is told from paper


def in_colour(image: Image.Image) -> bool:
    """Whether an RGB image has colours: one tint over all, as lamps make, is none."""
    pixels = np.asarray(image.resize((32, 32)), dtype=np.float64)
    means = pixels.mean((0, 1))
    white_balanced = pixels * means.mean() / np.maximum(means, 1)
    return bool(np.ptp(white_balanced, axis=-1).mean() > COLOURFUL)


def is_digit(image: Image.Image) -> bool:
    """Whether an RGB image looks like one of MNIST: a grey mark on a flat ground, light or dark."""
    pixels = np.asarray(ImageOps.fit(image.convert("L"), (32, 32)), dtype=np.float64) / 255
    rim = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    marked = np.abs(pixels - np.median(rim)).max() > 0.4
    return bool(marked and rim.std() < FLAT and not in_colour(image))


def like_mnist(image: Image.Image) -> Image.Image:
    """Return a digit as MNIST has it: light on black, 20 pixels long, its centre of mass in the middle of 28.

    Where nothing is written, all comes back black.
    """
    square = ImageOps.fit(image.convert("L"), (WRITING, WRITING), Image.Resampling.LANCZOS)
    if np.median(np.asarray(square)) > 127:  # dark on light
        square = ImageOps.invert(square)
    paper = square.filter(ImageFilter.MinFilter(WRITING // 4 + 1))  # its light may be uneven
    paper = paper.filter(ImageFilter.GaussianBlur(WRITING // 8))
    ink = ImageOps.autocontrast(ImageChops.subtract(square, paper), cutoff=(60, 0))
    page = Image.new("L", (28, 28))
    if box := ink.point(lambda value: 255 * (value > 100)).getbbox():
        mark = ImageOps.contain(ink.crop(box), (20, 20), Image.Resampling.LANCZOS)
        centres = (np.average(range(len(sums)), weights=sums)
                   for sums in (np.asarray(mark).sum(0), np.asarray(mark).sum(1)))
        page.paste(mark, tuple(round(14 - centre) for centre in centres))
    return page.resize((32, 32), Image.Resampling.BILINEAR)
