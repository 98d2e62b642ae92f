"""A data set of the reader's own: every image in a folder, as `open_image` opens it."""
from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from functools import lru_cache
from glob import glob
from pathlib import Path

import numpy as np
import torch

from colddiff_nb.data.names import PREFIX
from colddiff_nb.data.own_image import FORMS, open_image, to_x0
from colddiff_nb.data.pixels import Pair, in_order, to_uint8

ENDINGS = (".png", ".jpg", ".jpeg", ".jfif", ".gif", ".bmp", ".tif", ".tiff", ".webp")
SYSTEM = {"@eaDir", "#recycle", "__MACOSX", "$RECYCLE.BIN"}  # folders that disk stations and others make
FEWEST = 10  # different images


def own_folder(path: str, split: str, size: int) -> Pair:
    """Return the images of one split: central squares (N, 3, size, size); labels number subfolders.

    Equal images count once. In the order of the SHA-256 of their pixels, the first tenth (at least two) are
    the test images, the next tenth validation, the rest train: names do not matter.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: a file is damaged, or there are too few images.
    """
    folder = Path(path)
    if not path or not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {path!r}: write {PREFIX}PATH with the path of a folder")
    files, others = map(tuple, find_files(folder, ENDINGS))
    pixels, labels = _read(folder, size, files, others, tuple(file.stat().st_mtime_ns for file in files))
    if len(pixels) < FEWEST:
        raise ValueError(f"{path!r} holds {len(pixels)} different images, too few to split: "
                         f"put at least {FEWEST} there")
    share = max(len(pixels) // 10, 2)
    start, end = {"test": (0, share), "validation": (share, 2 * share), "train": (2 * share, None)}[split]
    return pixels[start:end].clone(), labels[start:end].clone()


@lru_cache(maxsize=1)  # all splits are decoded together, and again when a file has changed
def _read(folder: Path, size: int, files: Sequence[Path], others: Sequence[Path], times: object) -> Pair:
    if others:
        print(f"{str(folder)!r}: left out {count_and_names(others, folder)}: take {FORMS}", file=sys.stderr)
    print(f"{str(folder)!r}: images are cut to squares of {size} x {size}", file=sys.stderr)
    pixels, labels = in_order(*read_folder(folder, files, size))
    new = torch.ones(len(pixels), dtype=torch.bool)
    new[1:] = (pixels[1:] != pixels[:-1]).flatten(1).any(1)  # equal images are neighbours
    return pixels[new], labels[new]


def find_files(folder: Path, endings: Collection[str]) -> tuple[list[Path], list[Path]]:
    """Return the files below a folder with one of the endings (in lower case), and the others, both sorted.

    Links are followed. Hidden files and system folders are in neither list.
    """
    names = sorted(map(Path, glob("**", root_dir=folder, recursive=True)))
    files = [folder / name for name in names if SYSTEM.isdisjoint(name.parts) and (folder / name).is_file()]
    found = [file for file in files if file.suffix.lower() in endings]
    return found, [file for file in files if file.suffix.lower() not in endings]


def read_folder(folder: Path, files: Sequence[Path], size: int) -> Pair:
    """Return the images of files as (N, 3, size, size); their labels number the folder's subfolders.

    Raises one ValueError for all files that cannot be read.
    """
    if not files:
        raise ValueError(f"{str(folder)!r} holds no image: put {FORMS} files there, or into its subfolders")
    images, errors = [], []
    for file in files:
        try:
            images.append(to_uint8(to_x0(open_image(file), 3, size)))
        except ValueError as error:
            errors.append(str(error).rpartition(": ")[0])
    if errors:
        raise ValueError(f"{len(errors)} of {len(files)} files cannot be used: {'; '.join(errors[:100])}")
    subfolders = [[*file.relative_to(folder).parts[:-1], ""][0] for file in files]
    return torch.cat(images), torch.from_numpy(np.unique(subfolders, return_inverse=True)[1])


def count_and_names(paths: Sequence[Path], folder: Path) -> str:
    """Return how many files there are, and the names of ten: "2 ('a.txt', 'b/c.txt')"."""
    names = [repr(path.relative_to(folder).as_posix()) for path in paths[:10]]
    return f"{len(paths)} ({', '.join(names)}{', ...' if len(paths) > 10 else ''})"
