"""MNIST, Fashion-MNIST and CIFAR-10 as they were published: torchvision's files, checked against a hash."""
from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
import torch

from colddiff_nb.data.finder import find_files, read_all
from colddiff_nb.data.own_image import open_image
from colddiff_nb.data.pixels import Pair, first_of_each_class, in_order, resize, sha256
from colddiff_nb.storage.files import check_mounted, replace

# SHA-256 of the published records (label byte, then pixels): CIFAR-10 in the order of `in_order`, the others in that of their files.
PUBLISHED = {
    "mnist train": "baedb0edd00a28e97b281c967f6c7514bedfea1d17b30334caccd6ec0d75cf98",
    "mnist test": "ad39c4e3d6eb0920f4ea84533a577cc5afbb47c5e8034d374d0605316c8923f3",
    "fashion train": "6d226526ff970f03ea8725a39e125b1ab590f498a25f501e69a46359e7478773",
    "fashion test": "c1f40a40017890ce0b14203aa6b8340d8bead8df69f0a9baba26c47b226338ba",
    "cifar10 train": "ae883a95fedf31aa5f387fc823efbe8561c4639a9a18e26e4f7d2b0d7846b5ba",
    "cifar10 test": "fbdc181eb36ce944cdef2bec662c5a9406c7a62a7efc665534b17ed47de7a468",
}
FOLDERS = {"mnist": "MNIST", "fashion": "FashionMNIST"}  # of torchvision's files, below `root`


def mnist(split: str, root: Path, size: int, name: str = "mnist") -> Pair:
    """MNIST's digits, or with name="fashion" the clothes of Fashion-MNIST."""
    part = "test" if split == "test" else "train"
    pixels, labels = _torchvision(name, part, root)
    mend = f"delete {' and '.join(map(str, _raw_files(name, part, root)))}, they are downloaded anew"
    check_published(f"{name} {part}", root / FOLDERS[name], records(pixels, labels), mend)
    # Of MNIST, what is held out (the first 500 of each class) are the 5,000 digits of mnist5k.
    pixels, labels = in_order(*hold_out(pixels, labels, split))
    return resize(pixels, size), labels


def fashion(split: str, root: Path, size: int) -> Pair:
    return mnist(split, root, size, "fashion")


def cifar10(split: str, root: Path, size: int) -> Pair:
    part = "test" if split == "test" else "train"
    folder, cache = root / "cifar10" / part, root / "cache" / f"cifar10-{part}.bin"
    if folder.is_dir():
        rows = _folder_records(folder, cache, f"cifar10 {part}")
    else:
        rows = records(*in_order(*_torchvision("cifar10", part, root)))
    pixels, labels = hold_out(rows[:, 1:].unflatten(1, (3, 32, 32)), rows[:, 0].long(), split)
    return resize(pixels.contiguous(), size), labels


def _folder_records(folder: Path, cache: Path, part: str) -> torch.Tensor:
    """Records of CIFAR-10's PNG files in order. Decoding takes long: the result is kept in the file `cache`."""
    if cache.is_file():
        cached = torch.from_numpy(np.fromfile(cache, np.uint8))
        if sha256(cached) == PUBLISHED[part]:
            return cached.unflatten(0, (-1, 1 + 3 * 32 * 32))
    rows = records(*in_order(*_decode(folder)))
    check_published(part, folder, rows)
    with suppress(OSError):  # a read-only or full disk: decode again next time
        cache.parent.mkdir(exist_ok=True)
        replace(cache, lambda file: file.write(rows.numpy().data))
    return rows


def _decode(folder: Path) -> Pair:
    files, _ = find_files(folder, (".png",))
    classes = sorted({file.parent.name for file in files})
    pixels = torch.from_numpy(np.array(read_all(files, _photograph), np.uint8).reshape(-1, 32, 32, 3))
    labels = torch.tensor([classes.index(file.parent.name) for file in files])
    return pixels.permute(0, 3, 1, 2).contiguous(), labels


def _photograph(file: Path) -> np.ndarray:
    image = open_image(file)
    if image.size != (32, 32):
        raise ValueError(f"{file} has {image.width} x {image.height} pixels, not 32 x 32: get it anew")
    return np.asarray(image)


def _torchvision(name: str, part: str, root: Path) -> Pair:
    """Pixels (N, C, h, w) and labels in file order, from torchvision's files under `root`, downloaded when absent."""
    from torchvision import datasets

    reader, offline = {"mnist": (datasets.MNIST, "mnist5k"), "fashion": (datasets.FashionMNIST, "mnist5k"),
                       "cifar10": (datasets.CIFAR10, "photos")}[name]
    try:
        check_mounted(root)
        images = reader(str(root), train=part == "train", download=True)
        if len(images.data) != len(images.targets):
            raise ValueError("not as many labels as images")
    except MemoryError:
        raise
    except Exception as error:  # files that are cut short or foreign fail in many ways
        every = _raw_files(name, "train", root) | _raw_files(name, "test", root) if name in FOLDERS else {}
        complete = bool(every) and all(file.is_file() for file in every)  # then nothing was downloaded
        if complete and not isinstance(error, OSError):
            files = _raw_files(name, part, root)
            damaged = [file for file, size in files.items() if file.stat().st_size != size] or files
            mend = f"delete {' and '.join(map(str, damaged))}, it is downloaded anew"
            raise ValueError(f"{name} is damaged: {mend}") from error
        reason = str(error).strip().split("\n")[0].rstrip(":")
        message = f"{name}: no intact files in {str(root)!r} and no download ({reason}); the data set {offline!r} needs neither"
        raise FileNotFoundError(message) from error
    pixels = torch.as_tensor(images.data).reshape(len(images.data), *images.data.shape[1:3], -1)
    return pixels.permute(0, 3, 1, 2).contiguous(), torch.as_tensor(images.targets)


def _raw_files(name: str, part: str, root: Path) -> dict[Path, int]:
    """The files of images and labels of a part of MNIST or Fashion-MNIST, and their sizes in bytes."""
    n, prefix = (60_000, "train") if part == "train" else (10_000, "t10k")
    raw = root / FOLDERS[name] / "raw"
    return {raw / f"{prefix}-images-idx3-ubyte": 16 + n * 28 * 28, raw / f"{prefix}-labels-idx1-ubyte": 8 + n}


def hold_out(pixels: torch.Tensor, labels: torch.Tensor, split: str) -> Pair:
    """Of a training file: its first 500 of each class for validation, the rest for train. A test file is left whole."""
    held_out = first_of_each_class(labels, 500)
    chosen = {"test": torch.ones_like(held_out), "train": ~held_out, "validation": held_out}[split]
    return pixels[chosen], labels[chosen]


def records(pixels: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return torch.cat([labels[:, None].byte(), pixels.flatten(1)], dim=1)  # (N, 1 + C * h * w)


def check_published(part: str, folder: Path, rows: torch.Tensor, mend: str = "get them anew") -> None:
    if sha256(rows) != PUBLISHED[part]:
        where = f"the {len(rows)} images under {str(folder)!r}"
        raise ValueError(f"{part}: {where} are not those published; {mend}")
