"""Images of the reader's own: from any file or upload to x0."""
from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from .pixels import to_float


def open_image(source: str | Path | bytes, name: str = "") -> Image.Image:
    """An image file, given by its path or its bytes: upright, RGB, transparent parts on white, more than 8 bits spread over 0..255.

    Raises FileNotFoundError without a file, ValueError (one line) for what is no image."""
    name = name or ("the upload" if isinstance(source, bytes) else str(source))
    if not isinstance(source, bytes):
        if not Path(source).expanduser().is_file():
            raise FileNotFoundError(f"there is no file {name!r}: check the path")
        source = Path(source).expanduser().read_bytes()
    try:
        image: Image.Image = Image.open(io.BytesIO(source))
        image = ImageOps.exif_transpose(image)
        if image.mode[0] in "IF":  # Pillow's own conversion would cut off all beyond 255
            values = np.nan_to_num(np.asarray(image, dtype=np.float64))
            image = Image.fromarray((255 * (values - values.min()) / max(np.ptp(values), 1e-12)).round().astype(np.uint8))
        image = image.convert("RGBA")
    except Exception as error:  # damaged files fail in many ways
        raise ValueError(f"{name!r} is no image that can be read: give a PNG, JPEG, GIF, BMP, TIFF or WebP file") from error
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


def to_x0(image: Image.Image, channels: int, size: int = 32, invert: bool = False) -> Tensor:
    """The central square of an RGB image, resized to x0 (1, channels, size, size) in [-1, 1]: grey for 1 channel, colour for 3."""
    pixels = np.array(ImageOps.fit(image.convert("L" if channels == 1 else "RGB"), (size, size), Image.Resampling.LANCZOS))
    x0 = to_float(torch.from_numpy(pixels).view(size, size, channels).permute(2, 0, 1).unsqueeze(0))  # (1, channels, size, size)
    return -x0 if invert else x0


def uploaded(value: Any) -> tuple[str, bytes] | None:
    """Name and bytes of the file in FileUpload.value, if any: ipywidgets 8 gives a tuple of dicts, 7 a dict of dicts by name."""
    files = [{"name": name, **file} for name, file in value.items()] if isinstance(value, Mapping) else list(value)
    return (files[-1]["name"], bytes(files[-1]["content"])) if files else None
