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
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageOps
from torch import Tensor

from colddiff_nb.data.pixels import to_uint8

INK, RULE = "#1a1a1a", "#d4d4d4"
EDGE, GAP = 16, 12  # around a table, and between its pictures


def picture(x: Tensor, stretch: bool = False) -> Image.Image:
    """Show an image (1 or 3, H, W) in [-1, 1], clamped; stretch: from black to white."""
    if stretch:
        x = (x - x.min()) / (x.max() - x.min()).clamp(min=1e-12) * 2 - 1
    return Image.fromarray(to_uint8(x).expand(3, -1, -1).permute(1, 2, 0).cpu().numpy())


def png(image: Image.Image) -> bytes:
    """Return the bytes of a PNG file."""
    buffer = io.BytesIO()
    image.save(buffer, "png", compress_level=3)  # half the time of 6, and 2 % more bytes
    return buffer.getvalue()


def data_url(content: bytes) -> str:
    """Return a PNG file as an address that HTML and CSS can show."""
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"


def as_html(content: bytes, alt: str, style: str) -> str:
    """Return a PNG file as HTML, framed on white for dark pages; alt is for those who do not see it."""
    style = ("box-sizing: border-box; padding: 6px; background: white; "
             f"border: 1px solid {RULE}; border-radius: 6px; {style}")
    return f'<img src="{data_url(content)}" alt="{escape(alt)}" decoding="sync" style="{style}">'


def canvas(width: float, height: float, zoom: float = 1) -> FigureCanvasAgg:
    """Return the canvas of a white figure whose size is in points; zoom: pixels of one."""
    return FigureCanvasAgg(Figure((width / 72, height / 72), dpi=72 * zoom, facecolor="white"))


def drawn(page: FigureCanvasAgg) -> Image.Image:
    """Return what was drawn on a canvas, in RGB."""
    return Image.fromarray(np.asarray(page.buffer_rgba())).convert("RGB")


@lru_cache(maxsize=256)
def _line(text: str, size: int = 14) -> Image.Image:
    """A line of text, twice as high as its letters; formulas stand between dollars."""
    page = canvas(size * max(len(text), 1), 2 * size)
    written = page.figure.text(0, 0.3, text, fontsize=size, color=INK)
    page.draw()
    return drawn(page).crop((0, 0, math.ceil(written.get_window_extent().width), 2 * size))


def grid(columns: Mapping[str, Tensor], scale: int = 3, rows: Sequence[str] = (),
         title: str = "", notes: Sequence[str] = ()) -> Image.Image:
    """Lay out a table of pictures: images (n, C, H, W) in [-1, 1] under each column's label.

    scale: pixels of the picture for one of an image. rows: n labels. notes: what stands below the columns.
    Labels may hold formulas, such as "$x_0$", the title not.
    """
    images = torch.stack([column.cpu() for column in columns.values()])
    height, width = (scale * side for side in images.shape[-2:])
    heads, sides, feet = ([*map(_line, texts)] for texts in (columns, rows, notes))
    name = _line(title.replace("$", r"\$"), 18)
    top = 36 + 40 * bool(title)
    tops = [top + row * (height + GAP) for row in range(images.shape[1] + 1)]
    left = EDGE + max((side.width + GAP for side in sides), default=0)
    cells = [max(width, head.width) for head in heads]
    wide = max(left + sum(cells) + GAP * len(cells) + 4, name.width + 2 * EDGE)
    page = Image.new("RGB", (wide, tops[-1] + 4 + 28 * bool(feet)), "white")

    page.paste(name, (EDGE, 8))
    for side, y in zip(sides, tops):
        page.paste(side, (EDGE, y + (height - side.height) // 2))
    for column, head, foot, cell in zip_longest(images, heads, feet, cells):
        shown = [picture(image).resize((width, height), Image.Resampling.NEAREST) for image in column]
        parts = [head, foot, *(ImageOps.expand(one, 1, RULE) for one in shown)]
        for part, y in zip(parts, (top - 32, tops[-1] - 6, *(y - 1 for y in tops))):
            if part:
                page.paste(part, (left + (cell - part.width) // 2, y))
        left += cell + GAP
    return page


def save_gif(frames: Sequence[Image.Image], path: str | Path, seconds: float = 8) -> Path:
    """Write an endless GIF that takes `seconds` and rests for two, small frames on white; return its path."""
    pages = [Image.new("RGB", tuple(np.max([frame.size for frame in frames], 0)), "white") for _ in frames]
    for page, frame in zip(pages, frames):
        page.paste(frame)
    # One palette for all frames, so that no colour flickers.
    some = np.concatenate([np.asarray(page) for page in pages[::max(1, len(pages) // 6)]])
    palette = Image.fromarray(some).quantize(method=Image.Quantize.FASTOCTREE)
    first, *others = [page.quantize(palette=palette, dither=Image.Dither.NONE) for page in pages]
    pauses = [round(1000 * seconds / len(pages))] * len(pages)
    pauses[-1] += 2000
    first.save(path, save_all=True, append_images=others, duration=pauses, loop=0)
    return Path(path)
