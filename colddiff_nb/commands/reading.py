"""Pictures of the reader's own: found, and made into what a network takes."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from torch import Tensor

from colddiff_nb.data.finder import find_files
from colddiff_nb.data.own_digit import like_mnist
from colddiff_nb.data.own_folder import endings
from colddiff_nb.data.own_image import to_x0

EXAMPLE = Path(__file__).parents[1] / "data" / "files" / "coffee.jpg"  # by Rachel Michetti, CC0
MARK = "-restored"  # ends the names of what is written


def find_pictures(given: Sequence[Path]) -> list[Path]:
    """Return the files that were given, and the images in folders, but for results of this command.

    Raises:
        ValueError: a folder holds no image.
    """
    found: list[Path] = []
    for path in map(Path.expanduser, given):
        inside = find_files(path, endings())[0] if path.is_dir() else [path]
        images = [image for image in inside if image == path or not image.stem.endswith(MARK)]
        if not images:
            raise ValueError(f"{str(path)!r} holds no image to restore: put PNG or JPEG files there")
        found += images
    return found


def scaled(image: Image.Image, channels: int, size: int, digit: bool, side: int) -> dict[str, Tensor]:
    """Return a picture as it is, enlarged to `side` pixels, and as x0 (1, channels, size, size) by label."""
    as_digit = digit and channels == 1
    label = "made like MNIST's" if as_digit else f"scaled to {size} x {size}"
    x0 = to_x0(like_mnist(image) if as_digit else image, channels, size)
    return {"your picture": to_x0(image, 3, side // size * size), label: x0}


def measurement(image: Image.Image, channels: int, size: int) -> Tensor:
    """Return a measured x_T (1, channels, size, size), pixel for pixel, also from an enlarged file.

    Raises:
        ValueError: its sides are no multiple of `size`, nor `size` one of them.
    """
    width, height = image.size
    if width != height or width % size and size % width:
        raise ValueError(f"a picture of {width} x {height} is no measurement: give {size} x {size} pixels, "
                         "or that enlarged by a whole number")
    return to_x0(image.resize((size, size), Image.Resampling.BOX), channels, size)
