"""MNIST, Fashion-MNIST and CIFAR-10 as they were published: torchvision's files, checked against a hash."""
from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from colddiff_nb.data.finder import find_files, read_folder
from colddiff_nb.data.pixels import Pair, first_of_each_class, in_order, resize, sha256, to_uint8
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
TORCHVISION = {"mnist": "MNIST", "fashion": "FashionMNIST", "cifar10": "CIFAR10"}  # its classes
OFFLINE = {"mnist": "mnist5k", "fashion": "mnist5k", "cifar10": "photos"}  # what to take without a network


def published(name: str, split: str, root: Path, size: int) -> Pair:
    """Return one split of a published set: pixels (N, C, size, size), labels (N,).

    The first 500 training images of each class are for validation: of MNIST, these are the 5,000 of mnist5k.
    """
    part = "test" if split == "test" else "train"
    if name != "cifar10":
        rows = records(*_torchvision(name, part, root))
        mend = f"delete {' and '.join(map(str, _raw_files(name, part, root)))}, they are downloaded anew"
        check_published(f"{name} {part}", root / TORCHVISION[name], rows, mend)
    elif (root / name / part).is_dir():
        rows = _png_records(root, part)
    else:
        rows = records(*in_order(*_torchvision(name, part, root)))
    labels = rows[:, 0].long()
    held_out = first_of_each_class(labels, 500)
    chosen = {"test": torch.ones_like(held_out), "train": ~held_out, "validation": held_out}[split]
    shape = (3, 32, 32) if name == "cifar10" else (1, 28, 28)
    pixels, labels = in_order(rows[chosen, 1:].unflatten(1, shape).contiguous(), labels[chosen])
    return resize(pixels, size), labels


def records(pixels: Tensor, labels: Tensor) -> Tensor:
    """Return uint8 rows (N, 1 + C * h * w): a label, then its image's pixels."""
    return torch.cat([labels[:, None].byte(), pixels.flatten(1)], dim=1)


def check_published(part: str, folder: Path, rows: Tensor, mend: str = "get them anew") -> None:
    """Raise ValueError where records are not those published."""
    if sha256(rows) != PUBLISHED[part]:
        where = f"the {len(rows)} images under {str(folder)!r}"
        raise ValueError(f"{part}: {where} are not those published; {mend}")


def _png_records(root: Path, part: str) -> Tensor:
    """Records of CIFAR-10's PNG files in order. Decoding takes long: a file under `root` keeps the result."""
    folder, cache = root / "cifar10" / part, root / "cache" / f"cifar10-{part}.bin"
    if cache.is_file():
        cached = torch.from_numpy(np.fromfile(cache, np.uint8))
        if sha256(cached) == PUBLISHED[f"cifar10 {part}"]:
            return cached.unflatten(0, (-1, 1 + 3 * 32 * 32))
    rows = records(*in_order(*_decode(folder)))
    check_published(f"cifar10 {part}", folder, rows)
    with suppress(OSError):  # a read-only or full disk: decode again next time
        cache.parent.mkdir(exist_ok=True)
        replace(cache, lambda file: file.write(rows.numpy().data))
    return rows


def _decode(folder: Path) -> Pair:
    from colddiff_nb.data.own_image import open_image, to_x0

    def read(file: Path) -> Tensor:
        image = open_image(file)
        if image.size != (32, 32):
            raise ValueError(f"{file} has {image.width} x {image.height} pixels, not 32 x 32: get it anew")
        return to_uint8(to_x0(image, 3))
    return read_folder(folder, find_files(folder, (".png",))[0], read)


def _torchvision(name: str, part: str, root: Path) -> Pair:
    """Pixels (N, C, h, w) and labels of torchvision's files under `root`, downloaded when absent."""
    from torchvision import datasets

    try:
        check_mounted(root)
        images = getattr(datasets, TORCHVISION[name])(str(root), train=part == "train", download=True)
        if len(images.data) != len(images.targets):
            raise ValueError("not as many labels as images")
    except MemoryError:
        raise
    except Exception as error:  # files that are cut short or foreign fail in many ways
        both = _raw_files(name, "train", root) | _raw_files(name, "test", root)
        complete = all(file.is_file() for file in both) and name != "cifar10"  # then nothing was downloaded
        if complete and not isinstance(error, OSError):
            files = _raw_files(name, part, root)
            damaged = [file for file, size in files.items() if file.stat().st_size != size] or files
            mend = f"delete {' and '.join(map(str, damaged))}, it is downloaded anew"
            raise ValueError(f"{name} is damaged: {mend}") from error
        reason = str(error).strip().split("\n")[0].rstrip(":")
        raise FileNotFoundError(f"{name}: no intact files in {str(root)!r} and no download ({reason}); "
                                f"the data set {OFFLINE[name]!r} needs neither") from error
    pixels = torch.as_tensor(images.data).reshape(len(images.data), *images.data.shape[1:3], -1)
    return pixels.permute(0, 3, 1, 2).contiguous(), torch.as_tensor(images.targets)


def _raw_files(name: str, part: str, root: Path) -> dict[Path, int]:
    """The files of images and labels of a part of MNIST or Fashion-MNIST, and their sizes in bytes."""
    n, prefix = (60_000, "train") if part == "train" else (10_000, "t10k")
    raw = root / TORCHVISION[name] / "raw"
    return {raw / f"{prefix}-images-idx3-ubyte": 16 + n * 28 * 28, raw / f"{prefix}-labels-idx1-ubyte": 8 + n}
