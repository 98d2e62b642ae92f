"""A reader's files: found in any folder; one error names all that cannot be used."""
from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import torch
from torch import Tensor

from colddiff_nb.data.pixels import Pair

# Folders that disk stations, Macs and other systems make beside a reader's own, where they are not hidden.
SYSTEM = ("@eaDir", "#recycle", "__MACOSX", "$RECYCLE.BIN", "lost+found")
MOST = 100  # damaged files that an error names


def find_files(folder: Path, endings: Collection[str]) -> tuple[list[Path], list[Path]]:
    """Return the regular files below a folder with one of the endings, and the others, both sorted.

    Hidden files and system folders are in neither list. Links are followed, but no folder is entered twice.

    Args:
        endings: in lower case, such as ".png".
    """
    found: list[Path] = []
    others: list[Path] = []
    entered: set[str] = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in entered:
            folders.clear()
            continue
        entered.add(real)
        folders[:] = [name for name in folders if not (name.startswith(".") or name in SYSTEM)]
        folders.sort(key=lambda name: (Path(place, name).is_symlink(), name))  # first where it really is
        for path in (Path(place, name) for name in files if not name.startswith(".")):
            (found if path.is_file() and path.suffix.lower() in endings else others).append(path)
    return sorted(found), sorted(others)


def read_folder(folder: Path, files: Sequence[Path], read: Callable[[Path], Tensor]) -> Pair:
    """Return the images (N, C, h, w) of files below a folder; their labels number its subfolders.

    Args:
        read: returns the uint8 image (1, C, h, w) of a file, or raises ValueError("what: what to do").

    Raises:
        ValueError: there are no files, or some cannot be read: one error for all.
    """
    if not files:
        raise ValueError(f"there are no images under {str(folder)!r}: put them there")
    places = ["" if file.parent == folder else file.relative_to(folder).parts[0] for file in files]
    labels = torch.tensor([sorted(set(places)).index(place) for place in places])
    images, errors = [], []
    for file in files:
        try:
            images.append(read(file))
        except ValueError as error:
            errors.append(str(error))
    if len(errors) == 1:
        raise ValueError(errors[0])
    if errors:
        reasons = [error.rpartition(": ")[0] for error in errors[:MOST]] + ["..."] * (len(errors) > MOST)
        summary = f"{len(errors)} of {len(files)} files cannot be used, replace or remove them"
        raise ValueError(f"{summary}: {'; '.join(reasons)}")
    return torch.cat(images).contiguous(), labels


def count_and_names(paths: Sequence[Path], folder: Path) -> str:
    """Return how many files there are, and the names of ten: "2 ('a.txt', 'b/c.txt')"."""
    names = [repr(path.relative_to(folder).as_posix()) for path in paths[:10]]
    return f"{len(paths)} ({', '.join(names)}{', ...' if len(paths) > 10 else ''})"
