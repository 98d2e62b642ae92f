"""A data set of the reader's own: every image in a folder, as `own_image` opens it."""
from __future__ import annotations

import sys
from functools import lru_cache
from pathlib import Path

import torch
from PIL import Image

from colddiff_nb.data.finder import count_and_names, find_files, read_folder
from colddiff_nb.data.names import PREFIX
from colddiff_nb.data.own_image import open_image, to_x0
from colddiff_nb.data.pixels import Pair, in_order, to_uint8

FEWEST = 10  # different images
FEWEST_SCORED = 2  # images in a split that is scored
FOREIGN = ("BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF")  # to draw these, Pillow needs another program


def own_folder(path: str, split: str, size: int) -> Pair:
    """Return the images of one split: central squares (N, 3, size, size); labels number subfolders.

    Equal images count once. In the order of the SHA-256 of their pixels, the first tenth (at least two) are
    the test images, the next tenth validation, the rest train. So names do not matter, but more images move
    the borders. A line on stderr says to which size they were cut, another which files were left out.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: a file is damaged, or there are too few images.
    """
    folder = Path(path)
    if not path or not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {path!r}: write {PREFIX}PATH with the path of a folder "
                                "of images")
    files, others = find_files(folder, endings())
    left_out = f"{count_and_names(others, folder)}, which Pillow does not open" if others else ""
    if not files:
        only = f", only {left_out}" if others else ""
        raise ValueError(f"{path!r} holds no image{only}: put PNG, JPEG, GIF, BMP, TIFF or WebP files there, "
                         "or into its subfolders")
    states = tuple((state.st_mtime_ns, state.st_ctime_ns, state.st_size) for state in map(Path.stat, files))
    pixels, labels = _read(folder, size, tuple(files), states, left_out)
    if len(pixels) < FEWEST:
        raise ValueError(f"{path!r} holds {len(pixels)} different images, too few to split: "
                         f"put at least {FEWEST} there")
    share = max(len(pixels) // 10, FEWEST_SCORED)
    start, end = {"test": (0, share), "validation": (share, 2 * share), "train": (2 * share, None)}[split]
    return pixels[start:end].clone(), labels[start:end].clone()


@lru_cache(maxsize=1)  # all splits are decoded together, and again when the state of a file has changed
def _read(folder: Path, size: int, files: tuple[Path, ...], states: object, left_out: str) -> Pair:
    """All different images in order, (N, 3, size, size), and their labels."""
    if left_out:
        print(f"{str(folder)!r}: left out {left_out}", file=sys.stderr)
    print(f"{str(folder)!r}: images are cut to squares of {size} x {size}", file=sys.stderr)
    read = read_folder(folder, files, lambda file: to_uint8(to_x0(open_image(file), 3, size)))
    pixels, labels = in_order(*read)
    differs = (pixels[1:] != pixels[:-1]).flatten(1).any(1)  # from its neighbour: equal images are neighbours
    new = torch.cat([torch.tensor([True]), differs])
    return pixels[new], labels[new]


def endings() -> set[str]:
    """Those of the files that Pillow opens here, in lower case. An .mpo is a JPEG with more in it."""
    return {ending for ending, form in Image.registered_extensions().items()
            if (form in Image.OPEN or form == "MPO") and form not in FOREIGN}
