"""Pictures of the reader's own: found, made into what a network takes, and shown as they are restored."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from colddiff_nb.data.own_digit import like_mnist
from colddiff_nb.data.own_folder import ENDINGS, find_files
from colddiff_nb.data.own_image import to_x0
from colddiff_nb.metrics import rmse

EXAMPLE = Path(__file__).parents[1] / "data" / "files" / "coffee.jpg"  # by Rachel Michetti, CC0
MARK = "-restored"  # ends the names of what is written
SIDE = 160  # pixels of a picture that is shown


def find_pictures(given: Sequence[Path]) -> list[Path]:
    """Return files and the images in folders, but for results; raise ValueError for a folder without any."""
    found: list[Path] = []
    for path in map(Path.expanduser, given):
        inside = find_files(path, ENDINGS)[0] if path.is_dir() else [path]
        images = [image for image in inside if image == path or not image.stem.endswith(MARK)]
        if not images:
            raise ValueError(f"{str(path)!r} holds no image to restore: put PNG or JPEG files there")
        found += images
    return found


def scaled(image: Image.Image, channels: int, size: int, digit: bool) -> dict[str, Tensor]:
    """Return a picture as it is, and as x0 (1, channels, size, size), under their labels."""
    digit = digit and channels == 1
    label = "made like MNIST's" if digit else f"scaled to {size} x {size}"
    return {"your picture": to_x0(image, 3, SIDE // size * size),
            label: to_x0(like_mnist(image) if digit else image, channels, size)}


def measurement(image: Image.Image, channels: int, size: int) -> Tensor:
    """Return a measured x_T (1, channels, size, size), also from an enlarged or reduced file of it."""
    width, height = image.size
    if width != height or width % size and size % width:
        raise ValueError(f"a picture of {width} x {height} is no measurement: give {size} x {size} pixels")
    return to_x0(image.resize((size, size), Image.Resampling.BOX), channels, size)


def film(given: Mapping[str, Tensor], ways: Mapping[str, Sequence[Tensor]], title: str,
         x0: Tensor | None) -> list[Image.Image]:
    """Paint what was given beside the states of each way, in some 25 frames; the last has the results.

    Args:
        given: images (n, C, S, S) in [-1, 1] by their label; S may differ.
        ways: x_T, ..., x_0 (n, C, size, size) of each method by its label.
        x0: the originals, where an RMSE shall stand below the pictures.
    """
    from colddiff_nb.notebook.pictures import grid  # needs matplotlib
    n, _, _, size = next(iter(ways.values()))[0].shape
    side = max(1, (SIDE if n < 3 else SIDE * 3 // 5) // size) * size
    steps = max(map(len, ways.values())) - 1
    frames = []
    for k in [*range(0, steps, max(1, steps // 25)), steps]:
        columns = {**given, **{way: states[:k + 1][-1] for way, states in ways.items()}}
        notes = ["" if x0 is None or x.shape != x0.shape or torch.equal(x, x0) else f"RMSE {rmse(x, x0):.3f}"
                 for x in columns.values()]
        shown = {label: F.interpolate(x.expand(-1, 3, -1, -1), side) for label, x in columns.items()}
        frames.append(grid(shown, 1, title=title + f": {k} of {steps} steps" * (k < steps), notes=notes))
    return frames
