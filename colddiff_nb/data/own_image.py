"""Images of the reader's own: from any file or upload to x0."""
from __future__ import annotations

import io
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from colddiff_nb.data.pixels import to_float

FORMS = "PNG, JPEG, GIF, BMP, TIFF or WebP"
ENOUGH = 256  # pixels a side, twice the largest x0: what is left of a large JPEG


def open_image(source: str | Path | bytes, name: str = "") -> Image.Image:
    """Open an image file by its path or its bytes: upright, RGB, nothing transparent.

    Transparent parts become white, or black where the rest is nearly white. White is 65535 in 16 bits, the
    largest value in 32 bits. A large JPEG comes back smaller.

    Raises:
        FileNotFoundError: there is no file.
        ValueError: it is no image, or has too many pixels.
    """
    name = name or ("the upload" if isinstance(source, bytes) else str(source))
    if not isinstance(source, bytes):
        path = Path(source).expanduser()
        if not path.is_file():
            raise FileNotFoundError(f"there is no file {name!r}: check the path")
        source = path.read_bytes()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd tags, and of a size that is still allowed
            return _decoded(Image.open(io.BytesIO(source)))
    except Image.DecompressionBombError as error:
        raise ValueError(f"{name!r} has too many pixels: give a smaller file") from error
    except Exception as error:  # damaged files fail in many ways
        raise ValueError(f"{name!r} is no image that can be read: give a {FORMS} file") from error


def _decoded(image: Image.Image) -> Image.Image:
    image.draft(None, (ENOUGH, ENOUGH))
    image.load()
    with suppress(Exception):  # damaged tags fail in many ways: then the image stays as it is
        ImageOps.exif_transpose(image, in_place=True)
    if image.mode[0] in "IF":  # Pillow's own conversion would cut off all beyond 255
        values, sixteen = np.asarray(image, float), image.mode[:4] == "I;16" or image.format in ("PNG", "PPM")
        ends = (0, 65535) if sixteen else (np.nanmin(values), np.nanmax(values))
        image = Image.fromarray(np.interp(values, ends, (0, 255)).round().astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        opacity, light = np.asarray(image.getchannel("A")), np.asarray(image.convert("L"))
        ground = "black" if np.sum(opacity * (light / 255)) > 0.9 * opacity.sum() else "white"
        image = Image.alpha_composite(Image.new("RGBA", image.size, ground), image)
    return image.convert("RGB")


def to_x0(image: Image.Image, channels: int, size: int = 32, invert: bool = False) -> Tensor:
    """Return the central square of an RGB image as x0 (1, channels, size, size) in [-1, 1].

    channels: 1 for grey, 3 for colour. invert swaps black and white.
    """
    image = image.convert("L" if channels == 1 else "RGB")
    square = ImageOps.fit(image, (size, size), Image.Resampling.LANCZOS)
    pixels = torch.from_numpy(np.array(square)).view(1, size, size, channels)
    x0 = to_float(pixels.permute(0, 3, 1, 2))
    return -x0 if invert else x0


def take_upload(upload: Any) -> tuple[str, bytes] | None:
    """Take the name and bytes of the newest file out of a FileUpload, if there is one, and leave it empty.

    Its value is a tuple of dicts in ipywidgets 8, in 7 a dict by name.
    """
    if not (value := upload.value):
        return None
    upload.set_trait("value", type(value)())  # then the same file again is a change
    name, file = [*value.items()][-1] if isinstance(value, dict) else (value[-1]["name"], value[-1])
    return name, bytes(file["content"])
