"""Images of the reader's own: from any file or upload to x0."""
from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from colddiff_nb.data.pixels import to_float

ENOUGH = 256  # pixels a side, twice the largest x0: that many are left where a large JPEG is decoded smaller


def open_image(source: str | Path | bytes, name: str = "") -> Image.Image:
    """Open an image file by its path or its bytes: upright, RGB, nothing transparent.

    Transparent parts become white, or black where the rest is nearly white: info["ground"] says which.
    A JPEG of 512 or more pixels a side comes back at a half, a quarter or an eighth of its size. White is
    65535 in 16 bits: multiply 12-bit values by 16 first. In 32 bits the smallest finite value becomes black,
    the largest white.

    Raises:
        FileNotFoundError: there is no file.
        ValueError: it is no image, or has too many pixels.
    """
    name = name or ("the upload" if isinstance(source, bytes) else str(source))
    if not isinstance(source, bytes):
        path = Path(source).expanduser()
        if not path.is_file():
            raise FileNotFoundError(f"there is no file {name!r}: check the path")
        try:
            source = path.read_bytes()
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise ValueError(f"{name!r} cannot be read ({reason}): check its permissions and disk") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd tags, and of a size that is still allowed
            return _decoded(Image.open(io.BytesIO(source)))
    except Image.DecompressionBombError as error:
        most = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        raise ValueError(f"{name!r} has too many pixels, over {most:,}: give it a smaller size") from error
    except Exception as error:  # damaged files fail in many ways
        forms = "give a PNG, JPEG, GIF, BMP, TIFF or WebP file"
        raise ValueError(f"{name!r} is no image that can be read: {forms}") from error


def _decoded(opened: Image.Image) -> Image.Image:
    opened.draft(None, (ENOUGH, ENOUGH))
    opened.load()
    with suppress(Exception):  # damaged tags fail in many ways: then the image stays as it is
        ImageOps.exif_transpose(opened, in_place=True)
    # Pillow's own conversion would cut off all beyond 255.
    image = _eight_bits(opened) if opened.mode[0] in "IF" else opened
    if image.has_transparency_data:
        image = _on_ground(image.convert("RGBA"))
    return image.convert("RGB")


def _on_ground(image: Image.Image) -> Image.Image:
    """Put an RGBA image on white, or on black if nearly all that shows is white; info["ground"] says it."""
    opacity, light = np.asarray(image.getchannel("A")), np.asarray(image.convert("L"))
    if opacity.min() == 255:
        return image
    ground = "black" if np.sum(opacity * (light / 255)) > 0.9 * opacity.sum() else "white"
    flat = Image.alpha_composite(Image.new("RGBA", image.size, ground), image)
    flat.info["ground"] = ground
    return flat


def _eight_bits(image: Image.Image) -> Image.Image:
    values, low, high = np.asarray(image, dtype=np.float64), 0.0, 65535.0
    if not image.mode.startswith("I;16") and image.format not in ("PNG", "PPM"):
        finite = values[np.abs(values) < 1e30]
        low, high = (finite.min(), finite.max()) if finite.size else (0.0, 0.0)
    shares = np.nan_to_num((values - low) / max(high - low, 1e-30)).clip(0, 1)
    return Image.fromarray((255 * shares).round().astype(np.uint8))


def to_x0(image: Image.Image, channels: int, size: int = 32, invert: bool = False) -> Tensor:
    """Return the central square of an RGB image as x0 (1, channels, size, size) in [-1, 1].

    Args:
        channels: 1 for grey, 3 for colour.
        invert: swap black and white.
    """
    mode = "L" if channels == 1 else "RGB"
    square = ImageOps.fit(image.convert(mode), (size, size), Image.Resampling.LANCZOS)
    pixels = torch.from_numpy(np.array(square)).view(1, size, size, channels)
    x0 = to_float(pixels.permute(0, 3, 1, 2))
    return -x0 if invert else x0


def take_upload(upload: Any) -> tuple[str, bytes] | None:
    """Take the name and bytes of the newest file out of a FileUpload, if there is one, and leave it empty.

    Then the same file again is a change. Its value is a tuple of dicts in ipywidgets 8, in 7 a dict by name.
    """
    value = upload.value
    if not value:
        return None
    upload.set_trait("value", type(value)())
    name, file = [*value.items()][-1] if isinstance(value, Mapping) else (value[-1]["name"], value[-1])
    return name, bytes(file["content"])
