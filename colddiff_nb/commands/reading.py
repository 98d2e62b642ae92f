"""A picture of the reader's own: found, opened, and made into what the network takes."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from torch import Tensor

from colddiff_nb.commands.films import SIDE
from colddiff_nb.commands.restoring import Asked, model_for
from colddiff_nb.data.finder import find_files
from colddiff_nb.data.names import channels as channels_of
from colddiff_nb.data.own_digit import in_colour, is_digit, like_mnist
from colddiff_nb.data.own_folder import endings
from colddiff_nb.data.own_image import open_image, to_x0
from colddiff_nb.weights.pretrained import Model

EXAMPLE = Path(__file__).parents[1] / "data" / "files" / "coffee.jpg"  # by Rachel Michetti, CC0
MARK = "-restored"  # ends the names of what is written


@dataclass(frozen=True)
class Taken:
    """A picture that was read: what the network gets, and what is shown beside it."""

    path: Path
    model: Model
    x: Tensor  # (1, C, size, size): x0, or x_T where it was measured
    given: dict[str, Tensor]  # pictures (1, C, S, S) by their label
    remark: str


def take(path: Path, asked: Asked, model: str) -> Taken:
    """Read a picture, and choose the weights that restore it.

    Args:
        model: "mnist" or "cifar10" of the shipped ones, or "auto".

    Raises:
        ValueError: it cannot be read, or was measured in another size; FileNotFoundError: there is none.
    """
    image = open_image(path)
    seen = not in_colour(image) if asked.measured else is_digit(image)
    digit = model == "mnist" or model == "auto" and seen
    found = model_for(asked, 1 if digit else 3)
    channels, size = channels_of(found[2]["recipe"]["dataset"]), found[1].size
    if asked.measured:
        x = measurement(image, channels, size, path)
        given: dict[str, Tensor] = {}
    else:
        as_digit = digit and channels == 1
        x = to_x0(like_mnist(image) if as_digit else image, channels, size)
        scaled = "made like MNIST's" if as_digit else f"scaled to {size} x {size}"
        given = {"your picture": to_x0(image, 3, SIDE // size * size), scaled: x}
    remarks = []
    if model == "auto" and not asked.weights:
        kind, other, name = ("digit", "photograph", "cifar10") if digit else ("photograph", "digit", "mnist")
        remarks.append(f"taken for a {kind} (for a {other}: --model {name})")
    if ground := image.info.get("ground"):
        remarks.append(f"transparent parts are {ground}")
    return Taken(path, found, x, given, ", ".join(remarks))


def measurement(image: Image.Image, channels: int, size: int, path: Path) -> Tensor:
    """Return a measured x_T (1, channels, size, size), pixel for pixel, also from an enlarged file.

    Raises:
        ValueError: its sides are no multiple of `size`, nor `size` one of them.
    """
    width, height = image.size
    if width != height or width % size and size % width:
        raise ValueError(f"{str(path)!r} is {width} x {height}: a measurement is {size} x {size} pixels, "
                         "or that enlarged by a whole number")
    return to_x0(image.resize((size, size), Image.Resampling.BOX), channels, size)


def find_pictures(given: Sequence[Path]) -> list[Path]:
    """Return the files that were given, and those in folders that were, but for results of this command.

    Raises:
        ValueError: a folder holds no image.
    """
    found: list[Path] = []
    for path in given:
        if not path.expanduser().is_dir():
            found.append(path)
            continue
        images = [image for image in find_files(path.expanduser(), endings())[0]
                  if not image.stem.endswith(MARK)]
        if not images:
            raise ValueError(f"{str(path)!r} holds no image to restore: "
                             "put PNG, JPEG, GIF, BMP, TIFF or WebP files there")
        found += images
    return found
