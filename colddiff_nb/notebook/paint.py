"""A page to paint on with Pillow: text with subscripts, pictures of crisp pixels, lines, markers, colour tables."""
from __future__ import annotations

import io
import math
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from colddiff_nb.data.pixels import to_uint8

INK, GREY, RULE, BLUE, VERMILLION = "#1a1a1a", "#666666", "#d4d4d4", "#0072b2", "#d55e00"  # the last two are Okabe and Ito's


def colour_table(anchors: str) -> np.ndarray:
    """256 colours (256, 3) uint8, interpolated between evenly spaced anchors."""
    rgb = np.array([list(bytes.fromhex(anchor)) for anchor in anchors.split()], dtype=float)
    at = np.linspace(0, len(rgb) - 1, 256)
    return np.stack([np.interp(at, np.arange(len(rgb)), channel) for channel in rgb.T], axis=1).round().astype(np.uint8)


GREYS = colour_table("000000 ffffff")
CIVIDIS = colour_table("00224e 00306f 263d6e 3e4b6c 51586d 636670 747475 858279 989277 aca172 c0b16a d5c25e ebd44b fee838")
PUOR = colour_table("7f3b08 b35806 e08214 fdb863 fee0b6 f7f7f7 d8daeb b2abd2 8073ac 542788 2d004b")


def picture(x: Tensor, stretch: bool = False) -> Image.Image:
    """An image (1 or 3, H, W) in [-1, 1], clamped; or stretched, so that its least value is black and its greatest white."""
    if stretch:
        x = (x - x.min()) / (x.max() - x.min()).clamp(min=1e-12) * 2 - 1
    return Image.fromarray(to_uint8(x).expand(3, -1, -1).permute(1, 2, 0).cpu().numpy())


def coloured(values: Tensor, table: np.ndarray) -> Image.Image:
    """Values (H, W) in 0..1, clamped, in the colours of a table."""
    return Image.fromarray(table[(values.clamp(0, 1) * 255).round().byte().numpy()])


@lru_cache
def font(pixels: int) -> ImageFont.FreeTypeFont:
    return ImageFont.load_default(max(pixels, 1))  # type: ignore[return-value]


class Page:
    """A white picture whose coordinates are in plan pixels, painted `zoom` times as large."""

    def __init__(self, width: float, height: float, zoom: float = 1, image: Image.Image | None = None):
        self.image = image or Image.new("RGB", (round(width * zoom), round(height * zoom)), "white")
        self.zoom, self.draw = zoom, ImageDraw.Draw(self.image)

    def write(self, x: float, y: float, text: str, size: float = 14, colour: str = INK, align: float = 0) -> float:
        """One line on baseline y, from x (align 0), around x (0.5) or up to x (1); returns its width. _{s} lowers s, x̂ has a hat."""
        parts = []
        for part in re.split(r"(_\{[^}]*\}|x̂)", text.translate({0x2013: "-", 0x2014: "-", 0x2212: "-"})):  # the font has no dashes
            low = part.startswith("_{")
            parts.append((part[2:-1] if low else part, font(round(size * self.zoom * (0.75 if low else 1))), 0.2 * size * low))
        widths = [face.getlength(part[:1] if part == "x̂" else part) for part, face, _ in parts]
        left = x * self.zoom - align * sum(widths)
        for (part, face, drop), width in zip(parts, widths):
            if part == "x̂":  # the font has no such letter
                self.draw.text((left + width / 2, (y - 0.25 * size) * self.zoom), "^", colour, face, anchor="ms")
            self.draw.text((left, (y + drop) * self.zoom), part[:1] if part == "x̂" else part, colour, face, anchor="ls")
            left += width
        return sum(widths) / self.zoom

    def paste(self, image: Image.Image, x: float, y: float, width: float, height: float) -> None:
        """A picture, each of its pixels a crisp square, in a thin border."""
        left, top, right, bottom = (round(v * self.zoom) for v in (x, y, x + width, y + height))
        rim = max(1, round(self.zoom))
        self.draw.rectangle((left - rim, top - rim, right + rim - 1, bottom + rim - 1), RULE)
        self.image.paste(image.resize((right - left, bottom - top), Image.Resampling.NEAREST), (left, top))

    def line(self, points: Sequence[tuple[float, float]], colour: str = INK, width: float = 1, dash: float = 0) -> None:
        """A line through points, which run from left to right where dash cuts it."""
        x, y = np.array(points).T * self.zoom
        thick = max(1, round(width * self.zoom))
        if not dash:
            return self.draw.line(list(zip(x, y)), colour, thick, joint="curve")
        across = np.arange(x[0], x[-1], dash * self.zoom)
        for pair in zip(across[::2], across[1::2]):
            self.draw.line(list(zip(pair, np.interp(pair, x, y))), colour, thick)

    def marker(self, x: float, y: float, shape: str, fill: str, outline: str) -> None:
        """A small "disc" or "square" centred on (x, y)."""
        draw = {"disc": self.draw.ellipse, "square": self.draw.rectangle}[shape]
        draw([v * self.zoom for v in (x - 4, y - 4, x + 4, y + 4)], fill, outline, max(1, round(1.5 * self.zoom)))


def grid(columns: Mapping[str, Tensor], scale: int = 3, rows: Sequence[str] = (), title: str = "") -> Image.Image:
    """A table of pictures: images (n, C, H, W) in [-1, 1] under each column's label; n labels for the rows, or none.

    Raises ValueError where columns are missing or differ in shape, or rows are not n."""
    shapes = {tuple(images.shape) for images in columns.values()}
    if len(shapes) != 1 or len(rows) not in (0, next(iter(shapes))[0]):
        raise ValueError(f"columns of shape {sorted(shapes)}, {len(rows)} row labels: give columns of one (n, C, H, W), n labels or none")
    (n, _, height, width), = shapes
    ruler = Page(1, 1)
    left = 16 + max([ruler.write(0, 0, row) + 12 for row in rows], default=0)
    cells = [max(width * scale, ruler.write(0, 0, label)) for label in columns]
    top = 36 + 40 * bool(title)
    page = Page(max(left + sum(cells) + 12 * len(cells) + 4, ruler.write(0, 0, title, 18) + 32), top + n * (height * scale + 12) + 4)
    page.write(16, 32, title, 18)
    for i, row in enumerate(rows):
        page.write(16, top + i * (height * scale + 12) + height * scale / 2 + 5, row)
    for (label, images), cell in zip(columns.items(), cells):
        page.write(left + cell / 2, top - 12, label, align=0.5)
        for i, image in enumerate(images):
            page.paste(picture(image), left + (cell - width * scale) / 2, top + i * (height * scale + 12), width * scale, height * scale)
        left += cell + 12
    return page.image


def png(image: Image.Image) -> bytes:
    """The bytes of a PNG file, for a widget's value."""
    buffer = io.BytesIO()
    image.save(buffer, "png")
    return buffer.getvalue()


def nice(value: float) -> float:
    """The least of 1, 2, 5 times a power of ten that is not below value, nor below 0.01."""
    power = 10.0 ** math.floor(math.log10(max(value, 0.01)))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= value * (1 - 1e-9))
