"""What several commands share: checks of numbers, and the images that weights are made for."""
from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from colddiff_nb.data.names import channels

if TYPE_CHECKING:
    from colddiff_nb.data.loading import Images


def at_least_1(**numbers: int | None) -> None:
    """Raise ValueError for a number below 1."""
    for name, value in numbers.items():
        if value is not None and value < 1:
            raise ValueError(f"{name} = {value}: it must be at least 1")


def images_for(metadata: dict[str, Any], weights: Path | str, dataset: str | None, split: str,
               data: Path, size: int) -> Images:
    """Load the images to restore; raise ValueError first for weights of another colour."""
    from colddiff_nb.data.loading import load
    trained_on = metadata["recipe"]["dataset"]
    dataset = dataset or trained_on
    if channels(dataset) != channels(trained_on):
        grey = channels(trained_on) == 1
        theirs, other, mend = ("grey", "in colour", "mnist5k") if grey else ("colour", "grey", "photos")
        raise ValueError(f"{weights} restores {theirs} images, and {dataset} is {other}: "
                         f"choose a {theirs} data set, such as {mend}")
    return load(dataset, split, data, size)
