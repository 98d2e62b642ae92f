"""Images as pictures: one, the bytes of a PNG file, a table of many under labels, a film as a GIF."""
from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from html import escape
from itertools import zip_longest
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from colddiff_nb.data.pixels import to_uint8

INK, RULE = "#1a1a1a", "#d4d4d4"
EDGE, GAP = 16, 12  # around a table, and between its pictures


def picture(x: Tensor, stretch: bool = False) -> Image.Image:
    """Show an image (1 or 3, H, W) in [-1, 1], clamped.

    stretch: make its least value black and its greatest white.
    """
    if stretch:
        x = (x - x.min()) / (x.max() - x.min()).clamp(min=1e-12) * 2 - 1
    colours = to_uint8(x).expand(3, -1, -1).permute(1, 2, 0)
    return Image.fromarray(colours.cpu().numpy())


def png(image: Image.Image) -> bytes:
    """Return the bytes of a PNG file, for a widget's value."""
    buffer = io.BytesIO()
    image.save(buffer, "png", compress_level=3)  # half the time of 6, and 2 % more bytes
    return buffer.getvalue()


def data_url(image: Image.Image | bytes) -> str:
    """Return a picture, or the bytes of its PNG file, as an address that HTML and CSS can show."""
    content = image if isinstance(image, bytes) else png(image)
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"


def as_html(image: Image.Image | bytes, alt: str, style: str = "max-width: 100%") -> str:
    """Return a picture as HTML, framed on white for dark pages; alt is for those who do not see it."""
    look = "box-sizing: border-box; padding: 6px; background: white"
    frame = f"border: 1px solid {RULE}; border-radius: 6px; {style}"
    return f'<img src="{data_url(image)}" alt="{escape(alt)}" decoding="sync" style="{look}; {frame}">'


def canvas(width: float, height: float, zoom: float = 1) -> FigureCanvasAgg:
    """Return the canvas of a white figure whose size is in pixels, and in which a point is a pixel."""
    return FigureCanvasAgg(Figure((width / 72, height / 72), dpi=72 * zoom, facecolor="white"))


def drawn(page: FigureCanvasAgg) -> Image.Image:
    """Return what was drawn on a canvas, in RGB."""
    return Image.fromarray(np.asarray(page.buffer_rgba())).convert("RGB")


@lru_cache(maxsize=256)
def _line(text: str, size: int = 14, formulas: bool = True) -> Image.Image:
    """A line of text, just as wide as it is and twice as high; formulas stand between dollars."""
    page = canvas(size * max(len(text), 1), 2 * size)
    written = page.figure.text(0, 0.3, text, fontsize=size, color=INK, parse_math=formulas)
    page.draw()
    return drawn(page).crop((0, 0, math.ceil(written.get_window_extent().width), 2 * size))


def grid(columns: Mapping[str, Tensor], scale: int = 3, rows: Sequence[str] = (),
         title: str = "", notes: Sequence[str] = ()) -> Image.Image:
    """Lay out a table of pictures: images (n, C, H, W) in [-1, 1] under each column's label.

    scale: pixels of the picture for one of an image. rows: n labels, or none. notes: what stands below the
    columns. Labels may hold formulas, such as "$x_0$". Raises ValueError where columns are missing or differ
    in shape.
    """
    shapes = {tuple(images.shape) for images in columns.values()}
    if len(shapes) != 1 or len(rows) not in (0, next(iter(shapes))[0]):
        raise ValueError(f"columns of shape {sorted(shapes)}, {len(rows)} row labels: "
                         "give columns of one (n, C, H, W), n labels or none")
    (n, _, height, width), = shapes
    height, width = height * scale, width * scale
    name = _line(title, 18, formulas=False)
    heads, sides = [_line(label) for label in columns], [_line(row) for row in rows]
    feet = [_line(note) for note in notes]
    top = 36 + 40 * bool(title)
    left = EDGE + max((side.width + GAP for side in sides), default=0)
    cells = [max(width, head.width) + GAP for head in heads]
    tops = [top + i * (height + GAP) for i in range(n)]

    wide = max(left + sum(cells) + 4, name.width + 2 * EDGE)
    bottom = top + n * (height + GAP)
    page = Image.new("RGB", (wide, bottom + 4 + 28 * bool(feet)), "white")
    page.paste(name, (EDGE, 8))
    for side, y in zip(sides, tops):
        page.paste(side, (EDGE, y + (height - side.height) // 2))
    for head, foot, images, cell in zip_longest(heads, feet, columns.values(), cells):
        page.paste(head, (left + (cell - GAP - head.width) // 2, top - 32))
        if foot:
            page.paste(foot, (left + (cell - GAP - foot.width) // 2, bottom - 6))
        x = left + (cell - GAP - width) // 2
        for shown, y in zip(images, tops):
            page.paste(RULE, (x - 1, y - 1, x + width + 1, y + height + 1))  # a thin border
            page.paste(picture(shown).resize((width, height), Image.Resampling.NEAREST), (x, y))
        left += cell
    return page


def save_gif(frames: Sequence[Image.Image], path: str | Path, seconds: float = 8) -> Path:
    """Write an endless GIF that takes `seconds` and rests for two; return its path.

    Frames smaller than the largest are filled up with white.
    """
    width, height = (max(sides) for sides in zip(*(one.size for one in frames)))
    pages = [Image.new("RGB", (width, height), "white") for _ in frames]
    for page, one in zip(pages, frames):
        page.paste(one)
    some = np.concatenate([np.asarray(one) for one in pages[::max(1, len(pages) // 6)]])
    # One palette for all frames, so that no colour flickers.
    palette = Image.fromarray(some).quantize(method=Image.Quantize.FASTOCTREE)
    painted = [one.quantize(palette=palette, dither=Image.Dither.NONE) for one in pages]
    pauses = [round(1000 * seconds / len(painted))] * len(painted)
    pauses[-1] += 2000
    painted[0].save(path, save_all=True, append_images=painted[1:], duration=pauses, loop=0)
    return Path(path)
