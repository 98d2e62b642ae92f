"""Images of the reader's own: from any file or upload to x0."""
from __future__ import annotations

import io
import struct
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

FORMS = "give a PNG, JPEG, GIF, BMP, TIFF or WebP file"
ENOUGH = 256  # pixels a side, twice the largest x0: that many are left where a large JPEG is decoded smaller
NODATA = (-9999, -99999, -32767, -32768, -2 ** 31)  # what stands in 32-bit files where nothing was measured
ORIENTATION, GDAL_NODATA = 0x0112, 42113  # tags
TURNS = dict(zip(range(2, 9), (  # what puts an image of orientation 2..8 upright
    Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.ROTATE_180, Image.Transpose.FLIP_TOP_BOTTOM,
    Image.Transpose.TRANSPOSE, Image.Transpose.ROTATE_270, Image.Transpose.TRANSVERSE,
    Image.Transpose.ROTATE_90)))


def open_image(source: str | Path | bytes, name: str = "") -> Image.Image:
    """Open an image file by its path or its bytes: upright, RGB, transparent parts on white.

    A JPEG of 512 or more pixels a side comes back at a half, a quarter or an eighth of its size.

    16-bit levels keep their share of white (65535), so a dark image stays dark. So do 12-bit values in a
    16-bit file: multiply them by 16 first. 32-bit integers and floats have no white of their own. Their
    smallest value becomes black, their largest white, and a flat image middle grey. NaN, infinite values and
    nodata do not count.

    Raises FileNotFoundError without a file; ValueError (one line) for no image, or one of too many pixels.
    """
    name = name or ("the upload" if isinstance(source, bytes) else str(source))
    if not isinstance(source, bytes):
        if not Path(source).expanduser().is_file():
            raise FileNotFoundError(f"there is no file {name!r}: check the path")
        try:
            source = Path(source).expanduser().read_bytes()
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
        raise ValueError(f"{name!r} is no image that can be read: {FORMS}") from error


def _decoded(opened: Image.Image) -> Image.Image:
    opened.draft(None, (ENOUGH, ENOUGH))
    opened.load()  # a TIFF turns itself by this, and then has no orientation any more
    turn = TURNS.get(_orientation(opened))
    # Pillow's own conversion would cut off all beyond 255.
    image = _eight_bits(opened) if opened.mode[0] in "IF" else opened
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("RGB")
    return image if turn is None else image.transpose(turn)


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation 1..8, or 0 where it cannot be read."""
    with suppress(Exception):  # odd tags fail in many ways
        found = image.getexif().get(ORIENTATION)
        if found is not None:
            return int(found[0] if isinstance(found, (tuple, bytes)) else found)
    with suppress(struct.error, IndexError):  # a broken tag before it stops Pillow: look for its own 12 bytes
        exif = image.info.get("exif", b"").removeprefix(b"Exif\0\0")
        order = "<" if exif[:2] == b"II" else ">"
        (start,) = struct.unpack_from(f"{order}L", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, start)
        for place in range(start + 2, start + 2 + 12 * count, 12):
            tag, _, _, value = struct.unpack_from(f"{order}HHLH", exif, place)
            if tag == ORIENTATION:
                return value
    return 0


def _eight_bits(image: Image.Image) -> Image.Image:
    values = np.asarray(image, dtype=np.float64)
    if image.mode.startswith("I;16") or image.format in ("PNG", "PPM"):
        low, high = 0.0, 65535.0
    else:
        low, high = _range(values, getattr(image, "tag_v2", {}).get(GDAL_NODATA))
    shares = np.nan_to_num((values - low) / (high - low)).clip(0, 1)
    return Image.fromarray((255 * shares).round().astype(np.uint8))


def _range(values: np.ndarray, nodata: Any) -> tuple[float, float]:
    """The values of black and white: the smallest and largest that were measured."""
    measured = values[np.abs(values) < 1e30]
    with suppress(TypeError, ValueError):  # none is given, or it is no number
        measured = measured[~np.isclose(measured, float(nodata), rtol=1e-6)]
    if measured.size and measured.min() in NODATA:
        measured = measured[measured > measured.min()]
    low, high = (measured.min(), measured.max()) if measured.size else (0.0, 0.0)
    return (low, high) if low < high else (low - 1, low + 1)


def to_x0(image: Image.Image, channels: int, size: int = 32, invert: bool = False) -> Tensor:
    """The central square of an RGB image, resized to x0 (1, channels, size, size) in [-1, 1]: grey for 1 channel, colour for 3."""
    pixels = np.array(ImageOps.fit(image.convert("L" if channels == 1 else "RGB"), (size, size), Image.Resampling.LANCZOS))
    x0 = to_float(torch.from_numpy(pixels).view(size, size, channels).permute(2, 0, 1).unsqueeze(0))  # (1, channels, size, size)
    return -x0 if invert else x0


def take_upload(upload: Any) -> tuple[str, bytes] | None:
    """Take name and bytes of the file out of a FileUpload, if any.

    It is left empty: then the same file again is a change. In ipywidgets 8 its value is a tuple of dicts, in 7 a dict of
    dicts by name."""
    value = upload.value
    files = [{"name": name, **file} for name, file in value.items()] if isinstance(value, Mapping) else list(value)
    if not files:
        return None
    upload.set_trait("value", type(value)())
    return files[-1]["name"], bytes(files[-1]["content"])
