"""A data set of the reader's own: every image in a folder, as `own_image` opens it."""
from __future__ import annotations

from pathlib import Path

import torch

from .names import PREFIX
from .own_image import open_image, to_x0
from .pixels import Pair, in_order, to_uint8

FORMS = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp")
FEWEST = 10  # different images: one each for validation and test


def own_folder(path: str, split: str, size: int) -> Pair:
    """The images of one split, each its central square in colour, `size` x `size`; labels number the subfolders they lie in.

    Equal images count once. In the order of the SHA-256 of their pixels the first tenth are the test images, the next tenth those
    of validation, the rest train; so names do not matter, but more images move the borders. Raises FileNotFoundError without the
    folder; ValueError for a file that is no image, where there is no image or too few of them. All errors are one line.
    """
    folder = Path(path)
    if not path or not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {path!r}: write {PREFIX}PATH with the path of a folder of images")
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in FORMS and not file.name.startswith("."))
    if not files:
        raise ValueError(f"{path!r} holds no image: put {', '.join(FORMS)} files there, or into its subfolders")
    classes = sorted({_class(file, folder) for file in files})
    pixels = torch.cat([to_uint8(to_x0(open_image(file), 3, size)) for file in files]).contiguous()  # (N, 3, size, size)
    pixels, labels = in_order(pixels, torch.tensor([classes.index(_class(file, folder)) for file in files]))
    new = torch.tensor([True, *(pixels[1:] != pixels[:-1]).flatten(1).any(1).tolist()])  # equal images are neighbours
    pixels, labels = pixels[new], labels[new]
    if len(pixels) < FEWEST:
        raise ValueError(f"{path!r} holds {len(pixels)} different images, too few to split: put at least {FEWEST} there")
    tenth = len(pixels) // 10
    part = {"test": slice(0, tenth), "validation": slice(tenth, 2 * tenth), "train": slice(2 * tenth, None)}[split]
    return pixels[part], labels[part]


def _class(file: Path, folder: Path) -> str:
    """The subfolder of `folder` that a file lies in, at whatever depth; "" for the folder itself."""
    return file.relative_to(folder).parts[0] if file.parent != folder else ""
