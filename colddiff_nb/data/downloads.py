"""MNIST, Fashion-MNIST and CIFAR-10 as they were published: torchvision's files, checked against a hash."""
from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from colddiff_nb.data.own_folder import find_files, read_folder
from colddiff_nb.data.pixels import Pair, first_of_each_class, in_order, resize, sha256
from colddiff_nb.storage.files import check_mounted, replace

# SHA-256 of the published records: those of CIFAR-10 in the order of `in_order`, others as in their files.
PUBLISHED = {
    "mnist train": "baedb0edd00a28e97b281c967f6c7514bedfea1d17b30334caccd6ec0d75cf98",
    "mnist test": "ad39c4e3d6eb0920f4ea84533a577cc5afbb47c5e8034d374d0605316c8923f3",
    "fashion train": "6d226526ff970f03ea8725a39e125b1ab590f498a25f501e69a46359e7478773",
    "fashion test": "c1f40a40017890ce0b14203aa6b8340d8bead8df69f0a9baba26c47b226338ba",
    "cifar10 train": "ae883a95fedf31aa5f387fc823efbe8561c4639a9a18e26e4f7d2b0d7846b5ba",
    "cifar10 test": "fbdc181eb36ce944cdef2bec662c5a9406c7a62a7efc665534b17ed47de7a468",
}
# torchvision's class, and what to take without a network.
SOURCES = {
    "mnist": ("MNIST", "mnist5k"), "fashion": ("FashionMNIST", "mnist5k"), "cifar10": ("CIFAR10", "photos")}


def published(name: str, split: str, root: Path, size: int) -> Pair:
    """Return one split of a published set: pixels (N, C, size, size), labels (N,).

    The first 500 training images of each class are for validation: of MNIST, these are the 5,000 of mnist5k.
    """
    part = f"{name} {'test' if split == 'test' else 'train'}"
    folder = root.joinpath(*part.split())
    if name == "cifar10" and folder.is_dir():
        rows = _from_pngs(part, folder, root / "cache")
    else:
        rows, folder = _from_torchvision(part, root)
    if sha256(rows) != PUBLISHED[part]:
        raise ValueError(f"{part}: the {len(rows)} images under {str(folder)!r} are not those published; "
                         "delete that folder, they are downloaded anew")
    if split != "test":
        held_out = first_of_each_class(rows[:, 0], 500)
        rows = rows[held_out if split == "validation" else ~held_out]
    shape = (3, 32, 32) if name == "cifar10" else (1, 28, 28)
    pixels, labels = in_order(rows[:, 1:].unflatten(1, shape), rows[:, 0].long())
    return resize(pixels, size), labels


def records(pixels: Tensor, labels: Tensor) -> Tensor:
    """Return uint8 rows (N, 1 + C * H * W): a label, then its image's pixels."""
    return torch.cat([labels[:, None].byte(), pixels.flatten(1)], dim=1)


def _from_pngs(part: str, folder: Path, caches: Path) -> Tensor:
    """Records of CIFAR-10's PNG files. Decoding them takes long: a file in `caches` keeps the result."""
    cache = caches / f"{part.replace(' ', '-')}.bin"
    if cache.is_file():
        cached = torch.from_numpy(np.fromfile(cache, np.uint8))
        if sha256(cached) == PUBLISHED[part]:
            return cached.unflatten(0, (-1, 1 + 3 * 32 * 32))
    rows = records(*in_order(*read_folder(folder, find_files(folder, (".png",))[0], 32)))
    if sha256(rows) == PUBLISHED[part]:
        with suppress(OSError):  # a read-only or full disk: decode again next time
            caches.mkdir(exist_ok=True)
            replace(cache, rows.numpy().data)
    return rows


def _from_torchvision(part: str, root: Path) -> tuple[Tensor, Path]:
    """Records of torchvision's files, downloaded where they are not, and their folder below `root`."""
    from torchvision import datasets

    check_mounted(root)
    name, train = part.split()[0], part.endswith("train")
    loader = getattr(datasets, SOURCES[name][0])
    folder = root / getattr(loader, "base_folder", loader.__name__)
    try:
        images = loader(str(root), train=train, download=True)
    except Exception as error:  # files that are cut short or foreign fail in many ways
        reason = str(error).strip().split("\n")[0].rstrip(":")
        raise FileNotFoundError(
            f"{name}: no intact files in {str(folder)!r} (delete damaged ones) and no download ({reason}); "
            f"the data set {SOURCES[name][1]!r} needs neither") from error
    pixels, labels = torch.as_tensor(images.data), torch.as_tensor(images.targets)
    if name == "cifar10":
        pixels, labels = in_order(pixels.permute(0, 3, 1, 2), labels)
    return records(pixels, labels), folder
